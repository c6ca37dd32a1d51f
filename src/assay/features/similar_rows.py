"""All rows within a similarity of every row, however many: what a row stands for."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from numpy.typing import NDArray
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.component import AnyFeature, Feature
from assay.features.embeddings import Embeddings
from assay.features.neighbors import vector_width
from assay.features.passes import PoolFeature, Sampled
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.solvers.nearest import Neighbors, neighbors_above
from assay.solvers.similarity import AnyFloatArray
from assay.solvers.vector_search import DEFAULT_EFFORT, EXACT_ROWS, SearchMethod, is_exact
from assay.values import Matrix

SAMPLED_ROWS = 2000
"""Rows whose pairs tell how many of all are similar."""

# What is done besides products, in operations of a matrix product that takes as long.
_WHOLE_SEARCH = 1.6  # times the products
_CLUSTER_SEARCH = 25.0
_PER_PAIR = 1.5e5
_PER_ROW = 1e6


def similar_share(vectors: AnyFloatArray, threshold: float) -> float:
    """Return the share of all pairs of some rows that are similar."""
    rows = len(vectors)
    return len(neighbors_above(vectors, threshold).indices) / max(rows * (rows - 1), 1)


def pairs_work(rows: int, width: int, alike: float, *, search: SearchMethod = "auto") -> float:
    """Return how long it takes to find all similar pairs, as `PoolFeature.work` counts it."""
    products = (
        _WHOLE_SEARCH * rows * rows * width
        if is_exact(search, rows)
        else _CLUSTER_SEARCH * 2.0 * rows * DEFAULT_EFFORT * width
    )
    return products + _PER_PAIR * alike * rows * (rows - 1) / 2 + _PER_ROW * rows


class SimilarRows(PoolFeature):
    """The rows whose cosine with a row is at least a threshold; a row is not its own neighbour."""

    name = "similar_rows"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a data structure, not a method")

    vectors: AnyFeature = Embeddings()
    """Vectors that are compared."""
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Smallest similarity."""
    search: Literal["auto", "exact", "approximate"] = "auto"
    """How to search; auto is exact up to 200,000 rows."""

    def requires(self) -> dict[str, Feature]:
        """Return the vectors of the rows that the graph is of."""
        return {"vectors": self.vectors.at(self.dataset)}

    def operations(self, rows: int, runtime: Runtime) -> float:
        """Return the products of half of all pairs, or of those that are looked at."""
        exact = self.search == "exact" or (self.search == "auto" and rows <= EXACT_ROWS)
        compared = rows / 2 if exact else DEFAULT_EFFORT
        return 2.0 * rows * compared * vector_width(self.vectors, runtime)

    sampled_rows: ClassVar[int] = SAMPLED_ROWS

    def sample(self, view: PoolView, runtime: Runtime, *, vectors: Matrix) -> Sampled:
        """Return how many of the pairs in view are similar."""
        return Sampled(alike=similar_share(vectors.array, self.threshold))

    def work(self, rows: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of the products, and of what is done for each pair that is similar."""
        width = vector_width(self.vectors, runtime)
        return pairs_work(rows, width, alike, search=self.search)

    def memory(self, rows: int, runtime: Runtime) -> float:
        """Return the bytes of the vectors in float32; how many pairs there are, nobody knows."""
        return rows * 4.0 * vector_width(self.vectors, runtime)

    def compute(self, view: PoolView, runtime: Runtime, *, vectors: Matrix) -> Neighbors:
        """Return the graph of the rows in view."""
        return neighbors_above(
            vectors.array, self.threshold, method=self.search, progress=runtime.stages
        )

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> Neighbors:
        """Return the graph that was stored."""
        return Neighbors(*(arrays[field] for field in Neighbors._fields))
