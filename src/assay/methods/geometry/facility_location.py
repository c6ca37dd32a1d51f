"""Facility location, alone or with quality: rows that stand for all others (QDIT)."""

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.components.budget import Allowance
from assay.components.component import (
    AnyFeature,
    AnyScorer,
    AnySelector,
    Component,
    NoPaper,
    Paper,
    Selector,
)
from assay.errors import ConfigError
from assay.features.embeddings import Embeddings
from assay.features.neighbors import NearestNeighbors, vector_width
from assay.methods.geometry.starting import start_rows
from assay.runtime import Runtime
from assay.samples import FloatArray, Scores, Selection
from assay.solvers.facility_dense import facility_location_dense
from assay.solvers.facility_sparse import facility_location_sparse, sparse_work
from assay.solvers.greedy import FacilityLocationOptions
from assay.solvers.nearest import Neighbors
from assay.solvers.ranks import rank_share
from assay.values import Matrix, SelectionRecord


class FacilityLocation(Selector):
    """Rows to which all others are similar, weighed against their quality.

    Greedily maximises (1 - trade_off) d(S) / scale + trade_off q(S), where d(S) sums every row's
    similarity to the nearest chosen one and q(S) sums the ranks of a score, as shares in (0, 1].
    Without `quality` it is coverage alone, and at least 1 - 1/e of the best possible.

    Differs from the reference: quality enters by rank, so that no score's scale decides; coverage
    is divided by rows per pick, so that both terms of the sum lie in [0, budget] (``balance=none``
    is the paper's plain sum); a row without quality cannot be chosen; coverage looks at each
    row's nearest neighbours only, unless ``coverage=dense``.
    """

    name: ClassVar[str] = "facility_location"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Data Diversity Matters for Robust Instruction Tuning",
        authors="Bukharin et al.",
        year=2024,
        arxiv="2311.14736",
    )

    vectors: AnyFeature = Embeddings(part="prompt")
    """Vectors whose cosine is the similarity; negative ones count as 0."""
    quality: AnyScorer | None = None
    """Score of a row's own worth."""
    trade_off: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of quality in the sum: 0 is coverage alone, 1 the best rows alone."""
    balance: Literal["budget", "first_gain", "none"] = "budget"
    """What coverage is divided by: rows per pick, the gain of the first pick, or nothing."""
    coverage: Literal["sparse", "dense"] = "sparse"
    """Look at each row's nearest neighbours, or at all pairs."""
    neighbors: Annotated[int, Field(ge=1)] = 64
    """Neighbours per row, where coverage is sparse."""
    start: AnySelector | None = None
    """Rows already chosen; they come first and count towards the budget."""
    fill: bool = False
    """Go on, by quality, when nothing left adds coverage."""

    def requires(self) -> dict[str, Component]:
        """Return vectors and graph, and the score and selection if there are any."""
        needs: dict[str, Component] = {"vectors": self.vectors}
        if self.coverage == "sparse":
            needs["graph"] = NearestNeighbors(vectors=self.vectors, count=self.neighbors)
        if self.quality is not None:
            needs["quality"] = self.quality
        return needs | ({"start": self.start} if self.start is not None else {})

    def operations(self, rows: int, count: int, runtime: Runtime) -> float:
        """Return the products of all pairs where coverage is dense; the graph's are its own."""
        if self.coverage == "sparse":
            return 0.0
        return 4.0 * rows * rows * vector_width(self.vectors, runtime)

    def work(self, rows: int, count: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of the products, or of the edges of the graph."""
        if self.coverage == "dense":
            return self.operations(rows, count, runtime)
        return sparse_work(rows, self.neighbors, vector_width(self.vectors, runtime))

    def select(
        self,
        allowance: Allowance,
        rng: np.random.Generator,
        *,
        vectors: Matrix,
        graph: Neighbors | None = None,
        quality: Scores | None = None,
        start: SelectionRecord | None = None,
    ) -> Selection:
        """Return the picks in order. Gains are what each added to the sum."""
        ranks = self._ranks(quality, allowance)
        options = FacilityLocationOptions(
            start=start_rows(start, allowance),
            allowed=allowance.eligible,
            quality=ranks,
            trade_off=self.trade_off if ranks is not None else 0.0,
            balance=self._scale(allowance),
            costs=allowance.costs,
            limit=allowance.limit,
            progress=allowance.progress,
            fill=self.fill,
        )
        result = (
            facility_location_dense(vectors.array, allowance.rows, options=options)
            if graph is None
            else facility_location_sparse(
                graph, allowance.rows, vectors=vectors.array, options=options
            )
        )
        # The scale depends on the budget, so a prefix is not the answer to a smaller one.
        scaled_by_budget = ranks is not None and self.balance == "budget"
        return replace(result.selection, nested=result.selection.nested and not scaled_by_budget)

    def _ranks(self, scores: Scores | None, allowance: Allowance) -> FloatArray | None:
        if scores is None or self.quality is None:
            return None
        values = np.where(allowance.eligible, scores.values, np.nan)
        return np.nan_to_num(rank_share(values, self.quality.sign))

    def _scale(self, allowance: Allowance) -> Literal["first_gain"] | float:
        if self.balance == "first_gain":
            return "first_gain"
        if self.balance == "none" or self.quality is None:
            return 1.0
        rows = int(np.count_nonzero(allowance.eligible))
        return max(rows, 1) / max(_picks(allowance), 1.0)


def _picks(allowance: Allowance) -> float:
    """Return how many picks the allowance is good for; with tokens, of mean length."""
    if allowance.limit is None or allowance.costs is None:
        return float(allowance.rows)
    costs = allowance.costs[allowance.eligible]
    if not len(costs):
        return 1.0
    if costs.mean() <= 0:
        raise ConfigError("a token budget needs rows with tokens")
    return min(allowance.limit / float(costs.mean()), float(len(costs)))
