"""From sources to a pool, once: what was read, what was set aside, and whether it changed since."""

import contextlib
import gc
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from assay.echo import Brief
from assay.errors import CacheError, DamagedError, EmptyPoolError, Parameter, Phrase
from assay.files.checksums import damaged, file_sum, read_json, warn, write_json
from assay.formats import detect, read_sources
from assay.formats.places import kept
from assay.formats.records import Block, MayLack, ReadReport, SourceFile, SourceSpec
from assay.formats.streams import digest_of as file_digest
from assay.pool.building import build_pool
from assay.pool.pool import Pool
from assay.pool.renewal import lacks_fields
from assay.pool.set_aside import SET_ASIDE, SetAsideList
from assay.progress import Progress, Silent

FORMAT_VERSION = 3
MAX_SET_ASIDE = 0.02
_PLAIN_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".tab", ".txt"})
_UNPACKED = 8  # times the size that packed text may have once it is unpacked
_log = logging.getLogger(__name__)
_LOAD_AGAIN = Phrase(
    "load the data again, with what it was loaded with, such as {}", Parameter("hold_out")
)


@dataclass(frozen=True, repr=False)
class LoadRecord(Brief):
    """What a load found; counts always add up.

    Attributes:
        specs: the sources as they were named.
        hold_out: share of rows held out.
        files: files that were read.
        rows: records met; each gave samples or was set aside.
        samples: rows of the pool.
        set_aside: number of records set aside by reason.
        duplicates: samples whose text an earlier one has.
        held_out: rows no selector sees.
        pool: name of the pool's file.
        notes: what a person should know.
        set_aside_sum: checksum of the list of records set aside; empty in earlier versions.
    """

    specs: list[dict[str, Any]]
    hold_out: float
    files: list[SourceFile]
    rows: int
    samples: int
    set_aside: dict[str, int]
    duplicates: int
    held_out: int
    pool: str
    notes: list[str] = field(default_factory=list)
    set_aside_sum: str = ""
    version: int = FORMAT_VERSION

    def write(self, path: Path) -> None:
        """Store the record as JSON."""
        content = asdict(self)
        for file in content["files"]:
            file["path"] = str(file["path"])
        write_json(path, content)

    @classmethod
    def read(cls, path: Path) -> "LoadRecord | None":
        """Return the stored record, or None if there is none.

        Raises:
            DamagedError: if it is damaged: nothing else knows how the data was to be read.
        """
        if not path.exists():
            return None
        try:
            content = read_json(path)
            if content["version"] > FORMAT_VERSION:
                raise CacheError(
                    f"{path.parent} was made by a newer Assay", hint="pip install -U assay"
                )
            content["files"] = [
                SourceFile(**{**file, "path": Path(file["path"])}) for file in content["files"]
            ]
            return cls(**content)
        except DamagedError as error:
            raise DamagedError(error.message, hint=_LOAD_AGAIN, path=path) from error
        except (ValueError, KeyError, TypeError) as error:
            found = damaged(path, str(error))
            raise DamagedError(found.message, hint=_LOAD_AGAIN, path=path) from error

    def unchanged(self) -> bool:
        """Whether every file that was read still has the same bytes."""
        return all(
            file.path.is_file()
            and file.path.stat().st_size == file.size
            and file_digest(file.path) == file.digest
            for file in self.files
        )


