"""Copying rows of Parquet and Arrow files with the exact types of their columns.

polars knows one kind of text, list and category; Arrow has several, and `datasets` reads its
features (class labels, images, fixed lists) from the schema and its metadata. So rows are copied
with pyarrow, which every installation of `datasets` has, and with its schema. Assay does not
require it: without it `copy.py` writes by polars and says what is lost.
"""

import importlib.util
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import polars as pl

from assay.errors import DataError
from assay.export.sources import INSTANCES, ChosenRecord, OpenSource
from assay.files.columnar import is_arrow_stream
from assay.formats.records import Container

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_ONCE = 1 << 16
_COMPRESSION = "zstd"
_FEATURES = b"huggingface"
_ARROW_SCHEMA = b"ARROW:schema"


def keeps_types() -> bool:
    """Can types be kept exactly; is pyarrow installed?"""
    return importlib.util.find_spec("pyarrow") is not None


def copy_typed(sources: Sequence[OpenSource], stream: BinaryIO, container: Container) -> None:
    """Write the chosen rows of columnar files with the first one's schema and metadata.

    Args:
        sources: Parquet and Arrow files; at least one.
        stream: receives the file.
        container: "parquet" or "arrow"; Arrow takes the streaming form if the first source has it.

    Raises:
        DataError: if columns, types or features differ, or Parquet has no such type.
    """
    schemas = [_schema(source) for source in sources]
    for source, schema in zip(sources, schemas, strict=True):
        if not schema.equals(schemas[0]) or _features(schema) != _features(schemas[0]):
            raise different_columns(source, sources[0])
    batches = (batch for source in sources for batch in _chosen_batches(source))
    first = sources[0]
    if container == "parquet":
        extra = _file_metadata(first.file.path) if first.file.container == "parquet" else {}
        _write_parquet(batches, schemas[0], stream, extra)
    else:
        as_stream = first.file.container == "arrow" and is_arrow_stream(first.file.path)
        _write_arrow(batches, schemas[0], stream, as_stream=as_stream)


def different_columns(source: OpenSource, first: OpenSource) -> DataError:
    """Return what to say of two files that do not fit into one."""
    return DataError(
        f"{source.file.path} and {first.file.path} have different columns or types",
        hint="export to a folder, which gets one file per input, or to .jsonl",
    )


def write_plain(frame: pl.DataFrame, stream: BinaryIO, container: Container) -> None:
    """Write a frame of polars with the types that others expect: string, list, 32-bit offsets."""
    import pyarrow as pa  # noqa: PLC0415

    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    schema = pa.schema([(field.name, _plain_type(field.type)) for field in table.schema])
    batches = iter(table.cast(schema).to_batches(max_chunksize=_ROWS_AT_ONCE))
    if container == "parquet":
        _write_parquet(batches, schema, stream, {})
    else:
        _write_arrow(batches, schema, stream, as_stream=False)


def _plain_type(kind: "pa.DataType") -> "pa.DataType":
    import pyarrow as pa  # noqa: PLC0415

    if pa.types.is_large_string(kind):
        return pa.string()
    if pa.types.is_large_binary(kind):
        return pa.binary()
    if pa.types.is_large_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _plain_type(field.type)) for field in kind])
    return kind


# Schemas


def _schema(source: OpenSource) -> "pa.Schema":
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    with source.file.path.open("rb") as file:
        if source.file.container == "parquet":
            return pq.read_schema(file)
        if is_arrow_stream(source.file.path):
            return pa.ipc.open_stream(file).schema
        return pa.ipc.open_file(file).schema


def _features(schema: "pa.Schema") -> object:
    """Return what `datasets` reads of a schema beyond its types; None if it says nothing."""
    text = (schema.metadata or {}).get(_FEATURES)
    if text is None:
        return None
    try:
        return json.loads(text).get("info", {}).get("features")
    except (ValueError, AttributeError):
        return text


