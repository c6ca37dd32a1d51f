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
ENOUGH_SEEDS = 3
"""Seeds of an arm from which on its own runs tell how far they vary; fewer have those of random
rows beside them."""
# Multiples of this add up exactly in float64, in any order: no result depends on threads.
_GRID = 2.0**-24
_BLOCK_CELLS = 4_000_000

Noise = Literal["questions and seeds", "seeds as random rows", "question noise only"]


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
        noise: what the interval covers: with one seed of an arm, nothing of its own tells how far
            its seeds vary, and random rows stand in where they have runs enough.
    """

    value: float
    low: float
    high: float
    standard_error: float
    p: float
    freedom: float
    noise: Noise


class Seeds(NamedTuple):
    """How far the mean of a unit varies from unit to unit.

    Attributes:
        variance: of the mean of one unit, with what questions add to it.
        residual: what questions add to it.
        freedom: degrees of freedom of the variance.
        deviations: shape (k,), how far means of units lie from their arm's, stretched for the unit
            that each of these takes part in itself.
    """

    variance: float
    residual: float
    freedom: int
    deviations: FloatArray


class Side(NamedTuple):
    """An arm at a budget, as one side of an estimate.

    Attributes:
        units: shape (u, q), losses of each unit on each question, finite.
        resampled: shape (b, u), means of each unit over resampled questions.
        seeds: how far its units vary, where more than these tell it; None for what they tell.
    """

    units: FloatArray
    resampled: FloatArray
    seeds: Seeds | None = None


class _Spread(NamedTuple):
    """Variances of a side's mean: of its units, with what questions add to them, and without."""

    units: float
    residual: float
    freedom: int

    @property
    def own(self) -> float:
        return max(0.0, self.units - self.residual)


def seeds_of(arms: Sequence[FloatArray]) -> Seeds | None:
    """Return how far units vary within arms, all arms taken to vary alike.

    Two seeds hardly show how far seeds vary; together with more runs of another arm they do.

    Args:
        arms: units of each, shape (u, q); those with one unit tell nothing.

    Returns:
        None if no arm has two units.
    """
    several = [units for units in arms if len(units) > 1]
    freedom = sum(len(units) - 1 for units in several)
    if not freedom:
        return None
    variance = residual = 0.0
    deviations = []
    for units in several:
        count, questions = units.shape
        means = units.mean(axis=1)
        apart = means - means.mean()
        left = units - means[:, None] - units.mean(axis=0) + means.mean()
        variance += float((apart**2).sum())
        residual += float((left**2).sum()) / ((questions - 1) * questions)
        deviations.append(apart * np.sqrt(count / (count - 1)))
    return Seeds(variance / freedom, residual / freedom, freedom, np.concatenate(deviations))


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
    against the normal, for few seeds do not show their own spread well.

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
    seeds = [side.seeds or seeds_of([side.units]) for _, side in sides]
    spreads = [_spread(len(side.units), own) for (_, side), own in zip(sides, seeds, strict=True)]
    variance = of_questions + sum(spread.own for spread in spreads)
    freedom = _freedom(of_questions, variance, spreads, seeds, questions)

    resampled = np.sum([sign * side.resampled.mean(axis=1) for sign, side in sides], axis=0)
    deviations = (resampled - value) * np.sqrt(questions / (questions - 1))
    for (sign, side), spread, own in zip(sides, spreads, seeds, strict=True):
        if own is not None and spread.own > 0:
            drawn = _unit_deviations(own, len(side.units), len(resampled), generator)
            deviations += sign * drawn * np.sqrt(spread.own / spread.units)
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


def _spread(count: int, seeds: Seeds | None) -> _Spread:
    if seeds is None:
        return _Spread(0.0, 0.0, 0)
    return _Spread(seeds.variance / count, seeds.residual / count, seeds.freedom)


def _freedom(
    of_questions: float,
    variance: float,
    spreads: Sequence[_Spread],
    seeds: Sequence[Seeds | None],
    questions: int,
) -> float:
    """Return the degrees of freedom of a variance; no fewer than the part of it that has fewest."""
    error, fewest = of_questions**2 / (questions - 1), float(questions - 1)
    # Sides that go by one estimate of how far seeds vary err together.
    shared: dict[int, list[_Spread]] = {}
    for spread, own in zip(spreads, seeds, strict=True):
        if spread.own > 0:
            shared.setdefault(id(own), []).append(spread)
    for group in shared.values():
        freedom = group[0].freedom
        error += sum(spread.units for spread in group) ** 2 / freedom
        error += sum(spread.residual for spread in group) ** 2 / (freedom * (questions - 1))
        fewest = min(fewest, float(freedom))
    return max(variance**2 / error, fewest) if error > 0 else float(questions - 1)


def _unit_deviations(
    seeds: Seeds, count: int, resamples: int, generator: np.random.Generator
) -> FloatArray:
    """Return deviations of the mean of so many units, drawn from those that are known.

    Their variance is that of the units' means by `count`.
    """
    known = len(seeds.deviations)
    weights = generator.multinomial(count, np.full(known, 1 / known), resamples)
    drawn = (weights * seeds.deviations).sum(axis=1) / count
    return drawn * np.sqrt(seeds.variance / float((seeds.deviations**2).mean()))


def _p_value(replicates: FloatArray) -> float:
    tail = min(int((replicates <= 0).sum()), int((replicates >= 0).sum()))
    return min(1.0, 2 * (tail + 1) / (len(replicates) + 1))


def _noise(sides: Sequence[tuple[float, Side]]) -> Noise:
    alone = [side for _, side in sides if len(side.units) < 2]
    if any(side.seeds is None for side in alone):
        return "question noise only"
    return "seeds as random rows" if alone else "questions and seeds"
