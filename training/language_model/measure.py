"""Measures the embedded language model and writes metrics.json and the model card from it.

    python training/language_model/measure.py --data DATA --asset src/assay/assets/language_model

`--other FOLDER` names a model of about the same kind to be compared with. Rows of sources that
taught the model are held-out ones, apart from those said to be seen.
"""

import argparse
import csv
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from card import card
from corpus import Pair, is_held_out, pairs, sources
from measures import Read, compression, interval, overlap, partial, ranks, spearman

from assay.components.rendering import Rendering

ROWS = 250
"""Of each domain."""
MODEL = "assay:lm"
PLAIN = Rendering(template="plain")
"""Question, line break, answer: what the published Superfiltering code reads."""


def domains(folder: Path, taught: Sequence[Pair]) -> dict[str, list[Pair]]:
    """Return held-out rows by domain."""
    held = [pair for pair in taught if is_held_out(pair)]
    found = {
        "Dolly, held out": [pair for pair in held if pair.source == "dolly"],
        "P3 tasks, held out": [pair for pair in held if pair.source.startswith("p3")],
        "GSM8K, held out": [pair for pair in held if pair.source == "gsm8k"],
        "dictionary, held out": [pair for pair in held if pair.source == "wordnet"],
        "Alpaca": _records(folder / "alpaca_data.json"),
        "LIMA": _records(folder / "lima_train.jsonl"),
        "Code Alpaca (code)": _records(folder / "new_codealpaca.json"),
        "Alpaca in Chinese": _records(folder / "alpaca_zh_20k.jsonl"),
    }
    return {name: drawn(rows) for name, rows in found.items()}


def drawn(rows: Sequence[Pair], count: int = ROWS) -> list[Pair]:
    """Return some rows with a question and an answer of some length, by a fixed draw."""
    usable = [row for row in rows if row.question.strip() and 20 <= len(row.answer) <= 1500]
    return random.Random(0).sample(usable, min(count, len(usable)))


def _records(path: Path) -> list[Pair]:
    text = path.read_text(encoding="utf-8")
    lines = path.suffix == ".jsonl"
    records = [json.loads(line) for line in text.splitlines()] if lines else json.loads(text)
    found = []
    for record in records:
        turns = record.get("conversations")
        if turns:
            found.append(Pair(_text(turns[0]), _text(turns[1]), path.stem))
            continue
        question = "\n".join(part for part in (record["instruction"], record["input"]) if part)
        found.append(Pair(question, record.get("output") or "", path.stem))
    return found


def _text(turn: Any) -> str:
    return turn if isinstance(turn, str) else str(turn.get("value") or turn.get("content"))


def rightness(rows: Sequence[Pair]) -> dict[str, float]:
    """Return how often an answer is likelier after its question than after another's."""
    moved = [
        row._replace(question=other.question)
        for row, other in zip(rows, [*rows[1:], rows[0]], strict=True)
    ]
    own, other = Read(rows, MODEL, rendering=PLAIN), Read(moved, MODEL, rendering=PLAIN)
    right = own.given.mean()[own.order(rows)]
    wrong = other.given.mean()[other.order(moved)]
    alone = own.alone.mean()[own.order(rows)]
    return {
        "beats_another": float(np.mean(right > wrong)),
        "beats_nothing": float(np.mean(right > alone)),
        "rows": len(rows),
    }


