"""Columns of a similarity matrix in whole units, computed when asked for and kept a while."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assay.progress import Task
from assay.samples import FloatArray, IndexArray
from assay.solvers.similarity import QUANTUM

Kernel = Literal["cosine", "submod-euclidean"]

_EUCLIDEAN_UNITS = 2.0**32
_TILE = 2048
_COLUMN_VALUES = 1 << 22
_LARGEST_BATCH = 64
_ADDED_VALUES = 1 << 16


class SimilarityColumns:
    """Similarities of candidates to all rows, as float64 holding integers.

    Attributes:
        units: what similarity 1 is.
        batch: how many candidates to ask for at once, about 32 MB of them.
    """

    def __init__(
        self,
        vectors: NDArray[np.float32],
        *,
        kernel: Kernel = "cosine",
        cache_bytes: int = 0,
    ) -> None:
        """Prepare columns.

        Args:
            vectors: shape (n, d), from `exact_unit_vectors`.
            kernel: "cosine", 0 where negative, or "submod-euclidean", exp(-distance / d).
            cache_bytes: memory for columns that are asked for again.
        """
        self._vectors = vectors
        self._exact = vectors.astype(np.float64)
        self._kernel = kernel
        self.units = units_of(kernel)
        rows = len(vectors)
        # Units of a cosine are exact in float32 at half the memory; the finer kernel's are not.
        dtype = np.float32 if kernel == "cosine" else np.float64
        slots = min(rows, cache_bytes // max(1, rows * np.dtype(dtype).itemsize))
        self._cache = np.empty((slots, rows), dtype=dtype)
        self._slot_of = np.full(rows, -1, dtype=np.int64)
        self._row_in = np.full(slots, -1, dtype=np.int64)
        self._next_slot = 0
        self.batch = min(_LARGEST_BATCH, max(1, _COLUMN_VALUES // max(1, rows)))

    def of(self, rows: IndexArray) -> FloatArray:
        """Return units of similarity of `rows`, which do not repeat, shape (r, n)."""
        slots = self._slot_of[rows]
        result = np.empty((len(rows), len(self._vectors)))
        known = slots >= 0
        result[known] = self._cache[slots[known]]
        missing = rows[~known]
        if len(missing):
            computed = similarity_units(self._vectors[missing], self._exact, self._kernel)
            result[~known] = computed
            self._keep(missing, computed)
        return result

    def gains(self, current: FloatArray, weights: FloatArray, task: Task) -> FloatArray:
        """Return what each candidate would add to `current`, shape (n,), in weighted units.

        `task` is told of every pair of rows, of which there are n squared.
        """
        rows = len(self._vectors)
        totals = np.zeros(rows)
        whole = len(self._row_in) == rows
        for top in range(0, rows, _TILE):
            upper = slice(top, min(top + _TILE, rows))
            for left in range(top, rows, _TILE):
                lower = slice(left, min(left + _TILE, rows))
                tile = similarity_units(self._vectors[upper], self._exact[lower], self._kernel)
                totals[upper] += added(tile, current[lower], weights[lower])
                if top != left:
                    totals[lower] += added(tile.T, current[upper], weights[upper])
                if whole:
                    self._cache[upper, lower] = tile
                    self._cache[lower, upper] = tile.T
                task.advance(tile.size if top == left else 2 * tile.size)
        if whole:
            self._slot_of = np.arange(rows)
        return totals

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


def similarity_units(
    left: NDArray[np.float32], right: FloatArray, kernel: Kernel = "cosine"
) -> FloatArray:
    """Return similarities in whole units, `units_of` the kernel standing for 1.

    Args:
        left: shape (r, d), from `exact_unit_vectors`.
        right: shape (m, d), the same in float64.
        kernel: as for `SimilarityColumns`.

    Returns:
        Shape (r, m), integers held as float64.
    """
    exact = left.astype(np.float64)
    products = exact @ right.T
    units = units_of(kernel)
    if kernel == "cosine":
        products *= units
        np.rint(products, out=products)
        return np.clip(products, 0.0, units, out=products)
    lengths = (exact * exact).sum(axis=1)[:, None], (right * right).sum(axis=1)[None, :]
    distances = np.sqrt(np.maximum(lengths[0] + lengths[1] - 2 * products, 0.0))
    similarities = np.rint(np.exp(-distances / right.shape[1]) * units)
    similarities[(lengths[0] == 0) | (lengths[1] == 0)] = 0.0
    return similarities


def units_of(kernel: Kernel) -> float:
    """Return the number of units that similarity 1 is made of."""
    return 1 / QUANTUM if kernel == "cosine" else _EUCLIDEAN_UNITS


def added(
    columns: FloatArray | NDArray[np.float32], current: FloatArray, weights: FloatArray
) -> FloatArray:
    """Return what each of `columns`, shape (r, m), adds to `current`, in weighted units."""
    # Whole numbers below 2**53 throughout, so the order of the sum is free. Narrow tiles keep
    # the intermediate in the processor's cache.
    totals = np.zeros(len(columns))
    step = max(256, _ADDED_VALUES // max(1, len(columns)))
    for first in range(0, len(current), step):
        part = slice(first, first + step)
        more = np.subtract(columns[:, part], current[part])
        np.maximum(more, 0.0, out=more)
        totals += more @ weights[part]
    return totals
