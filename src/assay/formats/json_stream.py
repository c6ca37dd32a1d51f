"""JSON lists and JSON lines, record by record, with each record's place in bytes.

A list is read through a window of text that grows only while a record does not fit into it, so a
file of any size costs a few megabytes.
"""

import codecs
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from assay.formats.faults import BadRecord, Fault, excerpt_of, not_utf8
from assay.formats.json_text import RepeatedNameError, number_of, once_each
from assay.formats.streams import UTF8_BOM, written_lines

WINDOW_LIMIT = 1 << 28
_RIM = 16
AFTER_THE_END = "there is more after the end"
COMMA_AFTER = "a comma after the record"
_decode_strictly = json.JSONDecoder(parse_float=number_of, object_pairs_hook=once_each).raw_decode
_decode_loosely = json.JSONDecoder(parse_float=number_of).raw_decode
_decode_pairs = json.JSONDecoder(object_pairs_hook=list).raw_decode
_skip_space = re.compile(r"[ \t\r\n]*").match
_delimiter = re.compile(r"[ \t\r\n]*([,\]])[ \t\r\n]*").match
_list_of_records = re.compile(r"\[[ \t\r\n]*\{").match

RawRecord = tuple[object, int, int]
"""A parsed value or a BadRecord, its byte offset, and its length in bytes.

A record that gives a field twice is a RepeatingRecord.
"""


class BrokenJsonError(Exception):
    """A JSON document cannot be followed beyond `byte_offset`.

    `keys` are the names of its lists of records, if there is more than one.
    """

    def __init__(
        self,
        problem: str,
        byte_offset: int,
        *,
        cut_off: bool = False,
        keys: tuple[str, ...] = (),
    ) -> None:
        super().__init__(problem)
        self.keys = keys
        self.problem = problem
        self.byte_offset = byte_offset
        self.cut_off = cut_off


class _Incomplete(Exception):  # noqa: N818 - a signal, not an error
    """The window ends inside a value."""


class RepeatingRecord(dict[str, object]):
    """A record in which an object gives a field more than once; holds the last of each.

    Attributes:
        bad: says which field, and how often; takes the record's place where it is set aside.
        times: how often the record itself gives each of its fields.
    """

    def __init__(
        self, fields: Mapping[str, object], bad: BadRecord, times: Mapping[str, int]
    ) -> None:
        super().__init__(fields)
        self.bad = bad
        self.times = times


def _decode(text: str, place: int = 0) -> tuple[object, int]:
    """Return the value at a place of a text, and where it ends."""
    try:
        return _decode_strictly(text, place)
    except RepeatedNameError as error:
        value, end = _decode_loosely(text, place)
        if isinstance(value, dict):
            times = Counter(name for name, _ in _decode_pairs(text, place)[0])
            excerpt = excerpt_of(text[place : min(end, place + 400)])
            bad = BadRecord(Fault.REPEATED_FIELD, str(error), excerpt)
            value = RepeatingRecord(value, bad, times)
        return value, end


def holds_lone_surrogate(value: object) -> bool:
    """Is there half of a surrogate pair in any text of `value`, which no UTF-8 file can hold?"""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


