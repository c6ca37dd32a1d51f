"""A layout of judge records: how its files are known, and what a record of it says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from assay.formats.faults import Fault, UnusableRecordError
from assay.formats.judged.tables import Judged, Orders, Pair, turned

Fields: TypeAlias = Mapping[str, Any]
_QUESTIONS = ("text", "prompt", "Instruction", "instruction", "question", "question_text")


@dataclass(frozen=True)
class Reading:
    """How the records of one file are taken.

    Attributes:
        candidate: which of two answers the numbers are about, 1 or 2.
        names: what the two answers are called, for files that say it in their own name.
    """

    candidate: int = 1
    names: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class JudgedLayout:
    """A way in which judges' replies are published.

    Attributes:
        name: what it is called on the command line.
        summary: its fields and where it comes from, for a reader of the documentation.
        main: column that is taken unless another is named.
        matches: does a record look like this layout?
        read: what a record says; raises UnusableRecordError for one that says nothing.
        candidate: the answer that numbers are about by default, 1 or 2; 0 where no pairs are.
        scored: both answers of a pair have a score.
        one_order: a file has one order of the answers, so the other may come in a second file.
        named: the name of the file says what its two answers are called.
        merge: puts records of one row together; None if every record stands for itself.
    """

    name: str
    summary: str
    main: str
    matches: Callable[[object], bool]
    read: Callable[[Any, Reading], Judged]
    candidate: int = 0
    scored: bool = False
    one_order: bool = False
    named: bool = False
    merge: Callable[[Sequence[Judged]], list[Judged]] | None = None


def has(record: object, *names: str) -> bool:
    """Is the record an object with all of these fields?"""
    return isinstance(record, dict) and all(name in record for name in names)


def missing(name: str) -> UnusableRecordError:
    """Return what to raise where a record lacks a field."""
    return UnusableRecordError(Fault.MISSING_FIELD, f"no field {name!r}")


def text_of(record: Fields, name: str) -> str | None:
    """Return a field that is text, None otherwise."""
    value = record.get(name)
    return value if isinstance(value, str) else None


def key_of(record: Fields, *names: str) -> str:
    """Return the id of a record by the first of these fields that it has; empty without one."""
    for name in names:
        value = record.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool):
            return str(value)
    return ""


def question_of(record: Fields) -> str | None:
    """Return what was asked, by the names that evaluation sets give it."""
    asked = next((record[name] for name in _QUESTIONS if text_of(record, name)), None)
    turns = record.get("conversations")
    if asked is None and isinstance(turns, list) and turns and isinstance(turns[0], str):
        asked = turns[0]
    if asked is None:
        return text_of(record, "conversations")
    instances = record.get("instances")
    given = record
    if isinstance(instances, list) and len(instances) == 1 and isinstance(instances[0], dict):
        given = instances[0]
    context = text_of(given, "input")
    return f"{asked}\n{context}" if context else str(asked)


def in_order(pair: Pair, reading: Reading) -> Orders:
    """Return where a pair goes of which one order is known; `pair` is as it was shown."""
    if reading.candidate == 1:
        return Orders(first=pair)
    return Orders(second=turned(pair))


def in_places(reply: str | None, reading: Reading) -> tuple[str | None, str | None]:
    """Return where a reply goes of which one order is known."""
    return (reply, None) if reading.candidate == 1 else (None, reply)


def both_places(
    first: str | None, second: str | None, reading: Reading
) -> tuple[str | None, str | None]:
    """Return where two replies go: that of answer 1 shown first, and of answer 2 shown first."""
    return (first, second) if reading.candidate == 1 else (second, first)


def both_orders(first: Pair, second: Pair, reading: Reading) -> Orders:
    """Return where two pairs go.

    Args:
        first: what answer 1 and answer 2 got where answer 1 was shown first.
        second: what answer 1 and answer 2 got where answer 2 was shown first.
        reading: says which of the two is the candidate.
    """
    if reading.candidate == 1:
        return Orders(first, second)
    return Orders(turned(second), turned(first))
