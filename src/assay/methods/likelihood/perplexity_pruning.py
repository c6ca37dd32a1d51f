"""Perplexity pruning: the rows of low, middling or high perplexity."""

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import AnyScorer, Scorer, Selector
from assay.components.guide import Absent, Guide
from assay.components.rule import Rule
from assay.errors import ConfigError, Parameter, Phrase
from assay.methods.likelihood.perplexity import Perplexity
from assay.samples import FloatArray, IndexArray, Scores, Selection


class PerplexityPruning(Selector):
    """The lowest, the middle or the highest rows by perplexity: a share of them, or a budget.

    Of the rows that have a score, a share r keeps the quantiles [0, r), [(1 - r) / 2,
    (1 + r) / 2) or [1 - r, 1), by rank and equal values by id: three shares of a third never
    share a row and never lose one. A budget takes rows from the lowest up, from the highest down,
    or from the middle outwards, so that it is a band of its own size; with a share besides, it
    takes them from that band. A budget in tokens passes over rows that no longer fit, so that its
    band has gaps. Low and high mean the numbers, whichever the score prefers.

    There is no band by default, as the best one depends on the data: Marion et al. found the
    middle best, Ankner et al. (arXiv 2405.20541) for one corpus the highest and for another the
    middle, and on instruction data the highest did worse than random rows (Superfiltering).
    """

    name = "perplexity_pruning"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="When Less is More: Investigating Data Pruning for Pretraining LLMs at Scale",
        authors="Marion et al.",
        year=2023,
        arxiv="2309.04564",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="keep the ranks [0, r), [(1 - r)/2, (1 + r)/2) or [1 - r, 1) of n\n"
        "r: the share, or budget / rows with a score",
        choose="To try whether the easy, the middling or the surprising part of a pool teaches "
        "most; compare all three with `random`.",
        avoid="Without such a comparison: which band is best depends on the data.",
        compared=Absent(
            reason="cutting a sorted list needs no reference; that three thirds share "
            "no row and lose none is tested"
        ),
        differences={
            "text": "The perplexity is one of the answer given its prompt unless the score says "
            "otherwise, where the papers read whole documents.",
            "model": "`assay:lm` unless the score names another.",
            "budget": "It may take the place of the share, and equal values are divided by id.",
        },
    )

    by: AnyScorer = Perplexity()
    """Perplexity, or another score that is kept by band."""
    keep: Literal["low", "mid", "high"]
    """Which rows to keep; there is no default."""
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of the rows with a score to keep; without it, a budget is needed."""

    @property
    def needs_budget(self) -> bool:  # type: ignore[override]  # whether it does depends on `share`
        """True without a share: one of the two must say how many rows are meant."""
        return self.share is None

    def ruled(self) -> list[tuple[Scorer, Rule]]:
        """Return the score's own rules, and the band if a share is given."""
        rules = list(super().ruled())
        if self.share is None:
            return rules
        low = {"low": 0.0, "mid": 0.5 - self.share / 2, "high": 1.0 - self.share}[self.keep]
        # Where a band ends the next must begin: 1 - 1/3 and 1/2 + 1/6 are one number only because
        # the rule forgives the last digits.
        high = {"low": self.share, "mid": 0.5 + self.share / 2, "high": 1.0}[self.keep]
        return [*rules, (self.by, Rule(low_quantile=max(low, 0.0), high_quantile=min(high, 1.0)))]

    def select(self, allowance: Allowance, rng: np.random.Generator, *, by: Scores) -> Selection:
        """Return the rows of the band, its middle first. Gains are the scores themselves.

        Raises:
            ConfigError: if there is neither a share nor a budget.
        """
        if self.share is None and allowance.count is None and allowance.limit is None:
            raise ConfigError(
                f"{self.name} needs a share or a budget",
                hint=Phrase("{}, or {}", Parameter("share", "0.5"), Parameter("budget", "50%")),
            )
        eligible = np.flatnonzero(allowance.eligible)
        chosen, stop = allowance.take(eligible[_heart_first(by.values[eligible], self.keep)])
        return Selection(chosen, by.values[chosen], nested=True, stop=stop, gain_unit="score")


def _heart_first(values: FloatArray, keep: Literal["low", "mid", "high"]) -> IndexArray:
    """Return positions so that the first k are the band of k rows, for every k.

    Of an even number of rows the lower of the two in the middle comes first: that is the band of
    one row when its ends are rounded down, as `Rule` rounds them.
    """
    ascending = np.argsort(values, kind="stable")
    if keep == "low":
        return ascending
    if keep == "high":
        # Equal values keep their order among themselves: of those at the border the band takes
        # the last, so that it meets the band below without a gap.
        return ascending[::-1]
    twice_from_middle = np.abs(2 * np.arange(len(values)) - (len(values) - 1))
    return ascending[np.argsort(twice_from_middle, kind="stable")]
