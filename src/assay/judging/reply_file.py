"""One file of replies and spending: its tables, who writes to it, and what is wrong with it.

Every process that writes has a file of its own, ``<host>-<number>.sqlite``, claimed by a lock on
the file beside it, so that a process that was killed leaves its file to the next. No lock is asked
across machines: their names differ.
"""

import contextlib
import fcntl
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from assay.errors import CacheError, DataError
from assay.files import HOST, NOT_ALLOWED, write_error
from assay.judging.stored_reply import COLUMNS

FORMAT_VERSION = 1
_APPLICATION = 0x41737961  # "Asya": tells our files from other databases
_BUSY_SECONDS = 60.0
_HOT_SECONDS = 5.0
_MOST_FILES = 10_000
_TABLES = f"""
CREATE TABLE claim (id TEXT NOT NULL);
CREATE TABLE replies ({", ".join(COLUMNS)}, checksum BLOB NOT NULL);
CREATE UNIQUE INDEX replies_by_key ON replies (key);
CREATE TABLE spending (
    session TEXT, scope TEXT, claim TEXT, spent INTEGER, open INTEGER, overrun INTEGER,
    permille INTEGER, checksum BLOB NOT NULL, PRIMARY KEY (session, scope)
);
"""
SUFFIX = ".sqlite"


def reply_files(folder: Path) -> list[Path]:
    """Return the files of a folder, by name."""
    try:
        # A glob takes six times as long, and this is asked with every request.
        names = os.listdir(folder)  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [folder / name for name in sorted(names) if name.endswith(SUFFIX)]


