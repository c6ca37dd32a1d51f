"""What does one pass of each text measure cost, and against a plain way to do it?

Run: python benchmarks/text_measures.py alpaca_data.json [--json result.json]
"""

import argparse
import json
import statistics
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

from harness import hardware, seconds
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from assay.texts import measures as text_measures
from assay.texts.language import detect_languages

TURNS = 3


def plain_mtld(words: list[str]) -> float:
    """MTLD as one would write it first: the ratio of each segment counted anew."""
    both = []
    for text in (words, words[::-1]):
        factors, start, ratio = 0.0, 0, 1.0
        for end in range(1, len(text) + 1):
            ratio = len(set(text[start:end])) / (end - start)
            if ratio <= 0.72:
                factors, start = factors + 1, end
        factors += (1 - ratio) / 0.28 if start < len(text) else 0
        both.append(len(text) / (factors or 1))
    return sum(both) / 2


def plain_compression_ifd(prompt: str, response: str) -> float:
    question, answer = prompt.encode(), response.encode()
    gain = len(zlib.compress(question + answer, 9)) - len(zlib.compress(question, 9))
    return gain / len(zlib.compress(answer, 9))


def measures(
    prompts: list[str], responses: list[str]
) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    folded = [text_measures.words(response.casefold()) for response in responses]
    joined = [f"{p}\n{r}" for p, r in zip(prompts, responses, strict=True)]
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    detect_languages(["load the model before the clock starts"])
    return {
        "words": (
            lambda: [text_measures.count_words(t) for t in (*prompts, *responses)],
            lambda: [len(t.split()) for t in (*prompts, *responses)],
        ),
        "mtld": (
            lambda: [text_measures.mtld(w) for w in folded],
            lambda: [plain_mtld(w) for w in folded],
        ),
        "hdd and ttr": (
            lambda: [(text_measures.hdd(w), text_measures.type_token_ratio(w)) for w in folded],
            lambda: [len(set(w)) for w in folded],
        ),
        "compression ifd": (
            lambda: text_measures.compression_ifd_scores(prompts, responses),
            lambda: [plain_compression_ifd(*pair) for pair in zip(prompts, responses, strict=True)],
        ),
        "compression ratio": (
            lambda: [text_measures.compression_ratio(r) for r in responses],
            lambda: [len(zlib.compress(r.encode(), 9)) for r in responses],
        ),
        "language": (
            lambda: detect_languages(joined),
            lambda: [identifier.classify(text) for text in joined],
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path, help="a JSON array with instruction, input and output")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = json.loads(options.pool.read_text(encoding="utf-8"))
    prompts = ["\n".join(filter(None, (row["instruction"], row["input"]))) for row in rows]
    result: dict[str, object] = hardware() | {"rows": len(rows)}
    for name, (ours, plain) in measures(prompts, [row["output"] for row in rows]).items():
        turns = [(seconds(ours), seconds(plain)) for _ in range(TURNS)]
        mine, theirs = (statistics.median(side) for side in zip(*turns, strict=True))
        result[name] = {"seconds": mine, "plain_seconds": theirs, "ratio": theirs / mine}
    json.dump(result, sys.stdout, indent=1)
    print()
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
