"""Clusters of rows by the distance of their vectors."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import AnyFeature
from assay.features.embeddings import Embeddings
from assay.features.neighbors import vector_width
from assay.features.passes import PoolFeature
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import IndexArray
from assay.values import Matrix

_USUAL_ROUNDS = 40
# In one thread, and half of it in sums that are no products.
_SLOWER_THAN_PRODUCTS = 4.0


class DistanceClustering(NamedTuple):
    """Clusters, none of them empty.

    Attributes:
        labels: shape (n,), int64, cluster of each row; -1 for a row without a vector.
        centroids: shape (k, d), float32.
    """

    labels: IndexArray
    centroids: NDArray[np.float32]


class DistanceClusters(PoolFeature):
    """Groups of rows by k-means over the distance of vectors as they are, lengths included.

    `clusters` goes by direction alone, and needs no further package.
    """

    name = "distance_clusters"
    extra: ClassVar[str] = "models"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="Lloyd's k-means, by scikit-learn")

    vectors: AnyFeature = Embeddings()
    """Vectors that are clustered."""
    count: Annotated[int, Field(ge=1)] = 100
    """Clusters."""
    seed: int = 0
    """Seed of the first centroids."""

    def requires(self) -> dict[str, Component]:
        """Return the vectors of the rows that are clustered."""
        return {"vectors": self.vectors.at(self.dataset)}

    def modules(self) -> tuple[str, ...]:
        """Return what fits them."""
        return ("sklearn",)

    def operations(self, rows: int, runtime: Runtime) -> float:
        """Return the products of rows with centroids in all rounds."""
        width = vector_width(self.vectors, runtime)
        return 2.0 * rows * min(self.count, rows) * width * _USUAL_ROUNDS

    def work(self, rows: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of the products, in one thread."""
        return _SLOWER_THAN_PRODUCTS * self.operations(rows, runtime)

    def memory(self, rows: int, runtime: Runtime) -> float:
        """Return the bytes of all vectors in float32, twice."""
        return 8.0 * rows * vector_width(self.vectors, runtime)

    def compute(self, view: PoolView, runtime: Runtime, *, vectors: Matrix) -> DistanceClustering:
        """Return the clusters of the rows in view."""
        known = np.flatnonzero(vectors.reason == 0)
        labels = np.full(len(vectors), -1, np.int64)
        labels[known], centroids = runtime.distance_k_means(
            vectors.rows(known), self.count, seed=self.seed % 2**32
        )
        return DistanceClustering(labels, centroids)

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> DistanceClustering:
        """Return the clusters that were stored."""
        return DistanceClustering(arrays["labels"], arrays["centroids"])