class Claim:
    """The right to write to one file of a folder, until it is closed or the process ends.

    Args:
        folder: where the files lie; it is made.
        writer: end of the file's name, behind that of the machine; None takes the first that
            nobody writes to.

    Raises:
        DataError: if another process writes to the file that was named, or nothing can be written.
    """

    def __init__(self, folder: Path, writer: str | None = None) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock, self.path = _claimed(folder, writer)
        except OSError as error:
            raise write_error(folder, error) from error
        self.id = secrets.token_hex(8)

    def open(self) -> sqlite3.Connection:
        """Return a connection that writes, with the tables made and the claim noted."""
        with told(self.path):
            if not self.path.exists():
                self._note("")  # a file that was moved away begins anew
            _check_made(self.path)
            connection = connect(self.path, "rwc")
            try:
                self._begin(connection)
            except BaseException:
                connection.close()
                raise
        self._note("made")
        return connection

    def _begin(self, connection: sqlite3.Connection) -> None:
        # With a truncated journal the commit itself is on the disk before it returns.
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("BEGIN IMMEDIATE")
        if not _has_tables(self.path, connection):
            for statement in _TABLES.split(";")[:-1]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
        connection.execute("DELETE FROM claim")
        connection.execute("INSERT INTO claim VALUES (?)", (self.id,))
        connection.execute("COMMIT")

    def _note(self, word: str) -> None:
        """Keep beside the file whether it has its tables, and the folder's entries on the disk."""
        if _note_of(self.path) == word:
            return
        self._lock.seek(0)
        self._lock.truncate()
        self._lock.write(word)
        self._lock.flush()
        os.fsync(self._lock.fileno())
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):  # some network disks cannot
                os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Leave the file to others."""
        self._lock.close()


def _claimed(folder: Path, writer: str | None) -> tuple[IO[str], Path]:
    names = [writer] if writer else map(str, range(_MOST_FILES))
    for name in names:
        path = folder / f"{HOST}-{name}{SUFFIX}"
        lock = _locked(_lock_of(path))
        if lock is not None:
            return lock, path
    raise DataError(f"another process writes to {path}", hint="wait until it has ended")


def _lock_of(path: Path) -> Path:
    return path.with_suffix(".lock")


def _locked(path: Path) -> IO[str] | None:
    """Return a lock as long as it is open; None where another process has it."""
    while True:
        lock = path.open("a+", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(lock.fileno()).st_ino == path.stat().st_ino:
                return lock
        lock.close()  # it was removed by a merge in between


@contextlib.contextmanager
def left_behind(path: Path) -> Iterator[bool]:
    """Hold a file that no process of this machine writes to; False where one does or may."""
    lock = _locked(_lock_of(path)) if path.stem.startswith(f"{HOST}-") else None
    try:
        yield lock is not None
    finally:
        if lock is not None:
            lock.close()


def in_use(path: Path) -> bool:
    """Whether a process writes to a file, as far as this machine can tell: if not, no."""
    if not path.stem.startswith(f"{HOST}-"):
        return True
    try:
        with _lock_of(path).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def remove(path: Path) -> None:
    """Remove a file whose lock is held, and its lock."""
    for each in (path, path.with_name(f"{path.name}-journal"), _lock_of(path)):
        each.unlink(missing_ok=True)


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Return a connection without transactions of its own, whose texts are bytes."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False,
    )  # fmt: skip
    connection.text_factory = bytes
    return connection


def open_to_read(path: Path) -> sqlite3.Connection | None:
    """Return a connection that reads; None where nothing was written to the file yet.

    Raises:
        FileNotFoundError: if it is gone.
        CacheError: if it is damaged, or written by a newer version.
    """
    with told(path):
        _check_made(path)
        connection = _readable(path)
        try:
            found = _has_tables(path, connection)
        except BaseException:
            connection.close()
            raise
        if not found:
            connection.close()
    return connection if found else None


def _readable(path: Path) -> sqlite3.Connection:
    """Return a connection that reads, once a transaction that a kill cut off is undone."""
    ends = time.monotonic() + _HOT_SECONDS
    while True:
        connection = connect(path, "ro")
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except sqlite3.OperationalError as error:
            connection.close()
            if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
                raise
            if path.stem.startswith(f"{HOST}-"):
                # Undoing it takes a connection that may write. Which journal belongs to a process
                # that is alive is told by locks, which hold on this machine.
                undoing = connect(path, "rw")
                undoing.execute("SELECT count(*) FROM sqlite_master").fetchall()
                undoing.close()
            elif time.monotonic() > ends:
                raise CacheError(
                    f"{path} holds a write that was cut off on another machine",
                    hint="run any line with this cache on that machine",
                ) from error
            else:
                time.sleep(0.05)
            continue
        except BaseException:
            connection.close()
            raise
        return connection


def _has_tables(path: Path, connection: sqlite3.Connection) -> bool:
    [(application,)] = connection.execute("PRAGMA application_id")
    [(version,)] = connection.execute("PRAGMA user_version")
    [(tables,)] = connection.execute("SELECT count(*) FROM sqlite_master")
    if (application, version, tables) == (0, 0, 0):
        return False
    if application != _APPLICATION or version < 1:
        raise damaged(path, "it is another database")
    if version > FORMAT_VERSION:
        raise CacheError(
            f"{path} was written by a newer version of Assay (format {version})",
            hint="pip install --upgrade assay",
        )
    return True


def _note_of(path: Path) -> str:
    try:
        return _lock_of(path).read_text(encoding="ascii")
    except FileNotFoundError:
        return ""


def _check_made(path: Path) -> None:
    if path.exists() and path.stat().st_size == 0 and _note_of(path):
        raise damaged(path, "it is empty")


def damaged(path: Path, cause: str) -> CacheError:
    """Return the error for a file that does not hold any more what was written."""
    return CacheError(
        f"{path} is damaged: {cause}",
        hint=f"`sqlite3 {path} .recover` may save its replies; moved away, they are asked for and "
        "paid again, and what they cost counts against no cap",
    )


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Tell what SQLite says of a file as an error that a person can act on.

    Raises:
        FileNotFoundError: if it is gone.
        DataError: if the disk is full or the place cannot be written to.
        CacheError: if it is damaged.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _as_ours(path, error) from error
    except FileNotFoundError:
        raise
    except OSError as error:
        raise write_error(path, error) from error


def _as_ours(path: Path, error: sqlite3.DatabaseError) -> Exception:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_CANTOPEN and not path.exists():
        return FileNotFoundError(str(path))
    if code == sqlite3.SQLITE_FULL:
        return DataError(
            f"the disk is full while writing {path}",
            hint="free some space and run the same line again: finished parts are kept",
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return write_error(path, PermissionError(min(NOT_ALLOWED), "not allowed"))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DataError(
            f"another process has kept {path} locked for {_BUSY_SECONDS:g} seconds",
            hint="end the program that has it open, and run the same line again",
        )
    if code == sqlite3.SQLITE_IOERR:
        return DataError(f"cannot read or write {path}: {error}", hint="look at the disk")
    return damaged(path, str(error))
