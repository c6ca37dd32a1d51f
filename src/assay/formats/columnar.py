"""Parquet and Arrow files, row by row, read in slices that fit into memory."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from assay.errors import FormatError
from assay.files.columnar import scan_arrow, scan_parquet
from assay.formats.json_stream import RawRecord
from assay.formats.media import is_media_field
from assay.formats.records import Container

# A slice inside one large row group decodes that group again, so slices are as large as they may.
SLICE_ROWS = 1 << 18
# Pictures that a table holds are megabytes each: fewer rows of these are in memory at once.
MEDIA_SLICE_ROWS = 1 << 9
SLICE_BYTES = 1 << 26
ROWS_AT_ONCE = 1 << 13
COLUMNAR: tuple[Container, ...] = ("parquet", "arrow")


def column_types(path: Path, container: Container) -> Mapping[str, pl.DataType]:
    """Return the columns of a columnar file in order.

    Raises:
        FormatError: if the file is damaged.
    """
    with _sound(path, container):
        return dict(_scan(path, container).collect_schema())


def columns_of(path: Path, container: Container, names: Sequence[str]) -> dict[str, list[Any]]:
    """Return some columns of a columnar file, whole.

    Raises:
        FormatError: if the file is damaged.
    """
    with _sound(path, container):
        frame = _scan(path, container).select(names).collect()
        return {name: frame[name].to_list() for name in names}


def columnar_records(
    path: Path, container: Container, *, limit: int | None = None
) -> Iterator[RawRecord]:
    """Yield each row as a dict; places in bytes are unknown, so -1.

    Raises:
        FormatError: if the file is damaged.
    """
    for frame in _slices(path, container, limit):
        for begin in range(0, frame.height, ROWS_AT_ONCE):
            for row in frame.slice(begin, ROWS_AT_ONCE).to_dicts():
                yield row, -1, -1


def _slices(path: Path, container: Container, limit: int | None) -> Iterator[pl.DataFrame]:
    # How long rows are is known from the first ones.
    with _sound(path, container):
        table = _scan(path, container)
        # Bytes of anything but media are no part of a conversation and would only fill memory.
        kinds = {
            name: kind
            for name, kind in table.collect_schema().items()
            if kind != pl.Binary or is_media_field(name)
        }
        table = table.select(list(kinds))
        most = MEDIA_SLICE_ROWS if any(map(_holds_bytes, kinds.values())) else SLICE_ROWS
        least = min(ROWS_AT_ONCE, most)
        rows = least if limit is None else min(limit, least)
        begin = 0
        while limit is None or begin < limit:
            frame = table.slice(begin, rows).collect()
            if frame.height:
                yield frame
            if frame.height < rows:
                return
            begin += rows
            fitting = SLICE_BYTES * frame.height // max(1, int(frame.estimated_size()))
            rows = min(max(fitting, least), most)


def _holds_bytes(kind: object) -> bool:
    if isinstance(kind, pl.Struct):
        return any(_holds_bytes(field.dtype) for field in kind.fields)
    if isinstance(kind, pl.List | pl.Array):
        return _holds_bytes(kind.inner)
    return bool(kind == pl.Binary)


def _scan(path: Path, container: Container) -> pl.LazyFrame:
    return scan_parquet(path) if container == "parquet" else scan_arrow(path)


@contextmanager
def _sound(path: Path, container: Container) -> Iterator[None]:
    try:
        yield
    except pl.exceptions.DuplicateError as error:
        raise FormatError(
            f"{path}: two columns have the same name: {_first_line(error)}",
            hint="give each column a name of its own",
        ) from error
    except (pl.exceptions.PolarsError, OSError) as error:
        raise FormatError(
            f"{path}: the {container} file is damaged or incomplete: {_first_line(error)}",
            hint="fetch or write the file again",
        ) from error
    except pl.exceptions.PanicException as error:
        raise FormatError(
            f"{path}: the {container} file has a column of a type that cannot be read, "
            f"or is damaged: {_first_line(error)}",
            hint="leave that column out, or write it as text",
        ) from error


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
