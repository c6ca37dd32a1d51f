"""Requests to a model's server: several at a time, again after a failure that may pass.

The key comes from the environment, goes into one header, and is struck out of all that the server
says before a person sees it.
"""

import json
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Any, TypeVar

import httpx2

from assay.errors import ConfigError

KEYS = ("ASSAY_API_KEY", "OPENAI_API_KEY")
"""Environment variables that hold the key; the first that is set counts."""
WAITS_SECONDS: Sequence[float] = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses before a request is sent again."""
_PASSING = {408, 425, 429}
_LASTING = {501, 505}  # of the codes from 500 on, those that say what a server cannot do at all
_DENIED = {401, 403}
_ABOUT_THE_BODY = {400, 413, 422, 451}
_LONGEST_WAIT_SECONDS = 60.0
_CONNECT_SECONDS = 10.0
_SHOWN = 200

Item = TypeVar("Item")
Result = TypeVar("Result")


class RefusedError(Exception):
    """The server answers a request with an error that asking again at once would not mend.

    Attributes:
        status: its code.
        denied: whether it wants a key, or another one.
        redirects: whether it names another address. None is followed: it would get the key.
        about_text: whether the code may be about the text that was sent, and about nothing else.
    """

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status} {said}".strip())
        self.status = status
        self.denied = status in _DENIED
        self.redirects = 300 <= status < 400
        self.about_text = status in _ABOUT_THE_BODY


class UnansweredError(Exception):
    """A request got no answer, however often it was sent; another time it may."""


class Requests:
    """Sends requests with JSON bodies to one server.

    Args:
        local: whether the server is on this machine, so that no proxy is used.

    `ASSAY_ENDPOINT_PARALLEL` is the number of requests at a time, `ASSAY_ENDPOINT_TIMEOUT` the
    seconds that one may take.
    """

    def __init__(self, *, local: bool) -> None:
        self.parallel = int(_setting("ASSAY_ENDPOINT_PARALLEL", 16))
        self._key = _key()
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._client = httpx2.Client(
            headers=headers,
            timeout=httpx2.Timeout(
                _setting("ASSAY_ENDPOINT_TIMEOUT", 120.0), connect=_CONNECT_SECONDS, pool=None
            ),
            limits=httpx2.Limits(max_connections=2 * self.parallel),
            trust_env=not local,
            follow_redirects=False,
        )
        self.close = weakref.finalize(self, self._client.close)
        self._lock = threading.Lock()
        self._answered = 0
        self._stopped = threading.Event()
        self._why = "not sent"

    @property
    def stopped(self) -> bool:
        """Whether nothing is sent any more, because the server is gone or denies access."""
        return self._stopped.is_set()

    def resume(self) -> None:
        """Send requests again."""
        self._stopped.clear()

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
        last = UnansweredError(self._why)
        for wait in (*WAITS_SECONDS, None):
            if self.stopped:
                break
            try:
                answer = self._once("POST", url, body)
            except RefusedError as error:
                if error.denied:
                    self._stop(str(error))
                raise
            except _PassingError as error:
                last = UnansweredError(str(error))
                if wait is None or not (patient or error.answered):
                    break
                self._stopped.wait(wait if error.wait is None else error.wait)
            else:
                with self._lock:
                    self._answered += 1
                return answer
        if patient and self._answered == before:
            self._stop(str(last))
        raise last

    def _stop(self, why: str) -> None:
        if not self.stopped:
            self._why = why
        self._stopped.set()

    def each(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        """Yield the place and the result of each item, several at a time, as they are done."""
        with ThreadPoolExecutor(self.parallel) as pool:
            running: dict[Future[Result], int] = {}
            try:
                running = {pool.submit(function, item): n for n, item in enumerate(items)}
                for done in as_completed(running):
                    yield running[done], done.result()
            except KeyboardInterrupt:
                self._stopped.set()  # those that wait to be sent again give up
                raise
            finally:
                for future in running:
                    future.cancel()

    def all(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Return the result of each item, in order."""
        found = dict(self.each(function, items))
        return [found[place] for place in range(len(items))]

    def _once(self, method: str, url: str, body: Any) -> Any:
        try:
            reply = self._client.request(method, url, json=body)
        except httpx2.TimeoutException as error:
            raise _PassingError("no answer in time") from error
        except httpx2.HTTPError as error:
            raise _PassingError(self._plain(str(error)) or type(error).__name__) from error
        if _passes(reply.status_code):
            said = self._said(reply)
            raise _PassingError(
                f"{reply.status_code} {said}".strip(), answered=True, wait=_wait(reply)
            )
        if not reply.is_success:
            raise RefusedError(reply.status_code, self._said(reply))
        try:
            return reply.json()
        except (ValueError, RecursionError) as error:
            raise _PassingError("what it answers is no JSON") from error

    def _said(self, reply: "httpx2.Response") -> str:
        """Return the server's own words about an error, as one line."""
        if reply.has_redirect_location:
            return self._plain(f"redirects to {reply.headers['location']}")
        try:
            found = reply.json()
        except (ValueError, RecursionError):
            return self._plain(reply.reason_phrase)
        for name in ("error", "message", "detail"):
            if isinstance(found, dict) and name in found:
                found = found[name]
        return self._plain(found if isinstance(found, str) else json.dumps(found))

    def _plain(self, text: str) -> str:
        hidden = text.replace(self._key, "***") if self._key else text
        line = " ".join(hidden.split())
        return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


class _PassingError(UnansweredError):
    """A failure that may pass: whether the server spoke at all, and how long it asks to wait."""

    def __init__(self, said: str, *, answered: bool = False, wait: float | None = None) -> None:
        super().__init__(said)
        self.answered = answered
        self.wait = wait


def _passes(status: int) -> bool:
    return status in _PASSING or (status >= 500 and status not in _LASTING)


def _wait(reply: "httpx2.Response") -> float | None:
    asked = reply.headers.get("retry-after", "")
    return min(float(asked), _LONGEST_WAIT_SECONDS) if asked.isdecimal() else None


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
    if not found > 0:
        raise ConfigError(f"{name}={text} is no number above 0")
    return found
