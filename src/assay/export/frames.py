"""What surrounds the records of a text file: brackets, separators, headers, line ends.

All functions work on bytes (or a memory map) and change nothing they were not asked to change.
"""

import json
import mmap
import re
from collections.abc import Collection
from typing import NamedTuple

Content = bytes | mmap.mmap

BOM = b"\xef\xbb\xbf"

_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_BRACKET = re.compile(_STRING + rb"|[\[\]{}]", re.DOTALL)
_TOKEN = re.compile(_STRING + rb"|[\[\]{},:]", re.DOTALL)
_BROKEN_SPACE = re.compile(_STRING + rb"|(,?)[ \t]*[\r\n][ \t\r\n]*", re.DOTALL)
_SEPARATOR = re.compile(rb"[ \t\r\n]*,[ \t\r\n]*")
_CSV_LINE = re.compile(rb'(?:[^"\r\n]|"[^"]*")*(?:\r\n|\n|\r|\Z)')
_LINE_END = re.compile(rb"\r\n|\n|\r|\Z")


class Span(NamedTuple):
    """Bytes from `start` up to `end`."""

    start: int
    end: int


class Frame(NamedTuple):
    """What is written before the first record, between two, and after the last."""

    prefix: bytes
    separator: bytes
    suffix: bytes


def skip_space(content: Content, position: int) -> int:
    """Return the first position at or after `position` that is not JSON white space."""
    found = _SPACE.match(content, position)
    return found.end() if found else position


def line_end(content: Content, position: int) -> int:
    """Return the position after the line end that begins at `position`, if one does."""
    found = _LINE_END.match(content, position)
    return found.end() if found else position


def csv_header(content: Content) -> bytes:
    """Return the first line of a CSV file with its line end and the byte order mark, if any."""
    found = _CSV_LINE.match(content)
    return found[0] if found else b""


def json_frame(content: Content, records: Span) -> Frame | None:
    """Return what surrounds the records of a JSON array, or None if they stand in no array.

    Args:
        content: the whole file.
        records: from the start of some record of the array to the end of the same or a later one.
    """
    opening = _enclosing_array(content, records.start)
    if opening is None:
        return None
    first = skip_space(content, opening + 1)
    between = _SEPARATOR.match(content, _value_end(content, first))
    # Without a second record there is nothing to copy a separator from, and no use for one.
    separator = between[0] if between else b",\n"
    closing = _closing_bracket(content, records.end, opening == _first_byte(content))
    return Frame(content[:first], separator, content[_before_space(content, closing) :])


def keep_elements(record: bytes, key: str, kept: Collection[int]) -> bytes:
    """Return a JSON object with only some elements of one of its arrays, otherwise unchanged.

    Args:
        record: the text of one object.
        key: name of a field of it that holds an array.
        kept: which elements stay, counted from 0; at least one.
    """
    spans = element_spans(record, key)
    chosen = [span for index, span in enumerate(spans) if index in kept]
    between = record[spans[0].end : spans[1].start] if len(spans) > 1 else b""
    inner = between.join(record[span.start : span.end] for span in chosen)
    return record[: spans[0].start] + inner + record[spans[-1].end :]


def element_spans(record: bytes, key: str) -> list[Span]:
    """Return where the elements of an array field of a JSON object lie; empty if it has none."""
    position = _field_value(record, key)
    if position is None or record[position : position + 1] != b"[":
        return []
    spans: list[Span] = []
    start = skip_space(record, position + 1)
    while record[start : start + 1] != b"]":
        end = _value_end(record, start)
        spans.append(Span(start, end))
        after = skip_space(record, end)
        if record[after : after + 1] != b",":
            break
        start = skip_space(record, after + 1)
    return spans


def one_line(record: bytes) -> bytes:
    """Return a JSON value on a single line, with every number and string written as it was."""
    if b"\n" not in record and b"\r" not in record:
        return record
    return _BROKEN_SPACE.sub(_joined, record)


def _joined(found: re.Match[bytes]) -> bytes:
    if found[0].startswith(b'"'):
        return found[0]
    return b", " if found[1] else b""


def _first_byte(content: Content) -> int:
    return skip_space(content, len(BOM) if content[: len(BOM)] == BOM else 0)


def _enclosing_array(content: Content, position: int) -> int | None:
    first = _first_byte(content)
    if content[first : first + 1] == b"[":
        return first
    stack: list[int] = []
    for found in _BRACKET.finditer(content, 0, position):
        if found[0] in (b"[", b"{"):
            stack.append(found.start())
        elif found[0] in (b"]", b"}"):
            stack.pop()
    return stack[-1] if stack else None


def _value_end(content: Content, start: int) -> int:
    """Return where the JSON value that begins at `start` ends."""
    depth = 0
    for found in _TOKEN.finditer(content, start):
        token = found[0]
        if token in (b"[", b"{"):
            depth += 1
        elif token in (b"]", b"}"):
            depth -= 1
            if depth < 0:
                return _before_space(content, found.start())
            if depth == 0:
                return found.end()
        elif depth == 0:
            # A bare string ends with itself, a number or word before the next comma.
            return found.end() if token[:1] == b'"' else _before_space(content, found.start())
    return len(content)


def _closing_bracket(content: Content, position: int, is_last: bool) -> int:
    if is_last:
        return _before_space(content, len(content)) - 1
    depth = 0
    for found in _BRACKET.finditer(content, position):
        if found[0] in (b"[", b"{"):
            depth += 1
        elif found[0] in (b"]", b"}"):
            depth -= 1
            if depth < 0:
                return found.start()
    return len(content)


def _before_space(content: Content, end: int) -> int:
    while end and content[end - 1 : end].isspace():
        end -= 1
    return end


def _field_value(record: bytes, key: str) -> int | None:
    """Return where the value of a field of a JSON object begins."""
    depth = 0
    name = b""
    for found in _TOKEN.finditer(record):
        token = found[0]
        if token in (b"[", b"{"):
            depth += 1
        elif token in (b"]", b"}"):
            depth -= 1
        elif token == b":" and depth == 1 and json.loads(name) == key:
            return skip_space(record, found.end())
        elif token[:1] == b'"':
            name = token
    return None
