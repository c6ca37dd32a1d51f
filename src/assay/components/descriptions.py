"""Components as descriptions that YAML and stored results hold, and as people read them."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from assay.components.base import Component
from assay.components.budget import Budget
from assay.components.parts import changed_fields
from assay.components.references import name_of, pinned_fields

ComponentType = TypeVar("ComponentType", bound=Component)

REFERENCE = "="
"""Begins the name that a file gives a component, where it is used again."""


def describe(component: Component, *, relative_to: Path | None = None) -> dict[str, Any]:
    """Return a description from which `assay.components.component.build` makes an equal component.

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
        if name in pinned and isinstance(value, str)
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


def moved_back(text: str, folder: Path, kind: str) -> str:
    """Return a name that may be a path seen from `folder` as seen from the working folder."""
    name = name_of(text)
    path = folder / name
    return str(path) + text[len(name) :] if _is_path(name, path, kind) else text


def _is_path(name: str, path: Path, kind: str) -> bool:
    # The name of a template or a field stays one, even where a folder is called like it.
    named = kind == "field" or (kind == "template" and path.suffix != ".json")
    return bool(name) and not named and path.exists()


def steps_of(description: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the descriptions of what a selection chose among."""
    inner = description.get("within")
    if inner is not None:
        step = {"method": inner} if isinstance(inner, str) else inner
        yield step
        yield from steps_of(step)


def method_text(description: Mapping[str, Any]) -> str:
    """Return a description as a person reads it: the method, then what it chooses among."""
    steps = [_one_method(step) for step in steps_of(description)]
    among = f", among {' of '.join(steps)}" if steps else ""
    return _one_method(description) + among


def _one_method(description: Any) -> str:
    if isinstance(description, str):
        return description
    parts = dict(description)
    name = str(parts.pop("method", ""))
    hidden = ("within", "budget")
    reported = [f"{key}={_words(value)}" for key, value in parts.items() if key not in hidden]
    if name == "top_score" and "by" in parts:
        best = _one_method(parts.pop("by"))
        rest = [f"{key}={_words(value)}" for key, value in parts.items() if key not in hidden]
        return f"best by {best}" + (f" ({', '.join(rest)})" if rest else "")
    return f"{name}({', '.join(reported)})" if reported else name


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        if "method" in value:
            return _one_method(value)
        return ", ".join(f"{key} {_words(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        if len(value) == 2 and isinstance(value[0], str) and not isinstance(value[1], str):
            return f"{value[0]} {_words(value[1])}"
        return ", ".join(_words(item) for item in value)
    return str(value)
