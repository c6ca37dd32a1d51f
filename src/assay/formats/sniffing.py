"""What container a text file has, from its first bytes and its name."""

import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

from assay.errors import FormatError
from assay.formats import streams
from assay.formats.delimited import header_cells
from assay.formats.records import Container

SUFFIXES: dict[str, Container] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}
_decode = json.JSONDecoder().raw_decode
_LINE_END = re.compile(rb"\r\n|\n|\r")
_CONSTANTS = ("true", "false", "null", "NaN", "Infinity", "-Infinity")
_ESCAPE_LENGTH = 12  # of a pair of surrogates
_LONGEST_NAME = 40
_MOST_WORDS = 4


class _Archive(NamedTuple):
    magic: bytes
    what: str
    remedy: str
    offset: int = 0


_ARCHIVES = (
    _Archive(b"PK\x03\x04", "a zip archive or a spreadsheet", "unpack it, or save it as CSV"),
    _Archive(b"BZh", "packed by bzip2", "unpack it: bunzip2"),
    _Archive(b"\xfd7zXZ\x00", "packed by xz", "unpack it: unxz"),
    _Archive(b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it: 7z x"),
    _Archive(b"ustar", "a tar archive", "unpack it: tar xf", offset=257),
    _Archive(b"SQLite format 3\x00", "a SQLite database", "write the table as CSV: sqlite3 -csv"),
    _Archive(b"%PDF", "a PDF", "put the records into JSON lines or CSV"),
    _Archive(b"Obj\x01", "an Avro file", "write it as Parquet or JSON lines"),
)


def refuse_foreign(path: Path, head: bytes) -> None:
    """Stop at a file that is packed or written in a form that Assay does not read.

    Raises:
        FormatError: says what it is, and how to make it readable.
    """
    for archive in _ARCHIVES:
        if head.startswith(archive.magic, archive.offset):
            raise FormatError(f"{path}: the file is {archive.what}", hint=archive.remedy)


def text_container(path: Path, head: bytes) -> Container:
    """Return the container of a text file.

    Raises:
        FormatError: if it has none that is known.
    """
    named = SUFFIXES.get(streams.unpacked_suffix(path))
    if named in {"csv", "tsv"}:
        return named
    text = head.removeprefix(streams.UTF8_BOM).lstrip()
    if text[:1] == b"[":
        return "jsonl" if _is_list_by_line(text) else "json"
    if text[:1] == b"{":
        return _object_container(path, text, named)
    if named in {"json", "jsonl"}:
        shown = text[:40].decode("utf-8", "backslashreplace")
        raise FormatError(
            f"{path}: line 1: not JSON, it begins with {shown!r}",
            hint="a web page or a Git LFS pointer saved in its place is a common cause",
        )
    first = _LINE_END.split(text, maxsplit=1)[0]
    if _is_header(first):
        return "tsv" if first.count(b"\t") > first.count(b",") else "csv"
    table = ""
    if b"," in first or b"\t" in first:
        shown = first[:_LONGEST_NAME].decode("utf-8", "replace")
        table = f", and no table: its first line, {shown + '…'!r}, names no columns"
    raise FormatError(
        f"{path}: neither JSON, JSON lines, CSV, TSV, Parquet nor Arrow{table}",
        hint="plain text has no answers: write one record per line, as JSON or CSV"
        + ("; what ends in .csv or .tsv is read as a table" if table else ""),
    )


def _is_header(line: bytes) -> bool:
    """Do the cells of a line look like names of columns, and not like a sentence with commas?"""
    cells = [cell.strip() for cell in header_cells(line.decode("utf-8", "replace"), default=",")]
    return len(cells) > 1 and all(
        len(cell) <= _LONGEST_NAME and len(cell.split()) <= _MOST_WORDS and cell[-1:] not in ".!?"
        for cell in cells
        if cell
    )


def _is_list_by_line(text: bytes) -> bool:
    """Does a list end with its line, and does the next line open another?"""
    lines = _LINE_END.split(text, maxsplit=1)
    if len(lines) < 2 or lines[1].lstrip()[:1] != b"[":
        return False
    try:
        return isinstance(json.loads(lines[0]), list)
    except (ValueError, RecursionError):
        return False


def _object_container(path: Path, head: bytes, named: Container | None) -> Container:
    """Tell JSON lines from an object that holds a list of records."""
    text = head.decode("utf-8", "replace")
    lines = re.split(r"\r\n|\n|\r", text, maxsplit=1)
    opens_again = len(lines) > 1 and lines[1].lstrip()[:1] == "{"
    try:
        value, end = _decode(text)
    except json.JSONDecodeError as error:
        if _goes_on(text, error):
            return "json"
        # A broken first line among lines that open objects is one bad record.
        return "jsonl" if opens_again and len(lines[0].strip()) > 1 else "json"
    except RecursionError:
        return "jsonl" if opens_again or named == "jsonl" else "json"
    rest = text[end:]
    spread = "\n" in text[:end].strip() or "\r" in text[:end].strip()
    if not rest.strip():
        one_list = named != "jsonl" and _holds_list_of_records(value)
        return "json" if spread or one_list else "jsonl"
    between = rest[: len(rest) - len(rest.lstrip())]
    if rest.lstrip()[0] == "{" and (spread or not re.search(r"[\r\n]", between)):
        raise no_list(path)
    return "jsonl"


def no_list(path: Path) -> FormatError:
    """Return what to say of objects that stand one after the other, but not one per line."""
    name = shlex.quote(path.name)
    return FormatError(
        f"{path}: objects stand one after the other, and not each on a line of its own",
        hint=f"write one per line: jq -c . {name} > lines-{name}",
    )


def _goes_on(text: str, error: json.JSONDecodeError) -> bool:
    """Is a text right as far as it goes, so that the head alone is cut off?"""
    rest = text[error.pos :].strip()
    if error.msg.startswith("Unterminated string") or not rest:
        return True
    if "escape" in error.msg:
        return len(text) - error.pos < _ESCAPE_LENGTH
    return any(constant.startswith(rest) for constant in _CONSTANTS)


def _holds_list_of_records(value: object) -> bool:
    # One record may hold a list of turns, so only keys that datasets use for all records count.
    if not isinstance(value, dict):
        return False
    keys = ("data", "rows", "records", "examples", "samples", "items", "train", "test")
    lists = [value[key] for key in keys if isinstance(value.get(key), list)]
    return any(records and isinstance(records[0], dict) for records in lists)
