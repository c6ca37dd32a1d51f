"""How fast is graph cut against one matrix-vector product per pick, and are the picks the same?

    python benchmarks/graph_cut.py                                  # 52,000 x 256, ten bins
    python benchmarks/graph_cut.py --vectors embeddings.npy
    python benchmarks/graph_cut.py --bins 0 --picks 5000            # one selection, no bins

The baseline keeps the gain of every row that remains and does one float32 product of all of them
with each pick; like ours, it keeps no matrix. What is compared is all bins of Dataset
Quantization, which pick every row of the pool, or one selection. The picks are compared, too, and
so are those of the same loop on exact float64 products, which has no rounding to excuse a
difference; --skip-check leaves that out.
"""

from argparse import Namespace
from pathlib import Path

import numpy as np
from harness import argument_parser, in_turn, peak_memory_gib, report
from k_center import agreement
from numpy.typing import NDArray
from pools import pool

from assay.solvers.arrays import Candidates
from assay.solvers.graph_cut import graph_cut
from assay.solvers.quantization import quantization_bins
from assay.solvers.similarity import exact_unit_vectors


def one_product_per_pick(vectors: NDArray[np.floating], count: int) -> list[int]:
    """Return the picks of the plain greedy that keeps the gain of every row."""
    gains = (vectors @ vectors.sum(axis=0, dtype=np.float64)).astype(np.float64)
    picks: list[int] = []
    while len(picks) < count:
        picks.append(int(gains.argmax()))
        gains -= 2.0 * (vectors @ vectors[picks[-1]])
        gains[picks[-1]] = -np.inf
    return picks


def naive_bins(vectors: NDArray[np.floating], bins: int) -> list[int]:
    """Return all rows, bin after bin, each filled from the rows that remain."""
    remaining = np.arange(len(vectors))
    order: list[int] = []
    for number in range(bins):
        count = len(vectors) // bins if number < bins - 1 else len(remaining)
        found = one_product_per_pick(vectors[remaining], count)
        order += remaining[found].tolist()
        remaining = np.delete(remaining, found)
    return order


def our_order(vectors: NDArray[np.floating], arguments: Namespace) -> list[int]:
    if not arguments.bins:
        return graph_cut(vectors, Candidates(arguments.picks)).indices.tolist()
    found = quantization_bins(vectors, arguments.bins)
    return np.lexsort((found.ranks, found.labels)).tolist()


def naive_order(vectors: NDArray[np.floating], arguments: Namespace) -> list[int]:
    if not arguments.bins:
        return one_product_per_pick(vectors, arguments.picks)
    return naive_bins(vectors, arguments.bins)


def measure(vectors: NDArray[np.floating], arguments: Namespace) -> None:
    found: dict[str, list[int]] = {"ours": our_order(vectors, arguments)}
    ours_memory = round(peak_memory_gib(), 2)
    unit = exact_unit_vectors(vectors)

    def ours() -> None:
        found["ours"] = our_order(vectors, arguments)

    def baseline() -> None:
        found["float32"] = naive_order(unit, arguments)

    comparison = in_turn(ours, baseline, turns=arguments.turns)
    facts: dict[str, object] = {
        "rows": len(vectors),
        "dim": vectors.shape[1],
        "bins": arguments.bins,
        "picks": len(found["ours"]),
        "peak_memory_gib_before_baseline": ours_memory,
        "against_float32_loop": agreement(found["ours"], found["float32"]),
    }
    if not arguments.skip_check:
        exact = naive_order(unit.astype(np.float64), arguments)
        facts["against_exact_loop"] = agreement(found["ours"], exact)
    report("graph_cut", facts, comparison, arguments.json)


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--rows", type=int, default=52_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--bins", type=int, default=10, help="0 for a single selection")
    parser.add_argument("--picks", type=int, default=5000, help="of a single selection")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--vectors", type=Path, help="a .npy file in place of made-up vectors")
    parser.add_argument("--skip-check", action="store_true", help="no float64 loop")
    arguments = parser.parse_args()
    measure(pool(arguments.vectors, arguments.rows, arguments.dim), arguments)


if __name__ == "__main__":
    main()
