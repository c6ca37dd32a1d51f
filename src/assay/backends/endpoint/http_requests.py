"""Requests to a model's server: several at a time, again after a failure that may pass.

The key comes from the environment, goes into one header, and is struck out of all that the server
says before a person sees it.
"""

import json
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, TypeVar
from urllib.parse import urlsplit

from assay.backends.endpoint.http_transport import (
    INTERRUPTED,
    SIZE_VARIABLE,
    TIMEOUT_VARIABLE,
    BrokenError,
    Reply,
    Transport,
    UnreadableError,
)
from assay.backends.endpoint.http_words import Words, asked_wait
from assay.errors import ConfigError
from assay.formats.json_text import RepeatedNameError, once_each
from assay.wording import seconds as seconds_text

KEYS = ("ASSAY_API_KEY", "OPENAI_API_KEY")
"""Environment variables that hold the key; the first that is set counts."""
WAITS_SECONDS: Sequence[float] = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses before a request is sent again."""
SAID_WAIT_SECONDS = 10.0
"""A pause that a server asks for is said on the way if it is longer."""
LONGEST_WAIT_SECONDS = 120.0
"""What one request waits in all where a server asks for pauses; beyond that the run ends."""
_PASSING = {408, 425, 429}
_LASTING = {501, 505}  # of the codes from 500 on, those that say what a server cannot do at all
_DENIED = {401, 403}
_ABOUT_THE_BODY = {400, 413, 422, 451}
AGAIN = "what is done is kept: run the same line again, and it goes on"
"""What to do where nothing else is known."""

_log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


class RefusedError(Exception):
    """The server answers a request with an error that asking again at once would not mend.

    Attributes:
        status: its code, with which the text begins.
        denied: whether it wants a key, or another one.
        redirects: whether it names another address. None is followed: it would get the key.
        about_text: whether the code may be about the text that was sent, and about nothing else.
        hint: what to do about it.
    """

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status
        self.denied = status in _DENIED
        self.redirects = 300 <= status < 400
        self.about_text = status in _ABOUT_THE_BODY
        self.hint = AGAIN
        if self.denied:
            self.hint = f"put the key into {' or '.join(KEYS)}, then run the same line again"
        elif self.redirects:
            self.hint = "no other address is given the key: mend the server, or name that address"


class UnansweredError(Exception):
    """A request got no answer that can be used, however often it was sent; another time it may.

    Attributes:
        spoken: whether the server said anything at all.
        hint: what to do about it.
        lasting: whether asking again at once would not mend it.
        stops: whether nothing else needs to be sent either.
        wait: seconds that the server asks to wait, None if it does not.
    """

    def __init__(
        self,
        said: str,
        *,
        spoken: bool = False,
        hint: str = AGAIN,
        lasting: bool = False,
        stops: bool = False,
        wait: float | None = None,
    ) -> None:
        super().__init__(said)
        self.spoken = spoken
        self.hint = hint
        self.lasting = lasting or stops
        self.stops = stops
        self.wait = wait


class Requests:
    """Sends requests with JSON bodies to one server.

    Args:
        local: whether the server is on this machine, so that no proxy is used.
        key: of the server; None for what the environment holds.

    `ASSAY_ENDPOINT_PARALLEL` is the number of requests at a time, `ASSAY_ENDPOINT_TIMEOUT` the
    seconds that one may take in all, `ASSAY_ENDPOINT_REPLY_MIB` the size of the largest reply.

    Raises:
        ConfigError: if a setting or the key cannot be one.
    """

    def __init__(self, *, local: bool, key: str | None = None) -> None:
        self.parallel = max(1, int(_setting("ASSAY_ENDPOINT_PARALLEL", 16)))
        key = _key() if key is None else key
        self._words = Words(key)
        self._transport = Transport(
            {"Authorization": f"Bearer {key}"} if key else {},
            seconds=_setting(TIMEOUT_VARIABLE, 120.0),
            reply_bytes=int(_setting(SIZE_VARIABLE, 8.0) * 2**20),
            connections=2 * self.parallel,
            proxied=not local,
        )
        self._lock = threading.Lock()
        self._answered = 0
        self._stopped = threading.Event()
        self._why: RefusedError | UnansweredError = UnansweredError("not sent")
        self._quiet_until = 0.0

    @property
    def stopped(self) -> bool:
        """Whether nothing is sent any more, because the server is gone or denies access."""
        return self._stopped.is_set()

    def resume(self) -> None:
        """Send requests again."""
        self._transport.resume()
        self._stopped.clear()

    def close(self) -> None:
        """Close all connections, and give up what is under way; nothing is sent any more."""
        self.break_off()
        self._transport.close()

    def break_off(self) -> None:
        """Send nothing more until `resume`, and give up what is under way."""
        self._stop(UnansweredError(INTERRUPTED))
        self._transport.interrupt()

    @property
    def why_stopped(self) -> "RefusedError | UnansweredError":
        """What made all stop."""
        return self._why

    def reported(self, answer: Any) -> str:
        """Return what an answer says of an error, as a line that is safe to show; "" if nothing."""
        return self._words.reported(answer)

    def get(self, url: str) -> Any:
        """Return what a route answers at once; see `post`."""
        return self._once("GET", url, None)

    def ask(self, url: str, body: Any) -> Any:
        """Return what a route answers; without a connection it is not asked again.

        Raises:
            RefusedError: if it answers with an error for good.
            UnansweredError: if nobody answers.
        """
        return self.post(url, body, patient=False)

    def post(self, url: str, body: Any, *, patient: bool = True) -> Any:
        """Return what a route answers, asked again where a failure may pass.

        Raises:
            RefusedError: if it answers with an error for good.
            UnansweredError: if it gave no answer however often it was asked, or nothing is sent
                any more. Where meanwhile no other request was answered either, all stop.
        """
        before = self._answered
        last: UnansweredError | None = None
        left = LONGEST_WAIT_SECONDS
        for usual in (*WAITS_SECONDS, None):
            if self.stopped:
                break
            try:
                answer = self._once("POST", url, body)
            except RefusedError as error:
                if error.denied:
                    self._stop(error)
                raise
            except UnansweredError as error:
                last = self._within(left, error)
                if usual is None or last.lasting or not (patient or last.spoken):
                    break
                wait = usual if last.wait is None else last.wait
                left -= 0.0 if last.wait is None else wait
                self._pause(wait, url, last)
            else:
                with self._lock:
                    self._answered += 1
                return answer
        if last is None:
            raise UnansweredError(str(self._why), hint=self._why.hint) from self._why
        if last.stops or (patient and self._answered == before):
            self._stop(last)
        raise last

    def _within(self, left: float, error: UnansweredError) -> UnansweredError:
        """Return an error, as one that ends all where a server asks for too long a pause."""
        if error.wait is None or error.wait <= left:
            return error
        wait = seconds_text(error.wait)
        return UnansweredError(
            str(error),
            spoken=True,
            hint=f"what is done is kept: run the same line again in {wait}, and it goes on; no "
            f"request waits longer than {seconds_text(LONGEST_WAIT_SECONDS)}",
            stops=True,
        )

    def _pause(self, wait: float, url: str, error: UnansweredError) -> None:
        now = time.monotonic()
        with self._lock:
            said = wait > SAID_WAIT_SECONDS and now >= self._quiet_until
            if said:  # by one of the requests that wait at the same time
                self._quiet_until = now + wait
        if said:
            _log.warning(
                "%s: %s. It is asked again in %s; Ctrl-C ends the run, and what is done is kept",
                urlsplit(url).netloc, error, seconds_text(wait),
            )  # fmt: skip
        self._stopped.wait(wait)

    def _stop(self, why: "RefusedError | UnansweredError") -> None:
        with self._lock:
            if not self.stopped:
                self._why = why
                self._stopped.set()

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

    def _once(self, method: str, url: str, body: Any) -> Any:
        content = None if body is None else json.dumps(body).encode()
        try:
            reply = self._transport.send(method, url, content)
        except BrokenError as error:
            said = self._words.line(str(error))
            raise UnansweredError(said, spoken=error.spoken) from error
        except UnreadableError as error:
            said = self._words.line(str(error))
            raise UnansweredError(said, spoken=True, hint=error.hint, stops=True) from error
        if _passes(reply.status):
            wait = asked_wait(reply)
            asks = f"; it asks to wait {seconds_text(wait)}" if wait else ""
            raise UnansweredError(f"{self._words.of(reply)}{asks}", spoken=True, wait=wait)
        if not 200 <= reply.status < 300:
            raise RefusedError(reply.status, self._words.of(reply))
        return self._read(reply)

    def _read(self, reply: Reply) -> Any:
        """Return a body of JSON; one that says a thing twice, or is nested without end, is none."""
        try:
            return json.loads(reply.content, object_pairs_hook=once_each)
        except RecursionError as error:
            raise UnansweredError(
                f"{reply.status}, and its JSON is nested too deeply", spoken=True, lasting=True
            ) from error
        except RepeatedNameError as error:
            said = self._words.line(f"{reply.status}, and its JSON says {error.name} twice")
            raise UnansweredError(said, spoken=True, lasting=True) from error
        except ValueError as error:
            said = self._words.begin(reply) or "nothing"
            raise UnansweredError(
                f"{reply.status}, and what it answers is no JSON: {said}", spoken=True
            ) from error


def _passes(status: int) -> bool:
    return status in _PASSING or (status >= 500 and status not in _LASTING)


def _key() -> str:
    for name in KEYS:
        key = os.environ.get(name, "").strip()
        if key:
            if not (key.isascii() and key.isprintable()) or " " in key:
                raise ConfigError(f"what {name} holds is no key", hint="keys are ASCII, one word")
            return key
    return ""


def _setting(name: str, usual: float) -> float:
    text = os.environ.get(name, "")
    try:
        found = float(text or usual)
    except ValueError:
        found = 0.0
    if not 0 < found < math.inf:
        raise ConfigError(f"{name}={text} is no number above 0")
    return found
