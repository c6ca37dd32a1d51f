"""A clock for requests of tests: nobody waits, and time jumps to the next one who would."""

import asyncio
import heapq
import itertools
from dataclasses import dataclass, field

from assay.backends.endpoint.retries import Clock

_TURNS = 30
"""Turns of a loop after which nothing moves that does not wait for the clock."""


@dataclass
class JumpingClock:
    """Time that passes only while somebody waits for it.

    Attributes:
        time: seconds.
        drawn_below: every bound below which a number was drawn.
        share: what is drawn, as a share of the bound.
    """

    time: float = 0.0
    drawn_below: list[float] = field(default_factory=list)
    share: float = 1.0
    _waiting: list[tuple[float, int]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def clock(self) -> Clock:
        """Return it as a client takes it."""
        return Clock(lambda: self.time, self.sleep, self._drawn)

    async def sleep(self, seconds: float) -> None:
        """Wait until all who wait for less have had their turn."""
        entry = (self.time + seconds, next(self._numbers))
        heapq.heappush(self._waiting, entry)
        try:
            still = 0
            while self.time < entry[0]:
                before = (self.time, len(self._waiting), self._waiting[0])
                await asyncio.sleep(0)
                still = still + 1 if before == (self.time, *self._state()) else 0
                if still >= _TURNS and self._waiting[0] == entry:
                    self.time = max(self.time, entry[0])
        finally:
            self._waiting.remove(entry)
            heapq.heapify(self._waiting)

    def _state(self) -> tuple[int, tuple[float, int]]:
        return len(self._waiting), self._waiting[0]

    def _drawn(self, below: float) -> float:
        self.drawn_below.append(below)
        return self.share * below
