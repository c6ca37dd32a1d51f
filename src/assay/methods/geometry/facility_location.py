"""Facility location, alone or with quality: rows that stand for all others (QDIT)."""

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.components.base import Component, NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import AnyFeature, AnyScorer, AnySelector, Selector
from assay.components.example_rows import MOON, MOON_REWORDED, SOUP
from assay.components.guide import Comparison, Example, Guide
from assay.errors import ConfigError
from assay.features.embeddings import Embeddings
from assay.features.neighbors import NearestNeighbors, vector_width
from assay.methods.geometry.starting import start_rows
from assay.outcomes import SelectionRecord
from assay.runtime import Runtime
from assay.samples import FloatArray, Scores, Selection
from assay.solvers.facility_dense import facility_location_dense
from assay.solvers.facility_sparse import facility_location_sparse, sparse_work
from assay.solvers.greedy import FacilityLocationOptions
from assay.solvers.nearest import Neighbors
from assay.solvers.ranks import rank_share
from assay.values import Matrix


class FacilityLocation(Selector):
    """Rows to which all others are similar, weighed against their quality.

    Greedily maximises (1 - trade_off) d(S) / scale + trade_off q(S), where d(S) sums every row's
    similarity to the nearest chosen one and q(S) sums the ranks of a score, as shares in (0, 1].
    Without `quality` it is coverage alone.

    With ``coverage=dense``, a budget in rows and no `start`, the sum is at least 1 - 1/e of the
    best possible. Sparse coverage has no such bound: its first picks are candidates judged by a
    sample of the rows, and later rows that are no neighbours count for nothing. Nor has a budget in
    tokens: the greedy does not look at what a row costs, so that one long row can use up what many
    short ones would have added more with. Above 200,000 rows neighbours are looked for
    approximately.
    """

    name = "facility_location"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Data Diversity Matters for Robust Instruction Tuning",
        authors="Bukharin et al.",
        year=2024,
        arxiv="2311.14736",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="take x with the largest (1 - t) [d(S + x) - d(S)] / c + t q(x)\n"
        "d(S) = sum over rows v of max over s in S of max(0, cos(v, s))\n"
        "q: rank share of the quality; t: trade_off; c: rows per pick\n"
        "without quality t = 0 and c = 1",
        choose="To represent the whole pool with few rows, weighed against how good each is; with "
        "`substance` as quality it is the default.",
        avoid="Where rare rows matter most (`k_center`), or where the best rows must come in order "
        "of their score (`deita_filter`).",
        compared=(
            Comparison(
                against="submodlib-py 0.0.3 and apricot-select 0.6.1",
                compared="`coverage=dense`: order of 60 picks among 400 rows, naive and lazy",
                tolerance="exact; gains 2.5e-4",
                test="tests/parity/test_facility_location_libraries.py",
            ),
            Comparison(
                against="submodlib-py 0.0.3",
                compared="`coverage=dense`: order of 20 picks among 200 rows with near copies",
                tolerance="exact; gains 1e-4",
                test="tests/parity/test_published_code.py",
            ),
            Comparison(
                against="all subsets",
                compared="the sum with and without quality, ten rows and three picks",
                tolerance="at least 95 % of the best",
                test="tests/parity/test_selectors.py",
            ),
        ),
        differences={
            "quality": "It enters by rank, so that no score's scale decides.",
            "balance": "Coverage is divided by rows per pick, so that both terms of the sum lie in "
            "[0, budget]; `balance=none` leaves them as they are.",
            "missing quality": "A row without it cannot be chosen.",
            "coverage": "It looks at each row's nearest neighbours only, after an opening that a "
            "sample decides, unless `coverage=dense`.",
            "encoder": "The embedded one, of prompts, unless other vectors are named; negative "
            "similarities count as 0.",
        },
        example=Example(
            rows=(MOON, MOON_REWORDED, SOUP),
            parameters={"budget": 2},
            shows={"cos": "vectors.cosine"},
            reading="The first pick gains the sum of its row of cosines, negative ones as none: it "
            "stands for itself and for its neighbour. The second gains what it adds: the "
            "row that nothing stood for yet, rather than a second one of the same kind.",
        ),
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
        candidates = allowance.candidates(start_rows(start, allowance))
        options = FacilityLocationOptions(
            quality=ranks,
            trade_off=self.trade_off if ranks is not None else 0.0,
            balance=self._scale(allowance),
            fill=self.fill,
        )
        result = (
            facility_location_dense(vectors.array, candidates, options=options)
            if graph is None
            else facility_location_sparse(graph, candidates, vectors=vectors.array, options=options)
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
