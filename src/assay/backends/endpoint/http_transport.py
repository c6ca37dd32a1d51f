"""One request over HTTP, whole or not at all: with one deadline, and no more than so many bytes.

A limit on every single read lets a server that drips hold a request for ever, and a few bytes can
unpack to any number. So the clock runs from the first step to the last byte, and what is unpacked
is counted while it comes.
"""

import asyncio
import contextlib
import ssl
import threading
import weakref
import zlib
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import httpx2

from assay.errors import ConfigError
from assay.wording import seconds as seconds_text
from assay.wording import size_text

TIMEOUT_VARIABLE = "ASSAY_ENDPOINT_TIMEOUT"
"""Environment variable: seconds that a request may take."""
SIZE_VARIABLE = "ASSAY_ENDPOINT_REPLY_MIB"
"""Environment variable: size of a reply, in MiB, that is read to a short request."""
_PER_BYTE = 128
"""Bytes of reply to a byte of request: a token is asked for in 6, and answered in some 100."""
_CONNECT_SECONDS = 10.0
_WORDS_BYTES = 1 << 16
"""What is read of a reply that tells of an error: the rest of the page is for nobody."""
_CLOSING_SECONDS = 5.0
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
INTERRUPTED = "interrupted"
"""What is said of a request that was broken off."""


Result = TypeVar("Result")


class Reply(NamedTuple):
    """What a server answered: the status with its phrase, the headers, the unpacked body."""

    status: int
    phrase: str
    headers: Mapping[str, str]
    content: bytes


class _Asked(NamedTuple):
    method: str
    url: str
    body: bytes | None
    headers: Mapping[str, str]


class BrokenError(Exception):
    """No whole reply came; another time one may.

    Attributes:
        spoken: whether the server spoke at all.
        late: whether the time was over.
        connected: whether the server may have got the request.
    """

    def __init__(
        self, said: str, *, spoken: bool = False, late: bool = False, connected: bool = True
    ) -> None:
        super().__init__(said)
        self.spoken = spoken
        self.late = late
        self.connected = connected


class UnreadableError(Exception):
    """A reply is of a kind that is not read; `hint` says what to do about it."""

    def __init__(self, said: str, hint: str) -> None:
        super().__init__(said)
        self.hint = hint


@cache
def _trusted() -> ssl.SSLContext:
    """Return what is trusted where the environment has no say: reading it takes a while."""
    return httpx2.create_ssl_context(trust_env=False)


