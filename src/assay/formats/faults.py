"""Why a record is set aside, and how readers and layouts say so."""

import enum
import json
from typing import NamedTuple

EXCERPT_CHARACTERS = 200
_MOST_BYTES = 4  # of a character


class Fault(enum.StrEnum):
    """What is wrong with one record; the rest of its file can still be used."""

    INVALID_JSON = "invalid_json"
    INVALID_UTF8 = "invalid_utf8"
    LONE_SURROGATE = "lone_surrogate"
    NOT_A_RECORD = "not_a_record"
    REPEATED_FIELD = "repeated_field"
    RAGGED_ROW = "ragged_row"
    TOO_LONG = "too_long"
    MISSING_FIELD = "missing_field"
    NULL_FIELD = "null_field"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_ROLE = "unknown_role"
    UNKNOWN_PART = "unknown_part"
    EMPTY_CONVERSATION = "empty_conversation"
    NO_ASSISTANT_TURN = "no_assistant_turn"
    NO_QUESTION = "no_question"


class UnusableRecordError(Exception):
    """Raised by a layout for one record; it is set aside and reading goes on."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault
        self.detail = detail


class BadRecord(NamedTuple):
    """Takes the place of a record that a container could not even parse."""

    fault: Fault
    detail: str
    excerpt: str


def excerpt_of(value: object) -> str:
    """Return the opening of a record as text that any UTF-8 file can hold."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text[:EXCERPT_CHARACTERS].encode("utf-8", "backslashreplace").decode()


def not_utf8(record: bytes, error: UnicodeDecodeError, called: str) -> BadRecord:
    """Return what takes the place of a record that is not UTF-8; it is called a line, or a row."""
    detail = f"byte {error.start + 1} of the {called} is not valid UTF-8"
    opening = record[: _MOST_BYTES * EXCERPT_CHARACTERS].decode("utf-8", "backslashreplace")
    return BadRecord(Fault.INVALID_UTF8, detail, excerpt_of(opening))


def type_name(value: object) -> str:
    """Return what JSON calls the type of `value`, as a reader of an error knows it."""
    names = {
        "str": "text",
        "NoneType": "null",
        "bool": "true/false",
        "int": "a number",
        "float": "a number",
        "list": "a list",
        "dict": "an object",
    }
    name = "float" if isinstance(value, float) else type(value).__name__
    return names.get(name, name)
