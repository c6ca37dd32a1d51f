"""How fast is the causal pass against the published loop, and does it rank the same?

    python benchmarks/causal_pass.py alpaca_data.json    # 124 M, Alpaca's template, float32
    python benchmarks/causal_pass.py alpaca_data.json --dtype bfloat16 --template plain
    python benchmarks/causal_pass.py alpaca_data.json --size 1b --rows 64 --no-loop

The loop does what the published codes do: one row at a time, all logits, the loss of the answer
given the prompt and of the answer alone. It reads the very same tokens, by transformers alone, in
float32 (--loop-dtype changes that). The models have random weights; the tokenizer is trained on
the rows. A rate is the products of the layers for every token that goes through them, and of the
output layer for the tokens that need it, over the time; the machine's own rate is that of one
matrix product of the model's shape.
"""

import json
import tempfile
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import argument_parser, in_turn, report
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from assay.backends.batching import shared_beginnings
from assay.components.rendering import Rendering
from assay.engine.engine import Engine
from assay.methods.likelihood.ifd import IFD
from assay.pool.pool import Pool
from assay.rendering.token_rows import TokenRow
from assay.rendering.tokenization import token_rows
from assay.runtime import Runtime
from assay.samples import FloatArray
from assay.testing import pool as pool_of

END = "<|endoftext|>"
SIZES = ("3m", "124m", "1b")


def make_model(size: str, texts: Sequence[str], folder: Path) -> None:
    """Write a model with random weights, and a byte-level tokenizer trained on some texts."""
    vocabulary = 4096 if size == "3m" else 50257
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=END, eos_token=END
    ).save_pretrained(folder)
    torch.manual_seed(0)
    made: Any
    if size == "124m":
        made = GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary))
    else:
        width, layers, inner, heads = (192, 6, 512, 6) if size == "3m" else (2048, 16, 8192, 32)
        made = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=vocabulary, hidden_size=width, num_hidden_layers=layers,
                intermediate_size=inner, num_attention_heads=heads, tie_word_embeddings=True,
                num_key_value_heads=max(2, heads // 4), max_position_embeddings=2048,
            )
        )  # fmt: skip
    made.save_pretrained(folder)


def published_loop(
    model: Any, both: Sequence[Sequence[TokenRow]], limit: int
) -> tuple[FloatArray, FloatArray]:
    """Return the loss of each row given its prompt, and alone, one forward and all logits each."""
    losses = np.full((2, limit), np.nan)
    with torch.inference_mode():
        for way, rows in enumerate(both):
            for place, row in enumerate(rows[:limit]):
                if row.reason or len(row.windows) != 1:
                    continue
                window = row.windows[0]
                ids = torch.tensor(window.ids[None].astype(np.int64), device=model.device)
                labels = torch.full_like(ids, -100)
                for _, start, stop in window.answers:
                    labels[0, start:stop] = ids[0, start:stop]
                losses[way, place] = float(model(input_ids=ids, labels=labels).loss)
    return losses[0], losses[1]


def machine_rate(width: int, inner: int, dtype: torch.dtype, device: str) -> float:
    """Return floating-point operations per second of one product of a layer's shape."""
    tokens = 1024 if device == "cpu" else 16384
    left = torch.randn(tokens, width, device=device).to(dtype)
    right = torch.randn(inner, width, device=device).to(dtype)
    best = np.inf
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(4):
            torch.nn.functional.linear(left, right)
        if device != "cpu":
            torch.cuda.synchronize()
        best = min(best, (time.perf_counter() - started) / 4)
    return 2.0 * tokens * width * inner / best


def operations(config: Any, layer_weights: int, both: Sequence[Sequence[TokenRow]]) -> float:
    """Return the products that the rows need: layers for all tokens, output for scored ones.

    What many rows begin with counts once, padding not at all.
    """
    tokens = scored = 0
    for rows in both:
        windows = [window for row in rows for window in row.windows]
        sequences = [window.ids for window in windows]
        scored += sum(len(window.answer_positions()) for window in windows)
        tokens += sum(len(ids) for ids in sequences)
        for group in shared_beginnings(sequences):
            tokens -= (len(group.members) - 1) * len(group.prefix)
    return 2.0 * layer_weights * tokens + 2.0 * config.vocab_size * config.hidden_size * scored


def ranks(values: FloatArray) -> FloatArray:
    return np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(np.float64)


