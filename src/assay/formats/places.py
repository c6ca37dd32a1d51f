"""From what the user named to files: paths, folders, standard input, the Hub."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assay.errors import FormatError, did_you_mean
from assay.files import absence, is_pipe
from assay.formats import streams
from assay.formats.records import SourceSpec
from assay.formats.sniffing import SUFFIXES
from assay.wording import readable_name

_SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "valid": "validation",
    "validation": "validation",
    "val": "validation",
    "dev": "validation",
}
# Written beside the data by the datasets library; they describe it and hold no records.
_DESCRIPTIONS = frozenset(
    {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"}
)
_SIDECARS = (".assay.json", ".assay.parquet")
_hub_name = re.compile(r"[\w.-]+/[\w.-]+").fullmatch


@dataclass(frozen=True)
class Place:
    """One file of a source, with the name and the split its samples get.

    `commit` is the revision of the Hub repository it came from; `notes` is what the reader of a
    report should know about the source it opens.
    """

    path: Path
    source: str
    split: str
    commit: str = ""
    notes: tuple[str, ...] = ()


def split_of(path: Path) -> str:
    """Return the split that a file's name or its folder speaks of, "" if none.

    The last word of a file's name counts, or a folder's whole name: "gsm8k_train.jsonl" is train,
    and so is "train/part-0.jsonl".
    """
    folder = path.parent.name.lower()
    for word in reversed(re.split(r"[^A-Za-z]+", streams.plain_stem(path).lower())):
        if word in _SPLITS:
            return _SPLITS[word]
    # Of a folder only the whole name counts: "test_something" says nothing about its files.
    return _SPLITS.get(folder, "")


def is_hub_name(location: str) -> bool:
    """Does a location have the form org/name, and is it not the path of a data file?"""
    suffix = streams.unpacked_suffix(Path(location))
    return _hub_name(location) is not None and suffix not in SUFFIXES and location[0] != "."


def default_names(specs: Sequence[SourceSpec]) -> list[str]:
    """Return the name of each source: its own, else its file's stem, longer where two agree."""
    short = [spec.name or readable_name(_short_name(spec.location)) for spec in specs]
    counts = Counter(short)
    names = []
    for spec, name in zip(specs, short, strict=True):
        parent = Path(spec.location).absolute().parent.name
        longer = (
            f"{readable_name(parent)}/{name}" if spec.name is None and counts[name] > 1 else name
        )
        names.append(longer)
    return names


def kept(spec: SourceSpec, folder: Path) -> SourceSpec:
    """Return a source that can be read again: what a pipe holds is put into a file of a folder."""
    if not streams.can_be_read_once(spec.location):
        return spec
    name = spec.name or default_names([spec])[0]
    return replace(spec, location=str(streams.spool(spec.location, folder).absolute()), name=name)


def _short_name(location: str) -> str:
    path = Path(location)
    # The shell's <(command) is a number below /dev/fd.
    if location == streams.STANDARD_INPUT or (is_pipe(path) and path.name.isdigit()):
        return "standard-input"
    if path.is_dir():
        return path.resolve().name
    return streams.plain_stem(path) if path.exists() or not is_hub_name(location) else location


def places_of(spec: SourceSpec, name: str, *, offline: bool = False) -> list[Place]:
    """Return the files of one source in order.

    Raises:
        FormatError: if there is no such file, the folder holds no data, or the split is not found.
    """
    path = Path(spec.location)
    if streams.can_be_read_once(spec.location):
        places = [Place(streams.spool(spec.location), name, spec.split or "")]
    elif path.is_dir():
        places = [Place(file, name, split_of(file)) for file in _folder_files(path)]
    elif path.exists():
        places = [Place(path, name, split_of(path))]
    elif is_hub_name(spec.location):
        return _hub_places(spec, name, offline=offline)
    else:
        raise _not_found(path)
    chosen = [place for place in places if spec.split in {None, place.split}]
    if not chosen:
        splits = sorted({place.split for place in places} - {""})
        raise FormatError(
            f"{path}: no file of the split {spec.split!r}",
            hint=f"splits found: {', '.join(splits)}" if splits else "no file name says its split",
        )
    return chosen


def _hub_places(spec: SourceSpec, name: str, *, offline: bool) -> list[Place]:
    # Imported here so that reading local files never loads the Hub's client.
    from assay.formats.hub import fetch  # noqa: PLC0415

    snapshot = fetch(spec, offline=offline)
    places = [Place(file.path, name, file.split, snapshot.commit) for file in snapshot.files]
    return [replace(places[0], notes=snapshot.notes), *places[1:]]


def _folder_files(folder: Path) -> list[Path]:
    files = sorted(
        (path for path in folder.rglob("*") if path.is_file() and not _hidden(path, folder)),
        key=lambda path: path.relative_to(folder).parts,
    )
    data = [
        path
        for path in files
        if streams.unpacked_suffix(path) in SUFFIXES and not _describes(path, folder)
    ]
    if data:
        return data
    held = ", ".join(path.name for path in files[:5])
    raise FormatError(
        f"{folder}: the folder holds no data" + (f", only {held}" if files else "; it is empty"),
        hint=f"files are read that end in {' '.join(SUFFIXES)}, packed as .gz or .zst or not",
    )


def _describes(path: Path, folder: Path) -> bool:
    """Is a file beside the data written by the datasets library or by Assay, and no data?"""
    inside = path.relative_to(folder).parts[:-1]
    return (
        path.name in _DESCRIPTIONS
        or path.name.endswith(_SIDECARS)
        or any(part.endswith(".assay") for part in inside)
    )


def _hidden(path: Path, folder: Path) -> bool:
    return any(part[0] in "._" for part in path.relative_to(folder).parts)


def _not_found(path: Path) -> FormatError:
    if path.is_symlink():
        return FormatError(absence(path), hint="mend the link, or name the file itself")
    if path.parent.is_dir():
        near = did_you_mean(path.name, [other.name for other in path.parent.iterdir()])
        return FormatError(f"{path}: no such file", hint=near or "check the path")
    return FormatError(
        f"{path}: no such file; the folder {path.parent} is missing too", hint="check the path"
    )
