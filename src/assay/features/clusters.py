"""Clusters of rows that mean alike: one division of the pool, shared by every method that asks."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from numpy.typing import NDArray
from pydantic import Field

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import AnyFeature
from assay.features.embeddings import Embeddings
from assay.features.neighbors import vector_width
from assay.features.passes import PoolFeature
from assay.pool.view import PoolView
from assay.random_numbers import generator
from assay.runtime import Runtime
from assay.solvers.k_means import ROUNDS, ROWS_PER_CENTROID, Clustering, k_means, usual_count
from assay.values import Matrix

_USUAL_ROUNDS = 25
# The first centroids are drawn one after the other, from so many rows and by so many trials; in
# float64, where products take twice as long, and of few rows at a time, which takes longer still.
_START_ROWS = 4096
_START_ROWS_PER_CENTROID = 16
_START_WORK = 350.0
_PER_ROW = 1e6


class Clusters(PoolFeature):
    """Groups of rows by spherical k-means: each row is in that of the most similar centroid.

    Centroids are fitted on a random sample of at most `rows_per_centroid` rows per cluster, and
    the value says on how many; then every row of the pool is assigned. Rows come in order of id,
    so neither the order of the file nor threads matter. A row whose vector is zero is in no
    cluster. Fewer clusters than asked for come back where rows differ in fewer ways.
    """

    name = "clusters"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Concept Decompositions for Large Sparse Text Data Using Clustering",
        authors="Dhillon and Modha",
        year=2001,
        doi="10.1023/A:1007612920971",
    )

    vectors: AnyFeature = Embeddings()
    """Vectors that are clustered, by cosine."""
    count: Annotated[int, Field(ge=1)] | None = None
    """Clusters; if none is given the square root of half the rows, a common rule of thumb."""
    seed: int = 0
    """Seed of the sample and of the first centroids."""
    rows_per_centroid: Annotated[int, Field(ge=1)] = ROWS_PER_CENTROID
    """Rows per cluster that centroids are fitted on, at most."""
    rounds: Annotated[int, Field(ge=1)] = ROUNDS
    """Rounds of assigning rows and averaging centroids, at most."""

    def requires(self) -> dict[str, Component]:
        """Return the vectors of the rows that are clustered."""
        return {"vectors": self.vectors.at(self.dataset)}

    def operations(self, rows: int, runtime: Runtime) -> float:
        """Return the products of fitted rows with centroids in all rounds, and of all rows once."""
        count = self._count(rows)
        fitted = min(rows, count * self.rows_per_centroid)
        compared = fitted * min(self.rounds, _USUAL_ROUNDS) + rows
        return 2.0 * compared * count * vector_width(self.vectors, runtime)

    def work(self, rows: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of the products, of the first centroids, and of sums of rows."""
        count = self._count(rows)
        drawn_from = min(rows, max(_START_ROWS, _START_ROWS_PER_CENTROID * count))
        start = _START_WORK * count * drawn_from * vector_width(self.vectors, runtime)
        return self.operations(rows, runtime) + start + _PER_ROW * rows

    def memory(self, rows: int, runtime: Runtime) -> float:
        """Return the bytes of all vectors and of those fitted on, in float32, and of the labels."""
        fitted = min(rows, self._count(rows) * self.rows_per_centroid)
        return 4.0 * (rows + fitted) * vector_width(self.vectors, runtime) + 12.0 * rows

    def compute(self, view: PoolView, runtime: Runtime, *, vectors: Matrix) -> Clustering:
        """Return the clusters of the rows in view."""
        return k_means(
            vectors.array,
            self._count(len(view)),
            rng=generator(seed=self.seed, purpose=self.name),
            rows_per_centroid=self.rows_per_centroid,
            rounds=self.rounds,
            progress=runtime.stages,
        )

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> Clustering:
        """Return the clusters that were stored."""
        return Clustering(
            arrays["labels"],
            arrays["similarities"],
            arrays["centroids"],
            arrays["fitted_rows"].item(),
            arrays["rounds"].item(),
        )

    def _count(self, rows: int) -> int:
        return self.count or usual_count(rows)


def cluster_sizes(rows: int, count: int | None) -> float:
    """Return how many rows a cluster has on average, for pricing."""
    return rows / max(1, min(rows, count or usual_count(rows)))
