"""Opening Parquet and Arrow files by polars, whatever they are called.

polars takes a name for a pattern (`data [v2]`, `a*b`), a place on the network (`http:`), or text in
UTF-8. Here a path is the name of one file and nothing else.
"""

import atexit
import itertools
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import polars as pl

_ARROW_FILE_MAGIC = b"ARROW1"
_links = itertools.count()


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Return a table, or some of its columns in their order."""
    chosen = None if columns is None else list(columns)
    return pl.read_parquet(_named(path), columns=chosen, glob=False, hive_partitioning=False)


def parquet_types(path: Path) -> pl.Schema:
    """Return the types of a Parquet file's columns by their names."""
    return scan_parquet(path).collect_schema()


def scan_parquet(path: Path) -> pl.LazyFrame:
    """Return a table that is read when it is asked for."""
    return pl.scan_parquet(_named(path), glob=False, hive_partitioning=False)


def parquet_metadata(path: Path) -> dict[str, str]:
    """Return what is written of a table besides its rows."""
    return pl.read_parquet_metadata(_named(path))


def scan_arrow(path: Path) -> pl.LazyFrame:
    """Return a table in either of Arrow's forms; the streaming one is read at once."""
    if is_arrow_stream(path):
        with path.open("rb") as file:
            return pl.read_ipc_stream(file).lazy()
    return pl.scan_ipc(_named(path), glob=False)


def is_arrow_stream(path: Path) -> bool:
    """Tell whether an Arrow file has the streaming form, as the `datasets` library writes it."""
    with path.open("rb") as stream:
        return stream.read(len(_ARROW_FILE_MAGIC)) != _ARROW_FILE_MAGIC


def _named(path: Path) -> Path:
    """Return a path to the same file that polars cannot take for anything else."""
    whole = path.absolute()
    try:
        str(whole).encode()
    except UnicodeEncodeError:
        link = _link_folder() / f"{next(_links)}{path.suffix.encode('ascii', 'ignore').decode()}"
        link.symlink_to(whole)
        return link
    return whole


@cache
def _link_folder() -> Path:
    """Return a folder for links with plain names, which goes when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="assay-names-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
