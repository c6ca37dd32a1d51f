"""How far the rows of a pool lie from their nearest centre: fast and roughly, or exactly."""

import math

import numpy as np
from numpy.typing import NDArray

from assay.samples import FloatArray, IndexArray
from assay.solvers.similarity import QUANTUM, pair_similarities

OUT_OF_PLAY = np.float32(-1.0)
"""What stands in `Cover.rough` for a row that can no longer be picked."""

_ROWS_AT_ONCE = 8192
_CENTERS_AT_ONCE = 512
_PRODUCTS_AT_ONCE = 1 << 22


def rounding_error(width: int) -> float:
    """Return a bound on the error of a float32 dot product of two unit vectors.

    The worst case grows with the width, what happens with its root: rounding errors are as
    often up as down. Twice the root in units of 2**-24 leaves room above the largest error of
    millions of products, vectors of one sign and near-duplicates among them.
    """
    return (2.0 * math.sqrt(width) + 2.0) * 2.0**-24


class Cover:
    """Cosine distances from all rows to the nearest of a growing row of centres.

    Distances are computed by float32 matrix products, whose last digits depend on how the work
    is cut. They only serve to rule out rows. What they leave open is decided by distances that
    do not depend on it: exact products, rounded to multiples of `QUANTUM`.

    Attributes:
        vectors: shape (n, d), float32, from `exact_unit_vectors`, no row zero.
        rough: shape (n,), float32, distance to the nearest of the centres a row has met, within
            `rounding_error`, hence a bound for the rest; above every distance before there is
            one; `OUT_OF_PLAY` for centres and for rows ruled out.
        window: two rows whose rough distances differ by more are in that order exactly, too.
    """

    def __init__(self, vectors: NDArray[np.float32], capacity: int) -> None:
        """Start without a centre, with room for `capacity` of them."""
        self.vectors = vectors
        self.rough = np.full(len(vectors), 4.0, dtype=np.float32)
        self.window = QUANTUM + 2.0 * rounding_error(vectors.shape[1])
        self._center_rows = np.empty(capacity, dtype=np.int64)
        self._center_vectors = np.empty((capacity, vectors.shape[1]), dtype=np.float32)
        self._count = 0
        self._settled = np.zeros(len(vectors), dtype=np.int64)
        self._exact = np.full(len(vectors), np.inf)
        self._seen = np.zeros(len(vectors), dtype=np.int64)

    @property
    def centers(self) -> IndexArray:
        """Rows of the centres, in the order in which they were added."""
        return self._center_rows[: self._count]

    def add(self, row: int) -> None:
        """Make `row` a centre; `rough` of the others follows when they are refreshed."""
        self._center_rows[self._count] = row
        self._center_vectors[self._count] = self.vectors[row]
        self._count += 1
        self.rough[row] = OUT_OF_PLAY

    def refresh(self, rows: IndexArray) -> None:
        """Bring `rough` of these rows up to date with all centres."""
        stale = rows[self._settled[rows] < self._count]
        stale = stale[np.argsort(self._settled[stale], kind="stable")]
        for first in range(0, len(stale), _ROWS_AT_ONCE):
            self._refresh_block(stale[first : first + _ROWS_AT_ONCE])

    def _refresh_block(self, rows: IndexArray) -> None:
        """Compare rows, ascending by the number of centres they know, with the others."""
        vectors, rough = self.vectors[rows], self.rough[rows]
        known, starts = np.unique(self._settled[rows], return_index=True)
        # All rows that lack a stretch of centres meet it in one product.
        lacking = [*starts[1:].tolist(), len(rows)]
        for begin, end, size in zip(known, [*known[1:], self._count], lacking, strict=True):
            for at in range(begin, end, _CENTERS_AT_ONCE):
                chunk = self._center_vectors[at : min(at + _CENTERS_AT_ONCE, end)]
                distance = 1.0 - (vectors[:size] @ chunk.T).max(axis=1)
                np.minimum(rough[:size], np.maximum(distance, 0.0), out=rough[:size])
        self.rough[rows] = rough
        self._settled[rows] = self._count

    def is_fresh(self, rows: IndexArray) -> NDArray[np.bool_]:
        """Return for each row whether `rough` knows all centres."""
        return self._settled[rows] == self._count

    def lag(self, rows: IndexArray) -> int:
        """Return how many centres `exact` would have to look at, at most, for one of `rows`."""
        return self._count - int(self._seen[rows].min())

    def exact(self, rows: IndexArray) -> FloatArray:
        """Return the distance of each of `rows` to its nearest centre.

        Args:
            rows: shape (r,), no repeats.

        Returns:
            Shape (r,), multiples of `QUANTUM` in [0, 2].
        """
        step = max(1, _PRODUCTS_AT_ONCE // max(1, self._count))
        for first in range(0, len(rows), step):
            self._look_at_fresh_centers(rows[first : first + step])
        return self._exact[rows]

    def _look_at_fresh_centers(self, rows: IndexArray) -> None:
        known = int(self._seen[rows].min())
        if known == self._count:
            return
        rough = 1.0 - self.vectors[rows] @ self._center_vectors[known : self._count].T
        centers = self._center_rows[known : self._count]
        self._exact[rows] = self._exact_minimum(rough, rows, centers, self._exact[rows])
        self._seen[rows] = self._count

    def gains(self) -> FloatArray:
        """Return the distance of each centre to the nearest earlier one.

        Returns:
            Shape (c,), multiples of `QUANTUM` in [0, 2]; infinity for the first centre.
        """
        result = np.full(self._count, np.inf)
        for first in range(0, self._count, _CENTERS_AT_ONCE):
            end = min(first + _CENTERS_AT_ONCE, self._count)
            rough = 1.0 - self._center_vectors[first:end] @ self._center_vectors[:end].T
            rough[np.arange(first, end)[:, None] <= np.arange(end)] = np.inf
            rows, earlier = self._center_rows[first:end], self._center_rows[:end]
            result[first:end] = self._exact_minimum(rough, rows, earlier, result[first:end])
        return result

    def _exact_minimum(
        self, rough: NDArray[np.float32], rows: IndexArray, centers: IndexArray, known: FloatArray
    ) -> FloatArray:
        """Return the smaller of `known` and the exact distance from each row to all `centers`.

        Only pairs whose rough distance is within the rounding of the smallest are multiplied
        again.
        """
        bound = np.minimum(rough.min(axis=1), known) + self.window
        left, right = np.nonzero(np.isfinite(rough) & (rough <= bound[:, None]))
        similarities = pair_similarities(self.vectors, rows[left], centers[right])
        smallest = known.copy()
        np.minimum.at(smallest, left, 1.0 - similarities.astype(np.float64))
        return smallest
