"""Measures the embedded encoder and writes metrics.json and the model card from it.

    python training/encoder/measure.py --data DATA --asset src/assay/assets/encoder

Every row is one that no training step saw. The reference is the teacher on the English text; the
baselines are hashed character n-grams (characters, pairs and triples) of the same length and of
a length that costs sixteen times the memory.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from card import card
from held_out import (
    DJANGO_LANGUAGES,
    Aligned,
    chinese_alpaca,
    django_messages,
    english_sets,
    whole_texts,
)
from measures import (
    PAIRS,
    Vectors,
    agreement,
    found_first,
    halves_found,
    hashed_ngrams,
    recall,
    split_halves,
)
from teacher import Teacher

from assay.backends.static_encoder import StaticEncoder

Encoder = Callable[[list[str]], Vectors]

WIDE = 4096


@dataclass(frozen=True)
class Ours:
    """The encoder as it is for English, and for pools that are mostly something else."""

    plain: StaticEncoder
    spelled: StaticEncoder


def encoders(ours: Ours) -> dict[str, Encoder]:
    """Return what is compared, by name."""
    return {
        "encoder": ours.plain.encode,
        "encoder_spelled": ours.spelled.encode,
        "hashed_same_length": lambda texts: hashed_ngrams(texts, ours.plain.dimension),
        f"hashed_{WIDE}": lambda texts: hashed_ngrams(texts, WIDE),
    }


def against_teacher(texts: list[str], reference: Vectors, compared: dict[str, Encoder]) -> dict:
    """Return rank agreement and neighbours found, for each encoder, on one set."""
    result: dict[str, object] = {"rows": len(texts)}
    for name, encode in compared.items():
        vectors = encode(texts)
        result[name] = {
            "spearman": round(agreement(vectors, reference), 3),
            "recall_at_10": round(recall(vectors, reference), 3),
        }
    return result


def halves(texts: list[str], compared: dict[str, Encoder]) -> dict:
    """Return how often a text's second half is found by its first, for each encoder."""
    first, second = zip(*(split_halves(text) for text in texts), strict=True)
    result: dict[str, object] = {"rows": len(texts)}
    for name, encode in compared.items():
        result[name] = round(halves_found(encode(list(first)), encode(list(second))), 3)
    return result


def covered(ours: Ours, texts: list[str]) -> float:
    """Return the mean coverage of the texts that hold letters."""
    return round(float(np.nanmean(ours.plain.coverage(texts))), 3)


def measure_aligned(pair: Aligned, ours: Ours, teacher: Teacher) -> dict:
    """Return what `against_teacher` returns for a translation, and its coverage."""
    result = against_teacher(pair.texts, teacher.encode(pair.english), encoders(ours))
    return {"coverage": covered(ours, pair.texts), **result}


def measure(data: Path, ours: Ours, teacher: Teacher) -> dict:
    """Return every figure of the card."""
    compared = encoders(ours)
    english = {}
    for name, texts in english_sets(data).items():
        row = against_teacher(texts, teacher.encode(texts), compared)
        english[name] = {"coverage": covered(ours, texts), **row}
    chinese = chinese_alpaca(data)
    blind = against_teacher(
        chinese.texts[:600],
        teacher.encode(chinese.english[:600]),
        {"teacher_on_chinese": teacher.encode, **compared},
    )
    return {
        "digest": ours.plain.digest,
        "digest_spelled": ours.spelled.digest,
        "dimension": ours.plain.dimension,
        "english": english,
        "translations": {
            "alpaca_zh": measure_aligned(chinese, ours, teacher),
            **{
                f"django_{language}": measure_aligned(django_messages(language), ours, teacher)
                for language in DJANGO_LANGUAGES
            },
        },
        "teacher_outside_english": blind,
        "chinese_to_english": {
            "rows": len(chinese.texts),
            **{
                name: round(found_first(encode(chinese.texts), encode(chinese.english)), 3)
                for name, encode in compared.items()
            },
        },
        "halves_at_10": {
            name: halves(texts, {**compared}) for name, texts in whole_texts(data).items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the unpacked data")
    parser.add_argument("--asset", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="keeps the teacher's vectors between runs")
    arguments = parser.parse_args()
    ours = Ours(
        StaticEncoder.load(arguments.asset), StaticEncoder.load(arguments.asset, spelled=True)
    )
    figures = measure(arguments.data, ours, Teacher(arguments.cache))
    provenance = json.loads((arguments.asset / "provenance.json").read_text("utf-8"))
    (arguments.asset / "metrics.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    (arguments.asset / "CARD.md").write_text(card(figures, provenance, PAIRS), "utf-8")


if __name__ == "__main__":
    main()
