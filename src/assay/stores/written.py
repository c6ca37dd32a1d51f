"""Which files Assay has written for a person, so that it may write them anew without a question.

A selection's sidecar says it of the file beside it. Of files without one, such as pages, tables of
scores and files in a folder, the cache keeps the digest that they had when they were written.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from assay.errors import DataError
from assay.files import write_text
from assay.formats.streams import digest_of

_UNDER_WAY = "under way"


@contextlib.contextmanager
def under_way(cache: Path, paths: Iterable[Path]) -> Iterator[None]:
    """Keep that files are being written, for the work that is done again after a kill.

    After an error it is known of those that were written by then, such as before a disk was full,
    and of the others it is known what was known before.
    """
    paths = list(paths)
    places = [_place(cache, path) for path in paths]
    before = [place.read_text(encoding="ascii") if place.is_file() else None for place in places]
    held = [_digest(path) for path in paths]
    for place in places:
        write_text(place, _UNDER_WAY)
    try:
        yield
    except Exception:
        for path, place, known, digest in zip(paths, places, before, held, strict=True):
            now = _digest(path)
            ours = now if now != digest else known
            if ours is None:
                _remove(place)
            else:
                with contextlib.suppress(DataError):  # a full disk: then the mark stays
                    write_text(place, ours)
        raise


def _digest(path: Path) -> str | None:
    return digest_of(path) if path.is_file() else None


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
        _remove(_place(cache, path))


def _remove(place: Path) -> None:
    place.unlink(missing_ok=True)
    for folder in (place.parent, place.parent.parent):
        with contextlib.suppress(OSError):  # it holds what is known of other files
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
