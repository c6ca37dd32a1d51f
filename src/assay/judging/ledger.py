"""Money for requests: reserved before one is sent, settled when it is answered, never above a cap.

A request may cost its worst case, so that much is set aside first. Setting it aside on the disk for
every request would cost a wait each; it is leased in blocks, and a lease is on the disk before the
first request under it is sent. A block is some tenths of a second long. What is leased and
not used is lost with a process that is killed: it is no more than what is under way, and a small
part of what is left.

No lock is needed between processes that share a cap. Each writes its lease first, then reads what
all have written, and takes it back if the sum is above the cap: of two that want the same rest, the
later one to read sees both.
"""

import random
import secrets
import sqlite3
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from assay.judging.group_commit import Kept, transaction
from assay.judging.spending import PLAIN, Line, Totals, read_line, write_line
from assay.judging.store import ReplyStore, StoredReply, insert

_FIRST_BLOCK = 8  # worst cases
_SHARE_OF_REST = 16
_FAST_SECONDS, _SLOW_SECONDS = 0.1, 0.5
_TRIES = 6
_PAUSE_SECONDS = 0.01


@dataclass(eq=False)
class Reservation:
    """Money set aside for one request.

    Attributes:
        scope: what it is counted under.
        worst: the most that the request should cost, in billionths of the currency.
        is_open: whether it was neither settled nor given back.
    """

    scope: str
    worst: int
    is_open: bool = field(default=True, init=False)


