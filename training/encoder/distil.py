"""Makes the embedded encoder: one command from licensed texts and the teacher to the asset.

    python training/encoder/distil.py --data DATA --out src/assay/assets/encoder --seed 0

The same seed, versions and processor give the same bytes; README.md beside this file names them.
"""

import argparse
import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from corpus import Source, training_sources
from fit import Bags, Schedule, first_guess, fit, principal_axes, quantise
from numpy.typing import NDArray
from safetensors.numpy import save_file
from teacher import PACKAGE, Teacher, weights_digest
from teacher import vocabulary as teacher_vocabulary
from vocabulary import choose_vocabulary, count_words, english_frequencies

from assay.backends.static_encoder import SETTINGS, VOCABULARY, WEIGHTS, StaticEncoder
from assay.backends.text_segments import words

DIMENSION = 256
VOCABULARY_SIZE = 29_400
NGRAM_WEIGHT = 0.3


def bags_of(texts: list[str], vocabulary: list[str]) -> Bags:
    """Return the learned tokens of each text as numbers; n-grams are left out."""
    numbers = {token: number for number, token in enumerate(vocabulary)}
    empty = np.zeros((len(vocabulary), 8), dtype=np.float32)
    splitter = StaticEncoder(vocabulary, empty, ngram_weight=0.0, digest="")
    known: dict[str, list[int]] = {}
    rows: list[list[int]] = []
    for text in texts:
        row: list[int] = []
        for word in words(text):
            if word not in known:
                tokens = splitter.tokens(word)
                known[word] = [numbers[token] for token in tokens if token in numbers]
            row.extend(known[word])
        rows.append(row or [0])
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    return Bags(np.concatenate([np.array(row) for row in rows]), starts)


def token_shares(
    vocabulary: list[str], bags: Bags, frequencies: dict[str, float]
) -> NDArray[np.float64]:
    """Return each token's share of running text: the larger of wordfreq's and the corpus's."""
    counts = np.bincount(bags.tokens, minlength=len(vocabulary))
    listed = np.array([frequencies.get(token, 0.0) for token in vocabulary])
    return np.maximum(listed, counts / counts.sum())


def rescaled(table: NDArray[np.float32], shares: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the table scaled so that a rare word's vector has length 1 in the median."""
    lengths = np.linalg.norm(table[(shares > 1e-7) & (shares < 1e-4)], axis=1)
    return table / np.float32(np.median(lengths))


def save(folder: Path, vocabulary: list[str], table: NDArray[np.float32]) -> None:
    """Write the three files that decide the encoder's vectors."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, scales = quantise(table)
    save_file({"rows": rows, "scales": scales}, folder / WEIGHTS)
    (folder / VOCABULARY).write_text("".join(f"{token}\n" for token in vocabulary), "utf-8")
    settings = {"dimension": table.shape[1], "ngram_weight": NGRAM_WEIGHT}
    (folder / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", "utf-8")


def provenance(sources: list[Source], seed: int, schedule: Schedule) -> dict[str, object]:
    """Return what a reader needs to make the encoder again."""
    packages = ("torch", "sentence-transformers", "transformers", "numpy", "wordfreq", PACKAGE)
    return {
        "teacher": {"package": PACKAGE, "weights_sha256": weights_digest()},
        "seed": seed,
        "schedule": vars(schedule),
        "versions": {"python": sys.version.split()[0]} | {name: version(name) for name in packages},
        "sources": [
            {
                "name": source.name,
                "licence": source.licence,
                "texts": len(source.texts),
                "characters": sum(map(len, source.texts)),
            }
            for source in sources
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the unpacked data")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="keeps the teacher's vectors between runs")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    teacher = Teacher(arguments.cache)
    sources = training_sources(arguments.data, teacher_vocabulary(), arguments.seed)
    texts = [text for source in sources for text in source.texts]
    target = np.concatenate([teacher.encode(source.texts) for source in sources])
    table, vocabulary = distil(texts, target, teacher.encode, arguments.seed)
    save(arguments.out, vocabulary, table)
    made = provenance(sources, arguments.seed, Schedule())
    (arguments.out / "provenance.json").write_text(json.dumps(made, indent=2) + "\n", "utf-8")


def distil(
    texts: list[str],
    target: NDArray[np.float32],
    teach: Callable[[list[str]], NDArray[np.float32]],
    seed: int,
) -> tuple[NDArray[np.float32], list[str]]:
    """Return the fitted table and its vocabulary."""
    frequencies = english_frequencies()
    vocabulary = choose_vocabulary(
        teacher_vocabulary(), count_words(texts), frequencies, VOCABULARY_SIZE
    )
    bags = bags_of(texts, vocabulary)
    shares = token_shares(vocabulary, bags, frequencies)
    token_vectors = teach([token.removeprefix("##") for token in vocabulary])
    start = first_guess(token_vectors, principal_axes(target, DIMENSION), shares)
    table = fit(start, bags, target, Schedule(), seed)
    table[0] = 0
    return rescaled(table, shares), vocabulary


if __name__ == "__main__":
    main()
