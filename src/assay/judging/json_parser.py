"""Objects in the replies of a judge: the last whole one that is what was asked for, or nothing.

Nothing is repaired. A bracket that is put in for the judge may close a number that it had not
finished.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from assay.formats.json_text import once_each
from assay.judging.answer_places import answered
from assay.judging.scales import Parsed, Scale
from assay.samples import Reason

_DEEPEST = 40


@dataclass(frozen=True)
class Number:
    """A number of a scale; a truth value or a text with a number in it is none."""

    scale: Scale


@dataclass(frozen=True)
class Truth:
    """True or false."""


@dataclass(frozen=True)
class Choice:
    """One of some texts, written exactly so."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Text:
    """A text of at most so many characters, and at least so many that are not blank."""

    least: int = 0
    most: int = 20_000


@dataclass(frozen=True)
class ListOf:
    """A list of so many objects, or texts, of one kind."""

    item: "Kind"
    least: int = 0
    most: int = 1_000


@dataclass(frozen=True)
class Object:
    """An object with all of these keys and no other, in the order in which they are asked for."""

    fields: Mapping[str, "Kind"]


Kind: TypeAlias = Number | Truth | Choice | Text | ListOf | Object


def parse_object(
    text: str | None, schema: Object, *, finish: str = "stop", slots: Sequence[str] = ()
) -> Parsed[Mapping[str, Any]]:
    """Return the last whole object of a reply, not inside of another, that fits a schema.

    Args:
        text: the reply alone.
        schema: what the object has to be.
        finish: why the reply ended; "length" if it was cut.
        slots: data that the judge was shown. An object that stands there as well is an echo and is
            passed over.

    Returns:
        The object; or REPLY_TRUNCATED if the reply was cut within one or before any fitted,
        OUT_OF_RANGE if the last one fits but for a number, and else PARSE_FAILED.
    """
    spans, is_open = _spans(answered(text))
    if finish == "length" and is_open:
        return Parsed(None, Reason.REPLY_TRUNCATED)
    shown = [_packed(slot) for slot in slots]
    reason = Reason.REPLY_TRUNCATED if finish == "length" else Reason.PARSE_FAILED
    for raw in reversed(spans):
        content = _decoded(raw)
        if content is None or any(_packed(raw) in slot for slot in shown):
            continue
        problem = _problem(content, schema)
        if problem is Reason.OK:
            return Parsed(content, Reason.OK)
        if problem is Reason.OUT_OF_RANGE and reason is Reason.PARSE_FAILED:
            reason = problem
    return Parsed(None, reason)


def schema_of(kind: Kind) -> dict[str, Any]:
    """Return a schema as JSON schema, in the part of it that all servers know.

    Numbers are listed, for few servers keep to bounds; one of a scale without steps is any number,
    which is held against the scale when it is read.
    """
    if isinstance(kind, Number):
        return {"enum": list(kind.scale.numbers())} if kind.scale.countable else {"type": "number"}
    if isinstance(kind, Truth):
        return {"type": "boolean"}
    if isinstance(kind, Choice):
        return {"type": "string", "enum": list(kind.values)}
    if isinstance(kind, Text):
        return {"type": "string"}
    if isinstance(kind, ListOf):
        return {"type": "array", "items": schema_of(kind.item)}
    return {
        "type": "object",
        "properties": {name: schema_of(field) for name, field in kind.fields.items()},
        "required": list(kind.fields),
        "additionalProperties": False,
    }


def _spans(text: str) -> tuple[list[str], bool]:
    """Return the texts between outermost braces, and whether a brace is open at the end."""
    found: list[str] = []
    start = depth = 0
    quoted = escaped = False
    for place, sign in enumerate(text):
        if depth == 0:
            if sign == "{":
                start, depth = place, 1
        elif quoted:
            if escaped:
                escaped = False
            elif sign == "\\":
                escaped = True
            elif sign == '"':
                quoted = False
        elif sign == '"':
            quoted = True
        elif sign == "{":
            depth += 1
        elif sign == "}":
            depth -= 1
            if depth == 0:
                found.append(text[start : place + 1])
    return found, depth > 0


def _decoded(raw: str) -> dict[str, Any] | None:
    """Return an object; None for what is no JSON, says a key twice, or is too deep to be meant."""
    if raw.count("{") > 10_000 or _depth(raw) > _DEEPEST:
        return None
    try:
        content = json.loads(raw, object_pairs_hook=once_each, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _depth(raw: str) -> int:
    """Return a bound of how deep brackets of any kind lie, those within texts included."""
    depth = deepest = 0
    for sign in raw:
        if sign in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif sign in "}]":
            depth = max(0, depth - 1)
    return deepest


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _packed(text: str) -> str:
    """Return a text without blanks and escapes, in which an echo looks like what it repeats."""
    return "".join(text.replace("\\", "").split())


def _problem(content: Any, kind: Kind) -> Reason:
    """Return OK for what fits, OUT_OF_RANGE for what fits but for a number, else PARSE_FAILED."""
    if isinstance(kind, Number):
        return _number_problem(content, kind.scale)
    if isinstance(kind, Object):
        if not isinstance(content, dict) or content.keys() != kind.fields.keys():
            return Reason.PARSE_FAILED
        return _worst(_problem(content[name], field) for name, field in kind.fields.items())
    if isinstance(kind, ListOf):
        if not isinstance(content, list):
            return Reason.PARSE_FAILED
        worst = _worst(_problem(item, kind.item) for item in content)
        enough = kind.least <= len(content) <= kind.most
        return worst if enough or worst is Reason.PARSE_FAILED else Reason.OUT_OF_RANGE
    return Reason.OK if _is_word(content, kind) else Reason.PARSE_FAILED


def _number_problem(content: Any, scale: Scale) -> Reason:
    if isinstance(content, bool) or not isinstance(content, int | float):
        return Reason.PARSE_FAILED
    return Reason.OK if scale.holds(content) else Reason.OUT_OF_RANGE


def _is_word(content: Any, kind: Truth | Choice | Text) -> bool:
    if isinstance(kind, Truth):
        return isinstance(content, bool)
    if not isinstance(content, str):
        return False
    if isinstance(kind, Choice):
        return content in kind.values
    # Half of a surrogate pair is a text that no file can hold.
    whole = not any("\ud800" <= sign <= "\udfff" for sign in content)
    return whole and len(content.strip()) >= kind.least and len(content) <= kind.most


def _worst(problems: Iterator[Reason]) -> Reason:
    found = set(problems)
    if Reason.PARSE_FAILED in found:
        return Reason.PARSE_FAILED
    return Reason.OUT_OF_RANGE if found - {Reason.OK} else Reason.OK
