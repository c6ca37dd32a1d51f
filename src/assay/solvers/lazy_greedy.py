"""Lazy greedy: look only at candidates whose old gain could still make them the best."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from assay.samples import FloatArray, IndexArray
from assay.solvers.greedy import Greedy

_FIRST_BATCH = 4


class Coverage(Protocol):
    """What picks cover so far, and what more of them would add; gains never grow."""

    batch: int

    def gains(self, candidates: IndexArray) -> FloatArray:
        """Return what each candidate, by its position, would add now, in units."""
        ...

    def pick(self, row: int) -> float:
        """Add `row` to what is covered and return what it added, in units."""
        ...


def lazy_greedy(
    coverage: Coverage,
    greedy: Greedy,
    first_gains: FloatArray,
    *,
    picks: int,
    candidates: IndexArray,
) -> None:
    """Pick until `greedy` has `picks` rows, its start included, or nothing is left to gain.

    The picks are those of the plain greedy, ties to the lowest row, if gains are exact.

    Args:
        coverage: what is covered by the start.
        greedy: takes the picks; its scale is set here.
        first_gains: shape (c,), what each candidate would add, in units.
        picks: how many rows to have in the end.
        candidates: shape (c,), ascending rows to pick from.

    Source:
        Minoux 1978, Accelerated greedy algorithms for maximizing submodular set functions.
    """
    is_open = greedy.is_open[candidates]
    greedy.set_scale(first_gains[is_open])
    bounds = np.where(is_open, greedy.scores(first_gains, candidates), -np.inf)
    fresh = np.ones(len(bounds), dtype=np.bool_)
    batch = _FIRST_BATCH
    while len(bounds) and greedy.size < picks and greedy.wants_more():
        best = int(np.argmax(bounds))
        row = int(candidates[best])
        if not bounds[best] > 0:
            return
        if not greedy.fits(row):
            bounds[best] = -np.inf
        elif fresh[best]:
            # The largest bound, the lowest row among equals, and exact: nothing can beat it.
            greedy.pick(row, coverage.pick(row))
            bounds[best] = -np.inf
            fresh[:] = False
            batch = _FIRST_BATCH
        else:
            stale = _largest_stale(bounds, fresh, batch)
            bounds[stale] = greedy.scores(coverage.gains(stale), candidates[stale])
            fresh[stale] = True
            batch = min(2 * batch, coverage.batch)


def _largest_stale(bounds: FloatArray, fresh: NDArray[np.bool_], batch: int) -> IndexArray:
    stale = np.where(fresh, -np.inf, bounds)
    needed = bounds[fresh].max(initial=0.0)
    if batch >= len(stale):
        rows = np.arange(len(stale))
    else:
        rows = np.argpartition(stale, len(stale) - batch)[-batch:]
    return rows[stale[rows] >= needed]
