"""How sure a rank correlation is: its interval over rows drawn anew."""

from typing import NamedTuple

import numpy as np

from assay.samples import FloatArray
from assay.solvers.ranks import places, places_correlation

FEWEST = 30
"""Rows with both numbers below which an interval says nothing."""
_REPLICATES = 2000
_DRAWN = 5_000_000  # ranks that are taken for one interval


class Interval(NamedTuple):
    """Bounds between which 95 of 100 resampled values lie; NaN where there are too few rows."""

    low: float
    high: float


def spearman_interval(first: FloatArray, second: FloatArray, rng: np.random.Generator) -> Interval:
    """Return the 95 % interval of Spearman's correlation over rows drawn with replacement.

    Args:
        first: shape (n,), no NaN.
        second: shape (n,), no NaN.
        rng: draws the rows.

    Returns:
        The 2.5th and 97.5th percentile; the same for the same numbers in any order. NaN below
        `FEWEST` rows.

    Source:
        Efron 1979, Bootstrap methods: another look at the jackknife (percentile method).
    """
    count = len(first)
    if count < FEWEST:
        return Interval(float("nan"), float("nan"))
    order = np.lexsort((second, first))  # what is drawn must not depend on the order of rows
    ranked = places(first[order]), places(second[order])
    replicates = max(200, min(_REPLICATES, _DRAWN // count))
    found = np.empty(replicates)
    for replicate in range(replicates):
        drawn = rng.integers(0, count, count)
        found[replicate] = places_correlation(ranked[0][drawn], ranked[1][drawn])
    known = found[~np.isnan(found)]
    if not len(known):
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(known, [0.025, 0.975])
    return Interval(float(low), float(high))
