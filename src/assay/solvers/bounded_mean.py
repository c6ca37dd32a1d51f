"""How sure the mean of numbers from a known range is, with bounds that hold for any distribution.

Intervals that lean on the normal distribution fall short of 95 % where rows are few and most have
one and the same number, which is how labels are spread. This one never does.
"""

import math
from typing import NamedTuple

import numpy as np

from assay.samples import FloatArray

_MISSED = 0.05
_GRID = 1001
_TRUNCATED = 0.5


class Mean(NamedTuple):
    """A mean with its 95 % interval; NaN where there is no number."""

    value: float
    low: float
    high: float


def bounded_mean(values: FloatArray, least: float, most: float) -> Mean:
    """Return the mean of numbers and bounds that hold it in at least 95 of 100 samples.

    A bet is placed on every mean that could be: wealth grows where it is wrong, and a mean stays
    in as long as its bets have won less than 20 times what was staked. By Ville's inequality the
    true one is thrown out in at most 5 % of samples, of any size and any distribution.

    Args:
        values: shape (n,), in [least, most], no NaN, drawn at random; their order is that of the
            bets, and must not depend on the values.
        least: no number can be less.
        most: no number can be more; above `least`.

    Source:
        Waudby-Smith and Ramdas 2024, Estimating means of bounded random variables by betting,
        theorem 3 (hedged capital), the stake of a fixed number of rows.
    """
    if not len(values):
        return Mean(math.nan, math.nan, math.nan)
    scaled = (values - least) / (most - least)
    grid = np.linspace(0, 1, _GRID)
    stakes = _stakes(scaled)
    stays = np.ones(_GRID, np.bool_)
    above, below = np.zeros(_GRID), np.zeros(_GRID)
    with np.errstate(divide="ignore"):
        most_above, most_below = _TRUNCATED / grid, _TRUNCATED / (1 - grid)
    for value, stake in zip(scaled.tolist(), stakes.tolist(), strict=True):
        above += np.log1p(np.minimum(stake, most_above) * (value - grid))
        below += np.log1p(-np.minimum(stake, most_below) * (value - grid))
        # Half of what is staked goes on either side.
        stays &= np.maximum(above, below) < math.log(2 / _MISSED)
    kept = grid[stays]
    middle = float(scaled.mean())
    low, high = (float(kept[0]), float(kept[-1])) if len(kept) else (middle, middle)
    # A mean between two points of the grid may be in where its neighbour is out.
    step = 1 / (_GRID - 1)
    low, high = max(min(low, middle) - step, 0.0), min(max(high, middle) + step, 1.0)
    width = most - least
    return Mean(float(values.mean()), least + low * width, least + high * width)


def _stakes(scaled: FloatArray) -> FloatArray:
    """Return what is staked on each number, from those before it alone. Shape (n,)."""
    count = len(scaled)
    seen = np.arange(1, count + 1)
    means = (0.5 + np.cumsum(scaled)) / (seen + 1)
    spreads = (0.25 + np.cumsum((scaled - means) ** 2)) / (seen + 1)
    before = np.concatenate([[0.25], spreads[:-1]])
    found: FloatArray = np.sqrt(2 * math.log(2 / _MISSED) / (count * before))
    return found
