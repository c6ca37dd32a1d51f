"""Checksums of what Assay writes and reads back, and what becomes of a file that fails its own.

A sum lies in the file that it is of: `seal` puts it where a place was left for it, and in the sum
itself that place counts as empty. So file and sum are replaced together, whoever else writes, and
a file that is copied takes its sum along. CRC-32 finds every change of up to three bits of a file
of 256 MiB and all but one in four billion of the others, at several gigabytes a second; it is no
defence against a person. A file without a sum is one of an earlier version: it is read as it is.
"""

import contextlib
import io
import json
import logging
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from assay.errors import CacheError, DamagedError
from assay.files import write_text

_MARK = b"assay-crc32:"
_EMPTY = b"-" * 8
_CHUNK = 1 << 20
PLACE = (_MARK + _EMPTY).decode()
"""Text to write once into a file that will be sealed."""
SUMS = "checksums.json"
"""File that holds the sums of a folder's other files."""
_KEY = "checksum"
_AGAIN = "run the same line again: what it held is made anew"

_log = logging.getLogger(__name__)
_checked: set[tuple[str, int, int, int]] = set()


# Files


def seal(path: Path) -> None:
    """Put the checksum of a file into the place that was left for it."""
    with path.open("r+b") as file:
        place = _last_place(file, PLACE.encode())
        if place < 0:
            raise ValueError(f"{path} has no place for a checksum")
        place += len(_MARK)
        value = _sum(file, place)
        file.seek(place)
        file.write(_text(value))


def fill(path: Path, empty: bytes, content: bytes) -> None:
    """Put content into the last place of a file that holds `empty`, which is as long."""
    with path.open("r+b") as file:
        place = _last_place(file, empty)
        if place < 0 or len(content) != len(empty):
            raise ValueError(f"{path} has no place for {content!r}")
        file.seek(place)
        file.write(content)


def check(path: Path, *beside: Path) -> bool:
    """Return whether a file has a checksum, which is compared when it is first read in a process.

    Args:
        path: the file.
        beside: files that count only together with it, and are set aside with it.

    Raises:
        DamagedError: if the checksum differs; the file is set aside by then.
        CacheError: if the file cannot be read.
    """
    try:
        seen = identity(path)
        if seen in _checked:
            return True
        matches = _matches(path)
    except OSError as error:
        raise unreadable(path, error) from error
    if matches is False:
        raise damaged(path, "its checksum differs", *beside)
    if matches:
        _checked.add(seen)
    return bool(matches)


def identity(path: Path) -> tuple[str, int, int, int]:
    """Return what tells a file from another one of the same name."""
    state = path.stat()
    return str(path), state.st_ino, state.st_size, state.st_mtime_ns


def file_sum(path: Path) -> str:
    """Return the checksum of a whole file as 8 hex digits."""
    value = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            value = zlib.crc32(block, value)
    return _text(value).decode()


def _matches(path: Path) -> bool | None:
    """Return whether a file is as it was sealed; None if it was not."""
    with path.open("rb") as file:
        return _content_matches(file)


def _content_matches(file: BinaryIO) -> bool | None:
    place = _last_place(file, _MARK)
    if place < 0:
        return None
    place += len(_MARK)
    file.seek(place)
    return file.read(len(_EMPTY)) == _text(_sum(file, place))


def _last_place(file: BinaryIO, sought: bytes) -> int:
    """Return where some bytes last occur in a file, -1 if they do not.

    A mapped file would do with less code, and count as memory of this process as far as it is read.
    """
    end = file.seek(0, os.SEEK_END)
    after = b""
    while end > 0:
        begin = max(0, end - _CHUNK)
        file.seek(begin)
        chunk = file.read(end - begin)
        # What lies across the border of two chunks is found with the earlier one.
        found = (chunk + after).rfind(sought)
        if found >= 0:
            return begin + found
        after, end = chunk[: len(sought) - 1], begin
    return -1


def _sum(file: BinaryIO, place: int) -> int:
    """Return the sum of a file whose place for it, at `place`, is empty."""
    file.seek(0)
    value, left = 0, place
    while left:
        chunk = file.read(min(left, _CHUNK))
        if not chunk:
            raise ValueError("a file ends before the place for its checksum")
        value = zlib.crc32(chunk, value)
        left -= len(chunk)
    value = zlib.crc32(_EMPTY, value)
    file.seek(len(_EMPTY), os.SEEK_CUR)
    while chunk := file.read(_CHUNK):
        value = zlib.crc32(chunk, value)
    return value


def _text(value: int) -> bytes:
    return f"{value:08x}".encode()


# Text and JSON


