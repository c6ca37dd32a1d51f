"""A share of counted items, and how sure it is."""

from typing import NamedTuple

import numpy as np

QUANTILE = 1.959963984540054
"""Of the normal distribution, for 95 %."""


class Share(NamedTuple):
    """A share with its 95 % interval; NaN where nothing was counted."""

    value: float
    low: float
    high: float


def share_of(count: int, total: int) -> Share:
    """Return `count` of `total` as a share, with Wilson's 95 % interval.

    Source:
        Wilson 1927, Probable inference, the law of succession, and statistical inference.
    """
    if not total:
        return Share(float("nan"), float("nan"), float("nan"))
    share, square = count / total, QUANTILE**2
    middle = (share + square / (2 * total)) / (1 + square / total)
    spread = np.sqrt(share * (1 - share) / total + square / (4 * total**2))
    half = float(QUANTILE * spread / (1 + square / total))
    # At either end one bound is the end itself; floating point would miss it by a hair.
    low = 0.0 if count == 0 else middle - half
    high = 1.0 if count == total else middle + half
    return Share(share, low, high)