class Ledger:
    """What a run may still spend. Calls may come from any thread.

    Args:
        store: whose folder's spending counts, of all processes, now and earlier.
        scopes: what the cap covers together; the first is that of a reservation that names none.
        cap: in billionths of the currency; None for no bound.
    """

    def __init__(self, store: ReplyStore, scopes: Collection[str], cap: int | None) -> None:
        if not scopes:
            raise ValueError("a ledger has a scope at least")
        self._store, self.cap = store, cap
        self.scopes = tuple(scopes)
        self._session = secrets.token_hex(8)
        self._lock = threading.Lock()
        # Leased on the disk and reserved by nobody.
        self._idle = dict.fromkeys(self.scopes, 0)
        self._under_way = 0  # worst cases of open reservations
        self._block = dict.fromkeys(self.scopes, 0)
        self._leased_at = dict.fromkeys(self.scopes, 0.0)
        self._is_topping_up = dict.fromkeys(self.scopes, False)
        # Costs above the worst case: how many there were, are written, and were there on a look.
        self._overruns = self._overruns_written = self._overruns_seen = 0
        self.leases = 0

    # What stands on the disk

    def totals(self) -> Totals:
        """Return what was spent and what may be under way, of all processes."""
        return self._store.totals(self.scopes)

    @property
    def spent(self) -> int:
        """What was spent, and what killed processes may have spent at most. In billionths."""
        found = self.totals()
        return found.settled + found.lost

    @property
    def open(self) -> int:
        """The worst case of what is under way or about to be sent. In billionths."""
        return self.totals().open

    @property
    def left(self) -> int | None:
        """What the cap still allows, 0 or more, in billionths; None without a cap."""
        return None if self.cap is None else max(self.cap - self.totals().committed, 0)

    @property
    def overrun(self) -> int:
        """By how much requests have cost more than their worst case together. In billionths."""
        return self.totals().overrun

    # Reserving

    def reserve(self, worst: int, scope: str | None = None) -> Reservation | None:
        """Set money aside for a request; may wait for the disk.

        Returns:
            None where the cap could be passed. Requests under way hold their worst case: when one
            is settled, there may be room again.

        Raises:
            DataError: if the disk is full or nothing can be written.
            CacheError: if a file of the folder is damaged.
        """
        scope = self._checked(worst, scope)
        while (reservation := self._take(scope, worst)) is None:
            if not self._lease(scope, worst).result():
                return None
        return reservation

    async def reserving(self, worst: int, scope: str | None = None) -> Reservation | None:
        """Do the same as `reserve` inside of an event loop, which goes on meanwhile."""
        scope = self._checked(worst, scope)
        while (reservation := self._take(scope, worst)) is None:
            if not await self._lease(scope, worst):
                return None
        return reservation

    def _checked(self, worst: int, scope: str | None) -> str:
        scope = self.scopes[0] if scope is None else scope
        if scope not in self._idle:
            raise ValueError(f"{scope!r} is none of the scopes of this ledger")
        if worst < 0:
            raise ValueError("a worst case is 0 or more")
        return scope

    def _take(self, scope: str, worst: int) -> Reservation | None:
        with self._lock:
            if self._overruns > self._overruns_seen or self._idle[scope] < worst:
                return None
            self._idle[scope] -= worst
            self._under_way += worst
            runs_low = worst > 0 and 2 * self._idle[scope] < self._block[scope]
            tops_up = runs_low and not self._is_topping_up[scope]
            if tops_up:
                self._is_topping_up[scope] = True
        if tops_up:
            self._lease(scope, 0)
        return Reservation(scope, worst)

    def _lease(self, scope: str, needed: int) -> Kept[bool]:
        def work(connection: sqlite3.Connection) -> bool:
            try:
                return self._extend(connection, scope, needed)
            finally:
                # Where there was no room, only those that wait for it ask again.
                self._is_topping_up[scope] = False

        return self._store.alone(work)

    def _extend(self, connection: sqlite3.Connection, scope: str, needed: int) -> bool:
        """Lease more, so that so much is idle; 0 asks for a block if there is room for one."""
        for attempt in range(_TRIES):
            written = self._overruns_written
            room = self._room(self.totals())
            with self._lock:
                short = max(needed - self._idle[scope], 0)
                if room >= 0:
                    self._overruns_seen = written
            if room < short:
                if self._taken_back(connection):
                    continue
                return False
            amount = self._amount(scope, needed, short, room)
            if not amount:
                return True
            self._add(connection, {scope: amount})
            above = -self._room(self.totals())
            if above > 0:  # another process has leased the same rest
                kept = amount - above if amount - above >= max(short, 1) else 0
                self._add(connection, {scope: kept - amount})
                amount = kept
            if amount:
                with self._lock:
                    self._idle[scope] += amount
                self.leases += 1
                return True
            time.sleep(random.random() * _PAUSE_SECONDS * 2**attempt)  # noqa: S311
        return False

    def _room(self, found: Totals) -> int:
        """Return how much more may be leased; negative above the cap."""
        if self.cap is None:
            return 1 << 62
        return (self.cap - found.committed) * PLAIN // found.permille

    def _amount(self, scope: str, needed: int, short: int, room: int) -> int:
        """Return a block for some tenths of a second, small beside what is left."""
        now = time.monotonic()
        since = now - self._leased_at[scope]
        block = max(self._block[scope], _FIRST_BLOCK * needed)
        if since < _FAST_SECONDS:
            block *= 2
        elif since > _SLOW_SECONDS:
            block //= 2
        self._block[scope] = min(max(block, needed), 1 << 53)
        if not short and needed:
            return 0  # somebody else's lease was enough
        self._leased_at[scope] = now
        with self._lock:
            idle, under_way = sum(self._idle.values()), self._under_way
        most = min(max(under_way, _FIRST_BLOCK * needed), room // _SHARE_OF_REST)
        return max(short, min(self._block[scope], most - idle))

    def _add(self, connection: sqlite3.Connection, amounts: Mapping[str, int]) -> None:
        with transaction(connection):
            for scope, amount in amounts.items():
                line = read_line(connection, self._line(scope))
                write_line(connection, line._replace(open=line.open + amount))

    def _line(self, scope: str) -> Line:
        return Line(self._session, scope, self._store.claim)

    def _taken_back(self, connection: sqlite3.Connection) -> bool:
        """Give back what is idle, and return whether anything was."""
        idle = self._emptied()
        if idle:
            self._add(connection, {scope: -amount for scope, amount in idle.items()})
        return bool(idle)

    def _emptied(self) -> dict[str, int]:
        with self._lock:
            idle = {scope: amount for scope, amount in self._idle.items() if amount}
            self._idle.update(dict.fromkeys(idle, 0))
        return idle

    # Settling

    def settle(
        self, reservation: Reservation, cost: int, reply: StoredReply | None = None
    ) -> Kept[None]:
        """Count what a request has cost, and keep its reply in the same transaction.

        A cost above the worst case counts in full. From then on every open request counts as if
        it could cost that many times its worst case, and nothing is sent above the cap.

        Raises:
            ValueError: if it was settled or given back before.
            DataError: by the result, if the disk is full or nothing can be written.
        """
        self._end(reservation)
        scope, worst = reservation.scope, reservation.worst
        if cost > worst:
            # What is idle was leased for requests that were thought to cost less.
            with self._lock:
                self._overruns += 1

        def change(connection: sqlite3.Connection) -> None:
            if reply is not None:
                insert(connection, reply)
            if cost or worst:
                line = read_line(connection, self._line(scope))
                line = line._replace(open=line.open - worst)
                write_line(connection, _settled(line, worst, cost))

        kept = self._store.change(change)
        if cost > worst:
            kept.add_done_callback(self._overrun_is_written)
        return kept

    def _overrun_is_written(self, _: object) -> None:
        with self._lock:
            self._overruns_written += 1

    def charge(self, cost: int, reply: StoredReply, scope: str | None = None) -> Kept[None]:
        """Count a cost for which money was set aside elsewhere, and keep its reply with it."""
        line = self._line(self._checked(cost, scope))

        def change(connection: sqlite3.Connection) -> None:
            insert(connection, reply)
            found = read_line(connection, line._replace(claim=self._store.claim))
            write_line(connection, found._replace(spent=found.spent + cost))

        return self._store.change(change)

    def failed(self, reservation: Reservation, cost: int | None = None) -> Kept[None]:
        """Count what an attempt without a reply has cost; None: not known, so its worst case."""
        return self.settle(reservation, reservation.worst if cost is None else cost)

    def release(self, reservation: Reservation) -> None:
        """Give back what was set aside for a request that was not sent."""
        self._end(reservation)
        with self._lock:
            self._idle[reservation.scope] += reservation.worst

    def _end(self, reservation: Reservation) -> None:
        with self._lock:
            if not reservation.is_open:
                raise ValueError("a reservation ends once")
            reservation.is_open = False
            self._under_way -= reservation.worst

    def close(self) -> None:
        """Give back what was leased and not used, before the store is closed.

        What is under way stays set aside.
        """
        if self._store.claim:  # else nothing was ever leased
            self._store.alone(self._taken_back).result()


def _settled(line: Line, worst: int, cost: int) -> Line:
    most = max(line.permille, -(-cost * PLAIN // worst) if worst else PLAIN)
    return line._replace(
        spent=line.spent + cost, overrun=line.overrun + max(cost - worst, 0), permille=most
    )
