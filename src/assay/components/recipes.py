"""Recipes of components: the key by which equal ones are recognised, and labels for people."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from assay.components.parts import Part, changed_fields, raised_versions, revision_field
from assay.components.references import identity_of, name_of, pinned_fields


def recipe_key(component: Part) -> str:
    """Return 16 hex digits over what a component is, and over parts whose version was raised."""
    raised = raised_versions(component)
    content = [identity(component), raised] if raised else identity(component)
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


def identity(value: Any) -> Any:
    """Return the JSON-like form of a component or parameter that its key is taken over.

    Of a pinned name only the digest counts: the same file under another path is the same thing.
    """
    if isinstance(value, BaseModel):
        pinned = pinned_fields(type(value))
        fields = {
            name: identity_of(item) if name in pinned and isinstance(item, str) else identity(item)
            for name, item in changed_fields(value).items()
        }
        if not isinstance(value, Part):
            return fields | revision_field(value)
        own = [digest for digest in (value.code_digest, value.matched) if digest]
        return [value.kind, value.name, value.version, fields, *own]
    if isinstance(value, (tuple, list)):
        return [identity(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"a parameter of type {type(value).__name__} cannot be part of a key")


def label_of(value: Any) -> str:
    """Return a component's name with the parameters that differ from their default, for people."""
    if isinstance(value, BaseModel) and isinstance(value, Part):
        parts = [
            f"{name}={label_of(item)}"
            for name, item in changed_fields(value).items()
            if not _is_pinned_default(item, type(value).model_fields[name])
        ]
        return f"{value.name}({', '.join(parts)})" if parts else value.name
    if not isinstance(value, tuple):
        return str(value)
    if len(value) == 2 and isinstance(value[0], str) and not isinstance(value[1], str):
        return f"{value[0]}: {label_of(value[1])}"
    return f"[{', '.join(label_of(item) for item in value)}]"


def _is_pinned_default(value: Any, field: FieldInfo) -> bool:
    """Return whether parameters of a kind are the default ones, with what they name pinned."""
    if not isinstance(value, BaseModel) or isinstance(value, Part):
        return False
    default = field.get_default(call_default_factory=True, validated_data={})
    return bool(_unpinned(value) == _unpinned(default))


def _unpinned(value: Any) -> Any:
    """Return parameters with the names in them as they are typed."""
    if not isinstance(value, BaseModel):
        return value
    pinned = pinned_fields(type(value))
    return type(value), {
        name: name_of(item) if name in pinned and isinstance(item, str) else _unpinned(item)
        for name in type(value).model_fields
        for item in (getattr(value, name),)
    }
