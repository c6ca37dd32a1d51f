"""Files that are written whole or not at all."""

import contextlib
import errno
import fcntl
import hashlib
import itertools
import os
import re
import shutil
import socket
import zlib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO

from assay.errors import AssayError, DataError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
"""Numbers of the errors by which the system keeps a place from a writer."""

_PROBE_BYTES = 1 << 16
_CLAIM = ".claim"
_counter = itertools.count()
# A writer on another machine that shares the folder must not be taken for a dead process of ours.
HOST = f"{zlib.crc32(socket.gethostname().encode()):08x}"


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, which becomes `path` when the block ends well.

    The content is flushed to the disk before the rename, and the folder after it, so that a kill
    at any moment leaves either the old file or the new one. If the block fails, the temporary file
    is removed and the old one stays. The folder is made if it is missing; a link is followed.

    Raises:
        DataError: if the disk is full or the place cannot be written to.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        kind = "a folder" if target.is_dir() else "not a regular file"
        raise DataError(f"cannot write {path}: it is {kind}", hint="name a file to write")
    temporary = target.with_name(f".{target.name}.{HOST}-{os.getpid()}-{next(_counter)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _flush(temporary)
        temporary.replace(target)
        _flush(target.parent)
    except OSError as error:
        raise write_error(path, error) from error
    except Exception as error:
        cause = _stated_cause(error) or _refused_write(temporary)
        if cause is None:
            raise
        raise write_error(path, cause) from error
    finally:
        # After the rename nothing is left under this name.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_stream(path: Path) -> Iterator[BinaryIO]:
    """Open a file for bytes that takes the place of `path` when the block ends well.

    As `atomic_write`; also removes what killed processes left behind of the same file, for an
    output lies in a person's folder and not in a cache that is pruned.

    Raises:
        DataError: if the disk is full or the place cannot be written to.
    """
    remove_abandoned(path)
    with atomic_write(path) as temporary, temporary.open("xb") as stream:
        yield stream


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to fill, which becomes `path` when the block ends well.

    What a block leaves that fails or is killed stays, and the next one on this machine gets the
    same folder: long work goes on where it was. If another machine made `path` meanwhile, its
    folder stays.

    Raises:
        DataError: if the disk is full, the place cannot be written to, or another process on this
            machine is filling it.
    """
    work = path.with_name(f".{path.name}.{HOST}.work")
    try:
        work.mkdir(parents=True, exist_ok=True)
        with _claimed(work):
            yield work
            for entry in [*work.rglob("*"), work]:
                _flush(entry)
            (work / _CLAIM).unlink()
            if path.is_dir():
                shutil.rmtree(work)
            else:
                work.replace(path)
                _flush(path.parent)
    except OSError as error:
        raise write_error(path, error) from error
    except AssayError:
        raise
    except Exception as error:
        cause = _stated_cause(error) or _refused_file(work)
        if cause is None:
            raise
        raise write_error(path, cause) from error


@contextlib.contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Keep other processes of this machine off a folder; a kill ends the claim."""
    with (folder / _CLAIM).open("a") as claim:
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"another process is at work in {folder}", hint="wait until it has ended"
            ) from None
        if not (folder / _CLAIM).exists():
            raise DataError(f"another process has just finished {folder}", hint="run it again")
        yield


def write_error(path: Path, error: OSError) -> DataError:
    """Return the error a person can act on for a failed write to `path`."""
    if error.errno in _NO_SPACE:
        return DataError(
            f"the disk is full while writing {path} ({error.strerror})",
            hint="free some space and run the same line again: finished parts are kept",
        )
    hint = "choose a folder that you may write to" if error.errno in NOT_ALLOWED else None
    return DataError(f"cannot write {path}: {error.strerror or error}", hint=hint)


def _stated_cause(error: Exception) -> OSError | None:
    """Return the failure of the system that a library in Rust reports in a type of its own."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    return OSError(int(found[1]), os.strerror(int(found[1]))) if found else None


def _refused_write(path: Path) -> OSError | None:
    """Return why an unfinished file cannot grow, None if it can: some libraries hide the cause."""
    try:
        with path.open("r+b") as file:
            file.seek(0, os.SEEK_END)
            file.write(bytes(_PROBE_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        return error
    return None


def _refused_file(folder: Path) -> OSError | None:
    """Return why no file can grow in a folder, None if one can."""
    probe = folder / ".probe"
    try:
        probe.write_bytes(bytes(_PROBE_BYTES))
    except OSError as error:
        return error
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
    return None


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text whole or not at all.

    A file name that is not UTF-8 holds characters that no text may hold; they are written as in
    JSON, which reads them as they were.
    """
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def is_pipe(path: Path) -> bool:
    """Is it a pipe, a socket or a device, whose content can be read once?"""
    return path.exists() and not path.is_file() and not path.is_dir()


def absence(path: Path | str) -> str:
    """Return how a path that leads nowhere is told: it is not there, or a link to what is not."""
    if Path(path).is_symlink():
        return f"{path} is a link to {Path(path).readlink()}, which does not exist"
    return f"{path} does not exist"


def remove_leftovers(folder: Path, *, older_than_seconds: float = 3600.0) -> int:
    """Remove temporary files of killed runs and return how many there were.

    Only files older than the limit go, so that another process at work keeps its own.
    """
    if not folder.is_dir():
        return 0
    written: dict[Path, float] = {}
    for entry in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process has just finished it
            written[entry] = entry.stat().st_mtime
    newest = max(written.values(), default=0.0)
    old = [
        entry
        for entry, moment in written.items()
        if fnmatch(entry.name, ".*.tmp") and newest - moment >= older_than_seconds
    ]
    for entry in old:
        entry.unlink(missing_ok=True)
    return len(old)


def remove_abandoned(path: Path) -> None:
    """Remove what processes of this machine that were killed have left of a file they wrote."""
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        return
    pattern = re.compile(re.escape(f".{target.name}.{HOST}-") + r"(\d+)-\d+\.tmp")
    for entry in os.scandir(target.parent):
        found = pattern.fullmatch(entry.name)
        if found and not _is_running(int(found[1])):
            Path(entry.path).unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network disks cannot sync a folder; the rename itself has happened.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def file_digest(path: Path) -> str:
    """Return 12 hex digits of blake2b over a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=6)).hexdigest()
