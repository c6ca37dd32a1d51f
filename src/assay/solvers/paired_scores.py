"""How sure the score of a candidate against a reference is, from its wins, ties and losses."""

import math

import numpy as np

from assay.samples import FloatArray, IndexArray
from assay.solvers.proportions import QUANTILE, Share

POWER_QUANTILE = 0.8416212335729143
"""Of the normal distribution, for 80 %."""
RESAMPLES = 10_000
_HALVINGS = 60
_BLOCK_CELLS = 4_000_000


def sign_test(wins: int, losses: int) -> float:
    """Return the exact p-value, two-sided, of as many wins as losses by nature; ties do not count.

    Args:
        wins: at least 0.
        losses: at least 0.

    Returns:
        In (0, 1]; 1 where nothing was decided.

    Source:
        Dixon and Mood 1946, The statistical sign test.
    """
    decided, fewer = wins + losses, min(wins, losses)
    if not decided:
        return 1.0
    # Summed in logarithms: 2 ** -n is 0 in floating point from n = 1075 on.
    counts = np.arange(fewer + 1)
    gammas = np.array([math.lgamma(k + 1) + math.lgamma(decided - k + 1) for k in counts])
    logs = math.lgamma(decided + 1) - gammas - decided * math.log(2)
    most = float(logs.max())
    return min(1.0, 2 * math.exp(most + math.log(float(np.exp(logs - most).sum()))))


def standard_error(values: FloatArray, clusters: IndexArray) -> float:
    """Return the standard error of a mean whose items may belong together.

    Where every cluster has one item, it is the standard deviation by the root of the count.

    Args:
        values: shape (n,), no NaN.
        clusters: which items are of one draw. Shape (n,), from 0.

    Returns:
        NaN below two clusters.

    Source:
        Liang and Zeger 1986, with the factor C / (C - 1); Miller 2024, arXiv 2411.00640.
    """
    sums = np.bincount(clusters, values - values.mean()) if len(values) else np.zeros(0)
    sums = sums[np.unique(clusters)]
    count = len(sums)
    if count < 2:
        return math.nan
    return math.sqrt(count / (count - 1) * float(sums @ sums)) / len(values)


def score_interval(wins: int, ties: int, losses: int, *, widened: float = 1.0) -> Share:
    """Return (wins - losses) / items with a 95 % interval that holds for few and for clear results.

    A difference is in the interval as long as a score test does not refuse it: the variance is that
    of the likeliest shares of wins and losses with this difference, and not that of the items,
    which is 0 where all are won.

    Args:
        wins: at least 0.
        ties: at least 0.
        losses: at least 0.
        widened: by how much errors are larger than those of independent items.

    Returns:
        In [-1, 1]; NaN without an item.

    Source:
        Tango 1998, Equivalence test and confidence interval for the difference in proportions for
        the paired-sample design, Statistics in Medicine 17.
    """
    count = wins + ties + losses
    if not count:
        return Share(math.nan, math.nan, math.nan)
    value = (wins - losses) / count
    limit = QUANTILE * widened
    bounds = []
    for end in (-1.0, 1.0):
        inside, outside = value, end
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            if abs(_score(wins, losses, count, middle)) <= limit:
                inside = middle
            else:
                outside = middle
        bounds.append(inside)
    return Share(value, bounds[0], bounds[1])


def _score(wins: int, losses: int, count: int, difference: float) -> float:
    """Return how many standard errors the data are from a difference."""
    ahead = wins - losses - count * difference
    half = 2 * count
    linear = -wins - losses + (half - wins + losses) * difference
    constant = -losses * difference * (1 - difference)
    root = math.sqrt(max(0.0, linear * linear - 4 * half * constant))
    share = (root - linear) / (2 * half)
    variance = count * (2 * share + difference * (1 - difference))
    if variance <= 1e-15:
        return 0.0 if abs(ahead) < 1e-9 else math.copysign(math.inf, ahead)
    return ahead / math.sqrt(variance)


def resampled(
    sums: FloatArray,
    strata: IndexArray,
    generator: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
) -> FloatArray:
    """Return what sums over questions would be of questions drawn anew, set by set.

    Args:
        sums: of each question, any number of quantities. Shape (q, k), no NaN.
        strata: set of each question, from 0. Shape (q,).
        generator: decides on the draws.
        resamples: how many draws, b.

    Returns:
        Shape (b, k).

    Source:
        Efron 1979, Bootstrap methods: another look at the jackknife; drawn within strata.
    """
    totals = np.zeros((resamples, sums.shape[1]))
    for stratum in np.unique(strata):
        own = sums[strata == stratum]
        count = len(own)
        block = max(1, _BLOCK_CELLS // count)
        for start in range(0, resamples, block):
            size = min(block, resamples - start)
            weights = generator.multinomial(count, np.full(count, 1 / count), size)
            totals[start : start + size] += weights @ own
    return totals


def percentiles(found: FloatArray) -> tuple[float, float]:
    """Return the 2.5th and 97.5th percentile of what is a number; NaN where nothing is."""
    known = found[np.isfinite(found)]
    if not len(known):
        return math.nan, math.nan
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def smallest_effect(error: float) -> float:
    """Return the difference that is seen with 80 % power at this standard error, at a level of 5 %.

    Source:
        Cohen 1988, Statistical power analysis: the sum of both normal quantiles, 2.8.
    """
    return (QUANTILE + POWER_QUANTILE) * error
