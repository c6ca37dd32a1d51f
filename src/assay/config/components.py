"""Components as a person writes them: from descriptions to objects, and back."""

import contextlib
import os
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from assay.components.budget import Budget
from assay.components.component import Component, Kind, Scorer, changed_fields
from assay.components.references import name_of, pinned_fields
from assay.components.registry import find
from assay.config.document import Document, LocatedError
from assay.config.document import Path as Place
from assay.errors import AssayError, ConfigError, UnknownMethodError, did_you_mean

ComponentType = TypeVar("ComponentType", bound=Component)
FindReference = Callable[[str, Kind], Component]

REFERENCE = "="
SHARED_FIELDS = ("budget", "seed", "within", "rule")
"""Parameters of a selection that a lone score, standing for one, may be given too."""


def component_fields(component: type[Component]) -> dict[str, Kind]:
    """Return the parameters that hold components, with the kind that each holds."""
    found: dict[str, Kind] = {}
    for name, info in component.model_fields.items():
        kinds = [kind.kind for kind in _types(info.annotation) if issubclass(kind, Component)]
        if kinds:
            found[name] = kinds[0]
    return found


def _types(annotation: Any) -> Iterator[type]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _types(get_args(annotation)[0])
    elif origin in (Union, types.UnionType, tuple):
        for part in get_args(annotation):
            yield from _types(part)
    elif isinstance(annotation, type):
        yield annotation


# From components to descriptions


def describe(component: Component, *, relative_to: Path | None = None) -> dict[str, Any]:
    """Return a description from which `assay.components.registry.build` makes an equal component.

    Args:
        component: what to describe.
        relative_to: folder from which paths are written; None leaves them as they are.

    Returns:
        ``{"method": name}`` and the parameters that differ from their default, all of them plain
        values; nested components are described alike, by name alone where nothing differs.
    """
    return {"method": component.name, **_fields(component, relative_to)}


def _fields(model: BaseModel, relative_to: Path | None) -> dict[str, Any]:
    pinned = pinned_fields(type(model))
    return {
        name: _moved(value, relative_to, pinned[name])
        if name in pinned
        else _plain(value, relative_to)
        for name, value in changed_fields(model).items()
    }


def plain_value(value: Any) -> Any:
    """Return a parameter's value as a person writes it."""
    return _plain(value, None)


def _plain(value: Any, relative_to: Path | None) -> Any:
    if isinstance(value, Component):
        described = describe(value, relative_to=relative_to)
        return described if len(described) > 1 else value.name
    if isinstance(value, Budget):
        return _plain_budget(value, relative_to)
    if isinstance(value, BaseModel):
        return _fields(value, relative_to)
    if isinstance(value, (tuple, list)):
        return [_plain(item, relative_to) for item in value]
    return value


def escaped(value: Any) -> Any:
    """Return a description as a file holds it, where text that begins with ``=`` is doubled."""
    if isinstance(value, str) and value.startswith(REFERENCE):
        return REFERENCE + value
    if isinstance(value, list):
        return [escaped(item) for item in value]
    if isinstance(value, dict):
        return {name: escaped(item) for name, item in value.items()}
    return value


def _plain_budget(budget: Budget, relative_to: Path | None) -> Any:
    if set(changed_fields(budget)) <= {"amount", "unit"} and "/" not in budget.amount:
        if budget.unit == "samples":
            return int(budget.amount)
        return f"{budget.amount}{'%' if budget.unit == 'percent' else ' tokens'}"
    return _fields(budget, relative_to)


def _moved(text: str, folder: Path | None, kind: str) -> str:
    """Return a name that may be a path as seen from `folder`."""
    name = name_of(text)
    if folder is None or not _is_path(name, Path(name), kind):
        return text
    return os.path.relpath(name, folder) + text[len(name) :]


def _moved_back(text: str, folder: Path, kind: str) -> str:
    """Return a name that may be a path seen from `folder` as seen from the working folder."""
    name = name_of(text)
    path = folder / name
    return str(path) + text[len(name) :] if _is_path(name, path, kind) else text


def _is_path(name: str, path: Path, kind: str) -> bool:
    # The name of a template stays one, even where a folder is called like it.
    named = kind == "template" and path.suffix != ".json"
    return bool(name) and not named and path.exists()


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
                parameters[name] = _moved_back(value, self.folder, pinned[name])
            elif isinstance(value, Mapping):
                parameters[name] = self._mapping(value, component.model_fields[name], inner)
            else:
                parameters[name] = self._value(value, inner)
        with self._located(place, parameters):
            return component(**parameters)

    def path(self, text: str) -> str:
        """Return a path of the document as it is seen from the working folder."""
        return _moved_back(text, self.folder, "file")

    def _mapping(
        self, value: Mapping[str, Any], field: FieldInfo, place: Place
    ) -> dict[str, Any]:  # fmt: skip
        """Return the fields of a parameter that holds some, its paths seen from here."""
        pinned: dict[str, str] = {}
        for kind in _types(field.annotation):
            if issubclass(kind, BaseModel):
                pinned |= pinned_fields(kind)
        return {
            name: _moved_back(item, self.folder, pinned[name])
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
            raise self.document.error((*place, *named[:1]), error.message, error.hint) from error


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
