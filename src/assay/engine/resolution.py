"""Pins what components name to content, each name once."""

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel

from assay.components.base import Component
from assay.components.component import Chosen, Dataset, Feature, FileSet, Given
from assay.components.references import REQUIRED_KINDS, named_fields
from assay.engine.fitting import fitting_encoder
from assay.engine.shown_rows import ShownRows
from assay.features.imported_column import carried_digest
from assay.features.record_field import pinned_field
from assay.runtime import Runtime

ComponentType = TypeVar("ComponentType", bound=Component)


class Resolution:
    """What names stand for, over one pool.

    Args:
        shown: the rows that methods see, on which it may depend what a name stands for.
        runtime: pins the names that depend on no rows.
        resolve_alone: resolves a component over the rows of a dataset, as if there were no others.
    """

    def __init__(
        self,
        shown: ShownRows,
        runtime: Runtime,
        resolve_alone: Callable[[Dataset, Component], Component],
    ) -> None:
        self._shown = shown
        self._runtime = runtime
        self._resolve_alone = resolve_alone
        self._pins: dict[tuple[str, str], str] = {}
        self._carried: dict[tuple[str, ...], str] = {}

    def resolve(self, component: ComponentType) -> ComponentType:
        """Return the component with everything it names pinned to content."""
        return self._resolve(component)

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(self._resolve(item) for item in value)
        if not isinstance(value, BaseModel):
            return value
        if isinstance(value, Chosen) and value.is_inner:
            return self._resolve_inner(value)
        update: dict[str, Any] = {}
        pinned = named_fields(value)
        for name in type(value).model_fields:
            old = getattr(value, name)
            text = name in pinned and isinstance(old, str)
            named = text and (old or pinned[name] in REQUIRED_KINDS)
            if named and pinned[name] == "field" and _is_of_a_file(value):
                continue  # whose digest counts, and with it that of its fields
            new = self._pin(pinned[name], old) if named else self._resolve(old)
            if new is not old:
                update[name] = new
        return self._matched(value.model_copy(update=update) if update else value)

    def _matched(self, value: Any) -> Any:
        """Return what is matched to rows by what they carry, with a digest of that."""
        columns = getattr(value, "matched_by", ())
        if not columns:
            return value
        if columns not in self._carried:
            self._carried[columns] = carried_digest(columns, self._shown.pool)
        found = self._carried[columns]
        return value if value.matched == found else value.matched_to(found)

    def _resolve_inner(self, dataset: Chosen) -> Chosen:
        """Return rows chosen apart from the pool's, pinned by the rows that all were chosen from.

        What a name stands for may depend on the rows, and here these are not the pool's.
        """
        of = self._resolve(dataset.of)
        own = isinstance(of.root, Given)
        by = self._resolve(dataset.by) if own else self._resolve_alone(of.root, dataset.by)
        if of is dataset.of and by is dataset.by:
            return dataset
        return dataset.model_copy(update={"of": of, "by": by})

    def _pin(self, kind: str, text: str) -> str:
        if (kind, text) not in self._pins:
            if kind == "encoder":
                pinned = fitting_encoder(text, self._shown.pool, self._runtime)
            elif kind == "field":
                pinned = pinned_field(text, self._shown.pool)
            else:
                pinned = self._runtime.pin(kind, text)
            self._pins[kind, text] = pinned
        return self._pins[kind, text]


def _is_of_a_file(value: BaseModel) -> bool:
    """Return whether a feature is of the rows of another file, or of some that it holds."""
    return isinstance(value, Feature) and isinstance(value.dataset.root, FileSet)
