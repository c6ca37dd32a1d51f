"""Which files Assay has written for a person, so that it may write them anew without a question.

A selection's sidecar says it of the file beside it. Of files without one, such as pages, tables of
scores and files in a folder, the cache keeps the digest that they had when they were written.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from assay.files import write_text
from assay.formats.streams import digest_of

_UNDER_WAY = "under way"


def begin(cache: Path, paths: Iterable[Path]) -> None:
    """Keep that files are about to be written, for the work that is done again after a kill."""
    for path in paths:
        write_text(_place(cache, path), _UNDER_WAY)


def remember(cache: Path, paths: Iterable[Path]) -> None:
    """Keep what files hold now, as written by Assay."""
    for path in paths:
        if path.is_symlink() or not path.is_file():
            forget(cache, [path])
        else:
            write_text(_place(cache, path), digest_of(path))


def forget(cache: Path, paths: Iterable[Path]) -> None:
    """Keep nothing of files: there are none, or what lies beside them speaks for them."""
    for path in paths:
        place = _place(cache, path)
        place.unlink(missing_ok=True)
        for folder in (place.parent, place.parent.parent):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def is_as_written(cache: Path, path: Path) -> bool:
    """Return whether a file holds what Assay wrote there last, or was about to write."""
    if path.is_symlink():
        return False
    if _sidecar_agrees(path):
        return True
    try:
        return _place(cache, path).read_text(encoding="ascii") in (_UNDER_WAY, digest_of(path))
    except (OSError, ValueError):
        return False


def _sidecar_agrees(path: Path) -> bool:
    try:
        described = json.loads(path.with_name(f"{path.name}.assay.json").read_bytes())["output"]
        return bool(described["blake2b"] == digest_of(path))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _place(cache: Path, path: Path) -> Path:
    name = hashlib.blake2b(str(path.resolve()).encode(errors="surrogateescape"), digest_size=16)
    return cache / "written" / name.hexdigest()
