"""What another draw of questions, seeds and random subsets would have given.

Every model answers the same questions, so losses form a table of units (training seeds, or draws of
a random subset) by questions, and both are samples: of models that could have been tuned, and of
questions that could have been asked. Two arms share the questions and are compared on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from assay.samples import FloatArray

RESAMPLES = 10_000
# Multiples of this add up exactly in float64, in any order: no result depends on threads.
_GRID = 2.0**-24
_BLOCK_CELLS = 4_000_000

Noise = Literal["questions and seeds", "question noise only"]


@dataclass(frozen=True)
class Estimate:
    """A mean or a difference of means, in nats, with what is known about its error.

    Attributes:
        value: the estimate.
        low: lower end of the interval.
        high: upper end of the interval.
        standard_error: clustered over units and questions.
        p: two-sided, of a true value of 0; not below 2 / (resamples + 1).
        freedom: effective degrees of freedom of the standard error.
        noise: what the interval covers: with one seed of an arm, it cannot cover its seeds.
    """

    value: float
    low: float
    high: float
    standard_error: float
    p: float
    freedom: float
    noise: Noise


class Side(NamedTuple):
    """An arm at a budget, as one side of an estimate.

    Attributes:
        units: shape (u, q), losses of each unit on each question, finite.
        resampled: shape (b, u), means of each unit over resampled questions.
    """

    units: FloatArray
    resampled: FloatArray


class _Spread(NamedTuple):
    """Variances of a side's mean: of its units, with what questions add to them, and without."""

    units: float
    residual: float

    @property
    def own(self) -> float:
        return max(0.0, self.units - self.residual)


def on_grid(losses: FloatArray) -> FloatArray:
    """Return losses rounded to a grid of 6e-8 nats, on which their sums are exact."""
    return np.round(losses / _GRID) * _GRID


def question_resamples(
    units: FloatArray, *, resamples: int, generator: np.random.Generator
) -> FloatArray:
    """Return the mean of every unit over questions drawn with replacement.

    All units see the same draws. Exact for losses of `on_grid`, therefore independent of the order
    of units and of how the product is computed.

    Args:
        units: shape (k, q), finite.
        resamples: how many draws, b.
        generator: decides on the draws; they depend on q alone.

    Returns:
        Shape (b, k).
    """
    questions = units.shape[1]
    block = max(1, _BLOCK_CELLS // questions)
    means = np.empty((resamples, len(units)))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = generator.integers(questions, size=(size, questions))
        drawn += np.arange(size)[:, None] * questions
        counts = np.bincount(drawn.ravel(), minlength=size * questions)
        weights = counts.reshape(size, questions).astype(np.float64)
        means[start : start + size] = weights @ units.T / questions
    return means


def mean(side: Side, *, generator: np.random.Generator, level: float = 0.05) -> Estimate:
    """Return a side's mean loss, with its two-level bootstrap interval."""
    return _estimate([(1.0, side)], generator, level)


def difference(
    side: Side, other: Side, *, generator: np.random.Generator, level: float = 0.05
) -> Estimate:
    """Return the mean loss of `side` minus that of `other`, paired by question.

    Questions are resampled once for both sides, units for each side on their own. The spread of
    units is scaled to the unbiased estimate of what seeds add beyond questions, since resampling
    both ways would count the residual twice; replicates are then stretched as Student's t is
    against the normal, for three seeds do not show their own spread well.

    Source:
        Paired by question: Miller 2024, arXiv 2411.00640. Clustered both ways: Cameron, Gelbach &
        Miller 2011. Resampling rows and columns: Owen 2007. Rescaling for few
        units: Rao & Wu 1988. Degrees of freedom: Satterthwaite 1946.
    """
    return _estimate([(1.0, side), (-1.0, other)], generator, level)


def _estimate(
    sides: Sequence[tuple[float, Side]], generator: np.random.Generator, level: float
) -> Estimate:
    per_question = np.sum([sign * side.units.mean(axis=0) for sign, side in sides], axis=0)
    value, questions = float(per_question.mean()), len(per_question)
    if questions < 2:
        raise ValueError("an interval needs at least two questions")
    of_questions = float(per_question.var(ddof=1)) / questions
    spreads = [_spread(side.units) for _, side in sides]
    variance = of_questions + sum(spread.own for spread in spreads)
    freedom = _freedom(of_questions, variance, spreads, sides)

    resampled = np.sum([sign * side.resampled.mean(axis=1) for sign, side in sides], axis=0)
    deviations = (resampled - value) * np.sqrt(questions / (questions - 1))
    for (sign, side), spread in zip(sides, spreads, strict=True):
        deviations += sign * _unit_deviations(side.units, spread, len(resampled), generator)
    deviations *= np.sqrt(freedom / generator.chisquare(freedom, len(deviations)))
    low, high = np.quantile(value + deviations, [level / 2, 1 - level / 2])
    return Estimate(
        value,
        float(low),
        float(high),
        float(np.sqrt(variance)),
        _p_value(value + deviations),
        freedom,
        _noise(sides),
    )


def _spread(units: FloatArray) -> _Spread:
    count, questions = units.shape
    if count < 2:
        return _Spread(0.0, 0.0)
    means = units.mean(axis=1)
    residual = units - means[:, None] - units.mean(axis=0) + means.mean()
    of_residual = float((residual**2).sum()) / ((count - 1) * (questions - 1))
    return _Spread(float(means.var(ddof=1)) / count, of_residual / (count * questions))


def _freedom(
    of_questions: float,
    variance: float,
    spreads: Sequence[_Spread],
    sides: Sequence[tuple[float, Side]],
) -> float:
    questions = sides[0][1].units.shape[1]
    error = of_questions**2 / (questions - 1)
    for spread, (_, side) in zip(spreads, sides, strict=True):
        if spread.own > 0:
            units = len(side.units)
            error += spread.units**2 / (units - 1)
            error += spread.residual**2 / ((units - 1) * (questions - 1))
    return variance**2 / error if error > 0 else float(questions - 1)


def _unit_deviations(
    units: FloatArray, spread: _Spread, resamples: int, generator: np.random.Generator
) -> FloatArray:
    count = len(units)
    if count < 2 or spread.own == 0:
        return np.zeros(resamples)
    means = units.mean(axis=1)
    weights = generator.multinomial(count, np.full(count, 1 / count), resamples) - 1
    deviations = (weights * (means - means.mean())).sum(axis=1) / count
    return deviations * np.sqrt(spread.own / spread.units * count / (count - 1))


def _p_value(replicates: FloatArray) -> float:
    tail = min(int((replicates <= 0).sum()), int((replicates >= 0).sum()))
    return min(1.0, 2 * (tail + 1) / (len(replicates) + 1))


def _noise(sides: Sequence[tuple[float, Side]]) -> Noise:
    one = any(len(side.units) < 2 for _, side in sides)
    return "question noise only" if one else "questions and seeds"
