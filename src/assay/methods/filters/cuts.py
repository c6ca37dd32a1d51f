"""Selection by a score: the best rows, all above a threshold, a band of quantiles."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.by_score import ByScore
from assay.components.component import AnyScorer, Scorer
from assay.components.guide import NO_REFERENCE, Absent, Comparison, Guide
from assay.components.rule import Rule
from assay.samples import Scores, Selection
from assay.solvers.ranks import best_first

_COMMON = NoPaper(reason="common practice")


class _Cut(ByScore):
    """All rows that pass a rule, best first, up to the budget if there is one."""

    needs_budget: ClassVar[bool] = False

    by: AnyScorer
    """Score that is compared."""

    def cut(self) -> Rule:
        """Return the rule that rows must pass."""
        raise TypeError(f"{type(self).__name__} has no cut()")

    def ruled(self) -> list[tuple[Scorer, Rule]]:
        """Return this selector's own rule beside those of the score."""
        return [*super().ruled(), (self.by, self.cut())]

    def select(self, allowance: Allowance, rng: np.random.Generator, *, by: Scores) -> Selection:
        """Return the rows that pass. Gains are the scores themselves."""
        chosen, stop = allowance.take(best_first(by, self.by.sign))
        return Selection(chosen, by.values[chosen], nested=True, stop=stop, gain_unit="score")


class Threshold(_Cut):
    """All rows whose score lies between two values, both included."""

    name = "threshold"
    lets_through: ClassVar[bool] = True
    paper: ClassVar[Paper | NoPaper] = _COMMON
    guide: ClassVar[Guide | None] = Guide(
        formula="choose the rows with low <= score <= high, best first",
        choose="Where a score has a scale of its own, such as grades from 1 to 5.",
        avoid="Where only the order of a score means something: `band` and `top_score` go by rank.",
        compared=Absent(reason="a comparison with two numbers needs no reference"),
        differences=NO_REFERENCE,
    )

    low: float | None = None
    """Smallest score that passes."""
    high: float | None = None
    """Largest score that passes."""

    def cut(self) -> Rule:
        """Return the rule that rows must pass."""
        return Rule(at_least=self.low, at_most=self.high, column=self.column)


class Band(_Cut):
    """All rows between two quantiles of a score, such as the middle third.

    Quantiles are by rank over the rows that have a score; equal scores at a border are divided by
    id, so that neighbouring bands never share a row and never lose one.
    """

    name = "band"
    paper: ClassVar[Paper | NoPaper] = _COMMON
    guide: ClassVar[Guide | None] = Guide(
        formula="choose the ranks floor(low n) to floor(high n) of n scores, best first",
        choose="To leave out both ends of a score that is best in the middle.",
        avoid="Where a score has a scale of its own: `threshold` goes by values.",
        compared=(
            Comparison(
                against="a slice of the sorted values",
                compared="three bands of ten rows",
                tolerance="exact",
                test="tests/parity/test_selectors.py",
            ),
        ),
        differences=NO_REFERENCE,
    )

    low: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Lower quantile."""
    high: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Upper quantile."""

    def cut(self) -> Rule:
        """Return the rule that rows must pass."""
        return Rule(low_quantile=self.low, high_quantile=self.high, column=self.column)
