"""Writing records in another container than the one they came in, with equal values."""

import csv
import datetime
import io
import json
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import polars as pl

from assay.errors import DataError
from assay.export.frames import one_line
from assay.export.outputs import write_frame
from assay.export.sources import COLUMNAR, DELIMITERS, OpenSource
from assay.export.typed_columns import keeps_types, write_plain
from assay.formats.records import Container

Row = dict[str, object]


def write_converted(sources: Iterable[OpenSource], stream: BinaryIO, container: Container) -> None:
    """Write the chosen records of all sources in the notation of `container`.

    Numbers and texts of JSON keep their spelling between JSON and JSON lines. CSV holds text
    only, so numbers become their digits; a field that a record lacks is empty there and null in
    Parquet and Arrow.

    Raises:
        DataError: if the container cannot hold a value.
    """
    if container == "jsonl":
        for text in _json_texts(sources):
            stream.write(one_line(text) + b"\n")
    elif container == "json":
        _write_json(_json_texts(sources), stream)
    elif container in DELIMITERS:
        _write_csv([row for source in sources for row in source.values()], stream, container)
    else:
        _write_columns([row for source in sources for row in source.values()], stream, container)


def _json_texts(sources: Iterable[OpenSource]) -> Iterator[bytes]:
    for source in sources:
        if source.file.container in (*COLUMNAR, *DELIMITERS):
            for row in source.values():
                yield json_text(row, str(source.file.path))
        else:
            for record in source.records:
                yield source.text(record).strip()


def json_text(value: object, place: str) -> bytes:
    """Return a value as JSON in one line of UTF-8, dates in ISO form.

    Raises:
        DataError: if JSON cannot hold the value; the message names `place`.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
        return text.encode()
    except (TypeError, ValueError) as problem:
        raise DataError(
            f"{place}: JSON cannot hold a value ({problem})", hint="export to .parquet instead"
        ) from problem


def _plain(value: object) -> str:
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    raise TypeError(f"a value of type {type(value).__name__}")


def _write_json(texts: Iterable[bytes], stream: BinaryIO) -> None:
    opening = b"[\n"
    for text in texts:
        stream.write(opening + text)
        opening = b",\n"
    stream.write(b"[]\n" if opening == b"[\n" else b"\n]\n")


def _write_csv(rows: list[Row], stream: BinaryIO, container: Container) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    writer = csv.writer(text, delimiter=DELIMITERS[container], lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(name, row.get(name)) for name in names])
    text.detach()


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict | bytes):
        raise DataError(
            f"the field {name!r} holds more than a text or a number, which CSV cannot",
            hint="export to .jsonl or .parquet instead",
        )
    return json_text(value, f"field {name!r}").decode().strip('"')


def _write_columns(rows: list[Row], stream: BinaryIO, container: Container) -> None:
    try:
        frame = pl.DataFrame(rows, infer_schema_length=None)
        equal = all(map(_holds, frame.iter_rows(named=True), rows))
        if equal:
            write = write_plain if keeps_types() else _write_by_polars
            write(frame, stream, container)
    except RecursionError as problem:
        raise _mixed_types(container, "a field is nested too deeply") from problem
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as problem:
        raise _mixed_types(container, str(problem).partition("\n")[0]) from problem
    if not equal:
        raise _mixed_types(container, "a field holds values of several types")


def _write_by_polars(frame: pl.DataFrame, stream: BinaryIO, container: Container) -> None:
    write_frame([frame], stream, container)


def _mixed_types(container: Container, detail: str) -> DataError:
    return DataError(
        f"the records do not fit into {container} columns: {detail}",
        hint="export to .jsonl, which holds any record",
    )


def _holds(stored: object, value: object) -> bool:
    """Tell whether a column holds what was put in; a field that was not there may be null."""
    if isinstance(value, dict) and isinstance(stored, dict):
        missing = stored.keys() - value.keys()
        return all(stored[key] is None for key in missing) and all(
            key in stored and _holds(stored[key], item) for key, item in value.items()
        )
    if isinstance(value, list) and isinstance(stored, list):
        return len(stored) == len(value) and all(map(_holds, stored, value))
    # An integer in a column of fractions is stored as one.
    return stored == value and isinstance(stored, bool) == isinstance(value, bool)
