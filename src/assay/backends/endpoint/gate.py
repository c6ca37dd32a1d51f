"""Where requests wait their turn: in the order in which they came, until the server has room.

All of it happens in the thread of one loop, so nothing here is locked against other threads.
"""

import asyncio
import math
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from assay.backends.endpoint.limiter import Breaker, Limiter, Outcome, Rates
from assay.backends.endpoint.retries import Clock


class Ticket(NamedTuple):
    """Lets one attempt through; `leave` takes it back."""

    burst: int
    trip: int


class _Waiting(NamedTuple):
    ticket: "asyncio.Future[Ticket | None]"
    size: int


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
        self._queue: deque[_Waiting] = deque()
        self._alarm: asyncio.Task[None] | None = None
        self._shut = False

    async def enter(self, size: int) -> Ticket | None:
        """Wait for a turn, and return the ticket; None once nothing is sent any more.

        Args:
            size: bytes of the request.
        """
        waiting = _Waiting(asyncio.get_running_loop().create_future(), size)
        self._queue.append(waiting)
        self._admit()
        try:
            return await waiting.ticket
        except asyncio.CancelledError:
            if waiting.ticket.done() and not waiting.ticket.cancelled():
                given = waiting.ticket.result()  # it came in the moment of the interruption
                if given is not None:
                    self.leave(given, Outcome.NONE)
            raise

    def leave(self, ticket: Ticket, outcome: Outcome) -> bool:
        """Take a ticket back; return whether this began a pause.

        Args:
            ticket: of the attempt that ended.
            outcome: how it ended.
        """
        self.limiter.end(ticket.burst, outcome)
        paused = self.breaker.end(ticket.trip, outcome, self._clock.now())
        self._admit()
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
        self._admit()

    def open(self) -> None:
        """Let attempts through again."""
        self._shut = False
        self.breaker.renew()

    def _admit(self) -> None:
        """Let through who may go, in the order in which they came."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while self._queue:
            ticket, size = self._queue[0]
            if ticket.done():  # given up
                self._queue.popleft()
                continue
            if self._shut:
                self._queue.popleft()
                ticket.set_result(None)
                continue
            now = self._clock.now()
            wait = max(self.breaker.wait(now), self._rates.wait(now, size))
            if wait:
                self._wake_after(wait)
                return
            if not self.limiter.free:
                return
            self._queue.popleft()
            self._rates.begin(now, size)
            ticket.set_result(Ticket(self.limiter.begin(), self.breaker.begin()))

    def _wake_after(self, seconds: float) -> None:
        if seconds < math.inf:  # otherwise the attempt that is under way changes something
            self._alarm = asyncio.ensure_future(self._ring(seconds))

    async def _ring(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._alarm = None
        self._admit()