class _Window:
    """Decoded text from `place` on; knows the byte offset of every character in it."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        # Invalid bytes become lone surrogates: offsets stay right and only their row is lost.
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self.text = ""
        self.place = 0
        self.ended = False
        self._anchor = 0
        self._anchor_byte = 0
        self._grow = 1
        while not self.text and not self.ended:
            self.refill()
        if self.text.startswith("\ufeff"):
            self.text = self.text[1:]
            self._anchor_byte = len(UTF8_BOM)

    def byte_of(self, place: int) -> int:
        """Return the byte offset of character `place`, not before the last one asked."""
        gap = self.text[self._anchor : place]
        width = len(gap) if gap.isascii() else len(gap.encode("utf-8", "surrogateescape"))
        self._anchor_byte += width
        self._anchor = place
        return self._anchor_byte

    def refill(self) -> None:
        """Drop what lies before `place` and read on; twice as much each time nothing was used."""
        if self.ended:
            raise BrokenJsonError("the text breaks off", self._end_byte(), cut_off=True)
        if len(self.text) - self.place > WINDOW_LIMIT:
            raise BrokenJsonError(
                f"no end of the value within {WINDOW_LIMIT >> 20} MB", self.byte_of(self.place)
            )
        self.byte_of(self.place)
        self._grow = self._grow * 2 if self.place == 0 and self.text else 1
        pieces = [self.text[self.place :]]
        for _ in range(self._grow):
            chunk = next(self._chunks, None)
            if chunk is None:
                self.ended = True
                pieces.append(self._decoder.decode(b"", True))
                break
            pieces.append(self._decoder.decode(chunk))
        self.text = "".join(pieces)
        self.place = self._anchor = 0

    def _end_byte(self) -> int:
        return self.byte_of(len(self.text))

    def skip_space(self) -> str:
        """Move to the next character that is not space and return it; "" at the end."""
        while True:
            found = _skip_space(self.text, self.place)
            self.place = found.end() if found else self.place
            if self.place < len(self.text):
                return self.text[self.place]
            if self.ended:
                return ""
            self.refill()

    def expect(self, allowed: str) -> str:
        """Step over the next character, which must be one of `allowed`."""
        character = self.skip_space()
        if not character:
            self.refill()
        if character not in allowed:
            raise BrokenJsonError(
                f"expected {' or '.join(allowed)}, found {character!r}", self.byte_of(self.place)
            )
        self.place += 1
        return character

    def value(self) -> object:
        """Step over one whole value and return it."""
        while True:
            self.skip_space()
            try:
                found, end = self._complete_value()
            except _Incomplete:
                self.refill()
                continue
            self.place = end
            return found

    def _complete_value(self) -> tuple[object, int]:
        try:
            found, end = _decode(self.text, self.place)
        except (ValueError, RecursionError) as error:
            self.check_cut_off(error)
            raise _Incomplete from None
        # A number or a name may go on in the next chunk.
        if end == len(self.text) and not self.ended:
            raise _Incomplete
        return found, end

    def check_cut_off(self, error: ValueError | RecursionError) -> None:
        """Return if more text may mend `error`.

        Raises:
            BrokenJsonError: if it is there to stay.
        """
        place = getattr(error, "pos", self.place)
        message = _json_problem(error)
        is_syntax = isinstance(error, json.JSONDecodeError)
        unclosed = message.startswith("Unterminated string")
        at_rim = is_syntax and (unclosed or place >= len(self.text) - _RIM)
        if not at_rim:
            raise BrokenJsonError(message, self.byte_of(place))
        if self.ended:
            # Only what opens and is never closed means that the file is incomplete.
            cut_off = unclosed or not self.text[place:].strip()
            raise BrokenJsonError(message, self.byte_of(place), cut_off=cut_off)


def _list_records(window: _Window) -> Iterator[RawRecord]:
    """Yield the elements of a list whose opening bracket was just passed."""
    if window.skip_space() == "]":
        window.place += 1
        return
    closed = ""
    while closed != "]":
        text, start = window.text, window.place
        if text.startswith("]", start):
            raise BrokenJsonError("a comma before the closing ]", window.byte_of(start))
        try:
            value, end = _decode(text, start)
        except (ValueError, RecursionError) as error:
            window.check_cut_off(error)
            window.refill()
            window.skip_space()
            continue
        delimiter = _delimiter(text, end)
        if delimiter is None or (delimiter.end() == len(text) and not window.ended):
            if _skip_space(text, end).end() < len(text) and delimiter is None:  # type: ignore[union-attr]
                raise BrokenJsonError("expected , or ] after a record", window.byte_of(end))
            window.refill()
            continue
        closed = delimiter[1]
        yield _place(window, value, start, end)
        window.place = delimiter.end()


def _place(window: _Window, value: object, start: int, end: int) -> RawRecord:
    text = window.text
    offset = window.byte_of(start)
    length = window.byte_of(end) - offset
    if not text.isascii():
        try:
            text[start:end].encode()
        except UnicodeEncodeError:
            excerpt = excerpt_of(text[start : start + 400])
            return BadRecord(Fault.INVALID_UTF8, "not valid UTF-8", excerpt), offset, length
    if (
        text.find("\\ud", start, end) >= 0 or text.find("\\uD", start, end) >= 0
    ) and holds_lone_surrogate(value):
        detail = "half of a surrogate pair, which UTF-8 cannot hold"
        return BadRecord(Fault.LONE_SURROGATE, detail, excerpt_of(value)), offset, length
    return value, offset, length


class ListPlace(NamedTuple):
    """Where the records of a JSON document lie: the key of the list, "" for a bare list."""

    key: str


def document_records(
    chunks: Iterable[bytes], *, found: list[ListPlace] | None = None
) -> Iterator[RawRecord]:
    """Yield the records of a JSON list, or of the one list of records inside a JSON object.

    Args:
        chunks: the document in order.
        found: receives where the list lies, before its first record is yielded.

    Raises:
        BrokenJsonError: if the document cannot be followed, or holds no list of records.
    """
    window = _Window(chunks)
    if window.expect("[{") == "[":
        if found is not None:
            found.append(ListPlace(""))
        yield from _list_records(window)
    else:
        yield from _wrapped_records(window, found if found is not None else [])
    if window.skip_space():
        raise BrokenJsonError(AFTER_THE_END, window.byte_of(window.place))


def _wrapped_records(window: _Window, found: list[ListPlace]) -> Iterator[RawRecord]:
    keys: list[str] = []
    character = window.skip_space()
    while character != "}":
        key = window.value()
        window.expect(":")
        keys.append(str(key))
        if _opens_record_list(window):
            if found:
                raise BrokenJsonError(
                    f"two lists of records, {found[0].key!r} and {key!r}",
                    window.byte_of(window.place),
                    keys=(found[0].key, str(key)),
                )
            found.append(ListPlace(str(key)))
            window.place += 1
            yield from _list_records(window)
        else:
            window.value()
        character = window.expect(",}")
    if not keys:
        window.expect("}")
    if not found:
        raise BrokenJsonError(f"an object with the fields {', '.join(keys)}, not a list", 0)


def _opens_record_list(window: _Window) -> bool:
    if window.skip_space() != "[":
        return False
    while True:
        after = _skip_space(window.text, window.place + 1)
        end = after.end() if after else 0
        if end < len(window.text) or window.ended:
            return _list_of_records(window.text, window.place) is not None
        window.refill()


def line_records(chunks: Iterable[bytes]) -> Iterator[RawRecord]:
    """Yield the records of JSON lines; blank lines are passed over and not counted."""
    for line, start in written_lines(chunks):
        yield _parse_line(line), start, len(line)


def _parse_line(line: bytes) -> object:
    try:
        text = line.decode()
        value, end = _decode(text)
    except UnicodeDecodeError as error:
        return not_utf8(line, error, "line")
    except (ValueError, RecursionError) as error:
        if text[0] in " \t":
            return _parse_line(line.lstrip(b" \t"))
        at = f" at character {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        return BadRecord(Fault.INVALID_JSON, _json_problem(error) + at, excerpt_of(text[:400]))
    if rest := text[end:].strip():
        detail = COMMA_AFTER if rest == "," else "more than one value"
        return BadRecord(Fault.INVALID_JSON, detail, excerpt_of(text[:400]))
    if (b"\\ud" in line or b"\\uD" in line) and holds_lone_surrogate(value):
        detail = "half of a surrogate pair, which UTF-8 cannot hold"
        return BadRecord(Fault.LONE_SURROGATE, detail, excerpt_of(value))
    return value


def _json_problem(error: BaseException) -> str:
    if isinstance(error, json.JSONDecodeError):
        closing = error.doc[error.pos : error.pos + 1] in ("]", "}")
        if closing and error.doc[: error.pos].rstrip().endswith(","):
            return f"a comma before the closing {error.doc[error.pos]}"
        return error.msg
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
