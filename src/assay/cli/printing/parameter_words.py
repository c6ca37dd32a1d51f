"""Parameters of methods as a person reads them: type, default and meaning."""

import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from assay.components.base import Component
from assay.components.references import Pinned

KINDS = {"scorer": "score", "selector": "selection"}
"""Kinds of methods, in words."""
_PLAIN_TYPES = {str: "text", bool: "yes or no", int: "whole number", float: "number"}


def parameters_of(model: type[BaseModel], name: str, info: FieldInfo) -> Iterator[dict[str, Any]]:
    """Yield what is known about a parameter, or about those that it holds: ``outer.inner``."""
    kind = info.annotation
    if isinstance(kind, type) and issubclass(kind, BaseModel) and not issubclass(kind, Component):
        held = None if info.is_required() else info.default
        for inner, field in kind.model_fields.items():
            for entry in parameters_of(kind, inner, field):
                own = {} if held is None else {"default": _value_text(getattr(held, inner))}
                yield entry | {"name": f"{name}.{entry['name']}"} | own
        return
    yield {
        "name": name,
        "type": type_text(kind, info.metadata),
        "default": _default_text(info),
        "required": info.is_required(),
        "description": _meaning(model, name),
    }


def _meaning(method: type[BaseModel], name: str) -> str:
    """Return what a parameter is; a subclass that changes its default need not say it again."""
    for parent in method.__mro__:
        fields = getattr(parent, "model_fields", {})
        if name in fields and fields[name].description:
            return " ".join(str(fields[name].description).split())
    return ""


def type_text(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """Return a type as a person reads it."""
    named = [mark.kind for mark in metadata if isinstance(mark, Pinned)]
    origin, inner = get_origin(annotation), get_args(annotation)
    if named:
        return named[0].replace("_", " ")
    if origin is Annotated:
        return type_text(inner[0], inner[1:])
    if origin is Literal:
        return " | ".join(str(word) or "none" for word in inner)
    if origin in (Union, types.UnionType):
        return " | ".join(type_text(part) for part in inner if part is not type(None))
    if origin is tuple:
        pairs = get_origin(inner[0]) is tuple
        return f"list of {'name=value' if pairs else type_text(inner[0])}"
    return _plain_type(annotation)


def _plain_type(annotation: Any) -> str:
    if isinstance(annotation, type) and issubclass(annotation, Component):
        kind = getattr(annotation, "kind", "component")
        return KINDS.get(kind, kind)
    return _PLAIN_TYPES.get(annotation) or str(getattr(annotation, "__name__", annotation)).lower()


def _default_text(info: FieldInfo) -> str | None:
    if info.is_required():
        return None
    return _value_text(info.get_default(call_default_factory=True, validated_data={}))


def _value_text(value: Any) -> str:
    if isinstance(value, Component):
        return value.label()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(_value_text(item) for item in value) or "none"
    return "none" if value is None or value == "" else str(value)
