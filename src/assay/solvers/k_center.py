"""k-center greedy: cover a pool by always taking the row that lies farthest from all taken."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.progress import Task
from assay.samples import FloatArray, IndexArray, Selection
from assay.solvers.arrays import Candidates, Costs
from assay.solvers.cover import OUT_OF_PLAY, Cover
from assay.solvers.similarity import (
    AnyFloatArray,
    block_rows,
    blocks,
    exact_unit_vectors,
    quantised,
    zero_rows,
)

ROW_WORK = 1e6
"""Operations of a matrix product that take as long as what is done for each row once."""

_GAIN_UNIT = "cosine distance"
# Sizes of a round only change how fast the answer comes.
_FIRST_CANDIDATES = 512
_LEAST_CANDIDATES = 256
_MOST_CANDIDATES = 8192
_FEWEST_PICKS = 64
_MOST_PICKS = 256
_REFRESHED_PER_CANDIDATE = 2
_LOOK_AHEAD = 64
_LONG_LAG = 256


def k_center(
    vectors: AnyFloatArray,
    candidates: Candidates,
    *,
    first: Literal["medoid"] | int = "medoid",
    fill: bool = False,
) -> Selection:
    """Cover `vectors` with a number of them by always taking the farthest one.

    The order is that of the plain greedy, which compares distances rounded to multiples of
    2**-20 (about 1e-6) and breaks ties by the lowest row. It does not depend on block sizes or
    threads: products that rounding could reorder are computed again without any.

    Args:
        vectors: shape (n, d), float16, float32 or float64, memory-mapped or not, brought to unit
            length here. A zero row has similarity 0 to all others; zero rows are copies of each
            other, so at most one is picked for its gain.
        candidates: the rows to choose from and to cover, and how many; others are not even read,
            unless the start names them. As many as there are, or more, gives all of them if the
            limit pays for all, those without gain last.
        first: the first pick when nothing is chosen yet: a row, or "medoid" for the one most
            similar to the mean of all allowed unit vectors.
        fill: go on by lowest row, with gain 0, when all that is left are copies of rows chosen.

    Returns:
        Picks in order. Gains are cosine distances to the nearest earlier pick, multiples of
        2**-20 in [0, 2]; NaN for the start, or for the first pick. `stop` is "exhausted" when every
        allowed row is chosen, "budget" when the count is reached or no row fits the limit any
        more, "no_gain" when copies of chosen rows are all that is left. Every prefix is the
        answer for its own length and, with costs, for its own cost.

    Raises:
        NonFiniteError: if a row holds NaN or infinity; the first ones are listed.

    Source:
        Gonzalez 1985, Theoretical Computer Science 38; Sener & Savarese 2018, arXiv 1708.00489,
        algorithm 1. The largest Euclidean distance to a pick is at most twice the optimal one.
    """
    part = candidates.entrants(len(vectors))
    unit = exact_unit_vectors(vectors if len(part.rows) == len(vectors) else vectors[part.rows])
    pool = _Pool(unit, part.allowed, part.costs)
    opening = part.start
    if len(opening) == 0 and part.count > 0:
        opening = _opening(pool, part.rows, first)
    total = part.costs.picks(part.count)
    with candidates.progress.task("k-center", total, unit="picks") as task:
        chosen = _greedy(pool, opening, task, count=part.count, keep_all=fill)
    gains = chosen.gains.copy()
    gains[: max(1, len(opening))] = np.nan
    return Selection(part.rows[chosen.rows], gains, True, chosen.stop, _GAIN_UNIT)


class _Pool(NamedTuple):
    """The rows that take part; `unit` from `exact_unit_vectors`, zero rows still zero."""

    unit: NDArray[np.float32]
    eligible: NDArray[np.bool_]
    costs: Costs


class _Chosen(NamedTuple):
    rows: IndexArray
    gains: FloatArray
    stop: Literal["budget", "exhausted", "no_gain"]


def _opening(pool: _Pool, positions: IndexArray, first: Literal["medoid"] | int) -> IndexArray:
    """Return the first pick as an array of one row, empty if no row may be picked."""
    possible = pool.eligible & (pool.costs.each <= pool.costs.limit)
    if isinstance(first, str):
        return _medoid(pool.unit, possible)
    place = np.flatnonzero(positions == first)
    if len(place) == 0 or not possible[place[0]]:
        raise ValueError(f"row {first} cannot come first: it is not allowed or does not fit")
    return place


def _medoid(unit: NDArray[np.float32], possible: NDArray[np.bool_]) -> IndexArray:
    if not possible.any():
        return np.empty(0, dtype=np.int64)
    total = np.zeros(unit.shape[1])
    step = block_rows(unit.shape[1])
    for begin in blocks(*unit.shape):
        total += unit[begin : begin + step].sum(axis=0, dtype=np.float64)
    # Back on the grid, so that products with the mean add up exactly, too.
    mean = exact_unit_vectors(total[None, :])[0].astype(np.float64)
    similarity = np.empty(len(unit))
    for begin in blocks(*unit.shape):
        similarity[begin : begin + step] = unit[begin : begin + step].astype(np.float64) @ mean
    similarity = quantised(similarity)
    similarity[~possible] = -np.inf
    return np.array([similarity.argmax()], dtype=np.int64)


def _greedy(pool: _Pool, opening: IndexArray, task: Task, *, count: int, keep_all: bool) -> _Chosen:
    open_rows = pool.eligible.copy()
    open_rows[opening] = False
    available = len(opening) + int(open_rows.sum())
    cover = Cover(_with_zero_rows_apart(pool.unit), min(count, available))
    search = _Search(cover, pool.costs)
    for row in opening.tolist():
        search.take(row)
    everything_fits = float(pool.costs.each[open_rows].sum()) <= search.left
    keep_all = keep_all or (count >= available and everything_fits)
    if len(opening) > 0:
        cover.refresh(np.flatnonzero(open_rows))
        task.advance(len(opening))
        search.run(min(count, available), task)
    rows, gains = cover.centers, cover.gains()
    open_rows[rows] = False
    copies = np.flatnonzero(open_rows & (pool.costs.each <= search.left))
    if keep_all:
        filled = search.take_in_order(copies, count - len(rows))
        rows = np.concatenate([rows, filled])
        gains = np.concatenate([gains, np.zeros(len(filled))])
        copies = copies[:0]
    if len(rows) == available:
        return _Chosen(rows, gains, "exhausted")
    ended_early = len(rows) < count and len(copies) > 0
    return _Chosen(rows, gains, "no_gain" if ended_early else "budget")


def _with_zero_rows_apart(unit: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `unit` with its zero rows on an axis of their own, where all rows have length 1.

    There a zero row has similarity 0 to every other row and 1 to its copies.
    """
    zero = zero_rows(unit)
    if len(zero) == 0:
        return unit
    axis = np.zeros((len(unit), 1), dtype=np.float32)
    axis[zero] = 1.0
    return np.hstack([unit, axis])


