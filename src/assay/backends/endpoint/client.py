"""The one client of servers: several requests at a time, again after a failure that may pass.

It works in a loop of its own, in a thread of its own. Who asks for many things at a time awaits
`Client.send` there, by way of `Client.run`; who asks from an ordinary thread calls `Client.post`,
which does the same.

The key comes from the environment, goes to the host that it is named for in one header, and is
struck out of all that the server says before a person sees it.
"""

import asyncio
import contextlib
import json
import logging
import math
import os
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, NamedTuple, TypeVar

import httpx2

from assay.backends.endpoint.answers import Accounts, Answer, Attempt
from assay.backends.endpoint.failures import Heard, RefusedError, UnansweredError
from assay.backends.endpoint.gate import Gate
from assay.backends.endpoint.http_transport import (
    INTERRUPTED,
    SIZE_VARIABLE,
    TIMEOUT_VARIABLE,
    BrokenError,
    Transport,
    UnreadableError,
)
from assay.backends.endpoint.keys import Host, Key, key_hint, key_of
from assay.backends.endpoint.limiter import (
    BREAKER_SECONDS,
    BREAKER_WINDOW,
    FIRST_LIMIT,
    FIRST_LIMIT_LOCAL,
    Breaker,
    Limiter,
    Outcome,
    Rates,
)
from assay.backends.endpoint.reading import Reader
from assay.backends.endpoint.retries import Clock, Course, Patience, judge_patience
from assay.errors import ConfigError
from assay.wording import seconds as seconds_text

PARALLEL_VARIABLE = "ASSAY_ENDPOINT_PARALLEL"
"""Environment variable: most requests at a time."""
SAID_WAIT_SECONDS = 10.0
"""A pause is said on the way if it is longer."""

_log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
Found = Answer | RefusedError | UnansweredError


class _Asked(NamedTuple):
    method: str
    url: str
    body: bytes | None
    form: str = ""  # of the body, where that is no JSON
    most: int = 0  # bytes of a reply that is no JSON


