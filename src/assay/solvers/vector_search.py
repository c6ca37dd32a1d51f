"""Rough search in float32: every vector, or the clusters nearest to a query. faiss lives here."""

from typing import Literal, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from assay.samples import IndexArray

SearchMethod = Literal["auto", "exact", "approximate"]

EXACT_ROWS = 200_000
"""Pools up to this size are searched whole unless told otherwise."""

DEFAULT_EFFORT = 8192
"""Vectors that a query is compared with by the clustered search."""

_CLUSTER_ROWS = 512
_TRAINING_ROWS_PER_CLUSTER = 40
_TRAINING_ROUNDS = 10


class Found(NamedTuple):
    """What a rough search returns, the most similar first.

    Attributes:
        similarities: shape (q, c), float32.
        rows: shape (q, c); -1 where fewer were found.
    """

    similarities: NDArray[np.float32]
    rows: IndexArray


def is_exact(method: SearchMethod, rows: int) -> bool:
    """Return whether `method` searches all of `rows` vectors."""
    return method == "exact" or (method == "auto" and rows <= EXACT_ROWS)


class WholeSearch:
    """Compares queries with every vector."""

    exact = True

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors

    def nearest(self, queries: NDArray[np.float32], count: int) -> Found:
        """Return the `count` largest products with each query; count <= n."""
        return Found(*faiss.knn(queries, self._vectors, count, metric=faiss.METRIC_INNER_PRODUCT))


class ClusterSearch:
    """Compares queries with the members of the nearest clusters, about `effort` vectors."""

    exact = False

    def __init__(self, vectors: NDArray[np.float32], *, effort: int, seed: int) -> None:
        clusters = max(1, min(len(vectors) // _CLUSTER_ROWS, int(2 * len(vectors) ** 0.5)))
        width = vectors.shape[1]
        self._centroids = faiss.IndexFlatIP(width)
        self._index = faiss.IndexIVFFlat(
            self._centroids, width, clusters, faiss.METRIC_INNER_PRODUCT
        )
        self._index.cp.seed = seed
        self._index.cp.niter = _TRAINING_ROUNDS
        self._index.cp.spherical = True
        self._index.cp.min_points_per_centroid = 1
        self._index.cp.max_points_per_centroid = _TRAINING_ROWS_PER_CLUSTER
        self._index.train(vectors)
        self._index.add(vectors)
        self._index.nprobe = max(1, round(clusters * min(1.0, effort / len(vectors))))

    def nearest(self, queries: NDArray[np.float32], count: int) -> Found:
        """Return the `count` largest products found for each query."""
        return Found(*self._index.search(queries, count))

    def above(self, queries: NDArray[np.float32], bound: float) -> tuple[IndexArray, IndexArray]:
        """Return positions of queries and rows of the pairs found above `bound`."""
        limits, _, rows = self._index.range_search(queries, bound)
        return np.repeat(np.arange(len(queries)), np.diff(limits).astype(np.int64)), rows