def agreement(ours: FloatArray, theirs: FloatArray) -> dict[str, float]:
    """Return rank correlation, largest difference and overlap of the highest 5 %."""
    known = np.isfinite(ours) & np.isfinite(theirs)
    ours, theirs = ours[known], theirs[known]
    top = max(1, len(ours) // 20)
    shared = set(np.argsort(-ours)[:top]) & set(np.argsort(-theirs)[:top])
    return {
        "rows": len(ours),
        "rank_correlation": round(float(np.corrcoef(ranks(ours), ranks(theirs))[0, 1]), 5),
        "largest_difference": float(np.abs(ours - theirs).max()),
        "overlap_of_top_5_percent": round(len(shared) / top, 3),
    }


def measure(rows: Pool, folder: Path, arguments: Namespace, scratch: Path) -> None:
    runtime = Runtime(cache=scratch / "cache", device=arguments.device)
    name = runtime.pin("language_model", str(folder))
    rendering = Rendering(template=arguments.template)
    method = IFD(model=name, dtype=arguments.dtype, rendering=rendering)
    model = runtime.language_model(name, arguments.dtype)
    conversations = rows.conversations(np.arange(len(rows)))
    both = [token_rows(model, rendering, given, conversations) for given in ("prompt", "nothing")]
    found: dict[str, Any] = {}
    turn = iter(range(1000))

    def ours() -> None:
        fresh = replace(runtime, cache=scratch / f"cache{next(turn)}")
        engine = Engine(rows, fresh)
        (found["ifd"],) = engine.compute([method])
        found["loss"] = -engine.value(method.log_probs()).mean()

    device = runtime.devices()[0]
    loop_dtype = getattr(torch, arguments.loop_dtype)
    loop = None
    if not arguments.no_loop:
        loop = AutoModelForCausalLM.from_pretrained(folder, dtype=loop_dtype).to(device).eval()
        assert loop.dtype == loop_dtype
    limit = arguments.loop_rows or len(rows)

    def baseline() -> None:
        found["loop"] = published_loop(loop, both, limit)

    runtime.language_model(name, arguments.dtype).read(  # tunes the token budget beforehand
        _warm_up(both[0]), lambda count: None
    )
    comparison = in_turn(
        ours,
        None if arguments.no_loop else baseline,
        turns=arguments.turns,
        scale=len(rows) / limit,
    )
    facts = _facts(rows, method, both, comparison.ours, device, folder) | {"loop_rows": limit}
    if not arguments.no_loop:
        given, alone = found["loop"]
        facts["loop_dtype"] = arguments.loop_dtype
        facts["loss"] = agreement(found["loss"][:limit], given)
        facts["ifd"] = agreement(found["ifd"].main.values[:limit], given / alone)
    report("causal_pass", facts, comparison, arguments.json)


def _warm_up(rows: Sequence[TokenRow]) -> Any:
    from assay.models.language_model import Questions

    windows = [row.windows[0] for row in rows[:8] if row.windows]
    return Questions([w.ids for w in windows], [w.answer_positions() for w in windows])


def _facts(
    rows: Pool,
    method: IFD,
    both: Sequence[Sequence[TokenRow]],
    seconds: Sequence[float],
    device: str,
    folder: Path,
) -> dict[str, Any]:
    shape = AutoModelForCausalLM.from_pretrained(folder)
    config = shape.config
    embeddings = {
        id(p) for p in (shape.get_input_embeddings().weight, shape.get_output_embeddings().weight)
    }
    layers = sum(p.numel() for p in shape.parameters() if p.ndim == 2 and id(p) not in embeddings)
    positions = getattr(shape.base_model, "wpe", None)
    layers -= positions.weight.numel() if positions is not None else 0
    inner = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    rate = machine_rate(config.hidden_size, inner, getattr(torch, method.dtype), device)
    tokens = sum(row.total_tokens for way in both for row in way)
    used = operations(config, layers, both) / float(np.median(seconds))
    return {
        "rows": len(rows),
        "parameters": sum(p.numel() for p in shape.parameters()),
        "dtype": method.dtype,
        "template": method.rendering.template,
        "device": device if device == "cpu" else torch.cuda.get_device_name(device),
        "tokens": tokens,
        "tokens_per_second": round(tokens / float(np.median(seconds))),
        "machine_gigaflops": round(rate / 1e9, 1),
        "ours_gigaflops": round(used / 1e9, 1),
        "share_of_machine_rate": round(used / rate, 3),
    }


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("data", type=Path, help="an Alpaca file")
    parser.add_argument("--rows", type=int, default=2000, help="rows drawn from it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", choices=SIZES, default="124m")
    parser.add_argument("--model", type=Path, help="a model's folder in place of random weights")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--loop-dtype", default="float32")
    parser.add_argument("--loop-rows", type=int, help="fewer rows for the loop, scaled up")
    parser.add_argument("--template", default="alpaca")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--no-loop", action="store_true", help="measure the pass alone")
    arguments = parser.parse_args()
    records = json.loads(arguments.data.read_text(encoding="utf-8"))
    texts = [" ".join(record.values()) for record in records]
    drawn = np.random.Generator(np.random.Philox(arguments.seed)).permutation(len(records))
    chosen = [records[place] for place in drawn[: arguments.rows]]
    described = [
        {"instruction": r["instruction"], "input": r["input"], "response": r["output"]}
        for r in chosen
    ]
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.model or Path(scratch) / "model"
        if arguments.model is None:
            make_model(arguments.size, texts, folder)
        rows = pool_of(described, folder=Path(scratch) / "pool")
        measure(rows, folder, arguments, Path(scratch))


if __name__ == "__main__":
    main()
