"""k-center greedy: cover the pool by always taking the row farthest from what is chosen."""

from typing import ClassVar

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import AnyFeature, AnySelector, Selector
from assay.components.example_rows import MOON, MOON_REWORDED, SOUP
from assay.components.guide import Comparison, Example, Guide
from assay.features.embeddings import Embeddings
from assay.features.neighbors import vector_width
from assay.methods.geometry.starting import start_rows
from assay.outcomes import SelectionRecord
from assay.runtime import Runtime
from assay.samples import Selection
from assay.solvers.k_center import ROW_WORK, k_center
from assay.values import Matrix


class KCenterGreedy(Selector):
    """Rows that leave none of the pool far away: the farthest-first traversal of embeddings.

    Starts from the row nearest to the mean. With a budget in rows and no `start`, no row lies
    farther from the choice than twice what is unavoidable, measured as the Euclidean distance of
    unit vectors. Gains are cosine distances, half the square of it: in these the factor is four.
    """

    name = "k_center"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Active Learning for Convolutional Neural Networks: A Core-Set Approach",
        authors="Sener and Savarese",
        year=2018,
        arxiv="1708.00489",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="take x with the largest min over s in S of (1 - cos(x, s))\n"
        "first: the row most similar to the mean",
        choose="To leave no corner of the pool unvisited: rare kinds of rows are found first.",
        avoid="Where a pool holds noise: what is unlike everything else is what it takes. "
        "`facility_location` prefers rows that stand for many.",
        compared=(
            Comparison(
                against="fpsample 1.0.2",
                compared="order of 400 picks among 1,500 rows, from the same first row",
                tolerance="exact",
                test="tests/parity/test_farthest_points.py",
            ),
            Comparison(
                against="all subsets",
                compared="largest distance to a pick, ten rows and three picks",
                tolerance="at most twice the smallest",
                test="tests/parity/test_selectors.py",
            ),
        ),
        differences={
            "first pick": "The row nearest to the mean and not a random one.",
            "copies": "Copies of chosen rows end the selection, unless `fill` asks for them.",
            "distance": "Vectors are brought to unit length, so distances are cosine ones.",
            "encoder": "The embedded one unless other vectors are named.",
        },
        example=Example(
            rows=(MOON, MOON_REWORDED, SOUP),
            parameters={"budget": 2},
            shows={"cos": "vectors.cosine"},
            reading="The first pick is the row nearest to the mean of all. The next is the one "
            "that is least like it: its gain is one minus their cosine.",
        ),
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
            allowance.candidates(start_rows(start, allowance)),
            fill=self.fill,
        )
