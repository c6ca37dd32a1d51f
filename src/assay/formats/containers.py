"""One file as records: what container it is, and where its layout is looked for."""

import itertools
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assay.errors import FormatError
from assay.formats import streams
from assay.formats.columnar import columnar_records
from assay.formats.delimited import BrokenTableError, table_records
from assay.formats.documents import is_plain_text, text_records
from assay.formats.faults import BadRecord, Fault, type_name
from assay.formats.json_stream import (
    AFTER_THE_END,
    COMMA_AFTER,
    BrokenJsonError,
    ListPlace,
    RawRecord,
    document_records,
    line_records,
)
from assay.formats.labels import Record
from assay.formats.records import Compression, Container
from assay.formats.sniffing import no_list, refuse_foreign, text_container

SAMPLED_RECORDS = 200


@dataclass(frozen=True)
class Packed:
    """A file and how to read it."""

    path: Path
    container: Container
    compression: Compression


def sniff(path: Path, *, container: Container | None = None, documents: bool = False) -> Packed:
    """Return how to read a file: from its content, then from its name.

    Args:
        path: the file.
        container: what it is read as, if that is known.
        documents: take text that is no list of records for documents, one on every line.

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
    refuse_foreign(path, head)
    streams.refuse_wide_encoding(path, head)
    if kind is None and documents and is_plain_text(path, head):
        kind = "text"
    return Packed(path, kind or text_container(path, head), compression)


def _magic(head: bytes) -> Container | None:
    if head[:4] == b"PAR1":
        return "parquet"
    return "arrow" if head[:6] == b"ARROW1" or head[:4] == b"\xff\xff\xff\xff" else None


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
        elif container == "text":
            yield from text_records(chunks)
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
    if error.keys:
        name = shlex.quote(packed.path.name)
        key = shlex.quote(f".[{json.dumps(error.keys[0], ensure_ascii=False)}]")
        return FormatError(
            f"{place}: the JSON holds {error.problem}, and one file is one list",
            hint=f"write the one that is meant to a file of its own: jq {key} {name} > one-{name}",
        )
    if error.problem == AFTER_THE_END:
        return no_list(packed.path)
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
        raise _unreadable(packed, values, broken)
    return records


def _unreadable(packed: Packed, values: list[object], broken: list[object]) -> FormatError:
    """Return what to say of a file of which most records are none."""
    first = broken[0]
    name = shlex.quote(packed.path.name)
    how_many = f"{packed.path}: {len(broken)} of the first {len(values)} records"
    if isinstance(first, list):
        fields = _fields_for(first)
        per_line = f"jq -c '{fields}' {name} > named-{name}"
        whole = f"jq '[.[] | {fields}]' {name} > named-{name}"
        return FormatError(
            f"{how_many} are bare lists, not objects with fields",
            hint=f"give the list a name: {per_line if packed.container == 'jsonl' else whole}",
        )
    if isinstance(first, BadRecord):
        return FormatError(
            f"{how_many} cannot be read; the first: {first.detail}",
            hint="take the commas between the lines away, or put [ before and ] after all of them"
            if first.detail == COMMA_AFTER
            else "expected are JSON objects, one per line or in a list, or a table with a header",
        )
    return FormatError(
        f"{how_many} are no objects with fields; the first is {type_name(first)}",
        hint="expected are JSON objects, one per line or in a list, or a table with a header",
    )


def _fields_for(record: list[object]) -> str:
    """Return the program of jq that makes a record with fields out of a bare list."""
    if all(isinstance(item, str) for item in record) and len(record) > 1:
        return "{instruction: .[0], output: .[1]}"
    shared = any(isinstance(item, dict) and "from" in item for item in record)
    return "{conversations: .}" if shared else "{messages: .}"


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
