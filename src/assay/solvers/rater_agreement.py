"""How far two judges say the same of the same rows, and how sure that is."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.samples import FloatArray
from assay.solvers.proportions import Share
from assay.solvers.rank_interval import FEWEST, spearman_interval
from assay.solvers.ranks import spearman

MOST_LABELS = 50
"""Different numbers above which kappa, which compares labels, says nothing."""
_REPLICATES = 2000


class RaterAgreement(NamedTuple):
    """How far two judges agree, each measure with its 95 % interval.

    Attributes:
        rows: that both gave a number.
        labels: different numbers that the two gave.
        exact: share of rows that got the same number.
        kappa: Cohen's; 0 by chance, 1 for equal. NaN above `MOST_LABELS` labels, and where both
            gave one and the same number to every row.
        quadratic_kappa: the same with a disagreement counted by its square.
        spearman: rank correlation; equal numbers share a rank.
    """

    rows: int
    labels: int
    exact: Share
    kappa: Share
    quadratic_kappa: Share
    spearman: Share


def rater_agreement(
    first: FloatArray, second: FloatArray, rng: np.random.Generator
) -> RaterAgreement:
    """Return how far two columns of numbers agree over the rows that have both.

    Intervals are percentiles over rows drawn with replacement, NaN below `FEWEST` rows; the order
    of rows changes none of them.

    Args:
        first: shape (n,), NaN for rows without a number.
        second: shape (n,).
        rng: draws the rows.

    Source:
        Cohen 1960, A coefficient of agreement for nominal scales; Cohen 1968, Weighted kappa.
    """
    known = ~(np.isnan(first) | np.isnan(second))
    first, second = first[known], second[known]
    labels = np.unique(np.concatenate([first, second]))
    few = 0 < len(labels) <= MOST_LABELS
    counts = _crossed(first, second, labels) if few else None
    exact = float(np.mean(first == second)) if len(first) else float("nan")
    bounds = spearman_interval(first, second, rng)
    return RaterAgreement(
        len(first), len(labels),
        _measured(_exact, counts, rng) if counts is not None else _plain_share(exact),
        _measured(_kappa(1 - np.eye(len(labels))), counts, rng),
        _measured(_kappa(np.subtract.outer(labels, labels) ** 2), counts, rng),
        Share(spearman(first, second), *bounds),
    )  # fmt: skip


def _crossed(first: FloatArray, second: FloatArray, labels: FloatArray) -> NDArray[np.int64]:
    """Return how many rows got each pair of labels. Shape (k, k)."""
    places = [np.searchsorted(labels, values) for values in (first, second)]
    size = len(labels)
    flat = np.bincount(places[0] * size + places[1], minlength=size * size)
    return flat.reshape(size, size)


def _plain_share(value: float) -> Share:
    return Share(value, float("nan"), float("nan"))


_Measure = Callable[[NDArray[np.int64]], FloatArray]


def _measured(
    measure: _Measure, counts: NDArray[np.int64] | None, rng: np.random.Generator
) -> Share:
    """Return a measure of crossed labels, and its interval over rows drawn anew."""
    if counts is None:
        return _plain_share(float("nan"))
    rows = int(counts.sum())
    value = float(measure(counts[None])[0])
    if rows < FEWEST:
        return _plain_share(value)
    # Rows of the same two labels are alike, so drawing rows is drawing counts of pairs of labels.
    drawn = rng.multinomial(rows, counts.ravel() / rows, size=_REPLICATES)
    found = measure(drawn.reshape(-1, *counts.shape))
    found = found[~np.isnan(found)]
    if not len(found):
        return _plain_share(value)
    low, high = np.quantile(found, [0.025, 0.975])
    return Share(value, float(low), float(high))


def _exact(counts: NDArray[np.int64]) -> FloatArray:
    return np.trace(counts, axis1=1, axis2=2) / counts.sum(axis=(1, 2))


def _kappa(distance: FloatArray) -> _Measure:
    """Return kappa by a distance between labels, for a stack of crossed labels."""

    def measure(counts: NDArray[np.int64]) -> FloatArray:
        shares = counts / counts.sum(axis=(1, 2), keepdims=True)
        apart = (shares * distance).sum(axis=(1, 2))
        rows, columns = shares.sum(axis=2), shares.sum(axis=1)
        by_chance = np.einsum("ri,rj,ij->r", rows, columns, distance)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(by_chance > 0, 1 - apart / by_chance, np.nan)

    return measure
