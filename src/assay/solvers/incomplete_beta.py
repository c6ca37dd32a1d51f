"""The regularised incomplete beta function, in logarithms."""

import math

_MOST_TERMS = 20_000
_PRECISION = 1e-16
_TINY = 1e-300


def log_incomplete_beta(log_x: float, log_y: float, a: float, b: float) -> float:
    """Return log I_x(a, b), the logarithm of the share of a beta distribution below x.

    Args:
        log_x: logarithm of x, at most 0.
        log_y: logarithm of 1 - x, given apart so that x may lie very near to 1.
        a: above 0.
        b: above 0.

    Source:
        Abramowitz & Stegun 1964, 26.5.8 for the continued fraction, by the method of Lentz 1976,
        Applied Optics 15, and 26.5.2 for the other end, where it converges slowly.
    """
    if math.exp(log_x) <= (a + 1) / (a + b + 2):
        return _by_fraction(log_x, log_y, a, b)
    rest = math.exp(min(_by_fraction(log_y, log_x, b, a), 0.0))
    return math.log1p(-rest) if rest < 1 else -math.inf


def _by_fraction(log_x: float, log_y: float, a: float, b: float) -> float:
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return a * log_x + b * log_y - log_beta - math.log(a) + math.log(_fraction(log_x, a, b))


def _fraction(log_x: float, a: float, b: float) -> float:
    """Return the continued fraction 1 / (1 + d1 / (1 + d2 / ...))."""
    x = math.exp(log_x)
    above, below, denominator = 1.0, 0.0, 1.0
    for term in range(1, _MOST_TERMS):
        half = term // 2
        if term % 2 == 0:
            factor = half * (b - half) * x / ((a + term - 1) * (a + term))
        else:
            factor = -(a + half) * (a + b + half) * x / ((a + term - 1) * (a + term))
        below = 1 / _nonzero(1 + factor * below)
        above = _nonzero(1 + factor / above)
        denominator *= above * below
        if abs(above * below - 1) < _PRECISION:
            break
    return 1 / denominator


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
