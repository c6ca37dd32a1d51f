"""Takes the rows that are held out from what methods are handed, and puts them back afterwards."""

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from assay.outcomes import ScoreTable, SelectionRecord
from assay.pool.pool import Pool
from assay.pool.view import PoolView
from assay.samples import IndexArray, Reason, Scores
from assay.values import RowValue


class ShownRows:
    """The rows of a pool that methods see: those that are not held out.

    Args:
        pool: all rows.
    """

    def __init__(self, pool: Pool) -> None:
        self._whole = pool

    @cached_property
    def pool(self) -> Pool:
        """The rows as a pool that never had the others."""
        return self._whole.without_held_out()

    @property
    def are_all(self) -> bool:
        """Whether nothing is held out."""
        return self.pool is self._whole

    @cached_property
    def _places(self) -> IndexArray:
        return np.flatnonzero(~self._whole.held_out)

    @cached_property
    def _view(self) -> PoolView:
        return PoolView(self.pool)

    def view(self, view: PoolView) -> PoolView:
        """Return a view of the whole pool as one of the rows that are shown."""
        if view.pool is not self._whole or self.are_all:
            return view
        if view.index is None:
            return self._view
        return PoolView(self.pool, np.searchsorted(self._places, view.index).astype(np.int64))

    def part(self, value: Any) -> Any:
        """Return what methods see of `RowValue`, `Scores` or `SelectionRecord` of all rows."""
        if self.are_all:
            return value
        if isinstance(value, RowValue):
            return value.take(self._places)
        if isinstance(value, Scores):
            flags = None if value.flags is None else value.flags[self._places]
            return Scores(value.values[self._places], value.reason[self._places], flags)
        chosen = np.searchsorted(self._places, value.selection.indices).astype(np.int64)
        selection = replace(value.selection, indices=chosen, rejected={})
        flags = None if value.flags is None else value.flags[self._places]
        return replace(value, selection=selection, reason=value.reason[self._places], flags=flags)

    def scores_of_all(self, table: ScoreTable) -> ScoreTable:
        """Return scores of these rows as scores of all; the others are HELD_OUT."""
        if self.are_all:
            return table
        count = len(self._whole)
        columns = {}
        for name, scores in table.columns.items():
            values = np.full(count, np.nan)
            reason = np.full(count, Reason.HELD_OUT, np.uint8)
            flags = np.zeros(count, np.uint16)
            values[self._places], reason[self._places] = scores.values, scores.reason
            if scores.flags is not None:
                flags[self._places] = scores.flags
            columns[name] = Scores(values, reason, flags)
        return ScoreTable(columns)

    def selection_of_all(self, record: SelectionRecord) -> SelectionRecord:
        """Return a selection from these rows as one of all; the others are HELD_OUT."""
        if self.are_all:
            return record
        reason = np.full(len(self._whole), Reason.HELD_OUT, np.uint8)
        reason[self._places] = record.reason
        flags = None
        if record.flags is not None:
            flags = np.zeros(len(self._whole), np.uint16)
            flags[self._places] = record.flags
        picked = record.selection
        selection = replace(
            picked,
            indices=self._places[picked.indices],
            rejected={code: self._places[rows] for code, rows in picked.rejected.items()},
        )
        return replace(record, selection=selection, reason=reason, flags=flags)
