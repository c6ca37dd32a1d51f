"""How many requests a server is sent at a time, and when it is left alone: state, without waiting.

Three things hold a request back. The limit of those under way grows while answers come and halves
when the server is pressed. What the server itself says of its limits is kept to. And where most
attempts fail, nothing is sent for a while, then one request alone tries whether that is over.
"""

import math
import re
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import NamedTuple

FIRST_LIMIT = 8
"""Requests at a time with which a server on another machine is met."""
FIRST_LIMIT_LOCAL = 32
"""The same, of one on this machine."""
BREAKER_WINDOW = 50
"""Attempts over which failures are counted."""
BREAKER_SHARE = 0.5
"""Share of failures above which nothing is sent for a while."""
BREAKER_SECONDS = 60.0
"""How long that is."""
BREAKER_TRIPS = 3
"""After how many such pauses, with no sound window between them, a server is given up."""


class Outcome(Enum):
    """How an attempt ended, as far as the next ones are concerned.

    Attributes:
        ANSWERED: the server did as it was asked.
        REFUSED: it would not, and works.
        WAITING: it asks to wait, and says how long.
        PRESSED: it has too much to do, or gave no answer in time.
        FAILED: it failed otherwise.
        NONE: the attempt was given up before it ended.
    """

    ANSWERED = "answered"
    REFUSED = "refused"
    WAITING = "waiting"
    PRESSED = "pressed"
    FAILED = "failed"
    NONE = "none"


