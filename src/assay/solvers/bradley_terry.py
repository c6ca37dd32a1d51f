"""Strengths behind comparisons of two, and what a judge's two orders say together."""

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.samples import FloatArray, IndexArray
from assay.solvers.lbfgs import minimise

_FLAT = 1e-9
_MOST_STEPS = 5000
_HALVINGS = 100


class Comparisons(NamedTuple):
    """Things that were compared, two at a time.

    Attributes:
        first: shape (m,), int64, from 0.
        second: shape (m,), another one each.
        probability: shape (m,), in [0, 1], that the second is better; NaN where nobody knows.
    """

    first: IndexArray
    second: IndexArray
    probability: FloatArray


class Strengths(NamedTuple):
    """How strong things are that were compared.

    Attributes:
        values: shape (n,), log-odds: a difference of d wins with probability 1 / (1 + exp(-d)). NaN
            for what was in no comparison that counts.
        group: shape (n,), int64; the lowest thing that each is linked with by comparisons, itself
            included. Only strengths of one group can be compared: each has a mean of 0.
        converged: whether the fit reached its minimum.
    """

    values: FloatArray
    group: IndexArray
    converged: bool


def calibrated(
    forward: FloatArray,
    backward: FloatArray,
    *,
    forward_votes: IndexArray,
    backward_votes: IndexArray,
    too_few: int = 10,
) -> FloatArray:
    """Return how probably B is better than A, freed of a liking for the first place or the second.

    Args:
        forward: shape (m,), in [0, 1]; share of the votes for B where A was shown first.
        backward: shape (m,); share of the votes for A where B was shown first.
        forward_votes: shape (m,), votes that could be read in the first order.
        backward_votes: shape (m,), the same of the other.
        too_few: an order with so many votes or fewer says nothing, nor does the pair then.

    Returns:
        Shape (m,), in [0, 1], the mean of `forward` and 1 - `backward`; NaN for a pair of which an
        order says nothing.

    Source:
        Wettig et al. 2024, arXiv 2402.09739: twenty votes are asked for in each order.
    """
    said = (forward_votes > too_few) & (backward_votes > too_few)
    return np.where(said, (forward + (1.0 - backward)) / 2.0, np.nan)


def bradley_terry(comparisons: Comparisons, count: int, *, ridge: float = 1e-4) -> Strengths:
    """Return the strengths that explain comparisons best, by regularised likelihood.

    Args:
        comparisons: of which those without a probability do not count.
        count: how many things there are.
        ridge: above 0; half of it times the sum of squares is added to the sum of cross-entropies,
            so that what always won is strong and not infinitely so.

    Raises:
        ValueError: if something is compared with itself, does not exist, or a probability lies
            outside [0, 1].

    Source:
        Bradley and Terry 1952, with probabilities in place of wins; the minimum is unique.
    """
    if ridge <= 0:
        raise ValueError(f"ridge must be above 0, not {ridge}")
    known = _counted(comparisons, count)
    weak = partial(_loss, known=known, ridge=ridge)
    found = minimise(weak, np.zeros(count), tolerance=_FLAT, most_steps=_MOST_STEPS)
    values = np.full(count, np.nan)
    compared = np.union1d(known.first, known.second)
    values[compared] = found.point[compared]
    return Strengths(values, _groups(known, count), found.converged)


def strengths_against(
    comparisons: Comparisons, known: FloatArray, count: int, *, ridge: float = 1e-4
) -> FloatArray:
    """Return the strengths of things that were compared with others whose strengths are known.

    Args:
        comparisons: of `first`, whose strengths are sought, from 0, with `second`, by their
            places in `known`; those without a probability do not count.
        known: strengths, NaN for none. Shape (k,).
        count: how many are sought.
        ridge: as of `bradley_terry`.

    Returns:
        Shape (count,): where the regularised likelihood of each, taken by itself, is highest; NaN
        for what was in no comparison that counts.
    """
    first, second, probability = comparisons
    counts = ~np.isnan(probability) & ~np.isnan(known[second])
    own, other, lost = first[counts], known[second[counts]], probability[counts]
    met = np.bincount(own, minlength=count)
    # The slope rises with a strength, and it is 0 within these bounds: a share of wins lies in
    # [0, 1], so that ridge times the strength is at most the number of comparisons.
    high = met / ridge
    low = -high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        expected = 0.5 * (1.0 + np.tanh((middle[own] - other) / 2.0))
        slope = np.bincount(own, expected - (1.0 - lost), count) + ridge * middle
        low, high = np.where(slope < 0, middle, low), np.where(slope < 0, high, middle)
    return np.where(met > 0, (low + high) / 2.0, np.nan)


def _counted(comparisons: Comparisons, count: int) -> Comparisons:
    first, second, probability = comparisons
    both = np.concatenate([first, second])
    if len(both) and not (both.min() >= 0 and both.max() < count):
        raise ValueError(f"what is compared must lie in [0, {count})")
    if (first == second).any():
        raise ValueError("nothing can be compared with itself")
    kept: NDArray[np.bool_] = ~np.isnan(probability)
    if ((probability[kept] < 0) | (probability[kept] > 1)).any():
        raise ValueError("probabilities must lie in [0, 1]")
    return Comparisons(first[kept], second[kept], probability[kept])


def _loss(strengths: FloatArray, *, known: Comparisons, ridge: float) -> tuple[float, FloatArray]:
    """Return the regularised sum of cross-entropies, and its gradient."""
    ahead = strengths[known.second] - strengths[known.first]
    # log(1 + exp(d)) - p d is the cross-entropy of p and the probability of d, and never overflows.
    entropy = np.logaddexp(0.0, ahead) - known.probability * ahead
    excess = 0.5 * (1.0 + np.tanh(ahead / 2.0)) - known.probability
    slope = np.bincount(known.second, excess, len(strengths))
    slope -= np.bincount(known.first, excess, len(strengths))
    total = float(entropy.sum()) + ridge / 2 * float(strengths @ strengths)
    return total, slope + ridge * strengths


def _groups(known: Comparisons, count: int) -> IndexArray:
    """Return the lowest thing that each is linked with."""
    lowest = np.arange(count)
    while True:
        before = lowest.copy()
        least = np.minimum(lowest[known.first], lowest[known.second])
        np.minimum.at(lowest, known.first, least)
        np.minimum.at(lowest, known.second, least)
        lowest = lowest[lowest]
        if np.array_equal(lowest, before):
            return lowest
