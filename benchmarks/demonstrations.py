"""How much is saved where one demonstration is read once for many questions?

    python benchmarks/demonstrations.py alpaca_data.json               # 3 M, 20 demonstrations
    python benchmarks/demonstrations.py alpaca_data.json --size 124m --demonstrations 5

Every drawn row is put before the same questions, as Nuggets does, and the answers are scored given
both. The baseline reads the same sequences in the same way, but every one of them whole, so the
ratio is what the keys and values that are kept are worth. It grows with the length of the
demonstration against that of a question; tokens tell the most that it could be. Weights are random
unless --model names a folder.
"""

import json
import shutil
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from causal_pass import SIZES, make_model
from harness import argument_parser, in_turn, report

from assay.backends.batching import shared_beginnings
from assay.components.component import FileSet
from assay.components.rendering import COMMON
from assay.engine.engine import Engine
from assay.features.log_probs import ResponseLogProbs
from assay.features.made_rows import WithDemonstration, with_demonstration
from assay.pool.pool import Pool, format_id
from assay.rendering.tokenization import token_rows
from assay.runtime import Runtime
from assay.samples import Conversation
from assay.testing import pool as pool_of


def measure(shown: Pool, asked: Pool, folder: Path, arguments: Namespace, scratch: Path) -> None:
    runtime = Runtime(cache=scratch / "cache", device=arguments.device)
    feature = ResponseLogProbs(model=runtime.pin("language_model", str(folder)))
    model: Any = runtime.language_model(feature.model, "float32")
    questions = FileSet(source=str(arguments.data), role="anchors")
    wanted = [
        feature.at(WithDemonstration(of=questions, row=format_id(row)))
        for row in shown.ids.tolist()
    ]
    found: dict[bool, Any] = {}

    def read(*, share: bool) -> None:
        # Another folder would open the model anew, and that is not the one that is told.
        for kept in (feature.name, WithDemonstration.name):
            shutil.rmtree(runtime.cache / kept, ignore_errors=True)
        model._forward.shares_prefixes = share
        values = Engine(shown, runtime, open_file=lambda dataset: asked).compute(wanted)
        found[share] = np.array([value.mean() for value in values])

    assert model._forward.shares_prefixes, (
        "this model gives other numbers after a beginning that was kept"
    )
    Engine(asked, runtime).value(feature)  # tunes the token budget beforehand
    comparison = in_turn(lambda: read(share=True), lambda: read(share=False), turns=arguments.turns)
    conversations = asked.conversations(np.arange(len(asked)))
    demonstrations = shown.conversations(np.arange(len(shown)))
    whole, once = _tokens(model, demonstrations, conversations)
    facts = {
        "demonstrations": len(shown),
        "questions": len(asked),
        "device": runtime.devices()[0],
        "parameters": sum(each.numel() for each in model.module.parameters()),
        "tokens_read_whole": whole,
        "tokens_read_once": once,
        "ratio_of_tokens": round(whole / once, 2),
        "largest_difference": float(np.nanmax(np.abs(found[True] - found[False]))),
    }
    report("demonstrations", facts, comparison, arguments.json)


def _tokens(
    model: Any, demonstrations: Sequence[Conversation], asked: Sequence[Conversation]
) -> tuple[int, int]:
    """Return the tokens of all sequences, and without those that are read once for many."""
    whole = saved = 0
    for shown in demonstrations:
        rows = token_rows(
            model, COMMON, "prompt", [with_demonstration(row, shown) for row in asked]
        )
        sequences = [window.ids for row in rows for window in row.windows]
        whole += sum(len(ids) for ids in sequences)
        for group in shared_beginnings(sequences):
            saved += (len(group.members) - 1) * len(group.prefix)
    return whole, whole - saved


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("data", type=Path, help="an Alpaca file")
    parser.add_argument("--demonstrations", type=int, default=20, help="rows that are shown")
    parser.add_argument("--questions", type=int, default=100, help="rows that each is put before")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", choices=SIZES, default="3m")
    parser.add_argument("--model", type=Path, help="a model's folder in place of random weights")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    records = [r for r in json.loads(arguments.data.read_text(encoding="utf-8")) if r["output"]]
    drawn = np.random.Generator(np.random.Philox(arguments.seed)).permutation(len(records))
    rows = [
        {"instruction": r["instruction"], "input": r["input"], "response": r["output"]}
        for r in (
            records[place] for place in drawn[: arguments.questions + arguments.demonstrations]
        )
    ]
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.model or Path(scratch) / "model"
        if arguments.model is None:
            make_model(arguments.size, [" ".join(record.values()) for record in records], folder)
        asked = pool_of(rows[: arguments.questions], folder=Path(scratch) / "asked")
        shown = pool_of(rows[arguments.questions :], folder=Path(scratch) / "shown")
        measure(shown, asked, folder, arguments, Path(scratch))


if __name__ == "__main__":
    main()
