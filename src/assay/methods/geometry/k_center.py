"""k-center greedy: cover the pool by always taking the row farthest from what is chosen."""

from typing import ClassVar

import numpy as np

from assay.components.budget import Allowance
from assay.components.component import AnyFeature, AnySelector, NoPaper, Paper, Selector
from assay.features.embeddings import Embeddings
from assay.features.neighbors import vector_width
from assay.methods.geometry.starting import start_rows
from assay.runtime import Runtime
from assay.samples import Selection
from assay.solvers.k_center import ROW_WORK, k_center
from assay.values import Matrix, SelectionRecord


class KCenterGreedy(Selector):
    """Rows that leave none of the pool far away: the farthest-first traversal of embeddings.

    Starts from the row nearest to the mean; at most twice the optimal radius.
    Differs from the reference: the first pick is that row and not a random one, equal rows end
    the selection instead of failing an assertion, and distances are cosine.
    """

    name: ClassVar[str] = "k_center"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Active Learning for Convolutional Neural Networks: A Core-Set Approach",
        authors="Sener and Savarese",
        year=2018,
        arxiv="1708.00489",
    )

    vectors: AnyFeature = Embeddings()
    """Vectors that are covered."""
    start: AnySelector | None = None
    """Rows already chosen; they come first and count towards the budget."""
    fill: bool = False
    """Go on with copies of chosen rows when nothing else is left."""

    def operations(self, rows: int, count: int, runtime: Runtime) -> float:
        """Return the products of every row with every pick."""
        return 2.0 * rows * count * vector_width(self.vectors, runtime)

    def work(self, rows: int, count: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of the products, and of all rows once."""
        return self.operations(rows, count, runtime) + ROW_WORK * rows

    def select(
        self,
        allowance: Allowance,
        rng: np.random.Generator,
        *,
        vectors: Matrix,
        start: SelectionRecord | None = None,
    ) -> Selection:
        """Return the picks in order. Gains are cosine distances to the nearest earlier pick."""
        return k_center(
            vectors.array,
            allowance.rows,
            start=start_rows(start, allowance),
            fill=self.fill,
            allowed=allowance.eligible,
            costs=allowance.costs,
            limit=allowance.limit,
            progress=allowance.progress,
        )
