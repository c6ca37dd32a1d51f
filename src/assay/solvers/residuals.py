"""How far feature vectors of a kernel lie from the span of some of them: an incremental Cholesky.

Every number is made by elementary operations whose order the picks and the row alone decide, so
that equal rows have equal bits whatever the block sizes, threads and places of the rows.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from assay.samples import FloatArray, IndexArray
from assay.solvers.exact_products import exact_parts
from assay.solvers.similarity import block_rows, blocks, zero_rows

_ROWS_AT_ONCE = 8192
_PICKS_AT_ONCE = 128
_KERNEL_STEP = 2.0**-40


class Residuals(Protocol):
    """Squared distances of rows from the span of those conditioned on.

    Attributes:
        values: shape (n,), up to date for the rows last refreshed, too large at most for others.
    """

    values: FloatArray

    def refresh(self, rows: IndexArray) -> None:
        """Bring `values` of these rows, which do not repeat, up to date."""
        ...

    def condition(self, row: int) -> None:
        """Add a row, up to date and with a positive value, to the span."""
        ...


class LinearResiduals:
    """Residuals under the kernel x . y + ridge [x is y] of unit vectors, in O(d) per row and pick.

    The Cholesky row of a pick is linear in the vectors of the others, so it is kept as a vector
    of d coefficients, and a row meets many picks in one product when it is asked for.
    """

    def __init__(self, unit: NDArray[np.float32], most: int, *, ridge: float) -> None:
        """Start from an empty span.

        Args:
            unit: shape (n, d), from `exact_unit_vectors`.
            most: how often `condition` will be called at most.
            ridge: >= 0.
        """
        self._unit = unit
        self._parts = np.empty((2, most, unit.shape[1]))
        self._projection = np.zeros((unit.shape[1], unit.shape[1]))
        self._count = 0
        self._known = np.zeros(len(unit), dtype=np.int64)
        self.values = _squared_lengths(unit) + ridge

    def condition(self, row: int) -> None:
        """Add a row to the span."""
        vector = self._unit[row].astype(np.float64)
        projected = (self._projection * vector).sum(axis=1)
        parts = exact_parts((vector - projected) / np.sqrt(self.values[row]), 2)
        # The coefficients are what their two parts say, here and wherever a row meets them.
        self._parts[:, self._count] = parts
        coefficients = parts[0] + parts[1]
        self._projection += coefficients[:, None] * coefficients
        self._count += 1

    def refresh(self, rows: IndexArray) -> None:
        """Bring `values` of these rows up to date."""
        stale = rows[self._known[rows] < self._count]
        stale = stale[np.argsort(self._known[stale], kind="stable")]
        for first in range(0, len(stale), _ROWS_AT_ONCE):
            self._refresh_block(stale[first : first + _ROWS_AT_ONCE])

    def _refresh_block(self, rows: IndexArray) -> None:
        """Let rows, ascending by the number of picks they know, meet the others in order."""
        vectors, values = self._unit[rows].astype(np.float64), self.values[rows]
        known, starts = np.unique(self._known[rows], return_index=True)
        # All rows that lack a stretch of picks meet it in one product.
        lacking = [*starts[1:].tolist(), len(rows)]
        for begin, end, size in zip(known, [*known[1:], self._count], lacking, strict=True):
            for at in range(begin, end, _PICKS_AT_ONCE):
                parts = self._parts[:, at : min(at + _PICKS_AT_ONCE, end)]
                products = parts[0] @ vectors[:size].T
                products += parts[1] @ vectors[:size].T
                products *= products
                for square in products:
                    values[:size] -= square
        self.values[rows] = values
        self._known[rows] = self._count


class GaussianResiduals:
    """Residuals under exp(-|x - y|^2 / (2 bandwidth^2)) + ridge [x is y], in n numbers per pick."""

    def __init__(
        self, unit: NDArray[np.float32], most: int, *, ridge: float, bandwidth: float
    ) -> None:
        """Start from an empty span.

        Args:
            unit: shape (n, d), from `exact_unit_vectors`.
            most: how often `condition` will be called at most; 8 n bytes are set aside for each.
            ridge: >= 0.
            bandwidth: > 0.
        """
        self._unit = unit
        self._is_zero = np.zeros(len(unit), dtype=np.bool_)
        self._is_zero[zero_rows(unit)] = True
        self._lengths = _squared_lengths(unit)
        self._lengths[self._is_zero] = 1.0
        self._scale = -0.5 / (bandwidth * bandwidth)
        self._cholesky = np.empty((most, len(unit)))
        self._count = 0
        self.values = np.full(len(unit), 1.0 + ridge)

    def refresh(self, rows: IndexArray) -> None:
        """Do nothing: all rows are up to date at all times."""

    def condition(self, row: int) -> None:
        """Add a row to the span."""
        column = self._kernel(row)
        own = self._cholesky[: self._count, row].tolist()
        for first in range(0, len(column), _ROWS_AT_ONCE):
            part = slice(first, first + _ROWS_AT_ONCE)
            block = column[part]
            product = np.empty_like(block)
            # One pick after the other, not as a matrix product, whose sums have no fixed order.
            for pick, factor in enumerate(own):
                np.multiply(self._cholesky[pick, part], factor, out=product)
                block -= product
        column /= np.sqrt(self.values[row])
        self._cholesky[self._count] = column
        self._count += 1
        self.values -= column * column

    def _kernel(self, row: int) -> FloatArray:
        vector = self._unit[row].astype(np.float64)
        products = np.empty(len(self._unit))
        step = block_rows(self._unit.shape[1])
        for first in blocks(*self._unit.shape):
            products[first : first + step] = self._unit[first : first + step] @ vector
        if self._is_zero[row]:
            products[self._is_zero] = 1.0
        distances = np.maximum(self._lengths + self._lengths[row] - 2.0 * products, 0.0)
        values: FloatArray = np.rint(np.exp(distances * self._scale) / _KERNEL_STEP)
        values *= _KERNEL_STEP
        return values


def _squared_lengths(unit: NDArray[np.float32]) -> FloatArray:
    """Return the squared length of each row; exact, as products of grid vectors are."""
    lengths = np.empty(len(unit))
    step = block_rows(unit.shape[1])
    for first in blocks(*unit.shape):
        block = unit[first : first + step].astype(np.float64)
        lengths[first : first + step] = (block * block).sum(axis=1)
    return lengths
