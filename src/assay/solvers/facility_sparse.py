"""Facility location over a graph of nearest neighbours: a million rows on a laptop."""

import itertools
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.progress import Progress
from assay.samples import FloatArray, IndexArray
from assay.solvers.arrays import Candidates
from assay.solvers.facility_opening import CANDIDATES, SAMPLE_ROWS, sampled_opening
from assay.solvers.greedy import FacilityLocationOptions, FacilityLocationResult, Greedy
from assay.solvers.nearest import Neighbors
from assay.solvers.similarity import QUANTUM, AnyFloatArray

_UNITS = round(1 / QUANTUM)
_UNIT_BITS = 21
_BLOCK_ROWS = 1 << 17
_BLOCK_EDGES = 1 << 22
_EDGE_WORK = 1.3e5
_OPENING_WORK = 5.0  # products in float64, and what is compared of them


def facility_location_sparse(
    neighbors: Neighbors,
    candidates: Candidates,
    *,
    vectors: AnyFloatArray | None = None,
    options: FacilityLocationOptions | None = None,
) -> FacilityLocationResult:
    """Choose rows that stand for all others, judged by each row's nearest neighbours.

    A pick covers a row if either lists the other as a neighbour, at their similarity, and itself
    at 1; negative similarities count as 0. That is the exact greedy for this objective, which
    lies below the dense one by what rows owe to picks outside their neighbourhood. The first
    picks of many rows are of that kind; with `vectors`, the first 64 are therefore chosen by their
    similarity to 32,768 rows, evenly spaced, among the 1,024 that would come first otherwise; what
    they cover is counted for all rows. Ties go to the lowest row.

    Args:
        neighbors: of all n rows, from `nearest_neighbors`; 64 per row are a good number.
        candidates: the rows to choose from and to cover, and how many; as many as there are, or
            more, gives all of them if the limit pays for all, those without gain last.
        vectors: shape (n, d), those `neighbors` is made of, for the opening; None to do without.
        options: weights, quality and the like.

    Returns:
        Picks in order. Every prefix is the answer for its own length and, with costs, for its own
        cost. `stop` is "exhausted" when every allowed row is chosen, "budget" when the count is
        reached or nothing else can be paid for, "no_gain" when nothing left adds anything.

    Source:
        Nemhauser, Wolsey & Fisher 1978, section 4, for the greedy; QDIT, arXiv 2311.14736,
        equation 3, for the sum of coverage and quality. The opening is our own.
    """
    options = options or FacilityLocationOptions()
    rows = len(neighbors.indptr) - 1
    greedy = Greedy(candidates, options, rows, units=_UNITS)
    edges = _coverage_edges(neighbors, candidates.progress)
    if vectors is None or candidates.count == 0:
        graph = _Graph(edges, greedy.weights, np.zeros(rows, dtype=np.int32))
        for row in greedy.start.tolist():
            graph.cover_from(row)
        greedy.set_scale(graph.gains[greedy.is_open])
    else:
        first = _first_picks(edges, candidates, options)
        graph = _Graph(edges, greedy.weights, sampled_opening(vectors, first, greedy))
    with greedy.reported("facility location"):
        _pick_all(graph, greedy)
    return greedy.result(graph.covered)


def sparse_work(rows: int, neighbors: int, width: int) -> float:
    """Return how long the choice takes, in operations of a matrix product of the same time.

    Args:
        rows: that it chooses from.
        neighbors: of each row.
        width: of the vectors of the opening; 0 without one.
    """
    opening = 2.0 * CANDIDATES * min(rows, SAMPLE_ROWS) * width
    return _EDGE_WORK * rows * neighbors + _OPENING_WORK * opening


def _first_picks(
    edges: "_Edges", candidates: Candidates, options: FacilityLocationOptions
) -> IndexArray:
    """Return, in ascending order, the rows that would come first without an opening."""
    rows = len(edges.indptr) - 1
    free = Candidates(min(rows, CANDIDATES), candidates.allowed, progress=candidates.progress)
    greedy = Greedy(free, replace(options, cost_ratio=False, fill=True), rows, units=_UNITS)
    graph = _Graph(edges, greedy.weights, np.zeros(rows, dtype=np.int32))
    greedy.set_scale(graph.gains[greedy.is_open])
    with greedy.reported("facility location: opening"):
        _pick_all(graph, greedy)
    return np.sort(greedy.result(graph.covered).selection.indices)


def _pick_all(graph: "_Graph", greedy: Greedy) -> None:
    scores = greedy.scores(graph.gains, slice(None))
    scores[~greedy.is_open] = -np.inf
    while len(scores) and greedy.wants_more():
        best = int(np.argmax(scores))
        if not scores[best] > 0:
            return
        if greedy.fits(best):
            greedy.pick(best, float(graph.gains[best]))
            changed = graph.cover_from(best)
            scores[changed] = np.where(
                greedy.is_open[changed], greedy.scores(graph.gains[changed], changed), -np.inf
            )
        scores[best] = -np.inf


class _Edges(NamedTuple):
    """A symmetric graph with its diagonal, similarities in units of `QUANTUM`."""

    indptr: IndexArray
    indices: NDArray[np.int32]
    units: NDArray[np.int32]


