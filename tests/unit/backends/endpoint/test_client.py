"""Requests to servers that break off, drip, flood, pack, redirect, or ask to wait."""

import contextlib
import gc
import gzip
import itertools
import json
import logging
import socket
import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from assay.backends.endpoint import client as client_module
from assay.backends.endpoint import retries
from assay.backends.endpoint.client import Client
from assay.backends.endpoint.failures import RefusedError, UnansweredError
from assay.backends.endpoint.http_transport import BrokenError, Transport
from assay.errors import ConfigError
from tests.raw_server import Answer, RawServer, always, dripping, reply, serving_raw

KEY = "sk-secret-0123456789"
_MIB = 1 << 20
_SOON_SECONDS = 20.0
"""Far below what a silent server is given, and far above what a busy machine takes."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "PAUSES_SECONDS", (0.0, 0.0))
    monkeypatch.setenv("ASSAY_API_KEYS", f"127.0.0.1={KEY} gone.invalid={KEY}")
    for name in ("ASSAY_ENDPOINT_TIMEOUT", "ASSAY_ENDPOINT_REPLY_MIB", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


def _client(base: str) -> Client:
    return Client(base, retries.model_patience())


@contextlib.contextmanager
def _asking(answer: Answer) -> Iterator[tuple[RawServer, Client]]:
    with serving_raw(answer) as server:
        requests = _client(server.base)
        try:
            yield server, requests
        finally:
            requests.close()


def _unanswered(answer: Answer) -> tuple[UnansweredError, RawServer]:
    """Return what a request ends with, as one line without the key."""
    with _asking(answer) as (server, requests), pytest.raises(UnansweredError) as found:
        requests.post(f"{server.base}/completions", {"prompt": [1, 2, 3]})
    _check_line(str(found.value))
    return found.value, server


def _refused(status: str, body: bytes | str, kind: str = "text/html") -> RefusedError:
    content = reply(body, status, {"Content-Type": kind})
    with _asking(always(content)) as (server, requests), pytest.raises(RefusedError) as found:
        requests.post(f"{server.base}/completions", {"prompt": [1, 2, 3]})
    _check_line(str(found.value))
    return found.value


def _check_line(said: str) -> None:
    assert said
    assert KEY not in said
    assert len(said) <= 300
    assert said.isprintable()


# What is right


def test_an_answer_is_what_its_json_says() -> None:
    with _asking(always(reply('{"a": [1, 2.5, null]}'))) as (server, requests):
        assert requests.post(server.base, {}) == {"a": [1, 2.5, None]}
        assert requests.get(server.base) == {"a": [1, 2.5, None]}
    assert all(f"Bearer {KEY}" in head for head in server.requests)


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", "nonsense", ""])
def test_json_counts_whatever_it_is_called(kind: str) -> None:
    with _asking(always(reply("[7]", headers={"Content-Type": kind}))) as (server, requests):
        assert requests.post(server.base, {}) == [7]


def test_packed_and_chunked_answers_are_read() -> None:
    packed = gzip.compress(json.dumps(list(range(5000))).encode())
    pieces = [packed[start : start + 100] for start in range(0, len(packed), 100)]
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])
    head = {"Content-Length": "", "Transfer-Encoding": "chunked", "Content-Encoding": "gzip"}
    content = reply(b"", headers=head) + chunked

    with _asking(always(content)) as (server, requests):
        assert requests.post(server.base, {}) == list(range(5000))


# Size


def _blanks(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(reply(b"", headers={"Content-Length": str(300 * _MIB)}))
    for _ in range(300):
        connection.sendall(b" " * _MIB)


def _endless_chunks(connection: socket.socket, over: threading.Event) -> None:
    head = {"Content-Length": "", "Transfer-Encoding": "chunked"}
    connection.sendall(reply(b"", headers=head))
    while True:
        connection.sendall(b"100000\r\n" + b"1" * _MIB + b"\r\n")


def _until_closed(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(reply(b"", headers={"Content-Length": "", "Connection": "close"}))
    while True:
        connection.sendall(b"[" * _MIB)


def _bomb() -> bytes:
    packing = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = b" " * _MIB
    packed = b"".join(packing.compress(zeros) for _ in range(200)) + packing.flush()
    assert len(packed) < _MIB
    return reply(packed, headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize(
    "answer",
    [_blanks, _endless_chunks, _until_closed, always(_bomb())],
    ids=["blanks", "chunks", "until closed", "packed"],
)
def test_a_reply_without_end_is_given_up_at_the_limit_and_not_asked_for_again(
    answer: Answer,
) -> None:
    error, server = _unanswered(answer)

    assert "200, and its reply is longer than 8.0 MiB" in str(error)
    assert "ASSAY_ENDPOINT_REPLY_MIB" in error.hint
    assert error.stops
    assert len(server.requests) == 1


def test_a_long_request_may_have_a_long_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_ENDPOINT_REPLY_MIB", "0.01")
    numbers = list(range(20_000))

    with _asking(always(reply(json.dumps(numbers)))) as (server, requests):
        assert requests.post(server.base, {"prompt": numbers}) == numbers
        with pytest.raises(UnansweredError, match=r"longer than 10.* KiB"):
            requests.post(server.base, {})


def test_of_a_page_about_an_error_the_beginning_is_enough() -> None:
    def endless(connection: socket.socket, over: threading.Event) -> None:
        head = {"Content-Length": "", "Connection": "close", "Content-Type": "text/plain"}
        connection.sendall(reply(b"", "404 Not Found", head) + b"No such route here. ")
        while True:
            connection.sendall(b"x" * _MIB)

    with _asking(endless) as (server, requests), pytest.raises(RefusedError) as found:
        requests.post(server.base, {})

    assert str(found.value).startswith("404 No such route here. x")


# Time


def _drops() -> Iterator[bytes]:
    return itertools.repeat(b" ", 12_000)  # ten minutes of them


@pytest.mark.parametrize(
    "begin",
    [
        b"HTTP/1.1 200 ",
        b"HTTP/1.1 200 OK\r\nX: ",
        reply(b"", headers={"Content-Length": "99999"}),
        reply(b"", "500 No", {"Content-Length": "99999"}),
    ],
    ids=["status", "head", "body", "page of an error"],
)
def test_a_reply_that_drips_is_left_when_the_time_of_the_whole_request_is_over(
    monkeypatch: pytest.MonkeyPatch, begin: bytes
) -> None:
    monkeypatch.setenv("ASSAY_ENDPOINT_TIMEOUT", "0.4")
    drops = _drops()

    # Every wait between two drops is far shorter than the limit, all of them are far longer.
    error, server = _unanswered(dripping(begin, drops, 0.05))

    assert "no answer in time" in str(error)
    assert "ASSAY_ENDPOINT_TIMEOUT" in str(error)
    assert sum(1 for _ in drops) > 1000
    assert 1 <= len(server.requests) <= 3


def test_requests_under_way_are_broken_off_at_once_when_the_run_is_interrupted() -> None:
    arrived = threading.Event()

    def silent(connection: socket.socket, over: threading.Event) -> None:
        arrived.set()
        over.wait()

    with _asking(silent) as (server, requests):

        def interrupted() -> None:
            for place, _ in requests.each(lambda url: requests.post(url, {}), [server.base] * 40):
                raise AssertionError(f"{place} was answered")

        # A signal comes to the thread that waits; here it comes as soon as there is a request.
        def wait_then_interrupt(running: object) -> Iterator[object]:
            arrived.wait()
            raise KeyboardInterrupt
            yield

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(client_module, "as_completed", wait_then_interrupt)
            with pytest.raises(KeyboardInterrupt):
                interrupted()

    # Nothing ended by its own time limit, which is minutes long.
    assert requests.stopped


def test_requests_under_way_are_broken_off_when_the_run_is_interrupted_between_two_results() -> (
    None
):
    arrived = threading.Event()

    def silent(connection: socket.socket, over: threading.Event) -> None:
        arrived.set()
        over.wait()

    with _asking(silent) as (server, requests):

        def kept_then_interrupted() -> None:
            # The first item needs no request, and the signal comes while its result is kept.
            for _ in requests.each(lambda url: url and requests.post(url, {}), ["", server.base]):
                arrived.wait()
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            kept_then_interrupted()

    assert requests.stopped


def test_a_request_that_is_broken_off_before_its_first_step_leaves_nothing_behind() -> None:
    held, arrived = threading.Event(), threading.Event()

    def hold() -> None:
        arrived.set()
        held.wait()

    transport = Transport(seconds=60.0, reply_bytes=100, proxied=False)
    with warnings.catch_warnings(record=True) as said, ThreadPoolExecutor(2) as pool:
        warnings.simplefilter("always")
        # Request, interruption and end all come while the loop is busy: it meets them at once.
        transport.loop.call_soon_threadsafe(hold)
        arrived.wait()
        sent = pool.submit(
            lambda: transport.run(transport.exchange("GET", "http://127.0.0.1:9/", None))
        )
        while not transport._running:
            time.sleep(0.001)
        transport.interrupt()
        with pytest.raises(BrokenError, match="interrupted"):
            sent.result()
        closed = pool.submit(transport.close)
        time.sleep(0.1)  # until it is queued, too
        held.set()
        closed.result()
        gc.collect()

    assert [str(warning.message) for warning in said] == []


def _within(seconds: float, work: Callable[[], object]) -> BaseException | None:
    """Return what some work raised; fail if it is not over in time."""
    raised: list[BaseException | None] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)
        else:
            raised.append(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert raised, f"not over within {seconds:.0f} s"
    return raised[0]


def test_an_item_that_fails_does_not_wait_for_requests_that_a_silent_server_holds() -> None:
    arrived = threading.Event()

    def silent(connection: socket.socket, over: threading.Event) -> None:
        arrived.set()
        over.wait()

    with _asking(silent) as (server, requests):

        def fails_beside(url: str) -> object:
            if url:
                return requests.post(url, {})
            arrived.wait()
            raise ValueError("this one alone")

        error = _within(_SOON_SECONDS, lambda: requests.all(fails_beside, [server.base, ""]))

        assert str(error) == "this one alone"
        assert not requests.stopped  # others go on


def test_a_server_that_only_ever_announces_is_left_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ASSAY_ENDPOINT_TIMEOUT", "0.4")

    def announcing(connection: socket.socket, over: threading.Event) -> None:
        while not over.is_set():
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)

    error, _ = _unanswered(announcing)

    assert "no answer in time" in str(error)


@pytest.mark.parametrize("url", ["http://[::1/v1", "ftp://host/v1", "http://127.0.0.1:1/v1"])
def test_an_address_where_nobody_can_be_asked_is_one_line(url: str) -> None:
    requests = _client("http://127.0.0.1/v1")
    with pytest.raises(UnansweredError) as found:
        requests.post(url, {})
    requests.close()

    _check_line(str(found.value))
    assert not found.value.spoken


# Waiting


def _busy(asked: str, status: str = "429 Too Many Requests") -> bytes:
    return reply('{"error": {"message": "slow down"}}', status, {"Retry-After": asked})


@pytest.mark.parametrize(
    "asked",
    ["3600", "1" + "0" * 500, lambda: format_datetime(datetime.now(UTC) + timedelta(hours=1))],
    ids=["seconds", "beyond numbers", "date"],
)
@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_a_long_pause_is_refused_with_what_the_server_asks_for(asked: object, status: str) -> None:
    text = asked() if callable(asked) else str(asked)

    error, server = _unanswered(always(_busy(text, status)))

    assert f"{status[:3]} slow down; it asks to wait" in str(error)
    assert "run the same line again in" in error.hint
    assert "2.0 min" in error.hint
    assert len(server.requests) == 1


def test_pauses_add_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "PAUSES_SECONDS", (0.0,) * 9)
    monkeypatch.setattr(retries, "LONGEST_WAIT_SECONDS", 0.35)

    error, server = _unanswered(always(_busy("0.1")))

    assert "it asks to wait 0.1 s" in str(error)
    assert len(server.requests) == 4


@pytest.mark.parametrize("asked", ["", "soon", "-5", "Mon, 99 Foo 2026", "1.2.3", "\u00b2"])
def test_a_pause_that_is_none_does_not_matter(asked: str) -> None:
    error, server = _unanswered(always(_busy(asked.encode().decode("latin-1"))))

    assert str(error) == "429 slow down"
    assert len(server.requests) == 3


def test_a_pause_that_is_felt_is_said_once_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(client_module, "SAID_WAIT_SECONDS", 0.01)
    answers = itertools.chain([_busy("0.5")] * 4, itertools.repeat(reply("[1]")))
    lock = threading.Lock()

    def answer(connection: socket.socket, over: threading.Event) -> None:
        with lock:
            content = next(answers)
        connection.sendall(content)

    with (
        caplog.at_level(logging.WARNING, "assay"),
        _asking(answer) as (server, requests),
    ):
        found = requests.all(lambda url: requests.post(url, {}), [server.base] * 4)

    assert found == [[1]] * 4
    said = [record.getMessage() for record in caplog.records]
    assert f"127.0.0.1:{server.port}: 429 slow down; it asks to wait 0.5 s" in said[0]
    assert "Ctrl-C" in said[0]
    assert len(said) < 4  # requests that wait at the same time say it once


# Broken replies


def _half_closed(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(reply(b"", headers={"Content-Length": "100"}) + b'{"a"')
    connection.shutdown(socket.SHUT_WR)


def _closed(connection: socket.socket, over: threading.Event) -> None:
    connection.shutdown(socket.SHUT_RDWR)


_CHUNKED = {"Content-Length": "", "Transfer-Encoding": "chunked"}
_GZIP = {"Content-Encoding": "gzip"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (_half_closed, ""),
        (_closed, ""),
        (always(b"\x00\x01\x02 what is this\r\n\r\n"), ""),
        (always(b"HTTP/1.1 9999 Odd\r\n\r\n"), ""),
        (always(b"HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n"), ""),
        (always(b"HTTP/1.1 101 Now\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n{}"), ""),
        (always(b"HTTP/1.1 200 OK\r\nX\x00: 1\r\nContent-Length: 2\r\n\r\n{}"), ""),
        (always(reply(b"{}", headers={"content-length": "3"})), ""),
        (always(reply(b"", headers=_CHUNKED) + b"0\r\n" + b"a: b\r\n" * 90_000), ""),
        (always(reply("nothing", "999 Odd")), "999 nothing"),
        (always(reply(b"", headers=_CHUNKED) + b"5\r\nab\r\nZZ\r\n"), ""),
        (always(reply(b"", headers=_CHUNKED) + b"-1\r\n\r\n"), ""),
        (always(reply(b"{}", headers={"Content-Length": "many"})), ""),
        (always(reply(b"{}", headers={"X": "y" * 300_000})), ""),
        (always(reply(b"{}", headers=_GZIP)), "not gzip, as it says"),
        (always(reply(gzip.compress(b"{}" * 999)[:-30], headers=_GZIP)), "ends in the middle"),
        (always(reply(b"")), "200, and what it answers is no JSON: nothing"),
        (always(reply('{"a": ')), '200, and what it answers is no JSON: {"a":'),
        (always(reply(b"\xff\xfe\xfa\x81{")), "no JSON"),
        (always(reply("<html><title>Log in</title><p>Hotel</html>")), "no JSON: Log in"),
        (always(reply("[" * 200_000)), "nested too deeply"),
        (always(reply('{"a":' * 200_000)), "nested too deeply"),
        (always(reply('{"a": 1, "b": {"c": 1, "c": 2}}')), "says c twice"),
        (always(reply("[" + "1" * 100_000 + "]")), "no JSON"),
        (always(reply("overloaded", "529 Busy")), "529 overloaded"),
        (always(reply("", "502 Bad Gateway")), "502 Bad Gateway"),
        (always(reply("<h1>502</h1><hr>nginx", "502 Bad Gateway")), "502 502 nginx"),
        (always(reply("{}", headers={"Content-Encoding": "br"})), "packed as 'br'"),
    ],
)  # fmt: skip
def test_a_broken_reply_is_one_line_that_says_what_came(answer: Answer, said: str) -> None:
    error, server = _unanswered(answer)

    assert said in str(error)
    assert len(server.requests) == (1 if error.lasting else 3)


# What a server says

_PAGE = """<html><head><title>Denied</title><style>p {}</style></head>
<body><h1>Ask&nbsp;your &lt;admin&gt;</h1></body></html>"""


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        ("403 Forbidden", _PAGE, "403 Denied: Ask your <admin>"),
        ("404 Not Found", '{"detail": "Not Found"}', "404 Not Found"),
        ("422 No", '{"detail": [{"loc": ["prompt"], "msg": "missing"}]}', '"msg": "missing"'),
        ("400 Bad", '{"error": {"message": "", "code": 7}}', '"code": 7'),
        ("400 Bad", '{"error": "plain"}', "400 plain"),
        ("418 Teapot", b"\xff\xfe", "418"),
        ("451 Gone", "{}", "451 Gone"),
        ("501 Never", "[" * 200_000, "501 [[["),
        ("400 Bad", "\x1b[2J\x1b]0;owned\x07 \u202egnp.exe", "\\x1b[2J"),
        ("401 No", f"your key {KEY} is wrong", "your key *** is wrong"),
        ("401 No", json.dumps({"error": {"message": f"bad: {KEY}"}}), "401 bad: ***"),
        ("401 No", "<p>" + "".join(f"&#{ord(c)};" for c in KEY) + "</p>", "401 ***"),
        ("401 No", "x" * 190 + KEY, "401 xxx"),
    ],
)  # fmt: skip
def test_an_error_is_told_with_its_status_and_first_words(
    status: str, body: bytes | str, said: str
) -> None:
    error = _refused(status, body)

    assert str(error).startswith(status[:3])
    assert said in str(error)
    assert "sk-sec" not in str(error)
    assert error.status == int(status[:3])


def test_a_page_that_cannot_be_unpacked_is_told_by_its_status() -> None:
    content = reply(b"\x01\x02", "403 Forbidden", {"Content-Encoding": "zstd"})

    with _asking(always(content)) as (server, requests), pytest.raises(RefusedError) as found:
        requests.post(server.base, {})

    assert str(found.value) == "403 Forbidden"


@pytest.mark.parametrize(
    "place", ["http://elsewhere/v1", f"http://x/?key={KEY}", "http://[:::", ""]
)
def test_a_redirect_is_told_and_not_followed(place: str) -> None:
    content = reply("", "301 Moved", {"Location": place})

    with _asking(always(content)) as (server, requests), pytest.raises(RefusedError) as found:
        requests.post(server.base, {})

    assert found.value.redirects
    assert str(found.value).startswith("301 redirects")
    assert place.replace(KEY, "***") in str(found.value)
    assert "no other address is given the key" in found.value.hint


def test_a_proxy_that_cannot_be_used_is_an_error_that_does_not_repeat_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "nonsense://me:password@host:1")

    with pytest.raises(ConfigError, match="proxy") as found:
        _client("http://gone.invalid/v1")

    assert "password" not in f"{found.value} {found.value.hint}"


@pytest.mark.parametrize("value", ["0", "-1", "much", "nan", "inf"])
def test_a_setting_that_is_no_number_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ASSAY_ENDPOINT_REPLY_MIB", value)

    with pytest.raises(ConfigError, match="ASSAY_ENDPOINT_REPLY_MIB"):
        _client("http://127.0.0.1/v1")