class _Search:
    """Gonzalez's greedy in rounds, the same picks as one at a time.

    A round takes the rows that are farthest now and plays the greedy among them. As distances
    only fall, no other row can come first while the best of them is above all others; then the
    next round begins. Between rounds, rows whose last known distance is near the top meet the
    new centres in one matrix product. A row never met lies below, whatever its distance is by
    now, so most rows meet only the first few of the centres.
    """

    def __init__(self, cover: Cover, costs: Costs) -> None:
        self.cover = cover
        self.costs = costs.each
        self.left = costs.limit
        self._is_limited = bool(np.isfinite(costs.limit))
        self._size = _FIRST_CANDIDATES

    def take(self, row: int) -> None:
        """Make `row` a centre and pay for it."""
        self.cover.add(row)
        self.left -= float(self.costs[row])

    def take_in_order(self, rows: IndexArray, room: int) -> IndexArray:
        """Return the first `room` of `rows` that can be paid for, and pay for them."""
        taken: list[int] = []
        for row, cost in zip(rows.tolist(), self.costs[rows].tolist(), strict=True):
            if len(taken) >= room:
                break
            if cost <= self.left:
                taken.append(row)
                self.left -= cost
        return np.array(taken, dtype=np.int64)

    def run(self, total: int, task: Task) -> None:
        """Add centres until there are `total`, or no row that adds something can be paid for."""
        while len(self.cover.centers) < total:
            self.cover.rough[self.costs > self.left] = OUT_OF_PLAY
            candidates, cut = self._farthest()
            if len(candidates) == 0:
                return
            before = len(self.cover.centers)
            self._play(candidates, cut, total)
            picks = len(self.cover.centers) - before
            task.advance(picks)
            if picks < _FEWEST_PICKS:
                self._size = min(2 * self._size, _MOST_CANDIDATES)
            elif picks > _MOST_PICKS:
                self._size = max(self._size // 2, _LEAST_CANDIDATES)

    def _farthest(self) -> tuple[IndexArray, float]:
        """Return the farthest rows, ascending, and a bound on the distance of any other row.

        Rows that never come near the top are never brought up to date.
        """
        rough = self.cover.rough
        size = _REFRESHED_PER_CANDIDATE * self._size
        while size < np.count_nonzero(rough >= 0):
            order = np.argpartition(rough, len(rough) - size)
            top, cut = order[-size:], float(rough[order[:-size]].max())
            is_fresh = bool(self.cover.is_fresh(top).all())
            self.cover.refresh(top)
            above = top[rough[top] > cut]
            is_ahead = float(rough[above].max(initial=-1.0)) - self.cover.window > cut
            if is_ahead and (is_fresh or len(above) >= self._size):
                return self._best_of(above, cut)
            size *= 2
        rows = np.flatnonzero(rough >= 0)
        self.cover.refresh(rows)
        return rows, -np.inf

    def _best_of(self, rows: IndexArray, cut: float) -> tuple[IndexArray, float]:
        """Return the farthest of `rows`, ascending, and `cut` raised to what was left out."""
        values = self.cover.rough[rows]
        if len(rows) > self._size:
            order = np.argpartition(values, len(rows) - self._size)
            left_out = float(values[order[: -self._size]].max())
            if float(values.max()) - self.cover.window > left_out:
                return np.sort(rows[order[-self._size :]]), left_out
        return np.sort(rows), cut

    def _play(self, candidates: IndexArray, cut: float, total: int) -> None:
        similarities = _Similarities(self.cover.vectors[candidates])
        costs = self.costs[candidates]
        rough = self.cover.rough[candidates]
        while len(self.cover.centers) < total:
            best = float(rough.max())
            if best < 0 or best - self.cover.window <= cut:
                return
            place = self._decide(candidates, rough, best)
            if place is None:
                continue
            self.take(int(candidates[place]))
            similarity = similarities.of(place, rough)
            np.minimum(rough, np.maximum(1.0 - similarity, 0.0), out=rough)
            rough[place] = OUT_OF_PLAY
            if self._is_limited:
                rough[costs > self.left] = OUT_OF_PLAY

    def _decide(
        self, candidates: IndexArray, rough: NDArray[np.float32], best: float
    ) -> int | None:
        """Return the place of the farthest candidate; None if all that could be are copies."""
        places = np.flatnonzero(rough >= best - self.cover.window)
        if len(places) == 1 and best > self.cover.window:
            return int(places[0])
        if self.cover.lag(candidates[places]) > _LONG_LAG:
            self.cover.exact(candidates[_largest(rough, _LOOK_AHEAD)])
        exact = self.cover.exact(candidates[places])
        copies = places[exact == 0]
        rough[copies] = OUT_OF_PLAY
        self.cover.rough[candidates[copies]] = OUT_OF_PLAY
        return None if len(copies) == len(places) else int(places[exact.argmax()])


class _Similarities:
    """Rough similarities among candidates, computed for those that are likely to be picked."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors
        self._rows: dict[int, NDArray[np.float32]] = {}

    def of(self, place: int, rough: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the similarities of all candidates to the one at `place`."""
        if place not in self._rows:
            # One product for the farthest: whatever is not picked of them was covered by those
            # that were, so that few of these rows are computed in vain.
            ahead = np.union1d(_largest(rough, _LOOK_AHEAD), place)
            products = self._vectors[ahead] @ self._vectors.T
            self._rows = dict(zip(ahead.tolist(), products, strict=True))
        return self._rows[place]


def _largest(values: NDArray[np.float32], count: int) -> IndexArray:
    """Return the positions of the `count` largest values, in any order."""
    if count >= len(values):
        return np.arange(len(values))
    return np.argpartition(values, len(values) - count)[-count:]
