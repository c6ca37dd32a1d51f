"""Tables on disk: Parquet with a checksum of the whole file among its metadata."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from assay.files import atomic_write
from assay.files.checksums import PLACE, check, damaged, seal, unreadable
from assay.files.columnar import parquet_metadata, read_parquet

_KEY = "checksum"


def write_frame(
    path: Path,
    frame: pl.DataFrame,
    metadata: Mapping[str, str] | None = None,
    *,
    row_group_size: int | None = None,
) -> None:
    """Write a table with its checksum, whole or not at all; equal tables give equal bytes."""
    with atomic_write(path) as temporary:
        with temporary.open("wb") as stream:
            frame.write_parquet(
                stream,
                compression="zstd",
                row_group_size=row_group_size,
                metadata=_writable(metadata or {}) | {_KEY: PLACE},
            )
        seal(temporary)


def _writable(metadata: Mapping[str, str]) -> dict[str, str]:
    # Paths that are not UTF-8 may stand in JSON, which reads them back from this form.
    return {k: v.encode("utf-8", "backslashreplace").decode() for k, v in metadata.items()}


def read_frame(
    path: Path, columns: Sequence[str] | None = None, *, beside: Sequence[Path] = ()
) -> pl.DataFrame:
    """Return a stored table, or some of its columns.

    Args:
        path: the file.
        columns: None for all.
        beside: files that are set aside with it if it is damaged.

    Raises:
        DamagedError: if it is damaged; it is set aside by then.
        CacheError: if the system does not give it.
    """
    with _checked(path, beside):
        return read_parquet(path, columns)


def read_metadata(path: Path, *, beside: Sequence[Path] = ()) -> dict[str, str]:
    """Return what is written of a stored table besides its rows; raises as `read_frame`."""
    with _checked(path, beside):
        found = parquet_metadata(path)
        found.pop(_KEY, None)
        return found


@contextlib.contextmanager
def _checked(path: Path, beside: Sequence[Path]) -> Iterator[None]:
    check(path, *beside)
    try:
        yield
    except OSError as error:
        raise unreadable(path, error) from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        # Without a checksum, or it was cut short.
        raise damaged(path, str(error).partition("\n")[0], *beside) from error
