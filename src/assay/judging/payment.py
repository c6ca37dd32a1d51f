"""Money for requests that are on their way: set aside for every try, and settled when it is over.

A try that was not answered may have been billed: where the server may have got it, it counts as the
most that it could cost, and the next one needs money of its own.
"""

import asyncio

from assay.judging.ledger import Ledger, Reservation
from assay.judging.stored_reply import StoredReply


class CappedError(Exception):
    """There is no money for another try."""


class Purse:
    """What the requests of a pass are paid from. Used in one event loop.

    Args:
        ledger: what may be spent.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._open = 0
        self._freed: list[asyncio.Future[None]] = []

    async def reserve(self, worst: int) -> Reservation:
        """Set money aside, waiting for what is under way where that may free some.

        Raises:
            CappedError: if the cap could be passed.
        """
        while True:
            found = await self.ledger.reserving(worst)
            if found is not None:
                self._open += 1
                return found
            if not self._open:
                raise CappedError
            freed = asyncio.get_running_loop().create_future()
            self._freed.append(freed)
            await freed

    async def settle(
        self, reservation: Reservation, cost: int | None, reply: StoredReply | None = None
    ) -> None:
        """Count what a try has cost, None for the most that it could; keep its reply."""
        try:
            if cost is None:
                await self.ledger.failed(reservation)
            else:
                await self.ledger.settle(reservation, cost, reply)
        finally:
            self.free()

    def release(self, reservation: Reservation) -> None:
        """Give back what was set aside for a try that costs nothing."""
        self.ledger.release(reservation)
        self.free()

    def free(self) -> None:
        """Let those that wait look again; also for money that stays set aside for good."""
        self._open -= 1
        for waiting in self._freed:
            if not waiting.done():
                waiting.set_result(None)
        self._freed.clear()


class Payment:
    """The money of one request, try after try.

    Args:
        purse: what it is paid from.
        worst: the most that a try can cost, in billionths.
    """

    def __init__(self, purse: Purse, worst: int) -> None:
        self._purse = purse
        self.worst = worst
        self._reservation: Reservation | None = None

    async def begin(self) -> None:
        """Set money aside for a try; raises as `Purse.reserve`."""
        self._reservation = await self._purse.reserve(self.worst)

    def release(self) -> None:
        """Give back what was set aside for a try that costs nothing."""
        self._purse.release(self._taken())

    async def lose(self) -> None:
        """Count a try without a reply as the most that it can cost: it may have been billed."""
        await self._purse.settle(self._taken(), None)

    async def settle(self, cost: int, reply: StoredReply) -> None:
        """Count what the try that was answered has cost, and keep its reply."""
        await self._purse.settle(self._taken(), cost, reply)

    def abandon(self) -> None:
        """Leave what is set aside for a try that was broken off: it may be billed."""
        if self._reservation is not None:
            self._reservation = None
            self._purse.free()

    def _taken(self) -> Reservation:
        if self._reservation is None:
            raise ValueError("nothing is set aside for this try")
        found, self._reservation = self._reservation, None
        return found
