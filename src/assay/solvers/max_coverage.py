"""Maximum coverage: rows whose neighbourhoods together hold as much of the pool as possible."""

from dataclasses import replace

import numpy as np

from assay.samples import FloatArray, IndexArray, Selection
from assay.solvers.arrays import Candidates
from assay.solvers.greedy import FacilityLocationOptions, Greedy, lazy_greedy
from assay.solvers.nearest import Neighbors

_GAIN_UNIT = "share of the pool covered"
_BATCH = 4096


def max_coverage(
    graph: Neighbors,
    candidates: Candidates,
    *,
    weights: IndexArray | None = None,
    fill: bool = False,
) -> Selection:
    """Take, again and again, the row that covers the most that no row taken covers yet.

    A row covers itself and the rows it lists in `graph`. Candidates are looked at lazily, with
    the picks of the plain greedy, ties to the lowest row; counts are whole numbers, so nothing
    depends on the order of the work. At least 1 - 1/e of what as many rows can cover at most,
    if they all cost the same.

    Args:
        graph: which rows each row covers besides itself, as from `neighbors_above`.
        candidates: the rows to choose from and to cover, and how many; as many as there are, or
            more, gives all of them if the limit pays for all, those that cover nothing new last.
        weights: shape (n,), integers >= 0, what covering each row counts for; None for 1 each.
        fill: when all is covered, cover all of it once more with rows not taken yet, and so on.

    Returns:
        Picks in order. Gains are shares of the total weight that each covered first, or first
        since the cover began anew; NaN for the start. `stop` is "exhausted" when every allowed row
        is chosen, "budget" when the count is reached or no row fits the limit any more, "no_gain"
        when all is covered. Every prefix is the answer for its own length and, with costs, for
        its own cost.

    Source:
        Nemhauser, Wolsey & Fisher 1978, Mathematical Programming 14, for the bound; Minoux 1978
        for looking at few candidates.
    """
    rows = len(graph.indptr) - 1
    greedy = Greedy(candidates, FacilityLocationOptions(weights=weights), rows, units=1.0)
    covered = _Covered(graph, greedy.weights, greedy.start)
    is_anew = False
    with greedy.reported("coverage"):
        while greedy.wants_more():
            before = greedy.size
            open_rows = np.flatnonzero(greedy.is_open)
            gains = covered.gains_of(open_rows)
            covered.candidates = open_rows
            lazy_greedy(covered, greedy, gains, picks=rows, candidates=open_rows)
            if not fill or (is_anew and greedy.size == before):
                break
            covered.forget()
            is_anew = True
    selection = greedy.result(0.0).selection
    total = max(int(greedy.weights.sum()), 1)
    return replace(selection, gains=selection.gains / total, gain_unit=_GAIN_UNIT)


class _Covered:
    """What is covered so far, for the lazy greedy; rows are asked for by their place in turn."""

    def __init__(self, graph: Neighbors, weights: IndexArray, start: IndexArray) -> None:
        self._graph = graph
        self._weights = weights
        self._left = weights.astype(np.float64)
        self.candidates = np.empty(0, dtype=np.int64)
        self.batch = _BATCH
        for row in start.tolist():
            self.pick(row)

    def forget(self) -> None:
        """Take nothing as covered."""
        self._left = self._weights.astype(np.float64)

    def gains(self, candidates: IndexArray) -> FloatArray:
        """Return the weight that each candidate, by its place, would newly cover."""
        return self.gains_of(self.candidates[candidates])

    def gains_of(self, rows: IndexArray) -> FloatArray:
        """Return the weight that each of `rows` would newly cover."""
        result = self._left[rows].copy()
        for first in range(0, len(rows), _BATCH):
            part = rows[first : first + _BATCH]
            begins, ends = self._graph.indptr[part], self._graph.indptr[part + 1]
            owner = np.repeat(np.arange(len(part)), ends - begins)
            place = np.arange(len(owner)) - np.repeat(
                np.cumsum(ends - begins) - ends, ends - begins
            )
            listed = self._graph.indices[place]
            # Sums of whole numbers below 2**53: their order is free.
            result[first : first + _BATCH] += np.bincount(
                owner, weights=self._left[listed], minlength=len(part)
            )
        return result

    def pick(self, row: int) -> float:
        """Cover what a row covers, and return the weight that is new."""
        listed = self._graph.indices[self._graph.indptr[row] : self._graph.indptr[row + 1]]
        gain = float(self._left[row] + self._left[listed].sum())
        self._left[row] = 0.0
        self._left[listed] = 0.0
        return gain
