"""Nearest neighbours of every row: one graph, shared by every method that looks around."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from numpy.typing import NDArray

from assay.component import AnyFeature, NoPaper, Paper
from assay.features.embeddings import Embeddings
from assay.passes import PoolFeature, PoolView
from assay.runtime import Runtime
from assay.solvers.nearest import Neighbors, nearest_neighbors
from assay.values import Matrix


class NearestNeighbors(PoolFeature):
    """The most similar rows of every row, by cosine; a row is not its own neighbour."""

    name: ClassVar[str] = "nearest_neighbors"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a data structure, not a method")

    vectors: AnyFeature = Embeddings()
    """Vectors that are compared."""
    count: int = 64
    """Neighbours per row."""
    search: Literal["auto", "exact", "approximate"] = "auto"
    """How to search; auto is exact up to 200,000 rows."""

    def compute(self, view: PoolView, runtime: Runtime, **needs: Any) -> Neighbors:
        """Return the graph of the rows in view."""
        vectors: Matrix = needs["vectors"]
        return nearest_neighbors(vectors.array, self.count, method=self.search)

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> Neighbors:
        """Return the graph that was stored."""
        return Neighbors(*(arrays[field] for field in Neighbors._fields))
