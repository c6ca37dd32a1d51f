"""Tables on disk: Parquet with a checksum of the whole file among its metadata."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from assay.files import atomic_write
from assay.files.checksums import PLACE, check, damaged, seal, unreadable

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
        frame.write_parquet(
            temporary,
            compression="zstd",
            row_group_size=row_group_size,
            metadata=dict(metadata or {}) | {_KEY: PLACE},
        )
        seal(temporary)


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
        return pl.read_parquet(path, columns=None if columns is None else list(columns))


def read_metadata(path: Path, *, beside: Sequence[Path] = ()) -> dict[str, str]:
    """Return what is written of a stored table besides its rows; raises as `read_frame`."""
    with _checked(path, beside):
        found = pl.read_parquet_metadata(path)
        found.pop(_KEY, None)
        return found


def peek_metadata(path: Path) -> dict[str, str]:
    """Return what is written of a stored table besides its rows, without a look at these.

    Nothing is compared with the checksum: whoever reads the rows sees to that. Empty where there is
    no file, or none that can be made out.
    """
    try:
        found = pl.read_parquet_metadata(path)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return {}
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