class Client:
    """Sends requests with JSON bodies to one server.

    Args:
        base: an address on the server; no other host is given its key.
        patience: how long the server is given; by default what a judge's is.
        key: its key, where that is known already; by default what the environment says.
        clock: what tells the time, waits and draws.
        wire: what carries the requests in place of the network.

    `ASSAY_ENDPOINT_PARALLEL` is the number of requests at a time, `ASSAY_ENDPOINT_TIMEOUT` the
    seconds that one may take in all, `ASSAY_ENDPOINT_REPLY_MIB` the size of the largest reply.

    Raises:
        ConfigError: if a setting or the key cannot be one.
    """

    def __init__(
        self,
        base: str,
        patience: Patience | None = None,
        *,
        key: str | None = None,
        clock: Clock | None = None,
        wire: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._patience = patience or judge_patience()
        self._clock = clock or Clock()
        self._host = Host.of(base)
        self._key = key_of(base) if key is None else Key(key, "its own settings")
        self.parallel = max(1, int(_setting(PARALLEL_VARIABLE, self._patience.parallel)))
        local = self._host.is_local
        self._reader = Reader(self._key.text, lambda: key_hint(base, self._key))
        self._transport = Transport(
            seconds=_setting(TIMEOUT_VARIABLE, 120.0),
            reply_bytes=int(_setting(SIZE_VARIABLE, 8.0) * 2**20),
            proxied=not local,
            wire=wire,
        )
        self._gate = Gate(
            Limiter(FIRST_LIMIT_LOCAL if local else FIRST_LIMIT, self.parallel),
            Breaker(on=self._patience.breaks),
            Rates(self._patience.asked),
            self._clock,
        )
        self._lock = threading.Lock()
        self._answered = 0
        self._stopped = threading.Event()
        self._why: RefusedError | UnansweredError = UnansweredError("not sent")
        self._resting: set[asyncio.Future[None]] = set()
        self._quiet_until = -math.inf

    # Whether anything is sent

    @property
    def limit(self) -> int:
        """How many requests are sent at a time, as the server has shown so far."""
        return self._gate.limiter.limit

    @property
    def stopped(self) -> bool:
        """Whether nothing is sent any more, because the server is gone or refuses everything."""
        return self._stopped.is_set()

    @property
    def why_stopped(self) -> RefusedError | UnansweredError:
        """What made all stop."""
        return self._why

    def resume(self) -> None:
        """Send requests again."""
        self._transport.resume()
        self._stopped.clear()
        self._in_loop(self._gate.open)

    def close(self) -> None:
        """Close all connections, and give up what is under way; nothing is sent any more."""
        self.break_off()
        self._transport.close()

    def break_off(self) -> None:
        """Send nothing more until `resume`, and give up what is under way."""
        self._stop(UnansweredError(INTERRUPTED))
        self._transport.interrupt()

    def reported(self, answer: Any) -> str:
        """Return what an answer says of an error, as a line that is safe to show; "" if nothing."""
        return self._reader.reported(answer)

    # From the client's loop

    async def send(self, url: str, body: bytes, *, accounts: Accounts | None = None) -> Answer:
        """Return what a route answers, asked again where a failure may pass; in `run` alone.

        Args:
            url: where to.
            body: JSON.
            accounts: agrees to each try, and is told how it ended.

        Raises:
            RefusedError: if it answers with an error for good; `cause` says of what kind. Where
                every other request would be refused, too, all stop: what is under way ends.
            UnansweredError: if it gave no answer however often it was asked, or nothing is sent
                any more. Where meanwhile no other request was answered either, all stop.
        """
        return await self._persist(_Asked("POST", url, body), accounts, patient=True)

    async def exchange(
        self, method: str, url: str, body: bytes | None = None, *, form: str = "", most: int = 0
    ) -> Answer:
        """Return what a route answers, as `send` does; bodies may have other forms than JSON.

        `form` is the type of what is sent; a reply of at most `most` bytes is left as it is.
        """
        return await self._persist(_Asked(method, url, body, form, most), None, patient=True)

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Return the result of a coroutine that runs in the client's loop; not to call from there.

        It is cancelled if the calling thread is interrupted, or everything is broken off; the call
        ends after it.

        Raises:
            UnansweredError: if it was broken off.
        """
        try:
            return self._transport.run(coroutine, settle=True)
        except BrokenError as error:
            raise UnansweredError(str(error)) from error

    # From other threads

    def get(self, url: str) -> Any:
        """Return what a route answers at once; see `post`."""
        return self._enter(self._once(_Asked("GET", url, None))).content

    def ask(self, url: str, body: Any) -> Any:
        """Return what a route answers; without a connection it is not asked again.

        Raises:
            RefusedError: if it answers with an error for good.
            UnansweredError: if nobody answers.
        """
        return self.post(url, body, patient=False)

    def post(self, url: str, body: Any, *, patient: bool = True) -> Any:
        """Return what a route answers, asked again where a failure may pass; see `send`."""
        asked = _Asked("POST", url, json.dumps(body).encode())
        return self._enter(self._persist(asked, None, patient=patient)).content

    def each(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        """Yield the place and the result of each item, several at a time, as they are done.

        If an item fails, its error comes at once: the requests of others may still be under way.
        """
        pool = ThreadPoolExecutor(self.parallel)
        try:
            running = {pool.submit(function, item): n for n, item in enumerate(items)}
            for done in as_completed(running):
                yield running[done], done.result()
        except BaseException as error:
            # An interruption comes here, or while a result is looked at.
            if self.stopped or not isinstance(error, Exception):
                self.break_off()
            raise
        finally:
            pool.shutdown(wait=self.stopped, cancel_futures=True)

    def all(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Return the result of each item, in order."""
        found = dict(self.each(function, items))
        return [found[place] for place in range(len(items))]

    def _enter(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        try:
            return self._transport.run(coroutine)
        except BrokenError as error:
            raise self._reader.broken(error) from error

    # One request, and its tries

    async def _persist(self, asked: _Asked, accounts: Accounts | None, *, patient: bool) -> Answer:
        course = Course(self._patience, self._clock)
        before = self._answered
        last: UnansweredError | None = None
        while not self.stopped:
            found = await self._attempt(asked, course.tries + 1, accounts)
            if found is None:
                break
            if isinstance(found, Answer):
                self._answered += 1
                return found
            if isinstance(found, RefusedError):
                # Who only tries what a server has may go on without a route or a model.
                if found.denied or (patient and found.ends_all):
                    self._stop(found)
                raise found
            last = course.within(found)
            pause = course.pause(last)
            if pause is None or not (patient or last.spoken):
                break
            await self._rest(pause, last)
        if last is None:
            raise self._unsent() from self._why
        if last.stops or (patient and self._answered == before):
            self._stop(last)
        raise last

    async def _attempt(self, asked: _Asked, number: int, accounts: Accounts | None) -> Found | None:
        """Return what comes of sending a request once; None if nothing is sent any more."""
        if accounts is not None:
            await accounts.begin()
        ticket = await self._gate.enter(len(asked.body or b""))
        if ticket is not None and self.stopped:  # it was let through before the gate was shut
            self._gate.leave(ticket, Outcome.NONE)
            ticket = None
        if ticket is None:
            if accounts is not None:
                await accounts.end(None)
            return None
        begun = self._clock.now()
        found: Found
        try:
            found = await self._once(asked, number)
        except (RefusedError, UnansweredError) as error:
            found = error
        except BaseException:
            self._gate.leave(ticket, Outcome.NONE)
            raise
        seconds = self._clock.now() - begun
        if self._gate.leave(ticket, _outcome(found)):
            found = self._paused(found)
        if accounts is not None:
            await accounts.end(Attempt(number, seconds, found))
        return found

    async def _once(self, asked: _Asked, number: int = 1) -> Answer:
        begun = self._clock.now()
        try:
            method, url, body, form, most = asked
            headers = self._headers(url) | ({"Content-Type": form} if form else {})
            reply = await self._transport.exchange(method, url, body, headers=headers, most=most)
        except (BrokenError, UnreadableError) as error:
            raise self._reader.broken(error) from error
        self._gate.hear(reply.headers)
        content = self._reader.read(reply, plain=most > 0)
        return Answer(content, reply.status, reply.content, self._clock.now() - begun, number)

    def _headers(self, url: str) -> dict[str, str]:
        mine = self._key.text and Host.of(url) == self._host
        return {"Authorization": f"Bearer {self._key.text}"} if mine else {}

    def _paused(self, found: Found) -> Found:
        """Say that nothing is sent for a while; return the error, as the last one if it is that."""
        if self._gate.breaker.given_up and isinstance(found, UnansweredError):
            return UnansweredError(
                f"{found}; more than half of the attempts failed, again after each pause",
                found.heard,
                stops=True,
            )
        _log.warning(
            "%s: more than half of the last %d attempts failed, this one with: %s. Nothing is sent "
            "for %s, then one request tries; Ctrl-C ends the run, and what is done is kept",
            self._host, BREAKER_WINDOW, found, seconds_text(BREAKER_SECONDS),
        )  # fmt: skip
        return found

    async def _rest(self, pause: float, error: UnansweredError) -> None:
        """Wait before a request is sent again, or until nothing is sent any more."""
        if error.wait:
            self._gate.pause(error.wait)  # it goes for all that might be sent meanwhile
        now = self._clock.now()
        if pause > SAID_WAIT_SECONDS and now >= self._quiet_until:
            self._quiet_until = now + pause  # those that wait at the same time do not say it
            _log.warning(
                "%s: %s. It is asked again in %s; Ctrl-C ends the run, and what is done is kept",
                self._host, error, seconds_text(pause),
            )  # fmt: skip
        resting = asyncio.ensure_future(self._clock.sleep(pause))
        self._resting.add(resting)
        try:
            await asyncio.wait({resting})  # a stop cancels the rest, and not the request
        finally:
            self._resting.discard(resting)
            resting.cancel()

    def _stop(self, why: RefusedError | UnansweredError) -> None:
        with self._lock:
            if self.stopped:
                return
            self._why = why
            self._stopped.set()
        self._in_loop(self._halt)

    def _halt(self) -> None:
        self._gate.shut()
        for resting in list(self._resting):
            resting.cancel()

    def _in_loop(self, call: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nothing waits there
            self._transport.loop.call_soon_threadsafe(call)

    def _unsent(self) -> UnansweredError:
        spoken = isinstance(self._why, RefusedError) or self._why.spoken
        heard = Heard(spoken, reached=False)
        return UnansweredError(str(self._why), heard, hint=self._why.hint)


def _outcome(found: Found) -> Outcome:
    if isinstance(found, Answer):
        return Outcome.ANSWERED
    if isinstance(found, RefusedError):
        return Outcome.REFUSED
    if found.pressed:
        return Outcome.PRESSED if found.wait is None else Outcome.WAITING
    return Outcome.FAILED


def _setting(name: str, usual: float) -> float:
    text = os.environ.get(name, "")
    try:
        found = float(text or usual)
    except ValueError:
        found = 0.0
    if not 0 < found < math.inf:
        raise ConfigError(f"{name}={text} is no number above 0")
    return found
