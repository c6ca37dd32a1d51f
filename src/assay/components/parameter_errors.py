"""What is wrong with a description, in words a user can act on; the same for every interface."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from assay.errors import ConfigError, did_you_mean

_OWN_WORDS = ("Value error, ", "Assertion error, ")


def wrong_parameter(kind: type[BaseModel], name: str, error: ValidationError) -> ConfigError:
    """Return the first thing that is wrong as an error with a hint.

    Args:
        kind: the component's class.
        name: what users call it; empty for a class without a name.
        error: what its parameters gave.
    """
    first = error.errors()[0]
    found = _wrong(kind, name or kind.__name__, first)
    found.place = first["loc"]
    return found


def _wrong(kind: type[BaseModel], name: str, first: Mapping[str, Any]) -> ConfigError:
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return unknown_parameter(name, place, kind.model_fields)
    if first["type"] == "missing":
        field = kind.model_fields.get(place)
        described = f"{place}: {field.description}" if field and field.description else None
        return ConfigError(f"{name} needs a value for {place!r}", hint=described)
    if not place:  # what is wrong is how parameters go together
        return ConfigError(f"{name}: {reason_of(first)}")
    return ConfigError(f"{name}: {place} = {first['input']!r}: {reason_of(first)}")


def reason_of(first: Mapping[str, Any]) -> str:
    """Return what one of the entries of pydantic's `errors()` says, without the words around it."""
    reason = str(first["msg"])
    for words in _OWN_WORDS:
        reason = reason.removeprefix(words)
    return reason


def unknown_parameter(
    owner: str, word: str, known: Iterable[str], *, what: str = "parameter", method: str = ""
) -> ConfigError:
    """Return the error of a word that its owner does not take.

    Args:
        owner: who was given it: a method, a parameter that holds others, a section of a file.
        word: what was given.
        known: what it takes.
        what: what such a word is called.
        method: that explains what it takes; empty if none does.
    """
    words = list(known)
    takes = f"it takes {', '.join(words)}" if words else f"it takes no {what}s"
    if words and method:
        takes = f"{takes}; `assay methods {method}` explains them"
    return ConfigError(f"{owner} has no {what} {word!r}", hint=did_you_mean(word, words) or takes)


def no_component(value: object, kind: str) -> ConfigError:
    """Return the error of a value that stands where a component is wanted, and describes none."""
    return ConfigError(f"{value!r} names no {kind}", hint="write NAME or {method: NAME, ...}")


def other_kind(word: str, kind: str, wanted: str) -> ConfigError:
    """Return the error of a word that means one kind of component where another is wanted."""
    return ConfigError(f"{word!r} is a {kind}, where a {wanted} is wanted")
