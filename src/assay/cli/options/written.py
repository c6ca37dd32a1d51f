"""Which files the command line has written, so that it may write them anew without a question.

A selection's sidecar says it of the file beside it. Of files without one, such as pages and tables
of scores, the cache keeps the digest that they had when they were written.
"""

import hashlib
from pathlib import Path

from assay.files import write_text

_UNDER_WAY = "under way"


def begin(path: Path) -> None:
    """Keep that a file is about to be written, for the line that is run again after a kill."""
    write_text(_place(path), _UNDER_WAY)


def end(*paths: Path) -> None:
    """Forget that some files were about to be written: what lies beside them speaks for them."""
    for path in paths:
        place = _place(path)
        place.unlink(missing_ok=True)
        for folder in (place.parent, place.parent.parent):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def remember(*paths: Path) -> None:
    """Keep what some files hold now, as written by Assay."""
    from assay.formats.streams import digest_of

    for path in paths:
        if path.is_file() and not path.is_symlink():
            write_text(_place(path), digest_of(path))


def is_as_written(path: Path) -> bool:
    """Return whether a file holds what Assay wrote there last, or was about to write."""
    from assay.formats.streams import digest_of

    try:
        return _place(path).read_text(encoding="ascii") in (_UNDER_WAY, digest_of(path))
    except (OSError, ValueError):
        return False


def _place(path: Path) -> Path:
    from assay.stores.cache import default_cache_folder

    name = hashlib.blake2b(str(path.resolve()).encode(errors="surrogateescape"), digest_size=16)
    return default_cache_folder() / "written" / name.hexdigest()
