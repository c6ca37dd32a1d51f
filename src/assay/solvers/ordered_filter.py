"""Ordered filter: walk down a ranking and keep what is unlike everything kept before."""

import itertools
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.progress import Task
from assay.samples import IndexArray
from assay.solvers.arrays import Candidates, Costs, checked_mask, checked_positions
from assay.solvers.cover import rounding_error
from assay.solvers.similarity import (
    QUANTUM,
    AnyFloatArray,
    exact_unit_vectors,
    pair_similarities,
    quantised,
)

# Sizes only change how fast the answer comes.
_BLOCK_ROWS = 1024
_KEPT_AT_ONCE = 4096


class Filtered(NamedTuple):
    """What a walk kept, and what it met and left out.

    Attributes:
        kept: shape (k,), rows kept, in the order in which they were met.
        rejected: shape (r,), rows met that were too similar to a row before them, in that order.
        stop: "budget" if something was left because the count was reached or the limit spent.
    """

    kept: IndexArray
    rejected: IndexArray
    stop: Literal["budget", "exhausted"]


def ordered_filter(
    vectors: AnyFloatArray,
    order: IndexArray,
    candidates: Candidates,
    *,
    threshold: float,
    batch_size: int = 1,
) -> Filtered:
    """Keep each row of a ranking whose cosine to every row kept before it is at most `threshold`.

    Cosines and threshold are rounded to multiples of 2**-20 (about 1e-6) and then compared. Most
    are only estimated, in float32; those that rounding could move across the threshold are
    computed again without any, so neither block sizes nor threads change a decision.

    Args:
        vectors: shape (n, d), any float dtype, memory-mapped or not, brought to unit length here.
            A zero row has similarity 0 to everything, other zero rows included.
        order: shape (m,), the rows to walk through, best first, without repeats. Others are not
            read, nor are those that are not allowed.
        candidates: how many rows to keep at most, and what may be spent on them. A row that is
            similar to no kept one but no longer fits is passed over: neither kept nor rejected.
        threshold: largest cosine that is tolerated, in [0, 1].
        batch_size: 1 compares a row with kept rows only. Above 1 the first row stands alone, the
            others form batches of this many, and a row is compared besides with all rows before
            it in its batch, rejected ones among them.

    Returns:
        The rows kept and rejected up to the moment when the count is reached, or when nothing
        that is left in the order can be paid for.

    Raises:
        NonFiniteError: if a row holds NaN or infinity; the first ones are listed.

    Source:
        DEITA, arXiv 2312.15685, for the filter; its published code for batches.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must lie in [0, 1]: {threshold}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1: {batch_size}")
    if candidates.start is not None:
        raise ValueError("a walk begins with its first row, and has no start")
    rows = len(vectors)
    walk = checked_positions(order, rows)
    walk = walk[checked_mask(candidates.allowed, rows)[walk]]
    most = candidates.checked_count(rows)
    costs = candidates.checked_costs(rows).of(walk)
    places = np.sort(walk)
    unit = exact_unit_vectors(vectors if len(places) == rows else vectors[places])
    rank = np.searchsorted(places, walk)
    total = costs.picks(min(most, len(walk)))
    with candidates.progress.task("ordered filter", total, unit="rows kept") as task:
        filtered = _Walk(unit, rank, threshold, costs, batch_size).go(candidates.count, task)
    return Filtered(walk[filtered.kept], walk[filtered.rejected], filtered.stop)


class _Walk:
    """One walk; rows are named by their place in it."""

    def __init__(
        self,
        unit: NDArray[np.float32],
        row_at: IndexArray,
        threshold: float,
        costs: Costs,
        batch_size: int,
    ) -> None:
        self._unit = unit
        self._row_at = row_at
        self._threshold = float(quantised(np.array([threshold]))[0])
        self._window = QUANTUM + 2.0 * rounding_error(unit.shape[1])
        self._costs = costs.each.tolist()
        self._limit = costs.limit
        # The least that anything from here on costs: when it does not fit, nothing ever will.
        self._cheapest = np.minimum.accumulate(costs.each[::-1])[::-1].tolist()
        self._batch_size = batch_size
        self._spent = 0.0
        self._passed_over = False
        self._kept: list[int] = []
        self._rejected: list[int] = []

    def go(self, count: int | None, task: Task) -> Filtered:
        stopped = count == 0
        for start, stop in self._blocks():
            if stopped:
                break
            before = len(self._kept)
            block = np.arange(start, stop)
            rejected = self._like_kept(block)
            pairs = self._within(block, rejected)
            stopped = self._settle(block, rejected, pairs, count)
            task.advance(len(self._kept) - before)
        early = stopped or self._passed_over
        kept, met = np.array(self._kept, np.int64), np.array(self._rejected, np.int64)
        return Filtered(kept, met, "budget" if early else "exhausted")

    def _blocks(self) -> Iterator[tuple[int, int]]:
        """Yield ranges of places that cut no batch in two; the first row is its own."""
        rows = len(self._row_at)
        step = self._batch_size * max(1, _BLOCK_ROWS // self._batch_size)
        bounds = [0, *range(1, rows, step), rows] if rows else []
        yield from itertools.pairwise(bounds)

    def _settle(
        self,
        block: IndexArray,
        rejected: NDArray[np.bool_],
        pairs: tuple[IndexArray, IndexArray],
        count: int | None,
    ) -> bool:
        """Decide row after row; return whether the walk has come to its end."""
        earlier, later = pairs
        by_earlier = np.argsort(earlier, kind="stable")
        later = later[by_earlier]
        bounds = np.searchsorted(earlier[by_earlier], np.arange(len(block) + 1)).tolist()
        for index, place in enumerate(block.tolist()):
            if self._spent + self._cheapest[place] > self._limit:
                return True
            if rejected[index]:
                self._rejected.append(place)
            elif self._spent + self._costs[place] > self._limit:
                self._passed_over = True
            else:
                self._kept.append(place)
                self._spent += self._costs[place]
                rejected[later[bounds[index] : bounds[index + 1]]] = True
                if len(self._kept) == count:
                    return True
        return False

    def _like_kept(self, block: IndexArray) -> NDArray[np.bool_]:
        """Return which rows of `block` are too similar to a row kept before the block."""
        like = np.zeros(len(block), dtype=np.bool_)
        # No cosine is above 1, and copies of one row would all be looked at twice to find that.
        kept_rows = len(self._kept) if self._threshold < 1 else 0
        for first in range(0, kept_rows, _KEPT_AT_ONCE):
            kept = np.array(self._kept[first : first + _KEPT_AT_ONCE])
            open_ = np.flatnonzero(~like)
            like[open_] = self._like_any(block[open_], kept)
        return like

    def _like_any(self, left: IndexArray, right: IndexArray) -> NDArray[np.bool_]:
        """Return which places of `left` are too similar to one of `right`."""
        rough = self._rough(left, right)
        largest = rough.max(axis=1)
        like = largest > self._threshold + self._window
        doubtful = np.flatnonzero(~like & (largest >= self._threshold - self._window))
        row, column = np.nonzero(rough[doubtful] >= self._threshold - self._window)
        row = doubtful[row]
        like[row[self._exactly_above(left[row], right[column])]] = True
        return like

    def _within(
        self, block: IndexArray, rejected: NDArray[np.bool_]
    ) -> tuple[IndexArray, IndexArray]:
        """Return indices of the similar pairs of `block`, the earlier ones and the later ones.

        Those of one batch are left out: they mark the later row in `rejected` at once.
        """
        batches = (block - 1) // self._batch_size
        # A rejected row rejects no other, unless by way of its batch.
        rows = np.flatnonzero(~rejected) if self._batch_size == 1 else np.arange(len(block))
        rows = rows[: len(rows) if self._threshold < 1 else 0]
        found = [np.empty((2, 0), dtype=np.int64)]
        for low in range(0, len(rows), _BLOCK_ROWS):
            for high in range(low, len(rows), _BLOCK_ROWS):
                pairs = self._pairs(
                    block, rows[low : low + _BLOCK_ROWS], rows[high : high + _BLOCK_ROWS]
                )
                together = batches[pairs[0]] == batches[pairs[1]]
                rejected[pairs[1, together]] = True
                found.append(pairs[:, ~together])
        earlier, later = np.concatenate(found, axis=1)
        return earlier, later

    def _pairs(self, block: IndexArray, left: IndexArray, right: IndexArray) -> IndexArray:
        """Return similar pairs, one index of `left` above a later one of `right`, shape (2, p)."""
        rough = self._rough(block[left], block[right])
        row, column = np.nonzero(rough >= self._threshold - self._window)
        ordered = left[row] < right[column]
        row, column = row[ordered], column[ordered]
        above = rough[row, column] > self._threshold + self._window
        earlier, later = left[row], right[column]
        doubtful = np.flatnonzero(~above)
        above[doubtful] = self._exactly_above(block[earlier[doubtful]], block[later[doubtful]])
        return np.stack([earlier, later])[:, above]

    def _rough(self, left: IndexArray, right: IndexArray) -> NDArray[np.float32]:
        return self._unit[self._row_at[left]] @ self._unit[self._row_at[right]].T

    def _exactly_above(self, left: IndexArray, right: IndexArray) -> NDArray[np.bool_]:
        similarities = pair_similarities(self._unit, self._row_at[left], self._row_at[right])
        return similarities > self._threshold
