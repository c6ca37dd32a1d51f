"""Pools that benchmarks run on: a matrix from a file, or seeded clusters of uneven density."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1 << 16


def pool(path: Path | None, rows: int, width: int) -> NDArray[np.float32]:
    """Return the matrix in `path`, or `clustered_pool` if there is none."""
    if path is None:
        return clustered_pool(rows, width)
    stored: NDArray[np.float32] = np.load(path, mmap_mode="r")
    return stored


def clustered_pool(rows: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    """Return unit vectors in clusters within clusters, as texts about topics are.

    Each of 30 themes holds topics, each topic rows; how far rows stray from their topic differs
    from topic to topic, and topics differ in size by two orders of magnitude.
    """
    generator = np.random.Generator(np.random.Philox(seed))
    topics = max(30, rows // 60)
    themes = _directions(generator, 30, width)
    centers = themes[generator.integers(0, 30, topics)] + _directions(generator, topics, width)
    spread = generator.uniform(0.4, 1.6, topics)
    shares = generator.pareto(1.5, topics) + 0.1
    members = generator.choice(topics, rows, p=shares / shares.sum())
    vectors = np.empty((rows, width), dtype=np.float32)
    for first in range(0, rows, _BLOCK):
        chosen = members[first : first + _BLOCK]
        noise = _directions(generator, len(chosen), width) * spread[chosen, None]
        block = centers[chosen] + noise
        vectors[first : first + _BLOCK] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return vectors


def _directions(generator: np.random.Generator, count: int, width: int) -> NDArray[np.float64]:
    values = generator.standard_normal((count, width))
    directions: NDArray[np.float64] = values / np.linalg.norm(values, axis=1, keepdims=True)
    return directions