class Limiter:
    """The limit of requests at a time.

    It grows by one after as many answers in a row as it is large, once it was reached, and halves
    when the server is pressed: once for all requests that were sent before it did.

    Args:
        first: where it begins.
        most: what it never exceeds.
    """

    def __init__(self, first: int, most: int) -> None:
        self.limit = max(1, min(first, most))
        self.under_way = 0
        self._most = max(1, most)
        self._row = 0
        self._bursts = 0
        self._reached = False

    @property
    def free(self) -> bool:
        """Whether one more may be sent."""
        return self.under_way < self.limit

    def begin(self) -> int:
        """Count one more, and return what `end` takes."""
        self.under_way += 1
        self._reached = self._reached or not self.free
        return self._bursts

    def end(self, burst: int, outcome: Outcome) -> None:
        """Count one less.

        Args:
            burst: what `begin` returned.
            outcome: how it ended.
        """
        self.under_way -= 1
        if outcome in (Outcome.PRESSED, Outcome.WAITING):
            self._row = 0
            if burst == self._bursts:  # the others of a burst say the same once more
                self._bursts += 1
                self.limit = max(1, self.limit // 2)
        elif outcome is Outcome.FAILED:
            self._row = 0
        elif outcome is Outcome.ANSWERED and self._reached:
            self._row += 1
            if self._row >= self.limit:
                self._row, self._reached = 0, False
                self.limit = min(self.limit + 1, self._most)


class Breaker:
    """Stops sending where most attempts fail.

    Failures are counted over the last attempts that ended. Those that were begun before a pause say
    nothing of the time after it. A server that asks to wait works: this is no failure.

    Args:
        on: whether it ever does.
    """

    def __init__(self, *, on: bool = True) -> None:
        self.trips = 0
        self._on = on
        self._failed: deque[bool] = deque(maxlen=BREAKER_WINDOW)
        self._until: float | None = None
        self._probing = False

    @property
    def given_up(self) -> bool:
        """Whether it has paused so often that nothing more is sent."""
        return self.trips >= BREAKER_TRIPS

    def renew(self) -> None:
        """Forget what was, where a server that was given up is tried again."""
        if self.given_up:
            self.trips, self._until, self._probing = 0, None, False
            self._failed.clear()

    def wait(self, now: float) -> float:
        """Return the seconds until something may be sent; infinity until a probe has ended."""
        if self._until is None:
            return 0.0
        return math.inf if self._probing else max(0.0, self._until - now)

    def begin(self) -> int:
        """Return what `end` takes of an attempt that begins: after a pause the first is a probe."""
        self._probing = self._until is not None
        return self.trips

    def end(self, trip: int, outcome: Outcome, now: float) -> bool:
        """Count an attempt; return whether it began a pause.

        Args:
            trip: what `begin` returned.
            outcome: how it ended.
            now: seconds of the clock.
        """
        if not self._on or trip != self.trips:
            return False
        failed = outcome in (Outcome.PRESSED, Outcome.FAILED)
        if self._until is not None:
            self._probing = False
            if outcome is Outcome.NONE:
                return False
            self._until = None
            return failed and self._trip(now)
        if outcome not in (Outcome.NONE, Outcome.WAITING):
            self._failed.append(failed)
        if len(self._failed) < BREAKER_WINDOW:
            return False
        if sum(self._failed) > BREAKER_SHARE * BREAKER_WINDOW:
            return self._trip(now)
        if not any(self._failed):
            self.trips = 0
        return False

    def _trip(self, now: float) -> bool:
        self.trips += 1
        self._failed.clear()
        self._until = now + BREAKER_SECONDS
        return True


class _Allowance(NamedTuple):
    left: float
    until: float


class Rates:
    """What a server says of its own limits, kept to until they are over.

    ``x-ratelimit-remaining-requests`` and ``-tokens`` say how much more it takes before the time of
    the ``-reset-`` header beside each; tokens are counted as a quarter of the bytes that are sent.

    Args:
        most_seconds: longest that anything is held back: what a header says may be nonsense.
    """

    def __init__(self, most_seconds: float) -> None:
        self._most = most_seconds
        self._quiet_until = -math.inf
        self._allowed: dict[str, _Allowance] = {}

    def wait(self, now: float, size: int) -> float:
        """Return the seconds until a request of so many bytes may be sent."""
        until = self._quiet_until
        for kind, allowance in self._allowed.items():
            if allowance.left < _cost(kind, size):
                until = max(until, allowance.until)
        return max(0.0, until - now)

    def begin(self, now: float, size: int) -> None:
        """Count a request of so many bytes."""
        for kind, allowance in list(self._allowed.items()):
            left = allowance.left - _cost(kind, size)
            if now >= allowance.until:
                del self._allowed[kind]
            else:
                self._allowed[kind] = _Allowance(left, allowance.until)

    def pause(self, seconds: float, now: float) -> None:
        """Let nothing be sent for so many seconds."""
        self._quiet_until = max(self._quiet_until, now + min(seconds, self._most))

    def hear(self, headers: Mapping[str, str], now: float, today: datetime) -> None:
        """Take in the headers of a reply.

        Args:
            headers: by names of any case.
            now: seconds of the clock.
            today: the same moment by the calendar.
        """
        for kind, suffix in (("requests", ""), ("requests", "-requests"), ("tokens", "-tokens")):
            left = headers.get(f"x-ratelimit-remaining{suffix}")
            if left is None:
                continue
            seconds = reset_seconds(headers.get(f"x-ratelimit-reset{suffix}", ""), today)
            if seconds is None or not left.strip().isdecimal():
                self._allowed.pop(kind, None)
            else:
                until = now + min(seconds, self._most)
                self._allowed[kind] = _Allowance(float(left), until)


def reset_seconds(said: str, today: datetime) -> float | None:
    """Return the seconds until a limit is over; None if it is not said.

    Args:
        said: such as ``6m0s``, ``120ms``, ``1.5``, or a moment in seconds or milliseconds since
            1970.
        today: the time by the calendar.
    """
    text = said.strip().lower()
    if _NUMBER.fullmatch(text):
        seconds = float(text)
        if seconds > _MILLISECONDS_SINCE_1970:
            seconds /= 1000
        return max(0.0, seconds - today.timestamp()) if seconds > _SECONDS_SINCE_1970 else seconds
    if not _SPAN.fullmatch(text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]*)?")
_PART = re.compile(r"([0-9]{1,20}(?:\.[0-9]*)?)(ms|s|m|h|d)")
_SPAN = re.compile(f"(?:{_PART.pattern})+")
_SECONDS_SINCE_1970 = 1e9
_MILLISECONDS_SINCE_1970 = 1e11


def _cost(kind: str, size: int) -> float:
    return 1.0 if kind == "requests" else size / 4
