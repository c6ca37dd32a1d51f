"""Facility location over all pairs, without ever holding them: exact, for tens of thousands."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assay.samples import FloatArray, IndexArray
from assay.solvers.facility_location import (
    FacilityLocationOptions,
    FacilityLocationResult,
    Greedy,
)
from assay.solvers.similarity import QUANTUM, AnyFloatArray, exact_unit_vectors

Kernel = Literal["cosine", "submod-euclidean"]

_EUCLIDEAN_UNITS = 2.0**32
_TILE = 2048
_COLUMN_VALUES = 1 << 22
_FIRST_BATCH = 4
_LARGEST_BATCH = 64


def facility_location_dense(
    vectors: AnyFloatArray,
    count: int,
    *,
    options: FacilityLocationOptions | None = None,
    kernel: Kernel = "cosine",
    cache_bytes: int = 512 << 20,
) -> FacilityLocationResult:
    """Choose `count` rows that stand for all others, judged by all similarities.

    Candidates are looked at in the order of what they could at most still gain, in batches, so
    most are looked at rarely; the picks are those of the plain greedy, ties to the lowest row.
    Similarities are computed without rounding, then rounded to a fixed step (2**-20, or 2**-32
    for "submod-euclidean"), and gains are whole numbers of it: neither block sizes nor threads
    nor `cache_bytes` can change a pick.

    Args:
        vectors: shape (n, d), any float dtype, brought to unit length here. A zero row has
            similarity 0 to everything, itself included.
        count: how many to choose in all; as many as there are, or more, gives all of them, those
            without gain last.
        options: quality, costs, rows already chosen and the like.
        kernel: similarity of two rows: "cosine" is the cosine, 0 where negative;
            "submod-euclidean" is exp(-distance / d) of unit vectors, all within [exp(-2 / d), 1].
        cache_bytes: memory for columns of the similarity matrix. Two float64 copies of the
            vectors at most come on top.

    Returns:
        Picks in order. Every prefix is the answer for its own length and, with costs, for its own
        cost. `stop` is "exhausted" when every allowed row is chosen, "budget" when the count is
        reached or nothing else can be paid for, "no_gain" when nothing left adds anything.

    Raises:
        NonFiniteError: if a row holds NaN or infinity; the first ones are listed.

    Source:
        Minoux 1978 for looking at few candidates; QDIT, arXiv 2311.14736, equation 3, for the
        sum of coverage and quality; Superfiltering, arXiv 2402.00530, for the second kernel.
    """
    similarities = _Similarities(exact_unit_vectors(vectors), kernel, cache_bytes)
    greedy = Greedy(
        options or FacilityLocationOptions(), len(vectors), count, units=similarities.units
    )
    weights = greedy.weights.astype(np.float64)
    current = np.zeros(len(vectors))
    for row in greedy.start.tolist():
        np.maximum(current, similarities.columns(np.array([row]))[0], out=current)
    gains = similarities.first_gains(current, weights) if count else np.zeros(len(vectors))
    greedy.set_scale(gains)
    _lazy_greedy(similarities, greedy, gains, current)
    return greedy.result(float(current @ weights))


def dense_coverage(
    vectors: AnyFloatArray, chosen: IndexArray, *, kernel: Kernel = "cosine"
) -> FloatArray:
    """Return the similarity of each row to the nearest of the `chosen`.

    Args:
        vectors: shape (n, d), any float dtype, brought to unit length here.
        chosen: shape (k,), rows of `vectors`.
        kernel: as for `facility_location_dense`.

    Returns:
        Shape (n,), in [0, 1]; all 0 if nothing is chosen. The sum is the dense objective.
    """
    similarities = _Similarities(exact_unit_vectors(vectors), kernel, 0)
    covered = np.zeros(len(vectors))
    step = similarities.batch
    for first in range(0, len(chosen), step):
        columns = similarities.columns(np.asarray(chosen[first : first + step]))
        np.maximum(covered, columns.max(axis=0), out=covered)
    return covered / similarities.units


def _lazy_greedy(
    similarities: "_Similarities", greedy: Greedy, gains: FloatArray, current: FloatArray
) -> None:
    """Pick until done; `gains` holds upper bounds, exact where `fresh`; both are updated."""
    weights = greedy.weights.astype(np.float64)
    bounds = greedy.scores(gains, slice(None))
    bounds[~greedy.is_open] = -np.inf
    fresh = np.ones(len(bounds), dtype=np.bool_)
    batch = _FIRST_BATCH
    while len(bounds) and greedy.wants_more():
        best = int(np.argmax(bounds))
        if not bounds[best] > 0:
            return
        if not greedy.fits(best):
            bounds[best] = -np.inf
        elif fresh[best]:
            greedy.pick(best, float(gains[best]))
            np.maximum(current, similarities.columns(np.array([best]))[0], out=current)
            bounds[best] = -np.inf
            fresh[:] = False
            batch = _FIRST_BATCH
        else:
            # Being the largest bound, it is no less than any exact gain known by now.
            rows = _largest_stale(bounds, fresh, batch)
            gains[rows] = _gains(similarities.columns(rows), current, weights)
            bounds[rows] = greedy.scores(gains[rows], rows)
            fresh[rows] = True
            batch = min(2 * batch, similarities.batch)


def _largest_stale(bounds: FloatArray, fresh: NDArray[np.bool_], batch: int) -> IndexArray:
    stale = np.where(fresh, -np.inf, bounds)
    threshold = bounds[fresh].max(initial=0.0)
    if batch < len(stale):
        rows = np.argpartition(stale, len(stale) - batch)[-batch:]
    else:
        rows = np.arange(len(stale))
    return rows[stale[rows] >= threshold]


def _gains(columns: FloatArray, current: FloatArray, weights: FloatArray) -> FloatArray:
    more = np.subtract(columns, current)
    np.maximum(more, 0.0, out=more)
    # Whole numbers below 2**53 throughout, so the order of the sum is free.
    return more @ weights


class _Similarities:
    """Rows of the similarity matrix in whole units, computed when asked for and kept a while."""

    def __init__(self, vectors: NDArray[np.float32], kernel: Kernel, cache_bytes: int) -> None:
        self._vectors = vectors.astype(np.float64)
        self._squares = np.einsum("ij,ij->i", self._vectors, self._vectors)
        self._kernel = kernel
        rows = len(vectors)
        # Units of a cosine are exact in float32 at half the memory; the finer kernel's are not.
        exact_dtype = np.float32 if kernel == "cosine" else np.float64
        slots = min(rows, cache_bytes // max(1, rows * np.dtype(exact_dtype).itemsize))
        self._cache = np.empty((slots, rows), dtype=exact_dtype)
        self._slot_of = np.full(rows, -1, dtype=np.int64)
        self._row_in = np.full(slots, -1, dtype=np.int64)
        self._next_slot = 0
        self.units = 1 / QUANTUM if kernel == "cosine" else _EUCLIDEAN_UNITS
        self.batch = min(_LARGEST_BATCH, max(1, _COLUMN_VALUES // max(1, rows)))

    def columns(self, rows: IndexArray) -> FloatArray:
        """Return units of similarity of `rows`, repeats excluded, to all rows: (r, n)."""
        slots = self._slot_of[rows]
        result = np.empty((len(rows), len(self._vectors)))
        known = slots >= 0
        result[known] = self._cache[slots[known]]
        missing = rows[~known]
        if len(missing):
            computed = self._tile(missing, slice(None))
            result[~known] = computed
            self._keep(missing, computed)
        return result

    def first_gains(self, current: FloatArray, weights: FloatArray) -> FloatArray:
        """Return what each row would add to `current`, in units."""
        rows = len(weights)
        gains = np.zeros(rows)
        whole = len(self._row_in) == rows
        starts = range(0, rows, _TILE)
        for top in starts:
            upper = slice(top, min(top + _TILE, rows))
            for left in starts[top // _TILE :]:
                lower = slice(left, min(left + _TILE, rows))
                tile = self._tile(np.arange(upper.start, upper.stop), lower)
                gains[upper] += _gains(tile, current[lower], weights[lower])
                if whole:
                    self._cache[upper, lower] = tile
                    self._cache[lower, upper] = tile.T
                if top != left:
                    gains[lower] += _gains(tile.T, current[upper], weights[upper])
        if whole:
            self._slot_of = np.arange(rows)
        return gains

    def _keep(self, rows: IndexArray, columns: FloatArray) -> None:
        slots = len(self._row_in)
        if slots < len(rows):
            return
        places = (self._next_slot + np.arange(len(rows))) % slots
        evicted = self._row_in[places]
        self._slot_of[evicted[evicted >= 0]] = -1
        self._cache[places] = columns
        self._row_in[places] = rows
        self._slot_of[rows] = places
        self._next_slot = int(places[-1] + 1) % slots

    def _tile(self, rows: IndexArray, columns: slice) -> FloatArray:
        products = self._vectors[rows] @ self._vectors[columns].T
        if self._kernel == "cosine":
            products *= self.units
            np.rint(products, out=products)
            return np.clip(products, 0.0, self.units, out=products)
        left, right = self._squares[rows, None], self._squares[None, columns]
        distances = np.sqrt(np.maximum(left + right - 2 * products, 0.0))
        units = np.rint(np.exp(-distances / self._vectors.shape[1]) * self.units)
        units[(left == 0) | (right == 0)] = 0.0
        return units
