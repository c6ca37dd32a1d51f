"""What a head reads of a row: vectors, numbers and scores beside each other."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.components.base import Component
from assay.errors import FeatureError
from assay.features.text import Lengths, TokenCounts
from assay.samples import FloatArray, IndexArray, Reason, ReasonArray, Scores
from assay.values import Matrix, Numbers

BLOCK_ROWS = 16_384
"""Rows whose inputs are in memory at once where all rows are read."""
_COUNTS = (Lengths, TokenCounts)  # whose logarithm is read


class Inputs:
    """The inputs of rows, row by row; of vectors no more is in memory than is asked for.

    Args:
        components: what they are the values of.
        values: of the rows, `Matrix` or `Numbers`, or scores of the whole pool.
        positions: of the rows in that pool. Shape (n,).

    Raises:
        FeatureError: if one gives neither vectors nor numbers.
    """

    def __init__(
        self, components: Sequence[Component], values: Sequence[object], positions: IndexArray
    ) -> None:
        self._columns: list[Matrix | FloatArray] = []
        reasons = []
        for component, value in zip(components, values, strict=True):
            if isinstance(value, Matrix):
                self._columns.append(value)
                reasons.append(value.reason)
            else:
                table, reason = _table(component, value, positions)
                self._columns.append(table)
                reasons.append(reason)
        self.reason = _first(reasons)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.reason)

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of each input."""
        return tuple(
            part.dimension if isinstance(part, Matrix) else part.shape[1] for part in self._columns
        )

    @property
    def scaled(self) -> NDArray[np.bool_]:
        """Which columns are brought to mean 0 and deviation 1: all but those of vectors."""
        numbers = [not isinstance(part, Matrix) for part in self._columns]
        return np.repeat(np.array(numbers, np.bool_), self.widths)

    def rows(self, index: IndexArray) -> FloatArray:
        """Return some rows, shape (len(index), d), as they are."""
        parts = [
            part.rows(index).astype(np.float64) if isinstance(part, Matrix) else part[index]
            for part in self._columns
        ]
        return np.concatenate(parts, axis=1)

    def blocks(self) -> Iterator[tuple[IndexArray, FloatArray]]:
        """Yield places and values of the rows that lack nothing, some at a time."""
        for start in range(0, len(self), BLOCK_ROWS):
            index = start + np.flatnonzero(self.reason[start : start + BLOCK_ROWS] == 0)
            if len(index):
                yield index, self.rows(index)


def _table(
    component: Component, value: object, positions: IndexArray
) -> tuple[FloatArray, ReasonArray]:
    """Return the columns of numbers, and why a row has none."""
    if isinstance(value, Scores):
        table, reason = value.values[positions][:, None], value.reason[positions]
    elif isinstance(value, Numbers):
        table, reason = np.column_stack(list(value.columns.values())), value.reason
    else:
        raise FeatureError(
            f"{component.name} gives neither vectors nor numbers",
            hint="name a feature that does, such as embeddings or lengths, or a score",
        )
    if isinstance(component, _COUNTS):
        table = np.log1p(table)
    broken = (reason == 0) & ~np.isfinite(table).all(axis=1)
    return table, np.where(broken, np.uint8(Reason.NON_FINITE), reason).astype(np.uint8)


def _first(reasons: Sequence[ReasonArray]) -> ReasonArray:
    first = np.array(reasons[0], np.uint8)
    for reason in reasons[1:]:
        first = np.where(first == 0, reason, first).astype(np.uint8)
    return first


class Scale(NamedTuple):
    """Where the columns lie of the rows that were learned from. Shape (d,) each.

    Attributes:
        centre: mean; 0 of a column that is read as it is.
        spread: deviation; 1 of a column that is read as it is, or does not vary.
        low: smallest number; minus infinity of a column that is read as it is.
        high: largest number; infinity of a column that is read as it is.
    """

    centre: FloatArray
    spread: FloatArray
    low: FloatArray
    high: FloatArray

    @classmethod
    def of(cls, rows: FloatArray, scaled: NDArray[np.bool_]) -> "Scale":
        """Return the scale of some rows; columns that are not scaled stay as they are."""
        # Of equal numbers rounding leaves a deviation that is not quite 0.
        differing = scaled & (np.ptp(rows, axis=0) > 0)
        spread = np.where(differing, rows.std(axis=0), 1.0)
        return cls(
            np.where(scaled, rows.mean(axis=0), 0.0),
            spread,
            np.where(scaled, rows.min(axis=0), -np.inf),
            np.where(scaled, rows.max(axis=0), np.inf),
        )

    def of_rows(self, rows: FloatArray) -> FloatArray:
        """Return rows on this scale; a number beyond those learned from counts as the nearest."""
        return (np.clip(rows, self.low, self.high) - self.centre) / self.spread

    def beyond(self, rows: FloatArray) -> NDArray[np.bool_]:
        """Return which rows have a number beyond those learned from. Shape (n,)."""
        outside = (rows < self.low) | (rows > self.high)
        return np.asarray(outside.any(axis=1), np.bool_)
