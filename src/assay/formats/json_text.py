"""JSON as text: numbers keep the digits that they were written with, and what is written is valid.

A float cannot hold every decimal number, so reading one and writing it again may change it. The
readers here remember the digits where they would be lost, and the writer puts them back. An object
that gives a name twice is refused: of two readers one may take the first, and the other the last.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class WrittenNumber(float):
    """A number whose shortest spelling as a float is not how it was written."""

    __slots__ = ("written",)
    written: str


def number_of(text: str) -> float:
    """Return a number with a fraction or an exponent, its digits remembered if they would be lost.

    For `parse_float` of the `json` library.
    """
    value = float(text)
    if repr(value) == text:
        return value
    kept = WrittenNumber(value)
    kept.written = text
    return kept


class RepeatedNameError(ValueError):
    """An object gives a name more than once; the message says which."""

    def __init__(self, name: str, times: int) -> None:
        super().__init__(f"the field {name!r} is given {times} times")
        self.name = name


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields of an object, for `object_pairs_hook` of the `json` library.

    Raises:
        RepeatedNameError: if two of them have one name.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        raise RepeatedNameError(*Counter(name for name, _ in pairs).most_common(1)[0])
    return found


@dataclass(frozen=True, slots=True)
class JsonText:
    """A value that is JSON already and is to be written as it stands."""

    text: str


def json_value(text: str) -> "JsonText | str":
    """Return JSON text as a value to be written as it stands; what is not valid JSON stays text.

    Python reads NaN and Infinity, which JSON does not have: these are not valid here.
    """
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    return JsonText(_on_one_line(text))


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _on_one_line(text: str) -> str:
    if "\n" not in text and "\r" not in text:
        return text
    # Line breaks inside of texts are escaped in valid JSON: these all stand between values.
    return " ".join(line.strip() for line in text.splitlines()).strip()


def dumps(value: object) -> str:
    """Return a value as JSON on one line, with `JsonText` and written numbers as they stand."""
    if isinstance(value, JsonText):
        return value.text
    if isinstance(value, WrittenNumber):
        return value.written
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key, ensure_ascii=False)}: {dumps(v)}" for key, v in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(dumps, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
