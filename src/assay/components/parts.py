"""What a component rests on, and which of that has another version than it once had."""

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from assay.components.component import Chosen, Component, Feature, Selector, changed_fields

# A recipe leaves out what is as by default, and with it the version of a default. Keys that are in
# use were taken when every such version was 1: only others are added.
_FIRST = 1


def all_children(component: Component) -> Iterator[Component]:
    """Yield all that must be known before a component can be, rows and rules included."""
    if isinstance(component, Selector):
        if component.within is not None:
            yield component.within
        yield from (scorer for scorer, _ in component.ruled())
    if isinstance(component, Feature):
        if component.chosen_by is not None:
            yield component.chosen_by
        if isinstance(component.dataset, Chosen):
            yield component.dataset.by
    yield from component.children()


def raised_versions(component: Component) -> dict[str, int]:
    """Return the versions, by name, of parts that the recipe does not spell, where they have risen.

    What rests on a part that gives another result now gives another result as well.
    """
    spelled = {type(part) for part in _spelled(component)}
    parts = {type(part) for part in _closure(component) if part is not component} - spelled
    return {
        part.name: part.version
        for part in sorted(parts, key=lambda part: part.name)
        if part.version != _FIRST
    }


def _closure(component: Component) -> Iterator[Component]:
    for child in all_children(component):
        yield child
        yield from _closure(child)
    if isinstance(component, Selector) and component.budget and component.budget.limit():
        from assay.features.text import TokenCounts  # noqa: PLC0415  features import the base

        yield TokenCounts()


def _spelled(value: Any) -> Iterable[Component]:
    """Yield the components whose version is in a recipe."""
    if isinstance(value, Component):
        yield value
    if isinstance(value, BaseModel):
        value = tuple(changed_fields(value).values())
    if isinstance(value, (tuple, list)):
        for item in value:
            yield from _spelled(item)
