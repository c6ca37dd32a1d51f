"""What was read of the files that a result depends on besides the pool, and what was not."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assay.components.component import FileSet
from assay.components.references import name_of
from assay.pool.loading import LoadRecord
from assay.pool.view import PoolView


@dataclass(frozen=True)
class FileReading:
    """What was read of one file.

    Attributes:
        file: its name.
        role: what its rows are for.
        rows: records that it holds.
        unread: records that could not be used, by reason; the others were.
        notes: what else is to be known.
        table: the file that names each of them, with place and reason.
    """

    file: str
    role: str
    rows: int
    unread: Mapping[str, int]
    notes: tuple[str, ...]
    table: str

    def facts(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return asdict(self)


def reading_of(dataset: FileSet, view: PoolView) -> FileReading:
    """Return what was read of a file.

    Args:
        dataset: the file.
        view: its rows.
    """
    folder = view.pool.path.parent
    record = LoadRecord.read(folder / "load.json")
    name = name_of(dataset.source)
    if record is None:
        return FileReading(name, dataset.role, len(view), {}, (), "")
    table = str(folder / "set_aside.jsonl") if record.set_aside else ""
    return FileReading(
        name, dataset.role, record.rows, record.set_aside, tuple(record.notes), table
    )


def file_notes(files: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what a person should know of files that were read in part, each sentence once.

    Args:
        files: what `FileReading.facts` returned.
    """
    notes: dict[str, None] = {}
    for file in files:
        count = sum(file["unread"].values())
        if count:
            reasons = ", ".join(
                f"{reason.replace('_', ' ')} {number:,}"
                for reason, number in file["unread"].items()
            )
            notes[
                f"{Path(file['file']).name}: {count:,} of {file['rows']:,} rows could not be used "
                f"({reasons}); see {file['table']}"
            ] = None
        notes |= dict.fromkeys(file["notes"])
    return list(notes)
