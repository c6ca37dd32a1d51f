"""Tables that people publish, CSV or TSV: cells by the names of their columns, with the line."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from assay.errors import DataError, did_you_mean
from assay.formats.delimited import BrokenTableError, table_records
from assay.formats.faults import BadRecord

_CHUNK = 1 << 20


def cells_of(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the lines below the header, with their numbers in the file; the header is line 1.

    Raises:
        DataError: if there is no such file, a line is broken, or there is none.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    number = 1
    try:
        for number, record in enumerate(_records(path), start=2):
            if isinstance(record, BadRecord):
                raise DataError(f"{path}: line {number} has {record.detail}")
            yield number, record
    except BrokenTableError as error:
        problem = f"{path}: line {error.line}: {error.problem}"
        raise DataError(problem, hint=error.remedy) from error
    if number == 1:
        raise DataError(f"{path} holds no line below its header")


def _records(path: Path) -> Iterator[dict[str, str] | BadRecord]:
    with path.open("rb") as file:
        chunks = iter(lambda: file.read(_CHUNK), b"")
        default = "\t" if path.suffix.lower() == ".tsv" else ","
        for record, _, _ in table_records(chunks, default_delimiter=default):
            assert isinstance(record, (dict, BadRecord))  # noqa: S101  narrows what the reader says
            yield record


def named_columns(
    path: Path,
    record: Mapping[str, str],
    names: Mapping[str, Sequence[str]],
    needed: Sequence[str],
) -> dict[str, str]:
    """Return the cells of a line by what their columns are, whatever these are called.

    Args:
        path: for errors.
        record: a line.
        names: what a column may be called, in lower case; the first that is there counts.
        needed: columns that have to be there.

    Raises:
        DataError: if one is not.
    """
    spelled = {name.strip().lower().replace(" ", "_").replace("-", "_"): name for name in record}
    found = {
        column: record[spelled[name]].strip()
        for column, words in names.items()
        for name in reversed(words)
        if name in spelled
    }
    for column in needed:
        if column not in found:
            have = tuple(record)
            raise DataError(
                f"{path} has no column {column!r}; it has {', '.join(have)}",
                hint=did_you_mean(column, have) or f"one of {', '.join(names[column])}",
            )
    return found
