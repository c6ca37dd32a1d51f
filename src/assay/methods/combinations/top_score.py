"""The rows that a score prefers most."""

from typing import ClassVar

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.by_score import ByScore
from assay.components.guide import NO_REFERENCE, Comparison, Guide
from assay.samples import Scores, Selection
from assay.solvers.ranks import best_first

_COMMON = NoPaper(reason="common practice")


class TopScore(ByScore):
    """The rows that a score prefers most, within the score's own rule.

    Without a budget it takes all rows that the rule admits, if there is one.
    """

    name = "top_score"
    cuts_by_score: ClassVar[bool] = True
    paper: ClassVar[Paper | NoPaper] = _COMMON
    guide: ClassVar[Guide | None] = Guide(
        formula="choose rows by descending score (ascending where low is better), ties by id",
        choose="To take the best rows of one score; naming a score where a selection is wanted "
        "means this.",
        avoid="With a score that favours one kind of row: you get that kind only. "
        "`facility_location` and `deita_filter` spread the choice.",
        compared=(
            Comparison(
                against="a frame sorted by polars",
                compared="the best four of ten rows, high and low",
                tolerance="exact",
                test="tests/parity/test_selectors.py",
            ),
        ),
        differences=NO_REFERENCE,
    )

    def is_bounded(self) -> bool:
        """Return whether a rule says how many rows are chosen."""
        return bool(self.ruled())

    def select(self, allowance: Allowance, rng: np.random.Generator, *, by: Scores) -> Selection:
        """Return the best rows. Gains are the scores themselves."""
        chosen, stop = allowance.take(best_first(by, self.by.sign))
        return Selection(chosen, by.values[chosen], nested=True, stop=stop, gain_unit="score")
