"""When a request is sent again: after which pauses, how often, and for how long in all."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from assay.backends.endpoint.failures import UnansweredError
from assay.wording import seconds as seconds_text

PAUSES_SECONDS: Sequence[float] = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Longest pauses before a request to a model is sent again; each is drawn evenly below."""
JUDGE_PAUSES_SECONDS: Sequence[float] = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""The same of a request to a judge, of which thousands may be under way when a server restarts."""
LONGEST_WAIT_SECONDS = 120.0
"""What a request to a model waits in all where a server asks for pauses."""
JUDGE_LONGEST_WAIT_SECONDS = 300.0
"""The same of one to a judge."""
JUDGE_SECONDS = 600.0
"""How long after the first try of a request to a judge no other begins."""
_EXTRA_SHARE = 0.1


@dataclass(frozen=True)
class Patience:
    """How long a server is given.

    Attributes:
        parallel: most requests at a time, unless the environment says otherwise.
        pauses: longest pause before each further try, in seconds.
        asked: seconds that a request waits in all because the server asks it to.
        seconds: how long after the first try of a request no other begins.
        breaks: whether nothing is sent for a while where most attempts fail.
    """

    parallel: int
    pauses: Sequence[float]
    asked: float
    seconds: float = math.inf
    breaks: bool = False


def model_patience() -> Patience:
    """Return what a model's server is given: a run ends soon after it is gone."""
    return Patience(16, PAUSES_SECONDS, LONGEST_WAIT_SECONDS)


def judge_patience() -> Patience:
    """Return what a judge's server is given: it outlives a restart."""
    return Patience(
        64, JUDGE_PAUSES_SECONDS, JUDGE_LONGEST_WAIT_SECONDS, JUDGE_SECONDS, breaks=True
    )


def _uniform() -> Callable[[float], float]:
    generator = np.random.default_rng()
    return lambda below: float(generator.uniform(0.0, below))


@dataclass(frozen=True)
class Clock:
    """What tells the time, waits, and draws; tests put in their own.

    Attributes:
        now: seconds since some moment.
        sleep: waits so many seconds, in a loop.
        drawn: a number drawn evenly between 0 and another one.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    drawn: Callable[[float], float] = field(default_factory=_uniform)


class Course:
    """The tries of one request.

    Args:
        patience: how long its server is given.
        clock: what tells the time.
    """

    def __init__(self, patience: Patience, clock: Clock) -> None:
        self._patience = patience
        self._clock = clock
        self._begun = clock.now()
        self._left = patience.asked
        self.tries = 0

    def pause(self, error: UnansweredError) -> float | None:
        """Return the seconds until the next try; None if there is none.

        Full jitter: servers that come up again are not met by all requests in the same moment.

        Args:
            error: how the last one failed, as `within` returned it.
        """
        self.tries += 1
        if error.lasting or self.tries > len(self._patience.pauses):
            return None
        longest = self._patience.pauses[self.tries - 1]
        if error.wait is None:
            pause = self._clock.drawn(longest)
        else:
            self._left -= error.wait
            extra = min(longest, 1.0 + _EXTRA_SHARE * error.wait)
            pause = error.wait + self._clock.drawn(extra)
        late = self._clock.now() + pause - self._begun > self._patience.seconds
        return None if late else pause

    def within(self, error: UnansweredError) -> UnansweredError:
        """Return an error, as one that ends all where a server asks for too long a pause."""
        if error.wait is None or error.wait <= self._left:
            return error
        wait = seconds_text(error.wait)
        return UnansweredError(
            str(error),
            error.heard,
            hint=f"what is done is kept: run the same line again in {wait}, and it goes on; no "
            f"request waits longer than {seconds_text(self._patience.asked)}",
            stops=True,
        )
