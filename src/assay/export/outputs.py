"""The form of an output file: what its name asks for, and how it is packed."""

import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import polars as pl
import zstandard

from assay.files.columnar import parquet_metadata
from assay.formats.records import Compression, Container

# Written by polars itself for every file; the rest of a file's metadata belongs to its owner.
_ARROW_SCHEMA = "ARROW:schema"


@contextmanager
def compressed(stream: BinaryIO, compression: Compression) -> Iterator[BinaryIO]:
    """Open a stream whose content reaches `stream` packed; equal content gives equal bytes."""
    if compression == "gzip":
        # Name and time would differ from one run to the next.
        with gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as packed:
            yield cast("BinaryIO", packed)
    elif compression == "zstd":
        with zstandard.ZstdCompressor().stream_writer(stream, closefd=False) as packer:
            yield cast("BinaryIO", packer)
    else:
        yield stream


def write_frame(
    frames: Sequence[pl.DataFrame],
    stream: BinaryIO,
    container: Container,
    *,
    like: Path | None = None,
    as_stream: bool = False,
) -> None:
    """Write columns below one another as Parquet or Arrow.

    Args:
        frames: equal columns and types; at least one.
        stream: receives the file.
        container: "parquet" or "arrow".
        like: Parquet file whose own metadata (such as the features of `datasets`) is kept.
        as_stream: write Arrow in its streaming form.
    """
    frame = pl.concat(frames, how="vertical") if len(frames) > 1 else frames[0]
    if container == "parquet":
        metadata = parquet_metadata(like) if like else {}
        metadata.pop(_ARROW_SCHEMA, None)
        frame.write_parquet(stream, metadata=metadata or None)
    elif as_stream:
        frame.write_ipc_stream(stream)
    else:
        frame.write_ipc(stream)
