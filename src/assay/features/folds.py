"""Which rows are learned from and which are kept for the test, by what they are and a seed alone.

A row's fold depends on no other row but those that must not be parted from it, so neither the order
of a file nor rows that are added move it.
"""

import numpy as np
from numpy.typing import NDArray

from assay.random_numbers import row_uniform
from assay.samples import FloatArray, IdArray, IndexArray


def kept_together(texts: IndexArray, groups: IndexArray) -> IndexArray:
    """Return for each row the lowest text of those that are not parted from it. Shape (n,).

    Args:
        texts: equal for rows of the same text. Shape (n,).
        groups: equal for rows of one group, -1 for a row of none. Shape (n,).

    Returns:
        Equal for rows that the same text or group joins, over any number of steps.
    """
    joined = texts.copy()
    grouped = np.flatnonzero(groups >= 0)
    while True:
        before = joined
        joined = _lowest(joined, np.arange(len(joined)), texts)
        joined = _lowest(joined, grouped, groups[grouped])
        if (joined == before).all():
            return joined


def _lowest(values: IndexArray, rows: IndexArray, labels: IndexArray) -> IndexArray:
    """Return values in which rows of a label have the lowest value of all of them."""
    names, place = np.unique(labels, return_inverse=True)
    lowest = np.full(len(names), np.iinfo(np.int64).max)
    np.minimum.at(lowest, place, values[rows])
    result = values.copy()
    result[rows] = lowest[place]
    return result


def fold_of(words: IdArray, count: int, *, seed: int, purpose: str) -> IndexArray:
    """Return the fold of each row, from 0: a function of its word, the seed and the purpose.

    Args:
        words: equal for rows that are not to be parted, such as the beginning of a hash.
        count: how many folds; one may turn out to be empty.
        seed: any integer.
        purpose: what they are for; two purposes part rows independently.
    """
    drawn = row_uniform(words, seed=seed, purpose=purpose)
    return np.minimum((drawn * count).astype(np.int64), count - 1)


def set_aside(words: IdArray, share: float, *, seed: int, purpose: str) -> NDArray[np.bool_]:
    """Return which rows are set aside: those of the lowest numbers, at least a share of all.

    Rows of one word stay together; where all have the same one, none is set aside.
    """
    drawn: FloatArray = row_uniform(words, seed=seed, purpose=purpose)
    names, counts = np.unique(drawn, return_counts=True)
    if len(names) < 2:
        return np.zeros(len(words), np.bool_)
    enough = int(np.searchsorted(np.cumsum(counts), share * len(words)))
    aside: NDArray[np.bool_] = drawn <= names[min(enough, len(names) - 2)]
    return aside
