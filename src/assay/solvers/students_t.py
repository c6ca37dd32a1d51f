"""Student's t: quantiles, and how probable a value is that lies as far from 0."""

import math
from statistics import NormalDist

from assay.solvers.incomplete_beta import log_incomplete_beta

_NORMAL = NormalDist()
_MANY = 1e5
_LOG_RANGE = (-745.0, 709.7)  # of the positive numbers that a float can hold
_HALVINGS = 64


def student_quantile(p: float, freedom: float) -> float:
    """Return the quantile of Student's t, with a relative error below 1e-9.

    The distribution is an incomplete beta function, inverted by halving in the logarithm of t: of
    the tail where t is large, of what lies between 0 and t where it is small, so that neither is
    lost beside the other. For very many degrees of freedom, the first terms of the expansion
    around the normal are exact enough.

    Args:
        p: probability, between 0 and 1. Infinity is returned for a quantile beyond 1.8e308.
        freedom: degrees of freedom, above 0; infinite for the normal distribution.

    Raises:
        ValueError: if one of them lies outside.

    Source:
        Abramowitz & Stegun 1964, 26.7.1 for the distribution and 26.7.5 for the expansion.
    """
    if not 0 < p < 1 or not freedom > 0:
        raise ValueError(f"p must lie between 0 and 1 and freedom above 0: {p}, {freedom}")
    if p < 0.5:
        return -_upper_quantile(p, freedom)
    # Below 1 by less than a half, so that the difference is exact.
    return _upper_quantile(1 - p, freedom)


def two_sided_p(t: float, freedom: float) -> float:
    """Return the probability that |t| is at least as large by chance.

    Args:
        t: a value, infinite ones included.
        freedom: degrees of freedom, above 0; infinite for the normal distribution.

    Raises:
        ValueError: if `freedom` is not above 0, or `t` is not a number.
    """
    if math.isnan(t) or not freedom > 0:
        raise ValueError(f"t must be a number and freedom above 0: {t}, {freedom}")
    if t == 0:
        return 1.0
    if math.isinf(t):
        return 0.0
    if math.isinf(freedom):
        return 2 * _NORMAL.cdf(-abs(t))
    return math.exp(_log_beyond(math.log(abs(t)), freedom))


def _upper_quantile(tail: float, freedom: float) -> float:
    """Return what is exceeded with probability `tail`, at most 0.5."""
    if tail == 0.5:
        return 0.0
    if freedom > _MANY:
        z = -_NORMAL.inv_cdf(tail)
        first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
        third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
        return z + first / freedom + second / freedom**2 + third / freedom**3
    by_tail = tail < 0.25
    wanted = math.log(2 * tail if by_tail else 1 - 2 * tail)
    low, high = _LOG_RANGE
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        found = _log_beyond(middle, freedom) if by_tail else _log_within(middle, freedom)
        if (found > wanted) == by_tail:
            low = middle
        else:
            high = middle
    return math.inf if high == _LOG_RANGE[1] else math.exp((low + high) / 2)


def _log_beyond(log_t: float, freedom: float) -> float:
    """Return the logarithm of the probability that |t| is above a value, given by its own."""
    log_ratio = 2 * log_t - math.log(freedom)
    return log_incomplete_beta(-_softplus(log_ratio), -_softplus(-log_ratio), freedom / 2, 0.5)


def _log_within(log_t: float, freedom: float) -> float:
    """Return the logarithm of the probability that |t| is below a value, given by its own."""
    log_ratio = 2 * log_t - math.log(freedom)
    return log_incomplete_beta(-_softplus(-log_ratio), -_softplus(log_ratio), 0.5, freedom / 2)


def _softplus(value: float) -> float:
    """Return log(1 + exp(value))."""
    return max(value, 0.0) + math.log1p(math.exp(-abs(value)))