class _Graph:
    """What each row still has to gain from each candidate.

    Attributes:
        gains: shape (n,), float64 holding integers, what picking each row would add in units.
    """

    def __init__(self, edges: _Edges, weights: IndexArray, current: NDArray[np.int32]) -> None:
        self._edges = edges
        self._weights = weights.astype(np.float64)
        self._current = current
        self.gains = _total_gains(self._edges, self._weights, current)

    @property
    def covered(self) -> float:
        """Return the weighted units that all picks cover together."""
        return float(self._current.astype(np.float64) @ self._weights)

    def cover_from(self, row: int) -> IndexArray:
        """Add `row` to the picks and return the rows whose gains changed, with repeats."""
        indptr, indices, units = self._edges
        reached = indices[indptr[row] : indptr[row + 1]]
        offered = units[indptr[row] : indptr[row + 1]]
        before = self._current[reached]
        better = (offered > before) & (self._weights[reached] > 0)
        reached, offered, before = reached[better], offered[better], before[better]
        self._current[reached] = offered
        # A row with many copies reaches far, so its edges are followed a block at a time.
        followed = np.cumsum(indptr[reached + 1] - indptr[reached])
        blocks = followed // _BLOCK_EDGES
        starts = np.flatnonzero(np.diff(blocks, prepend=-1))
        pieces = [np.empty(0, dtype=np.int64)]
        for first, last in itertools.pairwise([*starts, len(reached)]):
            part = slice(first, last)
            pieces.append(self._take_away(reached[part], before[part], offered[part]))
        return np.concatenate(pieces) if len(pieces) < 3 else np.unique(np.concatenate(pieces))

    def _take_away(
        self, reached: NDArray[np.int32], before: NDArray[np.int32], offered: NDArray[np.int32]
    ) -> IndexArray:
        """Lower the gains of all who could have improved `reached`; return who they are."""
        indptr, indices, units = self._edges
        starts = indptr[reached]
        sizes = indptr[reached + 1] - starts
        edges = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
        edges += np.arange(len(edges))
        old = np.repeat(before, sizes)
        lost = np.minimum(units[edges], np.repeat(offered, sizes)) - old
        losing = lost > 0
        changed = indices[edges[losing]].astype(np.int64)
        weighted = lost[losing] * np.repeat(self._weights[reached], sizes)[losing]
        np.subtract.at(self.gains, changed, weighted)
        return np.unique(changed) if len(changed) > len(self.gains) else changed


def _total_gains(edges: _Edges, weights: FloatArray, current: NDArray[np.int32]) -> FloatArray:
    totals = np.zeros(len(weights))
    first = 0
    while first < len(weights):
        limit = edges.indptr[first] + _BLOCK_EDGES
        last = max(first + 1, int(np.searchsorted(edges.indptr, limit, side="right")) - 1)
        part = slice(edges.indptr[first], edges.indptr[last])
        sums = np.zeros(part.stop - part.start + 1)
        reached = edges.indices[part]
        more = np.maximum(edges.units[part] - current[reached], 0)
        np.cumsum(more * weights[reached], out=sums[1:])
        totals[first:last] = np.diff(sums[edges.indptr[first : last + 1] - part.start])
        first = last
    return totals


def _coverage_edges(neighbors: Neighbors, progress: Progress) -> _Edges:
    rows = len(neighbors.indptr) - 1
    column_bits = max(1, rows.bit_length())
    step = min(_BLOCK_ROWS, 1 << (63 - _UNIT_BITS - column_bits))
    owners = np.repeat(np.arange(rows, dtype=np.int32), np.diff(neighbors.indptr))
    has_itself = np.ones(rows, dtype=np.bool_)
    has_itself[neighbors.zero_rows] = False
    degrees = np.zeros(rows, dtype=np.int64)
    indices, units = [np.empty(0, dtype=np.int32)], [np.empty(0, dtype=np.int32)]
    with progress.task("facility location: graph", rows) as task:
        for first in range(0, rows, step):
            last = min(first + step, rows)
            keys = _sorted_keys(neighbors, owners, has_itself, slice(first, last), column_bits)
            pairs = keys >> _UNIT_BITS
            # Of the two directions of an edge, the larger similarity comes last.
            kept = np.ones(len(pairs), dtype=np.bool_)
            kept[:-1] = pairs[1:] != pairs[:-1]
            keys, pairs = keys[kept], pairs[kept]
            degrees[first:last] = np.bincount(pairs >> column_bits, minlength=last - first)
            indices.append((pairs & ((1 << column_bits) - 1)).astype(np.int32))
            units.append((keys & ((1 << _UNIT_BITS) - 1)).astype(np.int32))
            task.advance(last - first)
    indptr = np.zeros(rows + 1, dtype=np.int64)
    np.cumsum(degrees, out=indptr[1:])
    return _Edges(indptr, np.concatenate(indices), np.concatenate(units))


def _sorted_keys(
    neighbors: Neighbors,
    owners: NDArray[np.int32],
    has_itself: NDArray[np.bool_],
    block: slice,
    column_bits: int,
) -> IndexArray:
    """Return (row, column, units) of all edges that leave rows of `block`, packed and sorted."""
    first, last = block.start, block.stop
    outgoing = slice(neighbors.indptr[first], neighbors.indptr[last])
    incoming = np.flatnonzero((neighbors.indices >= first) & (neighbors.indices < last))
    own = first + np.flatnonzero(has_itself[first:last])
    row = np.concatenate([owners[outgoing], neighbors.indices[incoming], own])
    column = np.concatenate([neighbors.indices[outgoing], owners[incoming], own])
    similarities = np.concatenate(
        [
            neighbors.similarities[outgoing],
            neighbors.similarities[incoming],
            np.ones(len(own), dtype=np.float32),
        ]
    )
    units = np.rint(similarities * np.float32(_UNITS)).astype(np.int64)
    positive = units > 0
    pairs = (row[positive].astype(np.int64) - first) << column_bits | column[positive]
    keys: IndexArray = pairs << _UNIT_BITS | units[positive]
    keys.sort()
    return keys
