"""Nearest neighbours of every row: one graph, shared by every method that looks around."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from numpy.typing import NDArray

from assay.components.base import NoPaper, Paper
from assay.components.component import AnyFeature, Feature
from assay.features.embeddings import Embeddings
from assay.features.hidden_states import HiddenStates
from assay.features.passes import PoolFeature
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.solvers.nearest import Neighbors, nearest_neighbors
from assay.solvers.vector_search import DEFAULT_EFFORT, EXACT_ROWS, SearchMethod, is_exact
from assay.values import Matrix

_USUAL_WIDTH = 768

# What a search does besides products, in operations of a matrix product that takes as long.
_WHOLE_SEARCH = 2.0  # times the products: the nearest are kept sorted meanwhile
_CLUSTER_SEARCH = 25.0  # times the products: rows are met one by one, not as matrices
_PER_ROW = 3e6


class NearestNeighbors(PoolFeature):
    """The most similar rows of every row, by cosine; a row is not its own neighbour."""

    name = "nearest_neighbors"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a data structure, not a method")

    vectors: AnyFeature = Embeddings()
    """Vectors that are compared."""
    count: int = 64
    """Neighbours per row."""
    search: Literal["auto", "exact", "approximate"] = "auto"
    """How to search; auto is exact up to 200,000 rows."""

    def requires(self) -> dict[str, Feature]:
        """Return the vectors of the rows that the graph is of."""
        return {"vectors": self.vectors.at(self.dataset)}

    def operations(self, rows: int, runtime: Runtime) -> float:
        """Return the products of all pairs, or of those that an approximate search looks at."""
        exact = self.search == "exact" or (self.search == "auto" and rows <= EXACT_ROWS)
        compared = rows if exact else DEFAULT_EFFORT
        return 2.0 * rows * compared * vector_width(self.vectors, runtime)

    def work(self, rows: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of the search."""
        return search_work(rows, vector_width(self.vectors, runtime), self.search)

    def memory(self, rows: int, runtime: Runtime) -> float:
        """Return the bytes of the vectors in float32 and of the graph."""
        return rows * (4.0 * vector_width(self.vectors, runtime) + 16.0 * self.count)

    def compute(self, view: PoolView, runtime: Runtime, *, vectors: Matrix) -> Neighbors:
        """Return the graph of the rows in view."""
        return nearest_neighbors(
            vectors.array, self.count, method=self.search, progress=runtime.stages
        )

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> Neighbors:
        """Return the graph that was stored."""
        return Neighbors(*(arrays[field] for field in Neighbors._fields))


def search_work(rows: int, width: int, search: SearchMethod = "auto") -> float:
    """Return how long a search for each row's neighbours takes, as `PoolFeature.work` counts it.

    Rows that are equal are searched for once, so that a search among more rows than are searched
    whole may turn out to be one among so few that they are; the longer of both is told.
    """
    whole = _WHOLE_SEARCH * 2.0 * rows * min(rows, EXACT_ROWS) * width
    rough = _CLUSTER_SEARCH * 2.0 * rows * min(rows, DEFAULT_EFFORT) * width
    if is_exact(search, rows):
        products = _WHOLE_SEARCH * 2.0 * rows * rows * width
    else:
        products = rough if search == "approximate" else max(rough, whole)
    return products + _PER_ROW * rows


def vector_width(vectors: Feature, runtime: Runtime) -> int:
    """Return the length of a feature's vectors, a common one where only computing would tell."""
    if isinstance(vectors, (Embeddings, HiddenStates)):
        return vectors.width(runtime)
    return _USUAL_WIDTH
