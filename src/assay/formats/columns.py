"""Some columns of a file of records: whole, or one error that names file, place and remedy.

Data may lose a broken record; of numbers that were computed elsewhere none may be missing or stand
in another's place without a word.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assay.errors import DataError, FormatError, did_you_mean
from assay.formats import streams
from assay.formats.columnar import COLUMNAR, column_types, columns_of
from assay.formats.containers import Packed, file_records, sniff
from assay.formats.faults import BadRecord, Fault, type_name
from assay.formats.json_stream import RepeatingRecord
from assay.formats.labels import Record

_MEND_FILE = "check how it was written or fetched"
_MEND = "mend that row and import the file again"
_REMEDIES = {
    Fault.RAGGED_ROW: "mend that row; a cell that holds the delimiter stands in quotes",
    Fault.INVALID_UTF8: "write the file as UTF-8",
}


class UnknownColumnError(DataError):
    """A file has no column of that name; `known` are those it has."""

    def __init__(self, path: Path, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"{path} has no column {name!r}",
            hint=did_you_mean(name, known) or f"its columns are {', '.join(known)}",
        )
        self.known = list(known)


def read_columns(path: Path, names: Sequence[str]) -> dict[str, list[Any]]:
    """Return some columns of a file, row by row; None where a record has no such field.

    Args:
        path: JSON, JSON lines, CSV or TSV, packed or not; Parquet or Arrow.
        names: columns that at least one of the records has.

    Raises:
        FormatError: if the file or one of its records cannot be read, or names a column twice.
        UnknownColumnError: if there is no such column.
    """
    with _readable(path):
        packed = sniff(path)
        if packed.container in COLUMNAR:
            _check_known(path, names, list(column_types(path, packed.container)))
            return columns_of(path, packed.container, names)
        known: dict[str, None] = {}
        columns: dict[str, list[Any]] = {name: [] for name in names}
        for record in _records(packed, names):
            known.update(dict.fromkeys(record))
            for name, cells in columns.items():
                cells.append(record.get(name))
    _check_known(path, names, list(known))
    return columns


def column_names(path: Path) -> list[str]:
    """Return the columns of a file in the order in which they are met.

    Raises:
        FormatError: as `read_columns`.
    """
    with _readable(path):
        packed = sniff(path)
        if packed.container in COLUMNAR:
            return list(column_types(path, packed.container))
        return list(dict.fromkeys(name for record in _records(packed, ()) for name in record))


def _check_known(path: Path, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise UnknownColumnError(path, name, known)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FormatError(
            f"{path} cannot be read: {error.strerror or error}", hint="check the file"
        ) from error


def _records(packed: Packed, names: Sequence[str]) -> Iterator[Record]:
    """Yield the records of a text file; the first that is none, or not clear, is an error."""
    count = 0
    for count, (value, offset, _) in enumerate(file_records(packed), start=1):
        if not isinstance(value, dict):
            raise _no_record(packed, value, offset, count)
        if isinstance(value, RepeatingRecord):
            _refuse_repeated(packed, value, names, offset, count)
        yield value
    if not count:
        raise FormatError(f"{packed.path}: no records", hint=_MEND_FILE)


def _no_record(packed: Packed, value: object, offset: int, count: int) -> FormatError:
    place = _place(packed, offset, count)
    if isinstance(value, BadRecord):
        return FormatError(f"{place}: {value.detail}", hint=_REMEDIES.get(value.fault, _MEND))
    return FormatError(f"{place}: {type_name(value)}, not an object with fields", hint=_MEND)


def _refuse_repeated(
    packed: Packed, record: RepeatingRecord, names: Sequence[str], offset: int, count: int
) -> None:
    """Stop at a record that itself gives one of the names twice."""
    for name in names:
        times = record.times.get(name, 0)
        if times > 1:
            raise FormatError(
                f"{_place(packed, offset, count)}: the field {name!r} is given {times} times",
                hint="keep one of them, or give each a name of its own",
            )


def _place(packed: Packed, offset: int, count: int) -> str:
    line = streams.line_at(packed.path, packed.compression, offset)
    return f"{packed.path}: line {line}, record {count:,}"
