"""How well one set of vectors keeps the similarities of another, and what it is compared with."""

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

PAIRS = 300_000
"""Pairs of rows whose cosines are compared, drawn from a fixed seed."""


def spearman(left: Vectors, right: Vectors) -> float:
    """Return Spearman's rank correlation of two columns without regard to ties."""
    ranks = [np.argsort(np.argsort(column, kind="stable")) for column in (left, right)]
    return float(np.corrcoef(*ranks)[0, 1])


def agreement(vectors: Vectors, reference: Vectors) -> float:
    """Return Spearman's correlation of the cosines of the same random pairs in both."""
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, len(vectors), size=(2, PAIRS))
    apart = first != second
    first, second = first[apart], second[apart]
    cosines = [(side @ side.T)[first, second] for side in (vectors, reference)]
    return spearman(*cosines)


def neighbours(vectors: Vectors, count: int = 10) -> NDArray[np.int64]:
    """Return the `count` nearest other rows of every row in no order, shape (n, count)."""
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    return np.argpartition(-cosines, count, axis=1)[:, :count]


def recall(vectors: Vectors, reference: Vectors, count: int = 10) -> float:
    """Return the share of the reference's nearest `count` rows that are found, 0 to 1."""
    found, wanted = neighbours(vectors, count), neighbours(reference, count)
    shared = [len(np.intersect1d(a, b)) for a, b in zip(found, wanted, strict=True)]
    return float(np.mean(shared) / count)


def halves_found(first: Vectors, second: Vectors, count: int = 10) -> float:
    """Return how often a text's second half is among the `count` nearest to its first half."""
    cosines = first @ second.T
    own = np.diagonal(cosines)
    return float(np.mean((cosines > own[:, None]).sum(axis=1) < count))


def found_first(vectors: Vectors, partners: Vectors) -> float:
    """Return how often a row's own partner is nearer to it than every other partner."""
    return float(np.mean((vectors @ partners.T).argmax(axis=1) == np.arange(len(vectors))))


def split_halves(text: str) -> tuple[str, str]:
    """Return the two halves of a text, cut at its middle character."""
    middle = len(text) // 2
    return text[:middle], text[middle:]


def _ngrams(text: str, longest: int) -> Iterator[str]:
    folded = " ".join(text.lower().split())
    for size in range(1, longest + 1):
        yield from (folded[start : start + size] for start in range(len(folded) - size + 1))


def hashed_ngrams(texts: list[str], dimension: int, longest: int = 3) -> Vectors:
    """Return the baseline: signed hashing of character n-grams, unit length, shape (n, dimension).

    The square root of each n-gram's count is added with its sign to one of `dimension` places.
    """
    places: dict[str, tuple[int, int]] = {}
    vectors = np.zeros((len(texts), dimension), dtype=np.float32)
    for row, text in enumerate(texts):
        counts: dict[str, int] = {}
        for gram in _ngrams(text, longest):
            counts[gram] = counts.get(gram, 0) + 1
        for gram, times in counts.items():
            if gram not in places:
                digest = hashlib.blake2b(gram.encode(), digest_size=8).digest()
                number = int.from_bytes(digest, "little")
                places[gram] = (number % dimension, 1 - 2 * (number >> 63))
            place, sign = places[gram]
            vectors[row, place] += sign * times**0.5
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, np.float32(1e-12))
