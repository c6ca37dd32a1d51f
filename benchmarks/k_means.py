"""How fast is k-means against scikit-learn's or faiss's, and how near are rows to their centroids?

    python benchmarks/k_means.py                                  # 52,000 x 384, 161 clusters
    python benchmarks/k_means.py --vectors embeddings.npy --clusters 1000 --turns 1
    python benchmarks/k_means.py --baseline faiss --rows 1000000 --dim 256

The baseline starts once and clusters the same unit vectors: scikit-learn's Lloyd on all rows until
its own tolerance, faiss with 25 spherical rounds on its own sample. The spread is the sum of
1 - cosine to the nearest centroid over all rows; its ratio is ours over the baseline's, so below 1
ours are nearer. The comparison of SemDeDup within the clusters found is timed besides.
"""

from argparse import Namespace
from pathlib import Path

import faiss
import numpy as np
from harness import argument_parser, in_turn, report, seconds
from numpy.typing import NDArray
from pools import pool

from assay.random_numbers import generator
from assay.solvers.k_means import Clustering, assign, k_means, usual_count
from assay.solvers.semantic_duplicates import repeats_in_clusters
from assay.solvers.similarity import exact_unit_vectors

_EPS = 0.05


def arguments() -> Namespace:
    parser = argument_parser(__doc__)
    parser.add_argument("--vectors", type=Path, help="a .npy matrix to use instead of clusters")
    parser.add_argument("--rows", type=int, default=52_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--clusters", type=int, help="the root of half the rows unless told")
    parser.add_argument("--baseline", choices=["scikit-learn", "faiss"], default="scikit-learn")
    parser.add_argument("--turns", type=int, default=3)
    return parser.parse_args()


def scikit_learn_centroids(unit: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    from sklearn.cluster import KMeans

    found = KMeans(count, n_init=1, random_state=0).fit(unit)
    centroids: NDArray[np.float32] = found.cluster_centers_
    return centroids


def faiss_centroids(unit: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    found = faiss.Kmeans(unit.shape[1], count, niter=25, spherical=True, seed=1)
    found.train(unit)
    found.index.search(unit, 1)
    centroids: NDArray[np.float32] = found.centroids
    return centroids


def spread(unit: NDArray[np.float32], centroids: NDArray[np.float32]) -> float:
    nearest = assign(unit, exact_unit_vectors(centroids)).similarities
    return float((1.0 - nearest.astype(np.float64)).sum())


def semantic_duplicates(vectors: NDArray[np.floating], found: Clustering) -> dict[str, object]:
    removed: list[int] = []
    order = np.argsort(found.similarities, kind="stable")

    def compare() -> None:
        removed[:] = repeats_in_clusters(vectors, found.labels, order, threshold=1 - _EPS).tolist()

    elapsed = seconds(compare)
    return {"semdedup_seconds": elapsed, "semdedup_eps": _EPS, "semdedup_removed": len(removed)}


def main() -> None:
    options = arguments()
    vectors = np.asarray(pool(options.vectors, options.rows, options.dim))
    count = options.clusters or usual_count(len(vectors))
    unit = exact_unit_vectors(vectors)
    found: list[Clustering] = []
    other: list[NDArray[np.float32]] = []
    baseline = scikit_learn_centroids if options.baseline == "scikit-learn" else faiss_centroids

    def ours() -> None:
        rng = generator(seed=0, purpose="clusters")
        found[:] = [k_means(vectors, count, rng=rng)]

    def theirs() -> None:
        other[:] = [baseline(unit, count)]

    comparison = in_turn(ours, theirs, turns=options.turns)
    spreads = spread(unit, found[0].centroids), spread(unit, other[0])
    facts: dict[str, object] = {
        "rows": vectors.shape[0],
        "dim": vectors.shape[1],
        "pool": str(options.vectors or "clustered"),
        "clusters": count,
        "fitted_rows": found[0].fitted_rows,
        "rounds": found[0].rounds,
        "baseline": options.baseline,
        "spread": [round(value, 1) for value in spreads],
        "spread_ratio": round(spreads[0] / spreads[1], 4),
        **semantic_duplicates(vectors, found[0]),
    }
    report("k_means", facts, comparison, options.json)


if __name__ == "__main__":
    main()
