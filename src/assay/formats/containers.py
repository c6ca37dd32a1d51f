"""One file as records: what container it is, and where its layout is looked for."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assay.errors import FormatError
from assay.formats import streams
from assay.formats.columnar import columnar_records
from assay.formats.delimited import BrokenTableError, table_records
from assay.formats.faults import BadRecord, Fault
from assay.formats.json_stream import (
    BrokenJsonError,
    ListPlace,
    RawRecord,
    document_records,
    line_records,
)
from assay.formats.labels import Record
from assay.formats.records import Compression, Container

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
SAMPLED_RECORDS = 200
_TEXT = frozenset({"json", "jsonl", "csv", "tsv"})


@dataclass(frozen=True)
class Packed:
    """A file and how to read it."""

    path: Path
    container: Container
    compression: Compression


def sniff(path: Path, *, container: Container | None = None) -> Packed:
    """Return how to read a file: from its content, then from its name.

    Raises:
        FormatError: if the file is empty, not UTF-8, or of no known container.
    """
    compression = streams.sniff_compression(path)
    head = streams.head_of(path, compression)
    if not head.strip(b" \t\r\n\xef\xbb\xbf"):
        raise FormatError(f"{path}: the file is empty", hint="check how it was written or fetched")
    kind = container or _magic(head)
    if kind in {"parquet", "arrow"}:
        if compression != "none":
            raise FormatError(
                f"{path}: a {kind} file inside {compression}",
                hint="unpack it first; the container compresses by itself",
            )
        return Packed(path, kind, compression)
    streams.refuse_wide_encoding(path, head)
    return Packed(path, kind or _text_container(path, head), compression)


def _magic(head: bytes) -> Container | None:
    if head[:4] == b"PAR1":
        return "parquet"
    return "arrow" if head[:6] == b"ARROW1" or head[:4] == b"\xff\xff\xff\xff" else None


def _text_container(path: Path, head: bytes) -> Container:
    named = SUFFIXES.get(streams.unpacked_suffix(path))
    if named in {"csv", "tsv"}:
        return named
    text = head.removeprefix(streams.UTF8_BOM).lstrip()
    if text[:1] == b"[":
        return "json"
    if text[:1] == b"{":
        return "jsonl" if named == "jsonl" else _lines_or_document(text)
    if named in {"json", "jsonl"}:
        shown = text[:40].decode("utf-8", "backslashreplace")
        raise FormatError(
            f"{path}: line 1: not JSON, it begins with {shown!r}",
            hint="a web page or a Git LFS pointer saved in its place is a common cause",
        )
    first = text.partition(b"\n")[0]
    if b"\t" in first or b"," in first:
        return "tsv" if first.count(b"\t") > first.count(b",") else "csv"
    raise FormatError(
        f"{path}: neither JSON, JSON lines, CSV, TSV, Parquet nor Arrow",
        hint="plain text has no answers; write one record per line, as JSON or CSV",
    )


def _lines_or_document(text: bytes) -> Container:
    """Tell JSON lines from an object that holds a list of records."""
    first, newline, rest = text.partition(b"\n")
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        # A broken first line among lines that open objects is one bad record.
        return "jsonl" if rest.lstrip()[:1] == b"{" and len(first.strip()) > 1 else "json"
    if newline and rest.strip():
        return "jsonl"
    return "json" if _holds_list_of_records(value) else "jsonl"


def _holds_list_of_records(value: object) -> bool:
    # One record may hold a list of turns, so only keys that datasets use for all records count.
    if not isinstance(value, dict):
        return False
    keys = ("data", "rows", "records", "examples", "samples", "items", "train", "test")
    lists = [value[key] for key in keys if isinstance(value.get(key), list)]
    return any(records and isinstance(records[0], dict) for records in lists)


def file_records(packed: Packed, *, found: list[ListPlace] | None = None) -> Iterator[RawRecord]:
    """Yield the records of a file: value or BadRecord, byte offset, length in bytes.

    Args:
        packed: the file.
        found: receives where the list of a JSON document lies.

    Raises:
        FormatError: where the file breaks, with the place.
    """
    path, container = packed.path, packed.container
    if container in {"parquet", "arrow"}:
        yield from columnar_records(path, container)
        return
    chunks = streams.byte_chunks(path, packed.compression)
    try:
        if container == "jsonl":
            yield from line_records(chunks)
        elif container == "json":
            yield from document_records(chunks, found=found)
        else:
            yield from table_records(chunks, default_delimiter="\t" if container == "tsv" else ",")
    except BrokenJsonError as error:
        raise _broken_json(packed, error) from error
    except BrokenTableError as error:
        raise FormatError(
            f"{path}: line {error.line}: {error.problem}", hint=error.remedy
        ) from error


def _broken_json(packed: Packed, error: BrokenJsonError) -> FormatError:
    line = streams.line_at(packed.path, packed.compression, error.byte_offset)
    place = f"{packed.path}: line {line}, byte {error.byte_offset}"
    if error.cut_off:
        return FormatError(
            f"{place}: the JSON breaks off ({error.problem})",
            hint="the file is probably incomplete: fetch or write it again",
        )
    if error.byte_offset == 0 and "not a list" in error.problem:
        return FormatError(
            f"{place}: the JSON holds {error.problem}",
            hint="put the records in a list, [ … ], or one per line as JSON lines",
        )
    return FormatError(
        f"{place}: not valid JSON ({error.problem})",
        hint="correct that place; in JSON lines a single bad line would be set aside",
    )


def sample_records(packed: Packed) -> list[Record]:
    """Return the usable ones among a file's first records.

    Raises:
        FormatError: if most lines are not JSON, or the text is not UTF-8.
    """
    if packed.container in {"parquet", "arrow"}:
        rows = columnar_records(packed.path, packed.container, limit=SAMPLED_RECORDS)
    else:
        rows = file_records(packed)
    values = [value for value, _, _ in itertools.islice(rows, SAMPLED_RECORDS)]
    records: list[Record] = [value for value in values if isinstance(value, dict)]
    if not values:
        raise FormatError(
            f"{packed.path}: no records", hint="the file holds an empty list or table"
        )
    _refuse_other_encoding(packed, values, records)
    broken = [value for value in values if not isinstance(value, dict)]
    if len(broken) > len(records):
        first = broken[0]
        detail = first.detail if isinstance(first, BadRecord) else "not an object with fields"
        raise FormatError(
            f"{packed.path}: {len(broken)} of the first {len(values)} records cannot be read; "
            f"the first: {detail}",
            hint="expected are JSON objects, one per line or in a list, or a table with a header",
        )
    return records


def _refuse_other_encoding(packed: Packed, values: list[object], records: list[Record]) -> None:
    """Stop at Latin-1 and its like: accents that are never UTF-8, rather than one damaged row."""
    invalid = sum(
        isinstance(value, BadRecord) and value.fault is Fault.INVALID_UTF8 for value in values
    )
    accents = any(
        isinstance(text, str) and not text.isascii()
        for record in records
        for text in record.values()
    )
    if invalid and not accents and (invalid == len(values) or invalid > max(1, 0.02 * len(values))):
        name = packed.path.name
        raise FormatError(
            f"{packed.path}: {invalid} of the first {len(values)} records are not valid UTF-8, "
            "and no accented letter is",
            hint=f"probably Latin-1: iconv -f WINDOWS-1252 -t UTF-8 {name} > utf8-{name}",
        )