class Transport:
    """Sends requests in a loop of its own, each within its limits.

    Args:
        seconds: most time that a request takes, reply included.
        reply_bytes: largest reply that is read to a short request, unpacked.
        proxied: whether the environment may name a proxy.
        wire: what carries the requests in place of the network.

    Raises:
        ConfigError: if the environment names a proxy that cannot be used.
    """

    def __init__(
        self,
        *,
        seconds: float,
        reply_bytes: int,
        proxied: bool,
        wire: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._seconds = seconds
        self._reply_bytes = reply_bytes
        trusted = httpx2.create_ssl_context() if proxied else _trusted()

        def lane() -> httpx2.AsyncClient:
            return httpx2.AsyncClient(
                headers={"Accept": "application/json", "Accept-Encoding": "gzip"},
                timeout=httpx2.Timeout(None, connect=min(_CONNECT_SECONDS, seconds)),
                trust_env=proxied,
                follow_redirects=False,
                verify=trusted,
                transport=wire,
            )

        try:
            first = lane()
        except (ValueError, ImportError) as error:  # it may hold a password, so it is not repeated
            raise ConfigError(
                "the proxy that the environment names cannot be used",
                hint="mend or unset HTTP_PROXY, HTTPS_PROXY and ALL_PROXY",
            ) from error
        # A request has a client, and so a connection, to itself: one client of many connections
        # looks at all of them for every request.
        self._lane = lane
        self._lanes = [first]
        self._idle = [first]
        self.loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._running: set[Future[Any]] = set()
        self._interrupted = False
        thread = threading.Thread(target=_run, args=(self.loop,), name="http", daemon=True)
        thread.start()
        self.close = weakref.finalize(self, _close, self._lanes, self.loop, thread, self._running)

    def run(self, coroutine: Coroutine[Any, Any, Result], *, settle: bool = False) -> Result:
        """Return the result of a coroutine that runs in the loop; not to call from the loop itself.

        Args:
            coroutine: what to run; it is cancelled if this thread is interrupted.
            settle: when it is cancelled, wait until it has put its things in order.

        Raises:
            BrokenError: if it was broken off, or nothing is sent any more.
        """
        with self._lock:  # no request slips in behind an interruption
            if self._interrupted:
                coroutine.close()
                raise BrokenError(INTERRUPTED, connected=False)
            future = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
            self._running.add(future)
        try:
            return future.result()
        except BaseException as error:
            over = future.done() and not future.cancelled()
            future.cancel()
            if settle and not over:
                self._settle(coroutine)
            if isinstance(error, CancelledError):
                raise BrokenError(INTERRUPTED) from error
            raise
        finally:
            with self._lock:
                self._running.discard(future)

    def _settle(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Wait a while until a coroutine that was cancelled is over."""
        over = _over(coroutine)
        try:
            asyncio.run_coroutine_threadsafe(over, self.loop).result(_CLOSING_SECONDS)
        except RuntimeError:  # the loop is closed, so it is over
            over.close()
        except (TimeoutError, CancelledError):
            pass

    async def exchange(
        self,
        method: str,
        url: str,
        body: bytes | None,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        most: int = 0,
    ) -> Reply:
        """Return the reply to a request; of one that tells of an error only the beginning.

        Args:
            method: of HTTP.
            url: where to.
            body: what is sent, JSON unless the headers say otherwise.
            headers: besides the usual ones.
            most: bytes of the largest reply that is read; 0 is what fits the request.

        Raises:
            BrokenError: if none came, or not in time, or not all of it.
            UnreadableError: if it is too large, or packed in a way that was not asked for.
        """
        if self._interrupted:
            raise BrokenError(INTERRUPTED, connected=False)
        most = most or self._reply_bytes + _PER_BYTE * len(body or b"")
        kind = {} if body is None else {"Content-Type": "application/json"}
        asked = _Asked(method, url, body, {**kind, **headers})
        if not self._idle:
            self._lanes.append(self._lane())
            self._idle.append(self._lanes[-1])
        client = self._idle.pop()  # the last one that was used: its connection is open still
        try:
            return await _sent(client, asked, self._seconds, most)
        finally:
            self._idle.append(client)

    def interrupt(self) -> None:
        """Break off all requests that are under way, and send none until `resume`."""
        with self._lock:
            self._interrupted = True
            running = list(self._running)
        for future in running:
            future.cancel()

    def resume(self) -> None:
        """Send requests again."""
        self._interrupted = False


@lru_cache(maxsize=256)
def _parsed(url: str) -> httpx2.URL:
    return httpx2.URL(url)


async def _sent(client: httpx2.AsyncClient, asked: _Asked, seconds: float, most: int) -> Reply:
    spoken = False
    try:
        async with asyncio.timeout(seconds):
            request = client.build_request(
                asked.method, _parsed(asked.url), content=asked.body, headers=asked.headers
            )
            reply = await client.send(request, stream=True)
            spoken = True
            try:
                fine = reply.is_success
                content = await _unpacked(reply, most if fine else _WORDS_BYTES, cut=not fine)
            finally:
                await reply.aclose()
    except (TimeoutError, httpx2.TimeoutException) as error:
        begun = ", though it began one" if spoken else ""
        raise BrokenError(
            f"no answer in time ({seconds_text(seconds)}, {TIMEOUT_VARIABLE}){begun}",
            late=True,
            connected=not isinstance(error, httpx2.ConnectTimeout),
        ) from error
    except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError) as error:
        said = str(error) or type(error).__name__
        never = isinstance(
            error, (httpx2.ConnectError, httpx2.InvalidURL, httpx2.UnsupportedProtocol)
        )
        raise BrokenError(said, spoken=spoken, connected=not never) from error
    return Reply(reply.status_code, reply.reason_phrase, reply.headers, content)


async def _unpacked(reply: httpx2.Response, most: int, *, cut: bool) -> bytes:
    """Return a body of at most so many bytes; a longer one is cut, or refused."""
    packed = _packing(reply)
    content = bytearray()
    async for piece in reply.aiter_raw():
        content += piece if packed is None else _more(packed, piece, most + 1 - len(content))
        if len(content) > most:
            if cut:
                return bytes(content[:most])
            raise UnreadableError(
                f"{reply.status_code}, and its reply is longer than {size_text(most)}, the most "
                "that is read",
                hint=f"mend the server; if such a reply is right, set {SIZE_VARIABLE} to its size",
            )
    if packed is not None and not packed.eof and not cut:
        raise BrokenError("its reply ends in the middle of what is packed", spoken=True)
    return bytes(content)


def _packing(reply: httpx2.Response) -> Any:
    """Return what unpacks a reply; None if it is not packed."""
    named = reply.headers.get("content-encoding", "").strip().lower()
    if named in ("", "identity"):
        return None
    if named in ("gzip", "x-gzip"):
        return zlib.decompressobj(31)
    if not reply.is_success:
        return _Nothing()
    raise UnreadableError(
        f"{reply.status_code}, and its reply is packed as {named!r}, where gzip was asked for",
        hint="let the server, or the proxy before it, send replies as they are",
    )


class _Nothing:
    """Unpacks to nothing: of an error that cannot be read the status is enough."""

    eof = True

    def decompress(self, piece: bytes, most: int) -> bytes:
        """Return nothing."""
        return b""


def _more(packed: Any, piece: bytes, most: int) -> bytes:
    try:
        return packed.decompress(piece, most)
    except zlib.error as error:
        raise BrokenError("its reply is not gzip, as it says", spoken=True) from error


async def _over(coroutine: Coroutine[Any, Any, Any]) -> None:
    tasks = {task for task in asyncio.all_tasks() if task.get_coro() is coroutine}
    if tasks:
        await asyncio.wait(tasks)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def _close(
    clients: Sequence[httpx2.AsyncClient],
    loop: asyncio.AbstractEventLoop,
    thread: threading.Thread,
    running: set[Future[Any]],
) -> None:
    """Close connections, then end the thread; waits for neither in that thread itself.

    Only requests are cancelled: what they have started for themselves they end, and a task that is
    cancelled before its first step would leave a coroutine behind that nobody has awaited.
    """
    for future in list(running):
        future.cancel()

    async def shut() -> None:
        try:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*others, return_exceptions=True)
            for client in clients:
                with contextlib.suppress(httpx2.HTTPError, OSError):
                    await client.aclose()
        finally:
            loop.stop()

    shutting: Coroutine[Any, Any, None] = shut()
    loop.call_soon_threadsafe(lambda: loop.create_task(shutting))
    if threading.current_thread() is not thread:
        thread.join(_CLOSING_SECONDS)
