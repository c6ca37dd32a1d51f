"""Nearest neighbours: exact search against plain numpy blocks, and what clusters miss.

python benchmarks/nearest_neighbours.py                        52,000 x 384, clustered
python benchmarks/nearest_neighbours.py --vectors pool.npy
python benchmarks/nearest_neighbours.py --rows 1000000 --dim 256 --approximate-only
"""

import argparse
from pathlib import Path

import numpy as np
from harness import Comparison, argument_parser, in_turn, report, seconds
from numpy.typing import NDArray
from pools import pool

from assay.solvers.nearest import Neighbors, nearest_neighbors

_BLOCK = 1024
_ASKED = 500


def arguments() -> argparse.Namespace:
    parser = argument_parser(__doc__)
    parser.add_argument("--vectors", type=Path, help="a .npy matrix to use instead of clusters")
    parser.add_argument("--rows", type=int, default=52_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--neighbours", type=int, default=64)
    parser.add_argument("--effort", type=int, default=8192)
    parser.add_argument("--approximate-only", action="store_true")
    return parser.parse_args()


def numpy_blocks(vectors: NDArray[np.float32], count: int) -> None:
    """Search as one would without a library: a product per block, then a partition."""
    for first in range(0, len(vectors), _BLOCK):
        products = vectors[first : first + _BLOCK] @ vectors.T
        near = np.argpartition(products, len(vectors) - count - 1, axis=1)[:, -count - 1 :]
        np.argsort(-np.take_along_axis(products, near, axis=1), axis=1)


def recall(vectors: NDArray[np.float32], found: Neighbors, count: int) -> float:
    """Return the share of true neighbours found for rows evenly spaced."""
    asked = np.linspace(0, len(vectors) - 1, _ASKED).astype(np.int64)
    truth = nearest_neighbors(vectors, count + 1, queries=vectors[asked], method="exact")
    hits = 0
    for place, row in enumerate(asked.tolist()):
        true = truth.indices[truth.indptr[place] : truth.indptr[place + 1]]
        true = true[true != row][:count]
        hits += len(np.intersect1d(true, found.indices[slice(*found.indptr[row : row + 2])]))
    return round(hits / (_ASKED * count), 4)


def main() -> None:
    options = arguments()
    vectors = np.asarray(pool(options.vectors, options.rows, options.dim))
    count = options.neighbours
    found: list[Neighbors] = []

    def approximate() -> None:
        found[:] = [nearest_neighbors(vectors, count, method="approximate", effort=options.effort)]

    facts: dict[str, object] = {
        "rows": vectors.shape[0],
        "dim": vectors.shape[1],
        "pool": str(options.vectors or "clustered"),
        "neighbours": count,
        "effort": options.effort,
        "approximate_seconds": seconds(approximate),
    }
    facts["approximate_recall"] = recall(vectors, found[0], count)
    comparison = Comparison([seconds(approximate)])
    if not options.approximate_only:
        comparison = in_turn(
            lambda: nearest_neighbors(vectors, count, method="exact"),
            lambda: numpy_blocks(vectors, count),
        )
    report("nearest_neighbours", facts, comparison, options.json)


if __name__ == "__main__":
    main()
