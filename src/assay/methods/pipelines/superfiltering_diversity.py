"""Superfiltering with diversity: of the best rows, those that stand for all of the best."""

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import AnyFeature, AnyScorer, Scorer, Selector
from assay.components.guide import Comparison, Guide
from assay.components.rule import Rule
from assay.features.embeddings import Embeddings
from assay.features.neighbors import search_work, vector_width
from assay.methods.likelihood.superfiltering import Superfiltering
from assay.runtime import Runtime
from assay.samples import IndexArray, Reason, Scores, Selection
from assay.solvers.facility_euclidean import (
    DENSE_ROWS,
    NEIGHBORS,
    facility_location_euclidean,
)
from assay.solvers.facility_sparse import sparse_work
from assay.solvers.ranks import best_first
from assay.solvers.vector_search import DEFAULT_EFFORT, EXACT_ROWS
from assay.values import Matrix

_LEAST_TIMES_BUDGET = 4
# An exponential, a root, and several looks at the pair, in terms of a matrix product.
_OPERATIONS_PER_PAIR = 10_000.0


class SuperfilteringDiversity(Selector):
    """Rows of high quality that stand for all rows of high quality, by facility location.

    First the best rows by `quality` are set apart: a fifth of those that may be chosen and that the
    score's rule admits, but at least four times the budget. Of these the budget is chosen
    greedily, so that the sum over all that were set apart of exp(-distance / d) to the nearest
    chosen one grows most; d is the width of the vectors. Other rows are neither chosen nor
    covered, and quality decides who is set apart and nothing else.

    Above 16,384 rows set apart, a row's 64 nearest neighbours alone count by their distance, and
    all others as if they lay at the greatest distance possible; above 200,000 these neighbours are
    looked for approximately. A budget above a twentieth of the
    rows sets more apart than a smaller one would; the selection is then not nested.
    """

    name = "superfiltering_diversity"
    version: ClassVar[int] = 2
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Superfiltering: Weak-to-Strong Data Filtering for Fast Instruction-Tuning",
        authors="Li et al.",
        year=2024,
        arxiv="2402.00530",
        code="https://github.com/tianyi-lab/Superfiltering",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="apart = best rows by quality: a fifth, at least 4 times the budget\n"
        "take x with the largest sum over v in apart of\n"
        "  max over s in S + x of exp(-|v - s| / width)",
        choose="To spend a budget on rows of high quality that are not all alike, as the authors "
        "of Superfiltering do.",
        avoid="Where quality should be weighed and not only be a threshold: `facility_location` "
        "with `quality` does that.",
        compared=(
            Comparison(
                against="submodlib-py 0.0.3",
                compared="order of 60 picks among 400 rows, its Euclidean kernel",
                tolerance="exact; gains 1e-4",
                test="tests/parity/test_facility_location_libraries.py",
            ),
            Comparison(
                against="the authors' code",
                compared="20 picks among 200 rows with copies, and 30 among 180 without",
                tolerance="the sum within 1e-6; order exact up to the first tie",
                test="tests/parity/test_published_code.py",
            ),
        ),
        differences={
            "budget": "Who is set apart grows with the budget, and the fifth is one of the rows "
            "that may be chosen and pass the score's rule; the published recipe sets "
            "apart 10,400 rows, a fifth of its whole pool.",
            "encoder": "The embedded one unless other vectors are named; the published code takes "
            "all-MiniLM-L6-v2.",
            "model": "The quality is `superfiltering` by `assay:lm` unless another is named; the "
            "published code takes GPT-2.",
            "rounding": "Distances and sums do not round, where the published code adds float32 "
            "values that differ by half a percent at most; ties go to the lowest id.",
            "copies": "They end the selection. `mode=reference` sets apart `prefilter_count` rows, "
            "or without it all with a quality strictly between 0.9 and 1, and goes on "
            "with copies.",
        },
    )

    quality: AnyScorer = Superfiltering()
    """Score by which rows are set apart."""
    vectors: AnyFeature = Embeddings(part="conversation")
    """Vectors whose distance at unit length counts."""
    prefilter_share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Rows set apart, as a share of those that may be chosen; at least four times the budget."""
    prefilter_count: Annotated[int, Field(ge=1)] | None = None
    """Rows set apart, as a number: then neither share nor budget matters."""
    mode: Literal["canonical", "reference"] = "canonical"
    """Set a share apart; or as the published code does, by number or within (0.9, 1)."""
    fill: bool = False
    """Go on with copies of chosen rows when nothing else is left."""

    def ruled(self) -> list[tuple[Scorer, Rule]]:
        """Return the score's rules, and the reference's bounds where they hold."""
        rules = list(super().ruled())
        if self.mode == "reference" and self.prefilter_count is None:
            rules.append((self.quality, Rule(above=0.9, below=1.0)))
        return rules

    def operations(self, rows: int, count: int, runtime: Runtime) -> float:
        """Return the work on all pairs of the rows set apart, or on the pairs searched."""
        apart = self._expected(rows, count)
        width = vector_width(self.vectors, runtime)
        if apart <= DENSE_ROWS:
            return apart * apart * (4.0 * width + _OPERATIONS_PER_PAIR)
        return 2.0 * apart * (apart if apart <= EXACT_ROWS else DEFAULT_EFFORT) * width

    def work(self, rows: int, count: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of all pairs, or of the search and of the graph that it finds."""
        apart = self._expected(rows, count)
        width = vector_width(self.vectors, runtime)
        if apart <= DENSE_ROWS:
            return self.operations(rows, count, runtime)
        return search_work(apart, width) + sparse_work(apart, NEIGHBORS, 0)

    def _expected(self, rows: int, count: int) -> int:
        """Return about how many rows are set apart."""
        apart = rows
        if self.prefilter_count is not None:
            apart = min(rows, self.prefilter_count)
        elif self.mode == "canonical":
            apart = min(rows, max(self._share_of(rows), _LEAST_TIMES_BUDGET * count))
        return apart

    def select(
        self, allowance: Allowance, rng: np.random.Generator, *, quality: Scores, vectors: Matrix
    ) -> Selection:
        """Return the picks in order. Gains are what each added to the sum of similarities."""
        ranking = best_first(quality, self.quality.sign)
        ranking = ranking[allowance.eligible[ranking]]
        size, of_smaller_budgets = self._apart(allowance, ranking)
        rows = np.sort(ranking[:size])
        found = facility_location_euclidean(
            vectors.array[rows],
            allowance.candidates().among(rows),
            fill=self.fill or self.mode == "reference",
        )
        return replace(
            found,
            indices=rows[found.indices],
            nested=found.nested and of_smaller_budgets,
            rejected={Reason.BELOW_RULE: np.sort(ranking[size:])},
        )

    def _apart(self, allowance: Allowance, ranking: IndexArray) -> tuple[int, bool]:
        """Return how many rows to set apart, and if every smaller budget sets apart as many."""
        if self.prefilter_count is not None:
            return min(self.prefilter_count, len(ranking)), True
        if self.mode == "reference":
            return len(ranking), True
        least = min(self._share_of(len(ranking)), len(ranking))
        size = max(least, _least_apart(allowance, ranking))
        return size, size == least

    def _share_of(self, rows: int) -> int:
        return max(1, int(np.floor(self.prefilter_share * rows + 1e-9)))


def _least_apart(allowance: Allowance, ranking: IndexArray) -> int:
    """Return how many rows of a ranking make four times the budget, in rows or in tokens."""
    if allowance.limit is not None and allowance.costs is not None:
        total = np.cumsum(allowance.costs[ranking])
        below = int(np.searchsorted(total, _LEAST_TIMES_BUDGET * allowance.limit, side="left"))
        return min(below + 1, len(ranking))
    if allowance.count is None:
        return len(ranking)
    return min(_LEAST_TIMES_BUDGET * allowance.count, len(ranking))
