"""How fast is k-center against one float32 matrix-vector product per pick, and is it the same?

    python benchmarks/k_center.py                                  # 52,000 x 384, 5,000 picks
    python benchmarks/k_center.py --vectors embeddings.npy
    python benchmarks/k_center.py --rows 1000000 --dim 256 --picks 10000 --baseline-picks 100

The baseline keeps the smallest distance of every row and does one product per pick. With
--baseline-picks it stops early and its time is scaled up. Its picks are compared with ours, and so
are those of the same loop on exact float64 products, which has no rounding to excuse a difference;
--skip-check leaves that out.
"""

import tempfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
from harness import argument_parser, in_turn, peak_memory_gib, report
from numpy.typing import NDArray

from assay.solvers.arrays import Candidates
from assay.solvers.k_center import k_center
from assay.solvers.similarity import exact_unit_vectors, quantised

ROWS_AT_ONCE = 65_536


def clustered(rows: int, dim: int, target: Path) -> NDArray[np.float16]:
    """Write and map clustered unit vectors: uneven clusters of uneven width, some near-copies."""
    generator = np.random.Generator(np.random.Philox(1))
    clusters = max(10, rows // 150)
    # Embeddings of text vary more along some axes than along others.
    spread = np.linspace(1.5, 0.3, dim)
    centers = generator.standard_normal((clusters, dim)) * spread
    shares = generator.pareto(1.5, clusters) + 0.1
    widths = generator.uniform(0.2, 1.0, clusters)
    vectors = np.lib.format.open_memmap(target, "w+", np.float16, (rows, dim))
    for first in range(0, rows, ROWS_AT_ONCE):
        size = min(ROWS_AT_ONCE, rows - first)
        members = generator.choice(clusters, size, p=shares / shares.sum())
        noise = generator.standard_normal((size, dim), dtype=np.float32) * spread
        noise *= np.where(generator.random(size) < 0.02, 0.01, widths[members])[:, None]
        block = centers[members] + noise
        block /= np.linalg.norm(block, axis=1, keepdims=True)
        vectors[first : first + size] = block
    vectors.flush()
    return np.load(target, mmap_mode="r")


def one_product_per_pick(
    count: int, first: int, similarity_to: Callable[[int], NDArray[np.floating]]
) -> list[int]:
    """Return the picks of the plain greedy that keeps the smallest distance of every row."""
    picks = [first]
    nearest = 1 - similarity_to(first)
    while len(picks) < count:
        nearest[picks[-1]] = -1
        picks.append(int(nearest.argmax()))
        np.minimum(nearest, 1 - similarity_to(picks[-1]), out=nearest)
    return picks


def agreement(ours: list[int], theirs: list[int]) -> dict[str, object]:
    """Return from where on and in how many rows two lists of picks differ."""
    ours = ours[: len(theirs)]
    differing = (
        place for place, pair in enumerate(zip(ours, theirs, strict=True)) if len({*pair}) > 1
    )
    return {
        "picks": len(theirs),
        "equal": ours == theirs,
        "first_difference": next(differing, None),
        "rows_in_both": len(set(ours) & set(theirs)),
    }


def measure(vectors: NDArray[np.floating], arguments: Namespace) -> None:
    picks = min(arguments.picks, len(vectors))
    baseline_picks = min(arguments.baseline_picks or picks, picks)
    found: dict[str, list[int]] = {"ours": k_center(vectors, Candidates(picks)).indices.tolist()}
    ours_memory = round(peak_memory_gib(), 2)
    unit = exact_unit_vectors(vectors)
    first = found["ours"][0]

    def ours() -> None:
        found["ours"] = k_center(vectors, Candidates(picks)).indices.tolist()

    def baseline() -> None:
        found["float32"] = one_product_per_pick(baseline_picks, first, lambda row: unit @ unit[row])

    comparison = in_turn(ours, baseline, turns=arguments.turns, scale=picks / baseline_picks)
    facts: dict[str, object] = {
        "rows": len(vectors),
        "dim": vectors.shape[1],
        "picks": picks,
        "baseline_picks": baseline_picks,
        "peak_memory_gib_before_baseline": ours_memory,
        "against_float32_loop": agreement(found["ours"], found["float32"]),
    }
    if not arguments.skip_check:
        exact = unit.astype(np.float64)
        loop = one_product_per_pick(
            baseline_picks, first, lambda row: quantised(exact @ exact[row])
        )
        facts["against_exact_loop"] = agreement(found["ours"], loop)
    report("k_center", facts, comparison, arguments.json)


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--rows", type=int, default=52_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--picks", type=int, default=5000)
    parser.add_argument(
        "--baseline-picks", type=int, help="fewer picks for the baseline, scaled up"
    )
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--vectors", type=Path, help="a .npy file in place of made-up vectors")
    parser.add_argument("--skip-check", action="store_true", help="no float64 loop")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.vectors is None:
            vectors = clustered(arguments.rows, arguments.dim, Path(folder) / "vectors.npy")
        else:
            vectors = np.load(arguments.vectors, mmap_mode="r")
        measure(vectors, arguments)


if __name__ == "__main__":
    main()
