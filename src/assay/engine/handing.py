"""What components are handed of what they require."""

from collections.abc import Callable
from typing import Any

from assay.components.base import Component
from assay.components.component import Dataset, Selector
from assay.engine.settling import is_of_the_pool
from assay.engine.shown_rows import ShownRows
from assay.features.passes import PoolFeature
from assay.outcomes import ScoreTable
from assay.pool.view import PoolView


class Handing:
    """Hands values over: without the rows that are held out, unless all are asked for.

    Args:
        shown: the rows that methods see.
        resolve: pins what a component names.
        view_shown: returns the rows of a dataset as methods see them.
        value_of: returns the value of a resolved component, made where need be.
    """

    def __init__(
        self,
        shown: ShownRows,
        resolve: Callable[[Component], Component],
        view_shown: Callable[[Dataset], PoolView],
        value_of: Callable[[Component], Any],
    ) -> None:
        self._shown = shown
        self._resolve = resolve
        self._view_shown = view_shown
        self._value_of = value_of
        self._parts: dict[str, Any] = {}

    def needs(self, component: Component, *, of_all_rows: bool = False) -> dict[str, Any]:
        """Return what a component is handed: of the rows that are shown, or of all."""
        needs: dict[str, Any] = {}
        for name, need in component.requires().items():
            if isinstance(need, Component):
                column = component.column_of(name) if isinstance(component, Selector) else ""
                needs[name] = self.handed(need, column=column, of_all_rows=of_all_rows)
            else:
                needs[name] = [self.handed(item, of_all_rows=of_all_rows) for item in need]
        return needs

    def handed(self, need: Component, /, *, column: str = "", of_all_rows: bool = False) -> Any:
        """Return the value of one of them; of a score a column, the main one if it is empty."""
        need = self._resolve(need)
        if isinstance(need, Dataset):
            return self._view_shown(need)
        value = self._value_of(need)
        if isinstance(value, ScoreTable):
            value = value.column(column)
        ranges_over_all = isinstance(need, Selector) or (
            is_of_the_pool(need) and not isinstance(need, PoolFeature)
        )
        if of_all_rows or not ranges_over_all:
            return value
        place = f"{need.key}/{column}"
        if place not in self._parts:
            self._parts[place] = self._shown.part(value)
        return self._parts[place]

    def clear(self) -> None:
        """Forget parts of values, whose files may have been damaged."""
        self._parts.clear()
