"""Tables on disk: Parquet with a checksum of the whole file among its metadata."""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import polars as pl
from polars.io.plugins import register_io_source

from assay.files import atomic_write, remove_abandoned
from assay.files.checksums import PLACE, check, damaged, fill, seal, unreadable
from assay.files.columnar import parquet_metadata, read_parquet, scan_parquet

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


class Late(NamedTuple):
    """An entry of a table's metadata that is known only once its rows are written.

    `text` is given the path of the file and returns ASCII text of `width` characters.
    """

    key: str
    width: int
    text: Callable[[Path], str]


def write_blocks(
    path: Path,
    blocks: Iterable[pl.DataFrame],
    schema: Mapping[str, Any],
    *,
    row_group_size: int,
    late: Late,
) -> None:
    """Write a table that comes in blocks as `write_frame` writes it whole, to the same bytes.

    About two groups of rows are in memory at a time.

    Args:
        path: the file.
        blocks: rows in order, in pieces of any size.
        schema: names and types of the columns of every block.
        row_group_size: rows that are read together.
        late: the metadata beside the checksum.
    """
    remove_abandoned(path)  # such a file may be as large as all the data
    empty = f"-{late.key}-".ljust(late.width, "-")
    with atomic_write(path) as temporary:
        metadata = {late.key: empty, _KEY: PLACE}
        stream_blocks(temporary, blocks, schema, row_group_size=row_group_size, metadata=metadata)
        fill(temporary, empty.encode(), late.text(temporary).encode())
        seal(temporary)


def stream_blocks(
    target: Path | BinaryIO,
    blocks: Iterable[pl.DataFrame],
    schema: Mapping[str, Any],
    *,
    row_group_size: int,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a table that comes in blocks as Parquet, without a checksum; see `write_blocks`."""
    if isinstance(target, Path):
        with target.open("wb") as stream:  # by its name polars finds no file that is not UTF-8
            return stream_blocks(
                stream, blocks, schema, row_group_size=row_group_size, metadata=metadata
            )
    groups = _Groups(blocks, row_group_size)
    source = register_io_source(groups.read, schema=dict(schema))
    try:
        source.sink_parquet(
            target,
            compression="zstd",
            row_group_size=row_group_size,
            maintain_order=True,
            metadata=None if metadata is None else dict(metadata),
        )
    except pl.exceptions.PolarsError as error:
        raise groups.failure or error from error


class _Groups:
    """Rows in frames of equal height, whatever the blocks they come in."""

    def __init__(self, blocks: Iterable[pl.DataFrame], rows: int) -> None:
        self._blocks = blocks
        self._rows = rows
        self.failure: Exception | None = None

    def read(
        self,
        columns: list[str] | None,
        predicate: pl.Expr | None,
        row_limit: int | None,
        batch_rows: int | None,
    ) -> Iterator[pl.DataFrame]:
        """Yield the frames as polars asks for them; it wants all of a source that it only writes.

        An error is kept besides being raised, as polars makes one of its own of it.
        """
        try:
            yield from self._frames()
        except Exception as error:
            self.failure = error
            raise

    def _frames(self) -> Iterator[pl.DataFrame]:
        waiting: list[pl.DataFrame] = []
        height = 0
        for block in self._blocks:
            waiting.append(block)
            height += block.height
            while height >= self._rows:
                frame = pl.concat(waiting)
                yield _copy(frame[: self._rows])
                waiting, height = [frame[self._rows :]], height - self._rows
        if height:
            yield _copy(pl.concat(waiting))


def _copy(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a table in memory of its own.

    Polars ends pages where pieces of memory end, and sooner in a part of a larger piece; but equal
    tables are to give equal bytes. It copies only what lies in several pieces.
    """
    return pl.concat([frame[:1], frame[1:]]).rechunk()


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


def read_blocks(
    path: Path, columns: Sequence[str], *, rows: int, checked: bool = True
) -> Iterator[pl.DataFrame]:
    """Yield some columns of a stored table, `rows` rows at a time; raises as `read_frame`.

    Args:
        path: the file.
        columns: their names.
        rows: best a multiple or a divisor of the rows that were written together.
        checked: False for a file that is still being written.
    """
    with _checked(path, ()) if checked else contextlib.nullcontext():
        table = scan_parquet(path).select(columns)
        for begin in itertools.count(0, rows):
            block = table.slice(begin, rows).collect()
            if block.height or not begin:
                yield block
            if block.height < rows:
                return


def row_count(path: Path) -> int:
    """Return how many rows a stored table has; raises as `read_frame`."""
    with _checked(path, ()):
        return int(scan_parquet(path).select(pl.len()).collect().item())


def read_metadata(path: Path, *, beside: Sequence[Path] = ()) -> dict[str, str]:
    """Return what is written of a stored table besides its rows; raises as `read_frame`."""
    with _checked(path, beside):
        found = parquet_metadata(path)
        found.pop(_KEY, None)
        return found


def peek_metadata(path: Path) -> dict[str, str]:
    """Return what is written of a stored table besides its rows, without a look at these.

    Nothing is compared with the checksum: whoever reads the rows sees to that. Empty where there is
    no file, or none that can be made out.
    """
    try:
        found = parquet_metadata(path)
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
