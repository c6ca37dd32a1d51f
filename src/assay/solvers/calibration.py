"""What the labels of rows are on average, number by number of a judge."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from assay.samples import FloatArray, IndexArray
from assay.solvers.bounded_mean import Mean, bounded_mean

MOST_STEPS = 10


class CalibrationStep(NamedTuple):
    """Rows of which a judge says about the same.

    Attributes:
        low: least number that the judge gave them.
        high: the most.
        rows: how many.
        label: mean of their labels, with bounds that hold it in at least 95 % of samples.
    """

    low: float
    high: float
    rows: int
    label: Mean


def calibration(numbers: FloatArray, labels: FloatArray) -> list[CalibrationStep]:
    """Return the mean label of each number, or of ten parts of the rows where numbers are many.

    Rows of one number are never parted. Labels count as from the range that they have in all; of
    labels that are all alike nothing is told.

    Args:
        numbers: of a judge. Shape (n,), NaN for none.
        labels: shape (n,), NaN for none.
    """
    known = ~(np.isnan(numbers) | np.isnan(labels))
    every = labels[~np.isnan(labels)]
    if not known.any() or every.min() == every.max():
        return []
    least, most = float(every.min()), float(every.max())
    given, meant = numbers[known], labels[known]
    return [
        CalibrationStep(
            float(given[rows].min()),
            float(given[rows].max()),
            len(rows),
            bounded_mean(meant[rows], least, most),
        )
        for rows in _steps(given)
    ]


def _steps(numbers: FloatArray) -> Iterator[IndexArray]:
    """Yield the rows of each step, by rising number; within a step in their own order."""
    distinct, place = np.unique(numbers, return_inverse=True)
    if len(distinct) > MOST_STEPS:
        counts = np.cumsum(np.bincount(place))
        # The part that the middle of a number's rows falls into.
        middles = counts - np.bincount(place) / 2
        place = (middles / len(numbers) * MOST_STEPS).astype(np.int64)[place]
    for step in np.unique(place):
        yield np.flatnonzero(place == step)
