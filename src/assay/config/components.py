"""Components as a person writes them: from descriptions to objects, and back."""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from assay.components.component import Component, Scorer
from assay.components.descriptions import (
    REFERENCE,
    SHARED_FIELDS,
    ComponentType,
    component_fields,
    moved_back,
    types_in,
)
from assay.components.references import pinned_fields
from assay.components.registry import find
from assay.components.table import Kind
from assay.config.document import Document, LocatedError
from assay.config.document import Path as Place
from assay.errors import AssayError, ConfigError, UnknownMethodError, did_you_mean

FindReference = Callable[[str, Kind], Component]


# Defaults of a whole configuration


def with_fixed_seeds(component: ComponentType) -> ComponentType:
    """Return an equal component all of whose seeds count as set by hand."""
    return _fixed(component)


def _fixed(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_fixed(item) for item in value)
    if not isinstance(value, Component):
        return value
    update = {
        name: _fixed(getattr(value, name))
        for name in type(value).model_fields
        if name == "seed" or isinstance(getattr(value, name), (Component, tuple))
    }
    return value.model_copy(update=update) if update else value


# From descriptions to components


@dataclass(frozen=True)
class Builder:
    """Makes components of a document's descriptions.

    Attributes:
        document: for file and line in errors.
        folder: from which paths in the document are read.
        reference: returns what ``=name`` stands for where a kind is wanted.
    """

    document: Document
    folder: Path
    reference: FindReference

    def build(self, description: Any, kind: Kind, place: Place) -> Component:
        """Return the component of a name, ``=name`` or ``{method: name, parameter: value}``.

        Raises:
            ConfigError: with file and line, if there is no such component or a parameter is wrong.
        """
        if isinstance(description, Component):
            return description
        if isinstance(description, str) and description.startswith(REFERENCE):
            return self._referred(description[1:], kind, place)
        if isinstance(description, str):
            description = {"method": description}
        if not isinstance(description, Mapping) or not isinstance(description.get("method"), str):
            raise self.document.error(
                place, f"{description!r} names no {kind}", "write NAME or {method: NAME, ...}"
            )
        return self._described(dict(description), kind, place)

    def _referred(self, name: str, kind: Kind, place: Place) -> Component:
        with self._located(place):
            found = self.reference(name, kind)
            if kind == "selector" and isinstance(found, Scorer):
                return find("top_score", "selector")(by=found)
            if found.kind != kind:
                raise ConfigError(f"={name} is a {found.kind}, where a {kind} is wanted")
            return found

    def _described(self, description: dict[str, Any], kind: Kind, place: Place) -> Component:
        name = description.pop("method")
        with self._located((*place, "method")):
            component = find_for(name, kind)
        if component.kind == "scorer" and kind == "selector":
            shared = {key: description.pop(key) for key in SHARED_FIELDS if key in description}
            by = self._made(component, description, place)
            return self._made(find("top_score", "selector"), {"by": by, **shared}, place)
        return self._made(component, description, place)

    def _made(
        self, component: type[Component], description: Mapping[str, Any], place: Place
    ) -> Component:
        self._refuse_unknown(component, description, place)
        holds = component_fields(component)
        pinned = pinned_fields(component)
        parameters: dict[str, Any] = {}
        for name, value in description.items():
            inner = (*place, name)
            if name in holds and value is not None:
                parameters[name] = self._held(value, holds[name], inner)
            elif name in pinned and isinstance(value, str):
                parameters[name] = moved_back(value, self.folder, pinned[name])
            elif isinstance(value, Mapping):
                parameters[name] = self._mapping(value, component.model_fields[name], inner)
            else:
                parameters[name] = self._value(value, inner)
        with self._located(place, parameters):
            return component(**parameters)

    def path(self, text: str) -> str:
        """Return a path of the document as it is seen from the working folder."""
        return moved_back(text, self.folder, "file")

    def _mapping(
        self, value: Mapping[str, Any], field: FieldInfo, place: Place
    ) -> dict[str, Any]:  # fmt: skip
        """Return the fields of a parameter that holds some, its paths seen from here."""
        pinned: dict[str, str] = {}
        for kind in types_in(field.annotation):
            if issubclass(kind, BaseModel):
                pinned |= pinned_fields(kind)
        return {
            name: moved_back(item, self.folder, pinned[name])
            if name in pinned and isinstance(item, str)
            else self._value(item, (*place, name))
            for name, item in value.items()
        }

    def _held(self, value: Any, kind: Kind, place: Place) -> Any:
        if isinstance(value, list):
            return tuple(self.build(item, kind, (*place, i)) for i, item in enumerate(value))
        return self.build(value, kind, place)

    def _value(self, value: Any, place: Place) -> Any:
        if isinstance(value, str) and value.startswith(REFERENCE * 2):
            return value[1:]
        if isinstance(value, str) and value.startswith(REFERENCE):
            raise self.document.error(
                place,
                f"{value!r}: {place[-1]} holds no component",
                f"write {REFERENCE + value!r} for the text itself",
            )
        if isinstance(value, list):
            return [self._value(item, (*place, i)) for i, item in enumerate(value)]
        return value

    def _refuse_unknown(
        self, component: type[Component], description: Mapping[str, Any], place: Place
    ) -> None:
        known = list(component.model_fields)
        for name in description:
            if name not in known:
                near = did_you_mean(name, known)
                takes = f"it takes {', '.join(known)}" if known else "it takes no parameters"
                raise self.document.error(
                    (*place, name), f"{component.name} has no parameter {name!r}", near or takes
                )

    @contextlib.contextmanager
    def _located(self, place: Place, parameters: Iterable[str] = ()) -> Iterator[None]:
        """Give errors of the block the file and the line of a place."""
        try:
            yield
        except LocatedError:
            raise
        except AssayError as error:
            # The message names the parameter at fault; a mapping may stretch over many lines.
            words = re.findall(r"\w+", error.message)
            named = [name for name in parameters if name in words]
            raise self.document.error((*place, *named[:1]), *error.words) from error


def find_for(name: str, kind: Kind) -> type[Component]:
    """Return the component called `name`; where a selection is wanted, a score will do.

    Raises:
        UnknownMethodError: with the nearest names.
    """
    if kind != "selector":
        return find(name, kind)
    try:
        return find(name, "selector")
    except UnknownMethodError:
        return find(name)
