"""Which folder a project of some sources lies in: projects are told apart by what they hold."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from assay.errors import DataError, Parameter, Phrase
from assay.files import is_pipe
from assay.formats.records import SourceSpec
from assay.pool.loading import LoadRecord

_NAMED_SOURCES = 3
_TOLD_APART_BY = ("config", "split", "revision")


def default_folder(specs: Sequence[SourceSpec]) -> Path:
    """Return the project folder of some sources: the one that holds them, or a free one.

    It lies beside the data, or in the working folder for other sources, and is called by the data:
    ``rows.assay`` for ``rows.json``, ``rows+more.assay`` for two files. Where a folder of that name
    holds other data, the next name is taken.

    Raises:
        DataError: if no data is named.
    """
    if not specs:
        raise DataError(
            "no data is named",
            hint=Phrase("{}, or {}", Parameter("data", "FILE"), Parameter("folder", "PROJECT")),
        )
    free: Path | None = None
    for folder in _names(specs):
        record = _record(folder)
        if record is not None and holds(record, specs):
            return folder
        if record is None and free is None:
            free = folder
    return free or _names(specs)[-1]


def holds(record: LoadRecord, specs: Sequence[SourceSpec]) -> bool:
    """Return whether a project was loaded from some sources, in whatever order they are named."""
    return len(specs) == len(record.specs) and len(_pairs(record, specs)) == len(specs)


def as_recorded(folder: Path, specs: Sequence[SourceSpec]) -> list[SourceSpec]:
    """Return sources in the order and by the places that the project in a folder has them.

    Raises:
        DataError: if the folder holds a project of other data.
    """
    record = _record(folder)
    if record is None:
        return list(specs)
    if not holds(record, specs):
        raise DataError(
            f"{folder} holds a project of {_told(record.specs)}, "
            f"and not of {_told([vars(spec) for spec in specs])}",
            hint="leave out the folder, or name another one, to keep both; to load the other data "
            f"in its place, delete {folder} first, with all results",
        )
    return [
        replace(spec, location=str(stored["location"])) for stored, spec in _pairs(record, specs)
    ]


def _pairs(
    record: LoadRecord, specs: Sequence[SourceSpec]
) -> list[tuple[Mapping[str, Any], SourceSpec]]:
    """Return stored sources, in their order, each with what names it now."""
    left = list(specs)
    found: list[tuple[Mapping[str, Any], SourceSpec]] = []
    for stored in record.specs:
        spec = next((each for each in left if _same(stored, each)), None)
        if spec is not None:
            left.remove(spec)
            found.append((stored, spec))
    return found


def _same(stored: Mapping[str, Any], spec: SourceSpec) -> bool:
    """Return whether a source is the stored one; what it leaves open may be anything."""
    places = _place(str(stored["location"])), _place(spec.location)
    return places[0] == places[1] and all(
        getattr(spec, name) in (None, stored.get(name)) for name in _TOLD_APART_BY
    )


def _place(location: str) -> str:
    path = Path(location)
    return str(path.resolve()) if location != "-" and path.exists() else location


def _record(folder: Path) -> LoadRecord | None:
    return LoadRecord.read(folder / "load.json")


def _told(specs: Sequence[Mapping[str, Any]]) -> str:
    words = []
    for spec in specs:
        more = [f"{name} {spec[name]}" for name in _TOLD_APART_BY if spec.get(name)]
        words.append(f"{spec['location']}{f' ({chr(44).join(more)})' if more else ''}")
    return " + ".join(words)


def _names(specs: Sequence[SourceSpec]) -> list[Path]:
    """Return the names that a project of some sources may have, the plainest first."""
    first = _beside(specs[0].location)
    parts = [_stem(spec.location) for spec in specs]
    digest = hashlib.blake2b(
        "\n".join(_identity(specs)).encode(errors="surrogateescape"), digest_size=4
    ).hexdigest()
    if len(specs) > _NAMED_SOURCES:
        return [first / f"{parts[0]}+{len(specs) - 1}-more-{digest}.assay"]
    found = [first / f"{'+'.join(parts)}.assay"]
    if len(specs) == 1 and Path(specs[0].location).is_file():
        found.append(first / f"{Path(specs[0].location).name}.assay")
    if len(specs) > 1:
        # Earlier versions called a project of several files by the first; it is found again.
        earlier = first / f"{parts[0]}.assay"
        record = _record(earlier)
        if record is not None and holds(record, specs):
            found.insert(0, earlier)
    return [*found, first / f"{'+'.join(parts)}-{digest}.assay"]


def _identity(specs: Sequence[SourceSpec]) -> Iterator[str]:
    for spec in sorted(specs, key=lambda each: each.location):
        yield "\t".join([_place(spec.location), *(getattr(spec, n) or "" for n in _TOLD_APART_BY)])


def _beside(location: str) -> Path:
    path = Path(location)
    is_place = location != "-" and path.exists() and not is_pipe(path)
    return path.parent if is_place else Path()


def _stem(location: str) -> str:
    path = Path(location)
    if location == "-" or (is_pipe(path) and path.name.isdigit()):
        return "standard-input"
    if not path.exists():
        return location.replace("/", "--")
    stem = path.resolve().name if path.is_dir() else path.name.split(".")[0]
    return stem or path.name
