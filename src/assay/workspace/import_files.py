"""The files of an imported score: nothing can compute them again, so they are read with care."""

import hashlib
import json
from pathlib import Path
from typing import Any

from assay.errors import AssayError, DamagedError
from assay.files import file_digest
from assay.files.checksums import damaged, identity, unreadable

_sound: set[tuple[str, int, int, int, str]] = set()


def read_import(folder: Path, name: str) -> dict[str, Any]:
    """Return what ``imports/<name>.json`` of a project says, once it and its numbers are sound.

    Both carry a digest since they were first written.

    Raises:
        DamagedError: if one is damaged; both are set aside by then, so that the score can be
            imported again.
    """
    path = folder / "imports" / f"{name}.json"
    numbers = path.with_suffix(".parquet")
    try:
        text = path.read_text(encoding="utf-8")
        described = json.loads(text)
        content = dict(described)
        digest = content.pop("digest")
        if description_digest(content) != digest:
            raise ValueError("its digest differs")
        numbers = path.with_name(content["file"])
        sound = numbers.is_file() and _is_sound(numbers, content["file_digest"])
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, KeyError, TypeError) as error:
        raise _lost(name, damaged(path, str(error), numbers)) from error
    if not sound:
        raise _lost(name, damaged(numbers, "its digest differs, or it is gone", path))
    return dict(described)


def _is_sound(numbers: Path, digest: str) -> bool:
    """Return whether a file has a digest; a file that had it is not read again in this process."""
    seen = (*identity(numbers), digest)
    if seen not in _sound and file_digest(numbers) == digest:
        _sound.add(seen)
    return seen in _sound


def description_digest(content: dict[str, Any]) -> str:
    """Return 16 hex digits over all that describes an imported score."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _lost(name: str, error: DamagedError) -> AssayError:
    return DamagedError(
        f"{error.message}; nothing can compute the numbers of {name!r} again",
        hint=f"import them again as {name!r}: `assay import-scores` does it",
        path=error.path,
    )