def agreement(folder: Path, dtype: str = "float32") -> dict[str, Any]:
    """Return how well the model ranks as GPT-2 does, with two scores that need no model."""
    with (folder / "judged" / "gpt2_ifd_alpaca_1022.csv").open(encoding="utf-8") as file:
        known = list(csv.DictReader(file))
    alpaca = _records(folder / "alpaca_data.json")
    rows = [alpaca[int(each["alpaca_index"])] for each in known]
    wanted = np.array([float(each["ifd_ppl"]) for each in known])
    alone = np.array([float(each["ppl_A_direct"]) for each in known])
    given = np.array([float(each["ppl_A_condition"]) for each in known])
    lengths = np.array([len(row.answer) for row in rows], np.float64)
    read, templated = Read(rows, MODEL, dtype=dtype, rendering=PLAIN), Read(rows, MODEL)
    place = read.order(rows)
    ours = read.superfiltering()[place]
    squeezed = compression(rows)
    scores = {
        "assay:lm": ours,
        "assay:lm in the Alpaca template": templated.superfiltering()[templated.order(rows)],
        "compression_ifd": squeezed,
        "answer length": lengths,
        "assay:lm and compression_ifd, mean of ranks": ranks(ours) + ranks(squeezed),
    }
    return {
        "rows": len(rows),
        "scores": {name: _compared(values, wanted, lengths) for name, values in scores.items()},
        "loss_ratio": spearman((read.given.mean() / read.alone.mean())[place], wanted),
        "perplexity_alone": spearman(-read.alone.mean()[place], alone),
        "perplexity_given": spearman(-read.given.mean()[place], given),
    }


def _compared(values: np.ndarray, wanted: np.ndarray, lengths: np.ndarray) -> dict[str, Any]:
    low, high = interval(values, wanted)
    return {
        "spearman": spearman(values, wanted),
        "low": low,
        "high": high,
        "at_fixed_length": partial(values, wanted, lengths),
        "overlap": {share: overlap(values, wanted, share / 100) for share in (5, 10, 15)},
    }


def seen_rows(taught: Sequence[Pair]) -> dict[str, float]:
    """Return what reading a row in training does to its score, for Dolly."""
    dolly = [pair for pair in taught if pair.source == "dolly"]
    old = Read(drawn([pair for pair in dolly if not is_held_out(pair)]), MODEL, rendering=PLAIN)
    new = Read(drawn([pair for pair in dolly if is_held_out(pair)]), MODEL, rendering=PLAIN)
    return {
        "seen": float(np.nanmedian(old.superfiltering())),
        "held_out": float(np.nanmedian(new.superfiltering())),
        "seen_bits": old.bits_per_byte(asked=True),
        "held_out_bits": new.bits_per_byte(asked=True),
    }


def in_bfloat16(folder: Path) -> dict[str, float]:
    """Return how well bfloat16 products rank as float32 ones, on Alpaca rows."""
    rows = drawn(_records(folder / "alpaca_data.json"), 2 * ROWS)
    whole = Read(rows, MODEL, rendering=PLAIN)
    low = Read(rows, MODEL, dtype="bfloat16", rendering=PLAIN)
    left = whole.superfiltering()[whole.order(rows)]
    right = low.superfiltering()[low.order(rows)]
    return {"spearman": spearman(left, right), "top_10": overlap(left, right, 0.1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--asset", type=Path, required=True)
    parser.add_argument("--other", type=Path, default=None)
    given = parser.parse_args()
    taught = pairs(given.data)
    figures: dict[str, Any] = {"agreement": agreement(given.data), "domains": {}}
    print(json.dumps(figures["agreement"], indent=1), flush=True)
    for name, rows in domains(given.data, taught).items():
        read = {"assay:lm": Read(rows, MODEL, rendering=PLAIN)}
        if given.other:
            read[given.other.name] = Read(rows, str(given.other), rendering=PLAIN)
        figures["domains"][name] = {
            "rows": len(rows),
            **rightness(rows),
            "bits": {
                model: {
                    "given": one.bits_per_byte(asked=True),
                    "alone": one.bits_per_byte(asked=False),
                }
                for model, one in read.items()
            },
        }
        print(name, json.dumps(figures["domains"][name]), flush=True)
    figures["seen"] = seen_rows(taught)
    figures["bfloat16"] = in_bfloat16(given.data)
    counts: dict[str, list[int]] = {}
    for pair in taught:
        if not is_held_out(pair):
            entry = counts.setdefault(pair.source, [0, 0])
            entry[0] += 1
            entry[1] += len(pair.question) + len(pair.answer)
    figures["sources"] = {"table": sources(), "used": counts}
    path = given.asset / "metrics.json"
    path.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    provenance = json.loads((given.asset / "provenance.json").read_text(encoding="utf-8"))
    (given.asset / "CARD.md").write_text(card(figures, provenance), encoding="utf-8")


if __name__ == "__main__":
    main()
