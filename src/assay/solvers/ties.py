"""Rows that share the number at which a budget cuts."""

from typing import NamedTuple

import numpy as np

from assay.samples import FloatArray


class TiesAtCut(NamedTuple):
    """Where the best rows end.

    Attributes:
        value: the number of the last row that is taken; NaN if none is.
        better: rows that are better than that, which are all taken.
        tied: rows that have just this number.
        taken: of these, the rows for which there is room.
    """

    value: float
    better: int
    tied: int
    taken: int


def ties_at_cut(values: FloatArray, count: int, *, sign: float = 1.0) -> TiesAtCut:
    """Return how many rows share the number at which the best `count` end.

    Args:
        values: shape (n,), NaN for rows that cannot be taken.
        count: rows that are taken, or all with a number if these are fewer.
        sign: 1 if large numbers are better, -1 if small ones are.
    """
    known = sign * values[~np.isnan(values)]
    count = min(count, len(known))
    if count < 1:
        return TiesAtCut(float("nan"), 0, 0, 0)
    last = np.partition(known, len(known) - count)[len(known) - count]
    better = int(np.count_nonzero(known > last))
    return TiesAtCut(float(sign * last), better, int(np.count_nonzero(known == last)),
                     count - better)  # fmt: skip
