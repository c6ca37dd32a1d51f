"""How many tokens per second does assay:lm read, and does its tokenizer keep up?

    python benchmarks/embedded_lm.py alpaca_data.json
    python benchmarks/embedded_lm.py alpaca_data.json --rows 200 --turns 1 --no-loop

Reads the answers of some rows after their prompts, and alone, in Alpaca's template: by numpy, by
torch in float32 and with products in bfloat16. While one chunk of rows is read the next is
tokenised, so the tokenizer bounds the job where it takes longer than the network. The loop runs
the torch network in float32 on one row at a time, with all logits; the comparison is with what
Assay takes here by itself.
"""

import importlib.util
import json
import statistics
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from harness import argument_parser, in_turn, report, seconds
from safetensors.numpy import load_file

from assay.backends.embedded.embedded_lm import ASSETS, EmbeddedModel, embedded_digest
from assay.components.references import DType
from assay.components.rendering import COMMON
from assay.models.language_model import Questions
from assay.rendering.tokenization import Given, token_rows
from assay.samples import Conversation, FloatArray, Message

WAYS: tuple[Given, ...] = ("prompt", "nothing")
FORMS: tuple[tuple[str, DType], ...] = (
    ("numpy", "float32"), ("torch", "float32"), ("torch", "bfloat16"),
)  # fmt: skip
HAS_TORCH = importlib.util.find_spec("torch") is not None


class Asked(NamedTuple):
    """What is asked about the answers, and how many tokens go through the network."""

    questions: Questions
    tokens: int


def read_rows(path: Path, count: int, seed: int) -> list[Conversation]:
    """Return rows drawn from an Alpaca file."""
    records = json.loads(path.read_text(encoding="utf-8"))
    drawn = np.random.Generator(np.random.Philox(seed)).permutation(len(records))[:count]
    return [
        Conversation(
            (
                Message("user", records[place]["instruction"], records[place]["input"]),
                Message("assistant", records[place]["output"]),
            )
        )
        for place in drawn.tolist()
    ]


def ask(model: EmbeddedModel, given: Given, rows: Sequence[Conversation]) -> Asked:
    """Return the questions about all rows that have an answer, tokenised anew."""
    windows = [
        window
        for row in token_rows(model, COMMON, given, rows)
        for window in row.windows
        if len(window.answer_positions())
    ]
    sequences = [window.ids for window in windows]
    targets = [window.answer_positions() for window in windows]
    return Asked(Questions(sequences, targets), sum(map(len, sequences)))


def mean_losses(log_probs: FloatArray, targets: Sequence[Any]) -> FloatArray:
    """Return the mean loss of each sequence."""
    borders = np.cumsum([len(places) for places in targets])[:-1]
    return np.array([-part.mean() for part in np.split(log_probs, borders)])


def read(model: EmbeddedModel, asked: Asked) -> FloatArray:
    """Return the mean loss of each sequence, in batches as Assay makes them."""
    answers = model.read(asked.questions, lambda count: None)
    return mean_losses(answers.log_probs.astype(np.float64), asked.questions.targets)


def open_network() -> Any:
    """Return the torch network alone, in float32."""
    import torch

    from assay.backends.embedded.copying_network import CopyingNetwork, Shape

    config = json.loads((ASSETS / "config.json").read_text(encoding="utf-8"))
    tensors = load_file(ASSETS / "model.safetensors")
    words = tensors.pop("words").tolist()
    shape = Shape(**{name: config[name] for name in Shape.__dataclass_fields__})
    network = CopyingNetwork(shape, words)
    network.load_state_dict({name: torch.from_numpy(w).float() for name, w in tensors.items()})
    return network.eval()


def plain_loop(network: Any, asked: Asked) -> FloatArray:
    """Return the mean loss of each sequence, one forward and all logits each."""
    import torch

    losses = []
    with torch.inference_mode():
        for ids, targets in zip(asked.questions.sequences, asked.questions.targets, strict=True):
            tokens = torch.from_numpy(ids.astype(np.int64))[None]
            found = network(tokens[:, :-1], tokens[:, 1:])[0]
            losses.append(-float(found[torch.from_numpy(targets - 1)].mean()))
    return np.array(losses)


def rate(
    model: EmbeddedModel,
    given: Given,
    rows: Sequence[Conversation],
    turns: int,
    expected: FloatArray,
) -> dict[str, Any]:
    """Return what a model does in a second, and how far its losses are from those expected."""
    asked = ask(model, given, rows)
    losses = read(model, asked)  # also what is done once, such as opening the tokenizer
    tokenising = statistics.median(seconds(lambda: ask(model, given, rows)) for _ in range(turns))
    reading = statistics.median(seconds(lambda: read(model, asked)) for _ in range(turns))
    return {
        "tokens_per_second": round(asked.tokens / reading),
        "rows_per_second": round(len(rows) / reading, 1),
        "seconds_tokenising": round(tokenising, 4),
        "seconds_reading": round(reading, 4),
        "share_of_tokenising": round(tokenising / (tokenising + reading), 4),
        "tokenizer_bounds_the_job": tokenising > reading,
        "largest_difference_of_a_loss_from_numpy": float(np.abs(losses - expected).max()),
    }


def measure(rows: Sequence[Conversation], arguments: Namespace) -> None:
    by_numpy = EmbeddedModel(by="numpy")
    expected = [read(by_numpy, ask(by_numpy, given, rows)) for given in WAYS]
    forms = [form for form in FORMS if HAS_TORCH or form[0] == "numpy"]
    measured = []
    for by, dtype in forms:
        form = EmbeddedModel(dtype, by=by)
        told = {
            f"given_{way}": rate(form, way, rows, arguments.turns, losses)
            for way, losses in zip(WAYS, expected, strict=True)
        }
        measured.append({"by": by, "dtype": dtype, **told})
    model = EmbeddedModel()
    asked = [ask(model, given, rows) for given in WAYS]
    with_loop = HAS_TORCH and not arguments.no_loop
    network = open_network() if with_loop else None
    found: dict[str, list[FloatArray]] = {}

    def ours() -> None:
        found["ours"] = [read(model, each) for each in asked]

    def baseline() -> None:
        found["loop"] = [plain_loop(network, each) for each in asked]

    comparison = in_turn(ours, baseline if with_loop else None, turns=arguments.turns)
    facts = {
        "model": f"assay:lm@{embedded_digest()}",
        "rows": len(rows),
        "template": COMMON.template,
        "tokens": {str(way): each.tokens for way, each in zip(WAYS, asked, strict=True)},
        "forms": measured,
        "compared": next(name for name in model.producer() if name in ("numpy", "torch")),
    }
    if with_loop:
        gaps = [np.abs(a - b).max() for a, b in zip(found["ours"], found["loop"], strict=True)]
        facts["largest_difference_of_a_loss_from_the_loop"] = float(max(gaps))
    report("embedded_lm", facts, comparison, arguments.json)


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("data", type=Path, help="an Alpaca file")
    parser.add_argument("--rows", type=int, default=2000, help="rows drawn from it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--no-loop", action="store_true", help="measure assay:lm alone")
    arguments = parser.parse_args()
    measure(read_rows(arguments.data, arguments.rows, arguments.seed), arguments)


if __name__ == "__main__":
    main()
