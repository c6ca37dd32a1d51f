"""Facility location over 64 nearest neighbours: how fast, and how near the dense greedy?

Both pick the largest budget once; as every prefix is the answer to a smaller budget, all ratios
come from the same two runs. The ratio is between dense objectives: all similarities count for
the picks of both.

    python benchmarks/facility_location.py --cache-gib 11         52,000 x 384, clustered
    python benchmarks/facility_location.py --vectors pool.npy
    python benchmarks/facility_location.py --rows 1000000 --dim 256 --budgets 50000 --no-dense
"""

import argparse
from pathlib import Path

import numpy as np
from harness import Comparison, argument_parser, report, seconds
from pools import pool

from assay.samples import IndexArray
from assay.solvers.arrays import Candidates
from assay.solvers.facility_dense import dense_coverage, facility_location_dense
from assay.solvers.facility_sparse import facility_location_sparse
from assay.solvers.greedy import FacilityLocationResult
from assay.solvers.nearest import Neighbors, nearest_neighbors
from assay.solvers.similarity import AnyFloatArray


def arguments() -> argparse.Namespace:
    parser = argument_parser(__doc__)
    parser.add_argument("--vectors", type=Path, help="a .npy matrix to use instead of clusters")
    parser.add_argument("--rows", type=int, default=52_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--budgets", type=int, nargs="+", default=[100, 1000, 5000, 10_400])
    parser.add_argument("--neighbours", type=int, default=64)
    parser.add_argument("--turns", type=int, default=3, help="runs of the sparse solver")
    parser.add_argument("--cache-gib", type=float, default=0.5, help="memory of the dense greedy")
    parser.add_argument("--no-dense", action="store_true", help="do without the dense greedy")
    return parser.parse_args()


def sparse_turns(
    vectors: AnyFloatArray, options: argparse.Namespace
) -> tuple[FacilityLocationResult, list[float], list[float]]:
    """Return the last result, and seconds of each graph and of each selection."""
    graph_seconds: list[float] = []
    pick_seconds: list[float] = []
    graphs: list[Neighbors] = []
    results: list[FacilityLocationResult] = []

    def build() -> None:
        graphs[:] = [nearest_neighbors(vectors, options.neighbours)]

    def select() -> None:
        count = max(options.budgets)
        results[:] = [facility_location_sparse(graphs[0], Candidates(count), vectors=vectors)]

    for _ in range(options.turns):
        graph_seconds.append(seconds(build))
        pick_seconds.append(seconds(select))
    return results[0], graph_seconds, pick_seconds


def dense_turn(
    vectors: AnyFloatArray, count: int, cache_gib: float
) -> tuple[FacilityLocationResult, float]:
    """Return the dense result and its seconds."""
    results: list[FacilityLocationResult] = []
    cache_bytes = int(cache_gib * 2**30)
    elapsed = seconds(
        lambda: results.append(
            facility_location_dense(vectors, Candidates(count), cache_bytes=cache_bytes)
        )
    )
    return results[0], elapsed


def ratios(
    vectors: AnyFloatArray, picks: IndexArray, dense: FacilityLocationResult, budgets: list[int]
) -> dict[int, float]:
    """Return dense value of `picks` per dense value of the dense picks, for each budget."""
    return {
        budget: round(
            float(dense_coverage(vectors, picks[:budget]).sum())
            / float(np.sum(dense.selection.gains[:budget])),
            5,
        )
        for budget in budgets
    }


def main() -> None:
    options = arguments()
    vectors = pool(options.vectors, options.rows, options.dim)
    sparse, graph_seconds, pick_seconds = sparse_turns(vectors, options)
    facts: dict[str, object] = {
        "rows": vectors.shape[0],
        "dim": vectors.shape[1],
        "pool": str(options.vectors or "clustered"),
        "picks": len(sparse.selection.indices),
        "graph_seconds": graph_seconds,
        "pick_seconds": pick_seconds,
    }
    ours = [sum(pair) for pair in zip(graph_seconds, pick_seconds, strict=True)]
    dense_seconds: list[float] = []
    if not options.no_dense:
        dense, elapsed = dense_turn(vectors, max(options.budgets), options.cache_gib)
        dense_seconds.append(elapsed)
        picks = sparse.selection.indices
        facts["value_per_dense_value"] = ratios(vectors, picks, dense, options.budgets)
    report("facility_location", facts, Comparison(ours, dense_seconds), options.json)


if __name__ == "__main__":
    main()