def _file_metadata(path: Path) -> dict[bytes, bytes]:
    """Return the metadata of a Parquet file that are no part of its schema of Arrow."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    with path.open("rb") as file:
        metadata = dict(pq.read_metadata(file).metadata or {})
    metadata.pop(_ARROW_SCHEMA, None)
    return metadata


# Reading


def _chosen_batches(source: OpenSource) -> Iterator["pa.RecordBatch"]:
    rows = np.array([record.row for record in source.records], dtype=np.int64)
    begin = 0
    for batch in _batches(source, rows):
        if isinstance(batch, int):
            begin += batch
            continue
        first, last = np.searchsorted(rows, [begin, begin + batch.num_rows])
        yield from _runs(source, batch, source.records[first:last], begin)
        begin += batch.num_rows


def _batches(source: OpenSource, rows: "np.ndarray") -> Iterator["pa.RecordBatch | int"]:
    """Yield a file's batches in order; a number stands for rows of which none is chosen."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    with source.file.path.open("rb") as file:
        if source.file.container == "arrow":
            if is_arrow_stream(source.file.path):
                yield from pa.ipc.open_stream(file)
                return
            reader = pa.ipc.open_file(file)
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)
            return
        parquet = pq.ParquetFile(file)
        begin = 0
        for number in range(parquet.num_row_groups):
            count = parquet.metadata.row_group(number).num_rows
            first, last = np.searchsorted(rows, [begin, begin + count])
            begin += count
            if first == last:
                yield count
            else:
                yield from parquet.iter_batches(_ROWS_AT_ONCE, row_groups=[number])


def _runs(
    source: OpenSource, batch: "pa.RecordBatch", records: Sequence[ChosenRecord], begin: int
) -> Iterator["pa.RecordBatch"]:
    """Yield the chosen rows of a batch as slices: `take` knows fewer types."""
    start = 0
    while start < len(records):
        end = start + 1
        while end < len(records) and records[end].row == records[end - 1].row + 1:
            end += 1
        run = batch.slice(records[start].row - begin, end - start)
        yield _without_unchosen_instances(source, run, records[start:end])
        start = end


def _without_unchosen_instances(
    source: OpenSource, batch: "pa.RecordBatch", records: Sequence[ChosenRecord]
) -> "pa.RecordBatch":
    import pyarrow as pa  # noqa: PLC0415

    place = batch.schema.get_field_index(INSTANCES)
    if not source.splits_records or place < 0:
        return batch
    kept = source.chosen_instances(batch.column(place).to_pylist(), records)
    columns = batch.columns
    columns[place] = pa.array(kept, type=batch.schema.field(place).type)
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


# Writing


def _gathered(batches: Iterator["pa.RecordBatch"], schema: "pa.Schema") -> Iterator["pa.Table"]:
    """Yield batches in tables of some size, so that a file does not fall into crumbs."""
    import pyarrow as pa  # noqa: PLC0415

    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += batch.num_rows
        if count >= _ROWS_AT_ONCE:
            yield pa.Table.from_batches(held, schema).combine_chunks()
            held, count = [], 0
    if held:
        yield pa.Table.from_batches(held, schema).combine_chunks()


def _write_parquet(
    batches: Iterator["pa.RecordBatch"],
    schema: "pa.Schema",
    stream: BinaryIO,
    extra: dict[bytes, bytes],
) -> None:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        with pq.ParquetWriter(stream, schema, compression=_COMPRESSION) as writer:
            for table in _gathered(batches, schema):
                writer.write_table(table)
            known = schema.metadata or {}
            writer.add_key_value_metadata({k: v for k, v in extra.items() if k not in known})
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(
            f"Parquet cannot hold a column: {error}", hint="export to .arrow instead"
        ) from error


def _write_arrow(
    batches: Iterator["pa.RecordBatch"],
    schema: "pa.Schema",
    stream: BinaryIO,
    *,
    as_stream: bool,
) -> None:
    import pyarrow as pa  # noqa: PLC0415

    tables = _gathered(batches, schema)
    if not as_stream and any(_holds_dictionary(field.type) for field in schema):
        # The form with a footer has one dictionary per column; parts of a file may differ in it.
        whole = pa.concat_tables([*tables] or [schema.empty_table()])
        tables = iter([whole.unify_dictionaries()])
    new = pa.ipc.new_stream if as_stream else pa.ipc.new_file
    with new(stream, schema) as writer:
        for table in tables:
            writer.write_table(table)


def _holds_dictionary(kind: "pa.DataType") -> bool:
    import pyarrow as pa  # noqa: PLC0415

    inner = [kind.field(place).type for place in range(kind.num_fields)]
    return pa.types.is_dictionary(kind) or any(map(_holds_dictionary, inner))
