"""Rows spread evenly over groups and sizes, so that every first part of them is spread, too."""

import numpy as np

from assay.samples import FloatArray, IndexArray


def spread_rows(
    groups: IndexArray, sizes: FloatArray, rows: IndexArray, count: int, *, shift: float
) -> IndexArray:
    """Return some rows in an order of which every beginning covers groups and sizes evenly.

    Rows are laid out in a line: groups by their mean size, in a group by size, ties by place. Picks
    are the rows at the points of van der Corput's sequence along the line, each the next one that
    is still free. So a group of a tenth of the rows has about a tenth of any number of picks.

    Args:
        groups: of all rows, -1 for a row of none, which is a group of its own. Shape (n,).
        sizes: of all rows, no NaN. Shape (n,).
        rows: places of those that may be picked, ascending. Shape (m,).
        count: how many are picked, at most m.
        shift: where on the line the sequence begins, in [0, 1).

    Returns:
        Places, no repeats. Shape (min(count, m),). The first k are the answer for a count of k.

    Source:
        van der Corput 1935, Verteilungsfunktionen I.
    """
    if not len(rows):
        return np.empty(0, np.int64)
    line = _line(groups[rows], sizes[rows])
    free = np.arange(len(line) + 1)
    chosen = np.empty(min(count, len(line)), np.int64)
    for number in range(len(chosen)):
        place = int((_van_der_corput(number) + shift) % 1.0 * len(line))
        found = _next_free(free, min(place, len(line) - 1))
        found = _next_free(free, 0) if found == len(line) else found
        free[found] = found + 1
        chosen[number] = rows[line[found]]
    return chosen


def _line(groups: IndexArray, sizes: FloatArray) -> IndexArray:
    """Return the order of some rows along the line."""
    _, own = np.unique(groups, return_inverse=True)
    means = np.bincount(own, weights=sizes) / np.bincount(own)
    ranks = np.empty(len(means), np.int64)
    ranks[np.argsort(means, kind="stable")] = np.arange(len(means))
    return np.lexsort((sizes, ranks[own]))


def _next_free(free: IndexArray, place: int) -> int:
    """Return the first free place from one on, past the end if none is, shortening the way."""
    end = place
    while free[end] != end:
        end = int(free[end])
    while free[place] != place:
        free[place], place = end, int(free[place])
    return end


def _van_der_corput(number: int) -> float:
    """Return the binary digits of a number mirrored at the point: 0, 1/2, 1/4, 3/4, 1/8, ..."""
    found, unit = 0.0, 0.5
    while number:
        number, digit = divmod(number, 2)
        found += digit * unit
        unit /= 2.0
    return found
