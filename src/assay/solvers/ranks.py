"""Rankings: their order, ranks as shares, and how far two of them agree."""

from collections.abc import Hashable, Sequence

import numpy as np

from assay.samples import FloatArray, IndexArray, Scores


def spearman(first: FloatArray, second: FloatArray) -> float:
    """Return the rank correlation over the rows where both have a number; NaN below three.

    Equal values share the mean of their ranks.
    """
    known = ~(np.isnan(first) | np.isnan(second))
    if np.count_nonzero(known) < 3:
        return float("nan")
    return places_correlation(*(places(values[known]) for values in (first, second)))


def places(values: FloatArray) -> IndexArray:
    """Return the place of each value among the distinct ones, from 0. Shape (n,)."""
    return np.unique(values, return_inverse=True)[1]


def places_correlation(first: IndexArray, second: IndexArray) -> float:
    """Return the rank correlation of values of which `places`, or some of them, are given."""
    centred = [rank - rank.mean() for rank in map(_ranks, (first, second))]
    scale = float(np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    return float((centred[0] * centred[1]).sum() / scale) if scale else float("nan")


def _ranks(found: IndexArray) -> FloatArray:
    """Return the rank of each place, from 1; equal places share the mean of their ranks."""
    counts = np.bincount(found)
    return (np.cumsum(counts) - (counts - 1) / 2)[found]


def jaccard(first: Sequence[Hashable], second: Sequence[Hashable]) -> float:
    """Return the size of the intersection over that of the union; NaN if both are empty."""
    union = len(set(first) | set(second))
    return len(set(first) & set(second)) / union if union else float("nan")


def best_first(scores: Scores, sign: float) -> IndexArray:
    """Return positions by falling preference, ties by lowest position; rows without value last."""
    return np.argsort(-sign * scores.values, kind="stable")


def rank_share(values: FloatArray, sign: float) -> FloatArray:
    """Return each value's rank as a share, 1 for the most preferred; equal values share a rank.

    Args:
        values: shape (n,), NaN where there is none.
        sign: 1 if more is better, -1 if less is.

    Returns:
        Shape (n,), in (0, 1]: the mean of the ranks 1 to m of a run of equal values, over m; NaN
        where `values` is.
    """
    known = np.flatnonzero(~np.isnan(values))
    result = np.full(len(values), np.nan)
    if not len(known):
        return result
    result[known] = _ranks(places(sign * values[known])) / len(known)
    return result


def in_turn(labels: IndexArray, number: FloatArray) -> tuple[IndexArray, IndexArray]:
    """Return all labelled rows, one of each label per turn, and the turn of each.

    Args:
        labels: shape (n,), -1 for none.
        number: shape (n,), rows of a label come in ascending order of it.
    """
    rows = np.flatnonzero(labels >= 0)
    rows = rows[np.lexsort((number[rows], labels[rows]))]
    own = labels[rows]
    turns = np.arange(len(rows)) - np.searchsorted(own, own)
    order = np.lexsort((own, turns))
    return rows[order], turns[order]
