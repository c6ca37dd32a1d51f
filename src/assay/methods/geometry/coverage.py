"""Coverage: rows that have as much of the pool as possible near one of them."""

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.components.base import Component, NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import AnyFeature, AnyScorer, AnySelector, Selector
from assay.components.guide import Comparison, Guide
from assay.features.embeddings import Embeddings
from assay.features.similar_rows import SimilarRows
from assay.methods.geometry.starting import start_rows
from assay.outcomes import SelectionRecord
from assay.runtime import Runtime
from assay.samples import IndexArray, Scores, Selection
from assay.solvers.max_coverage import max_coverage
from assay.solvers.nearest import Neighbors
from assay.solvers.ranks import rank_share
from assay.values import Matrix

_WEIGHT_UNITS = 2**20


# Operations of a matrix product that take as long as what is done for an edge, and for a row
# while a pick is looked for.
_PER_EDGE = 2e4
_PER_LOOK = 6e3


class Coverage(Selector):
    """Rows that cover the pool: one is covered if its cosine with a chosen row is high enough.

    The greedy takes the row that covers the most rows not covered yet. With a budget in rows and no
    `start`, the first round covers at least 1 - 1/e of the best possible among the pairs that the
    search finds. A budget in tokens has no such bound: the greedy does not look at what a row
    costs, so that one long row can use up what many short ones would have covered more with. With
    `quality`, covering a row counts by the rank of its score, as a share in (0, 1]. When all is
    covered the selection ends, unless `fill`: then the rest of the pool covers it once more, and so
    on, so that every round is a cover of its own.

    The threshold is our choice, and cosines of one encoder are not those of another: the gains
    add up to the share of the pool that is covered, which says whether it suits.
    """

    name = "coverage"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="An analysis of approximations for maximizing submodular set functions—I",
        authors="Nemhauser, Wolsey and Fisher",
        year=1978,
        doi="10.1007/BF01588971",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="take x that covers the most rows not covered yet\n"
        "s covers v if cos(s, v) >= threshold; with quality v counts q(v)",
        choose="To have every kind of row that the pool holds once, before any twice; the gains "
        "say how much of the pool is covered.",
        avoid="With a threshold that does not suit the encoder: if the first gains are tiny or all "
        "but 1, choose another.",
        compared=(
            Comparison(
                against="the plain greedy and all subsets",
                compared="picks on random graphs of up to nine rows",
                tolerance="exact; at least 1 - 1/e of the best",
                test="tests/unit/solvers/test_max_coverage.py",
            ),
        ),
        differences={
            "objective": "The paper has the greedy and its bound for any such function; the "
            "threshold, weights by rank and what is done when all is covered are "
            "ours.",
            "encoder": "The embedded one unless other vectors are named.",
        },
    )

    vectors: AnyFeature = Embeddings()
    """Vectors whose cosine is the similarity."""
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Smallest similarity at which a row covers another."""
    quality: AnyScorer | None = None
    """Score of what covering a row is worth; a row without it cannot be chosen."""
    search: Literal["auto", "exact", "approximate"] = "auto"
    """How to find what a row covers; auto is exact up to 200,000 rows."""
    start: AnySelector | None = None
    """Rows already chosen; they come first and count towards the budget."""
    fill: bool = False
    """Cover the pool once more when all of it is covered."""

    def requires(self) -> dict[str, Component]:
        """Return vectors and graph, and the score and selection if there are any."""
        graph = SimilarRows(vectors=self.vectors, threshold=self.threshold, search=self.search)
        needs: dict[str, Component] = {"vectors": self.vectors, "graph": graph}
        if self.quality is not None:
            needs["quality"] = self.quality
        return needs | ({"start": self.start} if self.start is not None else {})

    def work(self, rows: int, count: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of the edges of the graph, and of looking for each pick."""
        edges = alike * rows * (rows - 1)
        return _PER_EDGE * edges + _PER_LOOK * rows * count

    def select(
        self,
        allowance: Allowance,
        rng: np.random.Generator,
        *,
        vectors: Matrix,
        graph: Neighbors,
        quality: Scores | None = None,
        start: SelectionRecord | None = None,
    ) -> Selection:
        """Return the picks in order. Gains add up to the share of the pool that is covered."""
        return max_coverage(
            graph,
            allowance.candidates(start_rows(start, allowance)),
            weights=self._weights(quality, allowance),
            fill=self.fill,
        )

    def _weights(self, scores: Scores | None, allowance: Allowance) -> IndexArray | None:
        if scores is None or self.quality is None:
            return None
        values = np.where(allowance.eligible, scores.values, np.nan)
        shares = np.nan_to_num(rank_share(values, self.quality.sign))
        # Whole numbers, so that sums do not depend on their order; never 0 for an eligible row.
        return np.ceil(shares * _WEIGHT_UNITS).astype(np.int64)