def load_pool(
    specs: Sequence[SourceSpec],
    folder: Path,
    *,
    hold_out: float = 0.0,
    max_set_aside: float = MAX_SET_ASIDE,
    may_lack: MayLack = "nothing",
    as_loaded: bool = False,
    offline: bool = False,
    progress: Progress | None = None,
) -> tuple[Pool, LoadRecord]:
    """Return the pool of some sources, read anew only if they or how they are read changed.

    Args:
        specs: the sources.
        folder: where the pool, ``load.json`` and ``set_aside.jsonl`` are kept.
        hold_out: share of rows that selections are made without.
        max_set_aside: share of records that may be set aside before the load is refused.
        may_lack: what a row need not have; documents have no instruction at all.
        as_loaded: open what an earlier load has read, even where its files have changed since.
        offline: take Hub repositories from the local cache only.
        progress: where to report.

    Raises:
        FormatError: if a file is broken or of no known layout.
        DataError: if too many records had to be set aside.
        EmptyPoolError: if no usable row is left.
    """
    specs = [kept(spec, folder / "standard-input") for spec in specs]
    described = [asdict(spec) for spec in specs]
    record = _read_record(folder)
    if record is not None and record.specs == described and record.hold_out == hold_out:
        path = folder / record.pool
        layouts = {file.layout for file in record.files}
        if path.exists() and not as_loaded and lacks_fields(path, layouts):
            _log.warning(
                "%s: an earlier version of Assay read less of these rows than this one does, such "
                "as media and marks of what is not to be learned: the data is read again",
                folder,
            )
        elif path.exists() and (
            as_loaded or _same_files(specs, record, may_lack=may_lack, offline=offline)
        ):
            try:
                _check_set_aside(folder / SET_ASIDE, record)
                return Pool(path), record
            except DamagedError as error:
                warn(error)
                # These very files were accepted.
                share = sum(record.set_aside.values()) / max(record.rows, 1)
                max_set_aside = max(max_set_aside, share)
    before = record
    report = ReadReport()
    blocks = read_sources(specs, report=report, offline=offline, **_reading(may_lack))
    with SetAsideList(folder) as aside, _no_garbage_collection():
        blocks = aside.filled(blocks, report)
        try:
            pool = build_pool(
                _counted(blocks, progress or Silent()),
                folder,
                hold_out=hold_out,
                expected_bytes=_expected_bytes(specs),
            )
        except EmptyPoolError as error:
            raise aside.nothing_usable(report.rows) from error
        aside.write()
    if aside.count > max_set_aside * max(report.rows, 1):
        raise aside.too_many(report.rows, max_set_aside)
    record = LoadRecord(
        specs=described,
        hold_out=hold_out,
        files=report.files,
        rows=report.rows,
        samples=len(pool),
        set_aside=dict(aside.reasons.most_common()),
        duplicates=pool.duplicates,
        held_out=int(np.count_nonzero(pool.held_out)),
        pool=pool.path.name,
        notes=report.notes,
        set_aside_sum=file_sum(folder / SET_ASIDE),
    )
    record.write(folder / "load.json")
    if before is not None and before.specs == described and before.pool != record.pool:
        _log.warning(
            "the data of %s has changed since it was loaded: %s rows now, %s then",
            folder, f"{record.samples:,}", f"{before.samples:,}",
        )  # fmt: skip
    return pool, record


def _expected_bytes(specs: Sequence[SourceSpec]) -> int | None:
    """Return about how much text the sources hold, None if some are not at hand."""
    total = 0
    for spec in specs:
        location = Path(spec.location)
        if not location.exists():
            return None
        files = location.rglob("*") if location.is_dir() else [location]
        total += sum(
            file.stat().st_size * (1 if file.suffix.lower() in _PLAIN_SUFFIXES else _UNPACKED)
            for file in files
            if file.is_file()
        )
    return total


def _read_record(folder: Path) -> LoadRecord | None:
    """Return what an earlier load found; all that a damaged record held is told to this one."""
    try:
        return LoadRecord.read(folder / "load.json")
    except DamagedError as error:
        warn(error)
        return None


def _check_set_aside(path: Path, record: LoadRecord) -> None:
    if record.set_aside_sum and path.exists() and file_sum(path) != record.set_aside_sum:
        raise damaged(path, "its checksum differs")


def _reading(may_lack: MayLack) -> dict[str, bool]:
    return {"questions": may_lack == "answers", "documents": may_lack == "instructions"}


def _same_files(
    specs: Sequence[SourceSpec], record: LoadRecord, *, may_lack: MayLack, offline: bool
) -> bool:
    """Whether the sources still consist of the files that were read, byte for byte."""
    if all(Path(spec.location).exists() for spec in specs):
        files = detect(specs, offline=offline, **_reading(may_lack))
        found = [file.place.path for file in files]
        if found != [file.path for file in record.files]:
            return False
    return record.unchanged()


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Pause the search for reference cycles: records have none, and there are millions."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _counted(blocks: Iterator[Block], progress: Progress) -> Iterator[Block]:
    with progress.task("loading", None, unit="rows") as task:
        for block in blocks:
            yield block
            task.advance(len(block.samples))
