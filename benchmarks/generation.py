"""How fast are replies written in batches against a model's own `generate`, a row at a time?

    python benchmarks/generation.py MODEL alpaca_data.json
    python benchmarks/generation.py MODEL alpaca_data.json --template chat --rows 64 --tokens 128

Both sides write greedy replies to the same token ids, in float32, with the same tokens to end them.
The loop is `model.generate` of transformers with its defaults for one row. How often the replies
are equal to the letter is counted; where they are not, two tokens were as probable as rounding.
"""

import gzip
import json
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import argument_parser, in_turn, report

from assay.components.decoding import Decoding
from assay.components.rendering import Rendering
from assay.models.generation import Prompts, Replies
from assay.progress import Silent
from assay.rendering.prompts import end_of_turn, prompts
from assay.runtime import Runtime
from assay.samples import Conversation, Message


def read_rows(path: Path, count: int, seed: int) -> list[Conversation]:
    """Return rows drawn from an Alpaca file."""
    packed = path.read_bytes()
    records = json.loads(gzip.decompress(packed) if path.suffix == ".gz" else packed)
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


def ask(model: Any, rendering: Rendering, rows: Sequence[Conversation], most: int) -> Prompts:
    """Return the prompts of all rows that have one."""
    found = [each for each in prompts(model, rendering, rows, most) if len(each.ids)]
    return Prompts(
        [each.ids for each in found],
        np.array([each.most for each in found], np.int64),
        np.arange(len(found), dtype=np.uint64),
        end_of_turn(model) if rendering.is_chat else (),
    )


def plain_loop(model: Any, asked: Prompts) -> list[str]:
    """Return what transformers writes, a row at a time."""
    ends = [*model.ends, *asked.ends]
    texts = []
    with torch.inference_mode():
        for ids, most in zip(asked.sequences, asked.most.tolist(), strict=True):
            given = torch.from_numpy(ids.astype(np.int64))[None]
            made = model.module.generate(
                given,
                attention_mask=torch.ones_like(given),
                do_sample=False,
                max_new_tokens=most,
                eos_token_id=ends,
                pad_token_id=ends[0],
            )
            texts.append(model.shown([made[0, len(ids) :].tolist()])[0])
    return texts


def measure(arguments: Namespace) -> None:
    rows = read_rows(arguments.data, arguments.rows, arguments.seed)
    rendering = Rendering(template=arguments.template)
    decoding = Decoding(max_new_tokens=arguments.tokens)
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        runtime = Runtime(cache=Path(folder), device="cpu", progress=Silent(), offline=True)
        pinned = runtime.pin("language_model", arguments.model)
        model: Any = runtime.generator(pinned, "float32")
        asked = ask(model, rendering, rows, arguments.tokens)
        replies: list[Replies] = []
        texts: list[list[str]] = []
        model.begin(asked.sequences[:1])  # what is looked at once
        comparison = in_turn(
            lambda: replies.append(model.generate(asked, decoding, lambda count: None)),
            None if arguments.no_loop else lambda: texts.append(plain_loop(model, asked)),
            turns=arguments.turns,
        )
    written = float(np.nansum(replies[0].tokens))
    facts = {
        "model": pinned.rpartition("/")[2],
        "rows": len(asked),
        "template": arguments.template,
        "torch_threads": torch.get_num_threads(),
        "tokens_of_prompts": sum(map(len, asked.sequences)),
        "tokens_written": int(written),
        "tokens_written_per_second": round(written / min(comparison.ours), 1),
    }
    if texts:
        same = sum(mine == own for mine, own in zip(replies[0].texts, texts[0], strict=True))
        facts["replies_equal_to_the_letter"] = same
    report("generation", facts, comparison, arguments.json)


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("model", help="a folder, or org/name")
    parser.add_argument("data", type=Path, help="an Alpaca file, or one that is packed by gzip")
    parser.add_argument("--template", default="alpaca")
    parser.add_argument("--rows", type=int, default=64, help="rows drawn from it")
    parser.add_argument("--tokens", type=int, default=128, help="longest reply")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--no-loop", action="store_true", help="measure the batches alone")
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
