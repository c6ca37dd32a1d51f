"""Graph cut: rows similar to the whole pool and dissimilar to each other, without a matrix."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.progress import Task
from assay.samples import FloatArray, IndexArray, Selection
from assay.solvers.arrays import Candidates, Costs
from assay.solvers.cover import rounding_error
from assay.solvers.distinct import distinct_vectors
from assay.solvers.exact_products import exact_parts, exact_products, exact_row_products
from assay.solvers.similarity import AnyFloatArray, block_rows, blocks, exact_unit_vectors

PICK_WORK = 2.5e7
"""Operations of a matrix product that take as long as a pick, besides the products of vectors."""

_GAIN_UNIT = "similarity"
_GRID = 2.0**26
_LONGEST = 1.0 + 2.0**-20  # no row of the grid is longer
_LOOK_AHEAD = 32
_KNOWN_VALUES = 1 << 25


class _Level(NamedTuple):
    """Sizes of a round; they only change how fast the answer comes.

    Attributes:
        first: candidates of the first round.
        least: fewest candidates.
        planned: picks that a round should last.
    """

    first: int
    least: int
    planned: int


_LEVELS = (_Level(2048, 512, 256), _Level(512, 128, 32))
_MOST_CANDIDATES = 1 << 16
_LONGEST_ROUND = 4096


def graph_cut(
    vectors: AnyFloatArray, candidates: Candidates, *, trade_off: float = 1.0
) -> Selection:
    """Take, again and again, the row most similar to the pool and least to the rows taken.

    A row x gains trade_off * sum of s(x, p) over the pool, minus 2 * the sum of s(x, p) over the
    rows taken, s being the cosine. Gains may be negative; the greedy goes on all the same.

    The order does not depend on block sizes or threads. Rows lie on a grid on which sums of rows
    are exact, so a gain is one product with a vector that is known exactly; rows that could come
    first are compared by `solvers/exact_products.py`, which no order of summation changes, and
    equal gains go to the lowest row. Rough products only rule rows out, by bounds on their error.

    Args:
        vectors: shape (n, d), float16, float32 or float64, memory-mapped or not, brought to unit
            length here. A zero row has similarity 0 to everything and gains 0.
        candidates: the rows to choose from, which also are the pool, and how many. The others are
            not even read, unless the start names them.
        trade_off: weight of the pool, >= 0; at 1 twice the gain is, up to a constant, the sum of
            squared distances to the rows taken minus that to the others.

    Returns:
        Picks in order, with their gains; NaN for the start. `stop` is "exhausted" when every
        allowed row is chosen, else "budget". Every prefix is the answer for its own length and,
        with costs, for its own cost.

    Raises:
        NonFiniteError: if a row holds NaN or infinity; the first ones are listed.

    Source:
        Zhou et al. 2023, arXiv 2308.10524, for unit vectors and trade_off = 1; the search is ours.
    """
    if not 0 <= trade_off < np.inf:
        raise ValueError(f"trade_off must be finite and not negative: {trade_off}")
    part = candidates.entrants(len(vectors))
    unit = exact_unit_vectors(vectors if len(part.rows) == len(vectors) else vectors[part.rows])
    given = part.start
    greedy = _Greedy(unit, np.flatnonzero(part.allowed), given, trade_off, part.costs)
    start_direction = greedy.direction.copy()
    total = part.costs.picks(part.count)
    with candidates.progress.task("graph cut", total, unit="picks") as task:
        task.advance(len(given))
        chosen = greedy.run(part.count - len(given), task)
    gains = _gains(unit, chosen, start_direction)
    everything = len(chosen) == greedy.open_at_first
    stop: Literal["budget", "exhausted"] = "exhausted" if everything else "budget"
    indices = part.rows[np.concatenate([given, chosen])]
    return Selection(
        indices, np.concatenate([np.full(len(given), np.nan), gains]), True, stop, _GAIN_UNIT
    )


def graph_cut_order(
    unit: NDArray[np.float32], count: int, task: Task, *, trade_off: float = 1.0
) -> IndexArray:
    """Return the first `count` picks of `graph_cut` among rows that are on the grid already.

    Args:
        unit: shape (n, d), from `exact_unit_vectors`.
        count: at most n.
        task: is told of every pick.
        trade_off: as for `graph_cut`.
    """
    free = Costs(np.zeros(len(unit)), np.inf)
    everything = np.arange(len(unit))
    greedy = _Greedy(unit, everything, np.empty(0, dtype=np.int64), trade_off, free)
    return greedy.run(count, task)


def _sum(unit: NDArray[np.float32], rows: IndexArray) -> FloatArray:
    """Return the sum of some rows; exact, being a multiple of 2**-26 below 2**27."""
    total = np.zeros(unit.shape[1])
    step = block_rows(unit.shape[1])
    for first in blocks(len(rows), unit.shape[1]):
        total += unit[rows[first : first + step]].sum(axis=0, dtype=np.float64)
    return total


def _gains(unit: NDArray[np.float32], picks: IndexArray, direction: FloatArray) -> FloatArray:
    """Return what each pick gained, given what the first of them met."""
    gains = np.empty(len(picks))
    step = block_rows(unit.shape[1])
    for first in blocks(len(picks), unit.shape[1]):
        vectors = unit[picks[first : first + step]]
        taken = np.cumsum(vectors, axis=0, dtype=np.float64)
        met = direction - 2.0 * (taken - vectors)
        gains[first : first + step] = exact_row_products(vectors, exact_parts(met))
        direction = direction - 2.0 * taken[-1]
    return gains


class _Offers:
    """Groups of equal rows; each offers its lowest row that is left and can be paid for.

    Attributes:
        vectors: shape (g, d), one vector per group; zero rows are a group, too.
        row: shape (g,), the row on offer; the number of rows where nothing is left.
    """

    def __init__(self, unit: NDArray[np.float32], rows: IndexArray, costs: FloatArray) -> None:
        distinct = distinct_vectors(unit if len(rows) == len(unit) else unit[rows])
        members, starts, self.vectors = distinct.members, distinct.starts, distinct.vectors
        if len(distinct.zero_rows):
            members = np.concatenate([members, distinct.zero_rows])
            starts = np.append(starts, len(members))
            zero = np.zeros((1, unit.shape[1]), dtype=np.float32)
            self.vectors = np.concatenate([self.vectors, zero])
        self._members = rows[members]
        self._next, self._end = starts[:-1].copy(), starts[1:]
        self._costs = costs
        self._nothing = len(unit)
        self.row = self._members[self._next]

    def is_open(self, groups: IndexArray | slice = slice(None)) -> NDArray[np.bool_]:
        """Return which groups offer a row."""
        return self.row[groups] < self._nothing

    def advance(self, group: int) -> None:
        """Offer the next row of a group."""
        self._next[group] += 1
        left = self._next[group] < self._end[group]
        self.row[group] = self._members[self._next[group]] if left else self._nothing

    def withdraw_above(self, most: float, groups: IndexArray) -> None:
        """Offer nothing among `groups` that costs more than `most`."""
        groups = groups[self.is_open(groups)]
        for group in groups[self._costs[self.row[groups]] > most].tolist():
            while self.row[group] < self._nothing and self._costs[self.row[group]] > most:
                self.advance(group)


class _Field(NamedTuple):
    """Groups that take part, ascending, with their vectors and their similarity to the axis."""

    groups: IndexArray
    vectors: NDArray[np.float32]
    along: NDArray[np.float32]


class _Round:
    """Who plays a round, and how much the others could gain while it lasts.

    If what was picked in it sums to along * axis + rest, no other group gains more than
    cut - 2 * fall * along + 2 * |rest|, for any `along` in [0, reach].
    """

    def __init__(
        self, field: _Field, axis: FloatArray, *, cut: float, fall: float, reach: float
    ) -> None:
        self.field = field
        self._axis = axis
        self._cut, self._fall, self._reach = cut, fall, reach
        self._moved = np.zeros_like(axis)

    def move(self, vector: NDArray[np.float32]) -> None:
        """Take note of a pick."""
        self._moved += vector

    def bound(self) -> float:
        """Return what any group that does not play could gain at most by now."""
        if self._cut == -np.inf:
            return -np.inf
        along = min(max(float(self._moved @ self._axis), 0.0), self._reach)
        rest = _length(self._moved - along * self._axis)
        return self._cut - 2.0 * self._fall * along + 2.0 * _LONGEST * rest


class _Greedy:
    """The greedy in rounds within rounds, the same picks as one at a time.

    A round takes the groups whose gains are largest now and plays the greedy among them, until
    the best of them could be below one of the others. What picks take from these is bounded in
    two parts: along the mean of the pool, where every row's share is known, and across it, where
    it is at most the length of their sum. Then the next round begins with one product of its
    groups with what is left of the pool, the `direction`. Inner rounds are short and narrow,
    outer ones long and wide.
    """

    def __init__(
        self,
        unit: NDArray[np.float32],
        pool: IndexArray,
        given: IndexArray,
        trade_off: float,
        costs: Costs,
    ) -> None:
        total = _sum(unit, pool)
        # Back on the grid, whatever the trade-off.
        self.direction = np.rint(trade_off * total * _GRID) / _GRID - 2.0 * _sum(unit, given)
        rows = np.setdiff1d(pool, given)
        self.open_at_first = len(rows)
        self._offers = _Offers(unit, rows, costs.each)
        self._axis = total / (_length(total) or 1.0)
        self._costs = costs.each
        self._left = costs.limit - float(costs.each[given].sum())
        self._is_limited = bool(np.isfinite(costs.limit))
        # Twice: a direction cast to float32 adds to the error of the product.
        self._error = 2.0 * rounding_error(unit.shape[1])
        self._sizes = [level.first for level in _LEVELS]
        self._rows: list[int] = []
        self._task: Task

    def run(self, count: int, task: Task) -> IndexArray:
        """Return up to `count` picks, and tell of each."""
        self._task = task
        vectors = self._offers.vectors
        along = vectors @ self._axis.astype(np.float32)
        self._descend(_Field(np.arange(len(vectors)), vectors, along), [], count)
        return np.array(self._rows, dtype=np.int64)

    def _descend(self, field: _Field, outer: list[_Round], total: int) -> None:
        """Play rounds among the groups of a field until they give no pick any more."""
        depth = len(outer)
        level = _LEVELS[depth]
        while len(self._rows) < total:
            if self._is_limited:
                self._offers.withdraw_above(self._left, field.groups)
            before = len(self._rows)
            inner = self._narrow(field, depth)
            if len(inner.field.groups) == 0:
                return
            if depth + 1 < len(_LEVELS):
                self._descend(inner.field, [*outer, inner], total)
            else:
                self._play([*outer, inner], min(total, before + _LONGEST_ROUND))
            picks = len(self._rows) - before
            if picks == 0:
                return
            if picks < level.planned // 2:
                self._sizes[depth] = min(2 * self._sizes[depth], _MOST_CANDIDATES)
            elif picks > 2 * level.planned:
                self._sizes[depth] = max(self._sizes[depth] // 2, level.least)

    def _narrow(self, field: _Field, depth: int) -> _Round:
        """Return a round of the groups that gain most, or could soon."""
        offered = np.flatnonzero(self._offers.is_open(field.groups))
        length = _length(self.direction)
        scaled = (self.direction / (length or 1.0)).astype(np.float32)
        rough = (field.vectors @ scaled)[offered] * np.float64(length)
        along = field.along[offered]
        size = self._sizes[depth]
        while 2 * size < len(offered):
            best = np.argpartition(rough, len(rough) - _LOOK_AHEAD)[-_LOOK_AHEAD:]
            fall = float(along[best].mean())
            reach = max(0.0, _LEVELS[depth].planned * fall)
            # A row that loses less than the best do rises among them as the round goes on.
            prospects = rough + 2.0 * reach * np.maximum(fall - along, 0.0)
            order = np.argpartition(prospects, len(prospects) - size)
            cut = float(prospects[order[:-size]].max()) + self._error * (length + 2.0 * reach)
            if float(rough[best].max()) - self._error * length > cut:
                part = _part(field, offered[np.sort(order[-size:])])
                return _Round(part, self._axis, cut=cut, fall=fall, reach=reach)
            size *= 2
        part = field if len(offered) == len(field.groups) else _part(field, offered)
        return _Round(part, self._axis, cut=-np.inf, fall=0.0, reach=0.0)

    def _play(self, rounds: list[_Round], total: int) -> None:
        groups, vectors, _ = rounds[-1].field
        gains = exact_products(vectors, exact_parts(self.direction))
        rounding = float(np.abs(gains).max()) * 2.0**-50
        similarities = _Similarities(vectors)
        error = 0.0
        while len(self._rows) < total:
            best = float(gains.max())
            if best == -np.inf or best - error <= max(played.bound() for played in rounds):
                return
            place = self._decide(groups, vectors, gains, 2.0 * error)
            self._take(int(groups[place]))
            for played in rounds:
                played.move(vectors[place])
            error += self._error + rounding
            gains -= 2.0 * similarities.of(place, gains)
            if self._is_limited:
                self._offers.withdraw_above(self._left, groups)
                gains[~self._offers.is_open(groups)] = -np.inf
            elif not self._offers.is_open(groups[place : place + 1])[0]:
                gains[place] = -np.inf

    def _decide(
        self, groups: IndexArray, vectors: NDArray[np.float32], gains: FloatArray, within: float
    ) -> int:
        """Return the place of the largest gain, the lowest row on offer among equal ones."""
        places = np.flatnonzero(gains >= gains.max() - within)
        if len(places) > 1:
            exact = exact_products(vectors[places], exact_parts(self.direction))
            places = places[exact == exact.max()]
        return int(places[self._offers.row[groups[places]].argmin()])

    def _take(self, group: int) -> None:
        row = int(self._offers.row[group])
        self._rows.append(row)
        self._task.advance(1)
        self._left -= float(self._costs[row])
        self.direction -= 2.0 * self._offers.vectors[group]
        self._offers.advance(group)


def _part(field: _Field, places: IndexArray) -> _Field:
    return _Field(field.groups[places], field.vectors[places], field.along[places])


class _Similarities:
    """Rough similarities among candidates, computed for those that are likely to be picked."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._vectors = vectors
        self._place = np.full(len(vectors), -1, dtype=np.int64)
        most = max(_LOOK_AHEAD + 1, _KNOWN_VALUES // len(vectors))
        self._known = np.empty((min(most, len(vectors)), len(vectors)), dtype=np.float32)
        self._count = 0

    def of(self, place: int, gains: FloatArray) -> NDArray[np.float32]:
        """Return the similarities of all candidates to the one at `place`."""
        if self._place[place] < 0:
            self._look_ahead(place, gains)
        return self._known[self._place[place]]

    def _look_ahead(self, place: int, gains: FloatArray) -> None:
        size = min(_LOOK_AHEAD, len(gains))
        ahead = np.union1d(np.argpartition(gains, len(gains) - size)[-size:], place)
        ahead = ahead[self._place[ahead] < 0]
        if self._count + len(ahead) > len(self._known):
            self._place[:] = -1
            self._count = 0
        slots = self._count + np.arange(len(ahead))
        self._known[slots[0] : slots[-1] + 1] = self._vectors[ahead] @ self._vectors.T
        self._place[ahead] = slots
        self._count += len(ahead)


def _length(vector: FloatArray) -> float:
    return float(np.sqrt((vector * vector).sum()))