def write_json(
    path: Path, content: Mapping[str, Any], *, sort_keys: bool = False, ascii_only: bool = False
) -> None:
    """Write an object with its checksum as JSON, whole or not at all."""
    text = json.dumps(
        dict(content) | {_KEY: PLACE},
        indent=1,
        ensure_ascii=ascii_only,
        allow_nan=False,
        sort_keys=sort_keys,
    )
    _write_sealed(path, text + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Return the object that `write_json` wrote.

    Raises:
        DamagedError: if it is damaged; the file is set aside by then.
        CacheError: if the file cannot be read.
    """
    text = read_text(path)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise damaged(path, str(error)) from error
    if not isinstance(content, dict):
        raise damaged(path, "it holds no object")
    content.pop(_KEY, None)
    return content


def write_sealed_text(path: Path, text: str) -> None:
    """Write a line of text, and its checksum in the next, whole or not at all."""
    _write_sealed(path, f"{text.rstrip()}\n{PLACE}\n")


def read_sealed_text(path: Path) -> str:
    """Return the line that `write_sealed_text` wrote.

    Raises:
        DamagedError: if it is damaged; the file is set aside by then.
    """
    lines = read_text(path).splitlines()
    if lines and lines[-1].startswith(_MARK.decode()):
        return "\n".join(lines[:-1])
    if len(lines) > 1:  # a line of text is one of an earlier version
        raise damaged(path, "its checksum is")
    return "".join(lines)


def sealed(text: str) -> str:
    """Return a text that has a place for a checksum with the checksum in it."""
    content = text.encode("utf-8", "backslashreplace")
    place = content.rfind(PLACE.encode()) + len(_MARK)
    value = _text(_sum(io.BytesIO(content), place))
    return (content[:place] + value + content[place + len(value) :]).decode()


def is_as_written(text: str) -> bool:
    """Return False if a text has a checksum and it differs."""
    return _content_matches(io.BytesIO(text.encode())) is not False


def _write_sealed(path: Path, text: str) -> None:
    write_text(path, sealed(text))


def read_text(path: Path) -> str:
    """Return the text of a file that may have a checksum.

    Raises:
        DamagedError: if it is damaged; the file is set aside by then.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    if _content_matches(io.BytesIO(content)) is False:
        raise damaged(path, "its checksum differs")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise damaged(path, "it is no text") from error


# Folders


def write_sums(folder: Path) -> None:
    """Write the checksums of all files of a folder beside them."""
    write_json(folder / SUMS, {"files": folder_sums(folder)}, sort_keys=True)


def folder_sums(folder: Path) -> dict[str, str]:
    """Return the checksum of every file of a folder by its path; hidden ones are left out."""
    return {
        path.relative_to(folder).as_posix(): file_sum(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".") and path.name != SUMS
    }


def check_folder(folder: Path) -> None:
    """Compare the files of a folder with its checksums, when it is first read in a process.

    Raises:
        DamagedError: if one differs or is missing; the folder is set aside by then.
    """
    path = folder / SUMS
    if not path.exists():
        return
    files = sorted(each for each in folder.rglob("*") if each.is_file())
    seen = [identity(each) for each in files]
    if _checked.issuperset(seen):
        return
    try:
        sums = read_json(path).get("files", {})
    except DamagedError as error:
        # What it is the sum of is not lost with it.
        warn(error, "what lies beside it is used unchecked")
        return
    wrong = first_difference(folder, sums)
    if wrong:
        raise damaged(folder, f"{wrong} differs")
    _checked.update(seen)


def first_difference(folder: Path, sums: Mapping[str, str]) -> str | None:
    """Return the first file whose checksum is not what was written down, None if there is none."""
    for name, expected in sums.items():
        path = folder / name
        if not path.is_file() or file_sum(path) != expected:
            return name
    return None


# Damage


def damaged(path: Path, reason: str, *beside: Path) -> DamagedError:
    """Set a damaged file or folder aside, with what counts only with it; return the error."""
    kept = [_set_aside(each) for each in (path, *beside)]
    reported = f"{path} is damaged ({reason})"
    if kept[0] is None:
        return DamagedError(reported, hint=f"move {path} away and run again", path=path)
    return DamagedError(f"{reported}; kept as {kept[0].name}", hint=_AGAIN, path=path)


def _set_aside(path: Path) -> Path | None:
    """Rename a file, so that it is not read again; return its new place, None if that failed."""
    number = 1
    target = path.with_name(f"{path.name}.damaged")
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.damaged-{number}")
    try:
        path.rename(target)
    except OSError:
        return None
    with contextlib.suppress(OSError):
        os.utime(target)
    return target


def is_set_aside(path: Path) -> bool:
    """Whether a file is one that was damaged."""
    return ".damaged" in path.suffixes[-1:] or path.suffix.startswith(".damaged-")


def warn(error: DamagedError, what: str = "made anew") -> None:
    """Say that a file was damaged, and what is done about it."""
    _log.warning("%s, %s", error.message, what)


def unreadable(path: Path, error: OSError) -> CacheError:
    """Return the error a person can act on for a file that the system does not give."""
    return CacheError(
        f"{path} cannot be read: {error.strerror or error}", hint=f"see to {path}, or move it away"
    )
