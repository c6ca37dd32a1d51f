"""How much the cache holds, and how room is made."""

import contextlib
import shutil
from pathlib import Path
from typing import NamedTuple

from assay.files import remove_leftovers
from assay.files.checksums import is_set_aside


class CacheEntry(NamedTuple):
    """What is kept of one feature: `variants` are its different parameters, `size` is in bytes."""

    feature: str
    variants: int
    files: int
    size: int


def cache_entries(folder: Path) -> list[CacheEntry]:
    """Return what is kept, the largest first."""
    if not folder.is_dir():
        return []
    found = []
    for feature in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = [path for path in feature.rglob("*") if path.is_file()]
        variants = sum(path.is_dir() for path in feature.iterdir())
        found.append(CacheEntry(feature.name, variants, len(files), _size(files)))
    return sorted(found, key=lambda entry: (-entry.size, entry.feature))


def _size(files: list[Path]) -> int:
    size = 0
    for path in files:
        # Another process may remove a file meanwhile.
        with contextlib.suppress(FileNotFoundError):
            size += path.stat().st_size
    return size


def prune(folder: Path) -> tuple[int, int]:
    """Remove leftovers of killed runs, damaged files and matrices that are copies.

    Returns files and bytes.

    A ``canonical-*.npy`` holds vectors that the shards beside it hold as well.
    """
    removed = freed = 0
    if not folder.is_dir():
        return 0, 0
    for part in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        leftovers = [path for path in part.glob(".*.tmp") if path.is_file()]
        before = _size(leftovers)
        removed += remove_leftovers(part)
        freed += before - _size([path for path in leftovers if path.exists()])
    aside = [path for path in folder.rglob("*") if is_set_aside(path)]
    for path in [*folder.rglob("canonical-*.npy"), *aside]:
        files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
        freed += _size(files)
        removed += len(files)
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
    return removed, freed


def clear(folder: Path, feature: str) -> None:
    """Remove all that is kept of one feature."""
    shutil.rmtree(folder / feature)
