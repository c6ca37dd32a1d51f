"""Where requests wait their turn: in the order in which they came, until the server has room.

All of it happens in the thread of one loop, so nothing here is locked against other threads.
"""

import asyncio
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from assay.backends.endpoint.limiter import Breaker, Limiter, Outcome, Rates
from assay.backends.endpoint.retries import Clock


class Ticket(NamedTuple):
    """Lets one attempt through; `leave` takes it back."""

    burst: int
    trip: int


class Gate:
    """Lets attempts through as the limits say.

    Args:
        limiter: how many at a time.
        breaker: when none at all.
        rates: what the server says of its limits.
        clock: what tells the time.
    """

    def __init__(self, limiter: Limiter, breaker: Breaker, rates: Rates, clock: Clock) -> None:
        self.limiter = limiter
        self.breaker = breaker
        self._rates = rates
        self._clock = clock
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()
        self._shut = False

    async def enter(self, size: int) -> Ticket | None:
        """Wait for a turn, and return the ticket; None once nothing is sent any more.

        Args:
            size: bytes of the request.
        """
        async with self._turn:  # who came first waits for room, the others for this one
            while not self._shut:
                self._changed.clear()
                now = self._clock.now()
                wait = max(self.breaker.wait(now), self._rates.wait(now, size))
                if not wait and self.limiter.free:
                    self._rates.begin(now, size)
                    return Ticket(self.limiter.begin(), self.breaker.begin())
                await self._until_changed(wait or math.inf)
        return None

    def leave(self, ticket: Ticket, outcome: Outcome) -> bool:
        """Take a ticket back; return whether this began a pause.

        Args:
            ticket: of the attempt that ended.
            outcome: how it ended.
        """
        self.limiter.end(ticket.burst, outcome)
        paused = self.breaker.end(ticket.trip, outcome, self._clock.now())
        self._changed.set()
        return paused

    def hear(self, headers: Mapping[str, str]) -> None:
        """Take in what the headers of a reply say of limits."""
        self._rates.hear(headers, self._clock.now(), datetime.now(UTC))

    def pause(self, seconds: float) -> None:
        """Let nothing through for so many seconds."""
        self._rates.pause(seconds, self._clock.now())

    def shut(self) -> None:
        """Let nothing through any more, and send away all who wait."""
        self._shut = True
        self._changed.set()

    def open(self) -> None:
        """Let attempts through again."""
        self._shut = False

    async def _until_changed(self, seconds: float) -> None:
        if seconds == math.inf:
            await self._changed.wait()
            return
        tasks = {
            asyncio.ensure_future(self._changed.wait()),
            asyncio.ensure_future(self._clock.sleep(seconds)),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
