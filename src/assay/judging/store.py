"""Replies that were paid for, kept so that none is lost and none is asked for twice.

``<cache>/judge`` holds a SQLite file for every process that writes; all are read, one's own alone
is written. A reply is on the disk before anyone is told of it, with its cost, in one transaction.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from assay.judging.batch_jobs import open_lines, read_jobs
from assay.judging.group_commit import Change, GroupCommit, Kept
from assay.judging.reply_file import Claim, damaged, in_use, open_to_read, reply_files, told
from assay.judging.spending import Line, Totals, read_lines, totals
from assay.judging.stored_reply import COLUMNS, StoredReply, from_row

__all__ = ["ReplyStore", "StoredReply"]

_AT_ONCE = 500  # keys of one query; SQLite takes no more than some thousand parameters
_TRIES = 20
_FIELDS = ", ".join((*COLUMNS, "checksum"))
_TEXTS = frozenset({"judge", "request", "response", "scope"})
_PLACES = ", ".join("CAST(? AS TEXT)" if name in _TEXTS else "?" for name in (*COLUMNS, "checksum"))
_INSERT = (
    f"INSERT INTO replies ({_FIELDS}) VALUES ({_PLACES}) ON CONFLICT (key) DO UPDATE SET "  # noqa: S608
    + ", ".join(f"{name} = excluded.{name}" for name in (*COLUMNS[1:], "checksum"))
    + " WHERE (excluded.created, excluded.response) > (created, response)"
)
Found = TypeVar("Found")


class ReplyStore:
    """The replies of a folder, and the file of this process in it.

    Nothing is made on the disk before something is kept. Calls may come from any thread.

    Args:
        folder: ``<cache>/judge``.
        writer: end of the own file's name; None takes one that nobody writes to.
    """

    def __init__(self, folder: Path, *, writer: str | None = None) -> None:
        self.folder = folder
        self._writer_name = writer
        self._claim: Claim | None = None
        self._writer = GroupCommit(self._open)
        self._readers: dict[Path, sqlite3.Connection] = {}
        self._reading = threading.Lock()

    # Reading

    def find(self, keys: Iterable[bytes]) -> dict[bytes, StoredReply]:
        """Return the replies that any process has kept by now, of those that are asked for.

        Where a request was answered more than once, the latest reply stands.

        Raises:
            CacheError: if a file is damaged, or written by a newer version.
        """
        wanted = set(keys)
        if len(wanted) > _AT_ONCE:
            wanted = self.known(wanted)
        found: dict[bytes, StoredReply] = {}
        # Whoever waits to read one of them need not wait for all.
        for part in _parts(wanted):
            found |= self._find(part)
        return found

    def find_elsewhere(self, keys: Collection[bytes]) -> dict[bytes, StoredReply]:
        """Return the replies to a few requests that other processes have kept.

        The own file is not touched: to read it is to wait for what is being written to it, or to
        have the writer wait.

        Raises:
            CacheError: if a file is damaged, or written by a newer version.
        """
        return self._find(keys, but=self.path)

    def _find(self, keys: Collection[bytes], but: Path | None = None) -> dict[bytes, StoredReply]:
        found: dict[bytes, StoredReply] = {}
        for replies in self._in_every_file(lambda path, file: _replies(path, file, keys), but):
            for reply in replies:
                before = found.get(reply.key)
                if before is None or before.order < reply.order:
                    found[reply.key] = reply
        return found

    def known(self, keys: Iterable[bytes]) -> set[bytes]:
        """Return which keys have a reply, without reading the replies.

        Raises:
            CacheError: if a file is damaged, or written by a newer version.
        """
        wanted = set(keys)
        held = self._in_every_file(lambda _, connection: _held(connection, wanted))
        return set().union(*held)

    def keys(self, *, judge: str | None = None, scope: str | None = None) -> list[bytes]:
        """Return the keys of all replies, ascending; of one judge or scope where named.

        Raises:
            CacheError: if a file is damaged, or written by a newer version.
        """
        asked = {"judge": judge, "scope": scope}
        terms = {name: value.encode() for name, value in asked.items() if value is not None}
        where = " AND ".join(f"{name} = CAST(? AS TEXT)" for name in terms) or "1"
        query = f"SELECT key FROM replies WHERE {where}"  # noqa: S608

        def read(_: Path, connection: sqlite3.Connection) -> set[bytes]:
            return {key for (key,) in connection.execute(query, tuple(terms.values()))}

        return sorted(set().union(*self._in_every_file(read)))

    def totals(self, scopes: Collection[str]) -> Totals:
        """Return what was spent in some scopes by all processes, and what may be under way.

        Raises:
            CacheError: if a file is damaged, or written by a newer version.
        """
        # A job goes when its replies are counted, and comes before its lease goes: what is read
        # on either side of the spending holds every job that the spending does not.
        jobs = open_lines(read_jobs(self.folder), scopes)
        found: list[tuple[Line, bool]] = []
        for alive, claim, lines in self._in_every_file(_lines):
            found += [(line, alive and line.claim == claim) for line in lines]
        jobs |= open_lines(read_jobs(self.folder), scopes)
        return totals([*found, *((line, True) for line in jobs.values())], scopes)

    def scopes(self) -> list[str]:
        """Return all scopes that anything was spent in, or set aside, in order.

        Raises:
            CacheError: if a file is damaged, or written by a newer version.
        """
        found = self._in_every_file(_lines)
        return sorted({line.scope for _, _, lines in found for line in lines})

    def _in_every_file(
        self, read: Callable[[Path, sqlite3.Connection], Found], but: Path | None = None
    ) -> list[Found]:
        if but is not None and reply_files(self.folder) == [but]:
            return []
        with self._reading:
            for _ in range(_TRIES):
                # A merge removes files whose content it has put into another: look again.
                with contextlib.suppress(FileNotFoundError):
                    return self._read(read, but)
        raise FileNotFoundError(f"the files of {self.folder} keep changing")

    def _read(
        self, read: Callable[[Path, sqlite3.Connection], Found], but: Path | None
    ) -> list[Found]:
        paths = reply_files(self.folder)
        for gone in self._readers.keys() - set(paths):
            self._readers.pop(gone).close()
        found = []
        for path in paths:
            if path == but:
                continue
            connection = self._readers.pop(path, None) or open_to_read(path)
            if connection is None:
                continue
            try:
                with told(path):
                    found.append(read(path, connection))
            except BaseException:
                connection.close()
                raise
            self._readers[path] = connection
        return found

    # Writing

    def keep(self, stored: StoredReply) -> Kept[None]:
        """Keep a reply; the result is there once it is on the disk.

        Of several under one key the latest stands.

        Raises:
            DataError: by the result, if the disk is full or nothing can be written.
        """
        return self.change(lambda connection: insert(connection, stored))

    def change(self, change: Change) -> Kept[None]:
        """Have a change made to the own file with whatever else is waiting."""

        def told_change(connection: sqlite3.Connection) -> None:
            with told(self.path):
                change(connection)

        return self._writer.change(told_change)

    def alone(self, work: Callable[[sqlite3.Connection], Found]) -> Kept[Found]:
        """Have work done on the own file that makes transactions of its own."""

        def told_work(connection: sqlite3.Connection) -> Found:
            with told(self.path):
                return work(connection)

        return self._writer.alone(told_work)

    def _open(self) -> sqlite3.Connection:
        if self._claim is None:
            self._claim = Claim(self.folder, self._writer_name)
        return self._claim.open()

    @property
    def path(self) -> Path:
        """Where the own file lies; the folder, as long as there is none."""
        return self._claim.path if self._claim else self.folder

    @property
    def claim(self) -> str:
        """What tells this process from those that had its file before; empty before it has one."""
        return self._claim.id if self._claim else ""

    @property
    def commits(self) -> int:
        """How many groups were written."""
        return self._writer.commits

    def close(self) -> None:
        """Write what is waiting, and leave the own file to others."""
        self._writer.close()
        with self._reading:
            for connection in self._readers.values():
                connection.close()
            self._readers.clear()
        if self._claim is not None:
            self._claim.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def insert(connection: sqlite3.Connection, stored: StoredReply) -> None:
    """Put a reply into a file, within a transaction; a later one that is there stays."""
    connection.execute(_INSERT, stored.row())


def all_replies(path: Path, connection: sqlite3.Connection) -> Iterator[StoredReply]:
    """Yield every reply of a file.

    Raises:
        CacheError: if one is not what was written.
    """
    for row in connection.execute(f"SELECT {_FIELDS} FROM replies ORDER BY key"):  # noqa: S608
        yield _sound(path, row)


def _held(connection: sqlite3.Connection, wanted: set[bytes]) -> set[bytes]:
    """Return which of some keys a file holds, by whichever is the shorter way."""
    [(rows,)] = connection.execute("SELECT max(rowid) FROM replies")
    if (rows or 0) < len(wanted):
        return wanted & {key for (key,) in connection.execute("SELECT key FROM replies")}
    found: set[bytes] = set()
    for part in _parts(wanted):
        query = f"SELECT key FROM replies WHERE key IN ({_marks(part)})"  # noqa: S608
        found.update(key for (key,) in connection.execute(query, part))
    return found


def _replies(
    path: Path, connection: sqlite3.Connection, keys: Collection[bytes]
) -> list[StoredReply]:
    query = f"SELECT {_FIELDS} FROM replies WHERE key IN ({_marks(keys)})"  # noqa: S608
    return [_sound(path, row) for row in connection.execute(query, tuple(keys)).fetchall()]


def _sound(path: Path, row: tuple[object, ...]) -> StoredReply:
    reply = from_row(row)
    if reply is None:
        raise damaged(path, "a reply is not what was written")
    return reply


def _lines(path: Path, connection: sqlite3.Connection) -> tuple[bool, str, list[Line]]:
    alive = in_use(path)
    try:
        return alive, *read_lines(connection)
    except ValueError as error:
        raise damaged(path, f"{error} is not what was written") from error


def _parts(keys: set[bytes]) -> Iterator[list[bytes]]:
    ordered = iter(sorted(keys))
    while part := list(islice(ordered, _AT_ONCE)):
        yield part


def _marks(part: Collection[bytes]) -> str:
    return ", ".join("?" * len(part))
