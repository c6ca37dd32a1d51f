"""Parquet and Arrow files, row by row, read in slices that fit into memory."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from assay.errors import FormatError
from assay.formats.json_stream import RawRecord
from assay.formats.records import Container

# A slice inside one large row group decodes that group again, so slices are as large as they may.
SLICE_ROWS = 1 << 18
SLICE_BYTES = 1 << 26
ROWS_AT_ONCE = 1 << 13


def column_types(path: Path, container: Container) -> Mapping[str, pl.DataType]:
    """Return the columns of a columnar file in order.

    Raises:
        FormatError: if the file is damaged.
    """
    try:
        return dict(_scan(path, container).collect_schema())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _damaged(path, container, error) from error


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
    rows = ROWS_AT_ONCE if limit is None else min(limit, ROWS_AT_ONCE)
    try:
        table = _scan(path, container)
        # Bytes (pictures, sound) are no part of a conversation and would only fill memory.
        plain = [name for name, kind in table.collect_schema().items() if kind != pl.Binary]
        table = table.select(plain)
        begin = 0
        while limit is None or begin < limit:
            frame = table.slice(begin, rows).collect()
            if frame.height:
                yield frame
            if frame.height < rows:
                return
            begin += rows
            fitting = SLICE_BYTES * frame.height // max(1, int(frame.estimated_size()))
            rows = min(max(fitting, ROWS_AT_ONCE), SLICE_ROWS)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _damaged(path, container, error) from error


def _scan(path: Path, container: Container) -> pl.LazyFrame:
    if container == "parquet":
        return pl.scan_parquet(path, glob=False)
    with path.open("rb") as file:
        is_stream = file.read(6) != b"ARROW1"
    if is_stream:
        return pl.read_ipc_stream(path).lazy()
    return pl.scan_ipc(path, glob=False)


def _damaged(path: Path, container: Container, error: Exception) -> FormatError:
    reason = str(error).partition("\n")[0]
    return FormatError(
        f"{path}: the {container} file is damaged or incomplete: {reason}",
        hint="fetch or write the file again",
    )
