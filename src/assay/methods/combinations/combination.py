"""Several scores as one: mean of ranks, product, weighted sum."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import field_validator

from assay.components.base import NoPaper, Paper
from assay.components.component import AnyScorer, Scorer
from assay.components.guide import NO_REFERENCE, Comparison, Guide
from assay.components.rule import Rule
from assay.errors import ConfigError
from assay.samples import FloatArray, Scores
from assay.solvers.ranks import rank_share

_BY_HAND = Comparison(
    against="values worked out by hand",
    compared="rows of two scores, with weights and without",
    tolerance="1e-6 relative",
    test="tests/unit/methods/combinations/test_combination.py",
)


class Combination(Scorer):
    """Base: inputs oriented so that more is better; null where one is; all their rules bind."""

    rowwise: ClassVar[bool] = False

    of: tuple[AnyScorer, ...]
    """Scores that are combined."""
    weights: tuple[float, ...] = ()
    """Weight of each, in order; equal weights by default."""

    @field_validator("of")
    @classmethod
    def _several(cls, of: tuple[Scorer, ...]) -> tuple[Scorer, ...]:
        if not of:
            raise ValueError("needs at least one score")
        return of

    def ruled(self) -> Sequence[tuple[Scorer, Rule]]:
        """Return the rules of all inputs."""
        return [pair for scorer in self.of for pair in scorer.ruled()]

    def share(self) -> FloatArray:
        """Return the weights divided by their sum. Shape (inputs,)."""
        weights = np.array(self.weights or [1.0] * len(self.of))
        if len(weights) != len(self.of) or weights.sum() <= 0 or (weights < 0).any():
            raise ConfigError(
                f"{self.name}: {len(self.of)} scores and weights {self.weights}",
                hint="give one weight per score, none negative, not all zero",
            )
        return weights / weights.sum()


class RankMean(Combination):
    """Weighted mean of the scores' ranks, as shares in (0, 1]: immune to scale and outliers."""

    name = "rank_mean"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="common practice (Borda count)")
    guide: ClassVar[Guide | None] = Guide(
        formula="score = sum_i w_i r_i(x) / sum_i w_i,  r_i: rank of x by score i, as a share",
        choose="To join scores of different scales; the safe choice.",
        avoid="Where how much better counts: ranks forget distances.",
        compared=(
            Comparison(
                against="average ranks by polars",
                compared="ranks as shares, of 200 values with ties and gaps",
                tolerance="1e-6 relative",
                test="tests/parity/test_selectors.py",
            ),
            _BY_HAND,
        ),
        differences=NO_REFERENCE,
    )

    def score(self, *, of: list[Scores]) -> FloatArray:
        """Return the mean rank share. Shape (n,), in (0, 1]."""
        ranks = [rank_share(s.values, by.sign) for s, by in zip(of, self.of, strict=True)]
        return np.einsum("i,in->n", self.share(), np.array(ranks))


class WeightedSum(Combination):
    """Weighted sum of the scores, each scaled to [0, 1] from its smallest to its largest."""

    name = "weighted_sum"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="common practice")
    guide: ClassVar[Guide | None] = Guide(
        formula="score = sum_i w_i (x_i - min_i) / (max_i - min_i) / sum_i w_i",
        choose="To join scores whose distances mean something and that have no outliers.",
        avoid="With a single extreme value in one of them: all other rows then lie together at one "
        "end. `rank_mean` does not mind.",
        compared=(_BY_HAND,),
        differences=NO_REFERENCE,
    )

    def score(self, *, of: list[Scores]) -> FloatArray:
        """Return the weighted sum. Shape (n,), in [0, 1]."""
        scaled = [
            _unit_range(by.sign * scores.values) for scores, by in zip(of, self.of, strict=True)
        ]
        return np.einsum("i,in->n", self.share(), np.array(scaled))


class Product(Combination):
    """Product of the scores, each to the power of its weight share times their number.

    Scores that prefer low values enter as their reciprocal; a negative score, or a zero that
    would be divided by, has no product.
    """

    name = "product"
    rowwise: ClassVar[bool] = True
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="common practice")
    guide: ClassVar[Guide | None] = Guide(
        formula="score = prod_i x_i ^ (m w_i / sum_j w_j),  m: number of scores",
        choose="Where a row must be good by every score, such as complexity times quality.",
        avoid="With scores that may be negative: such rows have no number.",
        compared=(_BY_HAND,),
        differences=NO_REFERENCE,
    )

    def score(self, *, of: list[Scores]) -> FloatArray:
        """Return the product. Shape (n,), not negative; NaN where a factor is negative."""
        result: FloatArray = np.ones(len(of[0].values))
        powers = self.share() * len(self.of)
        for scores, by, power in zip(of, self.of, powers, strict=True):
            values = np.where(scores.values >= 0, scores.values, np.nan)
            if by.prefer == "low":
                values = np.divide(1.0, values, out=np.full(len(values), np.nan), where=values > 0)
            result = result * values**power
        return result


def _unit_range(values: FloatArray) -> FloatArray:
    """Return values scaled linearly to [0, 1]; all 0.5 where they do not differ."""
    if np.isnan(values).all():
        return values
    low, high = np.nanmin(values), np.nanmax(values)
    if low == high:
        return np.where(np.isnan(values), np.nan, 0.5)
    return (values - low) / (high - low)
