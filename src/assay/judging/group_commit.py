"""Changes that wait together are committed together, by one thread, again and again.

A commit costs a wait for the disk. While one is under way the next ones gather, so that under load
there are as many commits as the disk gives and no more, and nobody is told of a change before it is
on the disk.
"""

import asyncio
import contextlib
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")
Change = Callable[[sqlite3.Connection], None]
"""Made inside of a transaction, and again in one of its own where another change failed."""


class Kept(Future[Value], Generic[Value]):
    """Something that is on the disk once it has a result; it can be awaited, too.

    Whoever waits may be cancelled; what is to be written is written all the same.
    """

    def cancel(self) -> bool:
        """Return False: a change that was handed over is not called back."""
        return False

    def __await__(self) -> Generator[object, None, Value]:
        """Wait for it inside of an event loop."""
        return asyncio.wrap_future(self).__await__()


class GroupCommit:
    """A thread that writes to one database.

    Args:
        open_database: gives the connection, once there is something to write.
    """

    def __init__(self, open_database: Callable[[], sqlite3.Connection]) -> None:
        self._open_database = open_database
        self._waiting: deque[tuple[Kept[None], Change]] = deque()
        self._alone: deque[tuple[Kept[Any], Callable[[sqlite3.Connection], Any]]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ending = False
        self.commits = 0

    def change(self, change: Change) -> Kept[None]:
        """Have a change made with whatever else is waiting."""
        kept: Kept[None] = Kept()
        with self._changed:
            self._begin()
            self._waiting.append((kept, change))
            self._changed.notify()
        return kept

    def alone(self, work: Callable[[sqlite3.Connection], Value]) -> Kept[Value]:
        """Have work done that makes transactions of its own, between those of others."""
        kept: Kept[Value] = Kept()
        with self._changed:
            self._begin()
            self._alone.append((kept, work))
            self._changed.notify()
        return kept

    def _begin(self) -> None:
        if self._ending:
            raise ValueError("it was closed")
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="replies", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Write what is waiting, and end the thread."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while True:
            with self._changed:
                while not (self._waiting or self._alone or self._ending):
                    self._changed.wait()
                if not (self._waiting or self._alone):
                    break
                group, self._waiting = self._waiting, deque()
                alone, self._alone = self._alone, deque()
            try:
                connection = connection or self._open_database()
            except Exception as error:  # whoever waits is told, and the next ones try anew
                for kept, _ in (*group, *alone):
                    kept.set_exception(error)
                continue
            self._commit(connection, group)
            for kept, work in alone:
                _fulfil(kept, connection, work)
        if connection is not None:
            connection.close()

    def _commit(
        self, connection: sqlite3.Connection, group: deque[tuple[Kept[None], Change]]
    ) -> None:
        if not group:
            return
        try:
            with transaction(connection):
                for _, change in group:
                    change(connection)
            self.commits += 1
        except Exception as error:
            if len(group) > 1:
                for each in group:
                    self._commit(connection, deque([each]))
            else:
                group[0][0].set_exception(error)
            return
        for kept, _ in group:
            kept.set_result(None)


def _fulfil(
    kept: Kept[Value], connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], Value]
) -> None:
    try:
        kept.set_result(work(connection))
    except Exception as error:
        kept.set_exception(error)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None, None, None]:
    """Commit what the block writes when it ends well, and undo it when not."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except Exception:
        # An error of the disk may have undone it already.
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
