"""CSV and TSV, record by record, with each record's place in bytes."""

import csv
import sys
from collections.abc import Iterable, Iterator

from assay.formats.faults import BadRecord, Fault, excerpt_of, not_utf8
from assay.formats.json_stream import RawRecord
from assay.formats.streams import physical_lines

DELIMITERS = ",\t;|"
_QUOTES = "close the quote, or double each quote inside a quoted cell"


class BrokenTableError(Exception):
    """A table cannot be followed beyond a line, counted from 1."""

    def __init__(self, problem: str, line: int, *, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.remedy = remedy


def delimiter_of(header: str, *, default: str) -> str:
    """Return the delimiter that a header line uses most; `default` where none occurs."""
    counts = {mark: header.count(mark) for mark in DELIMITERS}
    best = max(DELIMITERS, key=counts.__getitem__)
    return best if counts[best] > counts.get(default, 0) else default


def header_cells(line: str, *, default: str) -> list[str]:
    """Return the cells of a table's first line."""
    return next(csv.reader([line], delimiter=delimiter_of(line, default=default)), [])


class _Lines:
    """Feeds the csv reader line by line and knows how many bytes it has taken."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._lines = physical_lines(chunks)
        self.offset = 0
        self.taken: list[bytes] = []
        self.exhausted = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            self.exhausted = True
            raise StopIteration
        self.taken.append(line)
        return line.decode("utf-8", "surrogateescape")

    def close_record(self) -> tuple[bytes, int]:
        """Return the bytes taken since the last call, and the offset at which they begin."""
        raw = self.taken[0] if len(self.taken) == 1 else b"".join(self.taken)
        start = self.offset
        self.offset += len(raw)
        self.taken.clear()
        return raw, start


def table_records(chunks: Iterable[bytes], *, default_delimiter: str) -> Iterator[RawRecord]:
    """Yield each line of a table as a dict from column name to text.

    A row with more or fewer cells than the header becomes a BadRecord.

    Raises:
        BrokenTableError: if a quoted cell is never closed, or names of columns repeat.
    """
    # The module's own limit of 128 kB per cell is process-wide and far below a long document.
    csv.field_size_limit(max(csv.field_size_limit(), min(sys.maxsize, 1 << 31)))
    lines = _Lines(chunks)
    first = next(lines, "")
    delimiter = delimiter_of(first, default=default_delimiter)
    reader = csv.reader(_again(first.removeprefix("\ufeff"), lines), delimiter=delimiter)
    header = _next_row(reader, lines) or []
    lines.close_record()
    _refuse_repeated(header)
    while (cells := _next_row(reader, lines)) is not None:
        first_line = reader.line_num - len(lines.taken) + 1
        raw, start = lines.close_record()
        # A row that asked for more at the end of the file has an open quote; csv says nothing.
        if lines.exhausted:
            raise BrokenTableError("a quoted cell is never closed", first_line, remedy=_QUOTES)
        if cells:
            body = raw.rstrip(b"\r\n")
            yield _record(header, cells, body), start, len(body)


def _refuse_repeated(header: list[str]) -> None:
    repeated = next((name for name in header if header.count(name) > 1), None)
    if repeated is not None:
        problem = (
            f"two columns have the same name, {repeated!r}"
            if repeated
            else "two columns have no name"
        )
        raise BrokenTableError(problem, 1, remedy="rename one of them")


def _again(first: str, lines: _Lines) -> Iterator[str]:
    yield first
    yield from lines


def _next_row(reader: "Iterator[list[str]]", lines: _Lines) -> list[str] | None:
    try:
        return next(reader, None)
    except csv.Error as error:
        done = reader.line_num  # type: ignore[attr-defined]
        raise BrokenTableError(str(error), done, remedy=_QUOTES) from error


def _record(header: list[str], cells: list[str], raw: bytes) -> object:
    if not raw.isascii():
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            return not_utf8(raw, error, "row")
    if len(cells) != len(header):
        detail = f"{len(cells)} cells where the header has {len(header)}"
        return BadRecord(Fault.RAGGED_ROW, detail, excerpt_of(raw[:400].decode("utf-8", "replace")))
    return dict(zip(header, cells, strict=True))
