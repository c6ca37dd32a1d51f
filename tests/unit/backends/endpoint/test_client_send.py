"""Many requests at a time from the client's loop: tries, limits, pauses, and what ends all."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import httpx2
import pytest

from assay.backends.endpoint.answers import Answer, Attempt
from assay.backends.endpoint.client import Client
from assay.backends.endpoint.failures import Cause, RefusedError, UnansweredError
from tests.impatience import ask_again_at_once
from tests.jumping_clock import JumpingClock

KEY = "sk-secret-0123456789"
_LOCAL = "http://127.0.0.1:8000/v1"
_FAR = "https://judge.example.com/v1"
_FINE = (200, {"ok": 1})
Handler = Callable[[httpx2.Request], Awaitable[httpx2.Response]]
Said = tuple[int, object] | tuple[int, object, dict[str, str]] | Exception


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    ask_again_at_once(monkeypatch)
    for name in ("ASSAY_ENDPOINT_PARALLEL", "ASSAY_ENDPOINT_TIMEOUT", "ASSAY_ENDPOINT_REPLY_MIB"):
        monkeypatch.delenv(name, raising=False)


def _response(status: int, content: object, headers: dict[str, str]) -> httpx2.Response:
    stream = httpx2.ByteStream(json.dumps(content).encode())
    return httpx2.Response(status, stream=stream, headers=headers)


@dataclass
class Stub:
    """A server without a network, that answers what it is told to, in order, then that it is fine.

    Attributes:
        script: what it says.
        seconds: how long it takes.
        asked: moment, body and headers of every request.
        most: most requests that were under way at a time.
    """

    time: JumpingClock
    script: Iterator[Said] = field(default_factory=lambda: iter(()))
    seconds: float = 0.0
    asked: list[tuple[float, bytes, httpx2.Headers]] = field(default_factory=list)
    most: int = 0
    under_way: int = 0

    async def handle(self, request: httpx2.Request) -> httpx2.Response:
        """Answer."""
        said = next(self.script, _FINE)
        self.asked.append((self.time.time, request.content, request.headers))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            if self.seconds:
                await self.time.sleep(self.seconds)
        finally:
            self.under_way -= 1
        if isinstance(said, Exception):
            raise said
        headers = said[2] if len(said) == 3 else {}
        return _response(said[0], said[1], headers)

    @property
    def moments(self) -> list[float]:
        """When it was asked."""
        return [moment for moment, _, _ in self.asked]


@dataclass
class Asking:
    """A client, its server, and its clock."""

    client: Client
    stub: Stub
    time: JumpingClock
    base: str

    def send(
        self, *bodies: bytes, told: Callable[[Attempt], None] | None = None
    ) -> list[Answer | BaseException]:
        """Return what came of requests that were sent at the same time."""

        async def all_of_them() -> list[Answer | BaseException]:
            url = f"{self.base}/chat/completions"
            accounts = None if told is None else _Told(told)
            sent = (self.client.send(url, body, accounts=accounts) for body in bodies)
            return await asyncio.gather(*sent, return_exceptions=True)

        return self.client.run(all_of_them())


class _Told:
    """Agrees to every try, and passes on how it ended."""

    def __init__(self, told: Callable[[Attempt], None]) -> None:
        self._told = told

    async def begin(self) -> None:
        """Agree."""

    async def end(self, attempt: Attempt | None) -> None:
        """Pass it on."""
        if attempt is not None:
            self._told(attempt)


@pytest.fixture
def opened() -> Iterator[Callable[..., Asking]]:
    clients: list[Client] = []

    def opener(*script: Said, base: str = _LOCAL, key: str | None = None) -> Asking:
        time = JumpingClock()
        stub = Stub(time, iter(script))
        wire = httpx2.MockTransport(stub.handle)
        client = Client(base, clock=time.clock(), wire=wire, key=key)
        clients.append(client)
        return Asking(client, stub, time, base)

    yield opener
    for client in clients:
        client.close()


Opener = Callable[..., Asking]


def _one(found: Sequence[Answer | BaseException]) -> Answer:
    (answer,) = found
    assert isinstance(answer, Answer), answer
    return answer


def _refusal(found: Sequence[Answer | BaseException]) -> RefusedError:
    (error,) = found
    assert isinstance(error, RefusedError), error
    return error


def _failure(found: Sequence[Answer | BaseException]) -> UnansweredError:
    (error,) = found
    assert isinstance(error, UnansweredError), error
    return error


# Answers


def test_an_answer_holds_what_came_and_how_long_it_took(opened: Opener) -> None:
    asking = opened((200, {"a": "é"}))
    asking.stub.seconds = 2.5

    answer = _one(asking.send(b'{"q": 1}'))

    assert answer.content == {"a": "é"}
    assert json.loads(answer.text) == {"a": "é"}
    assert (answer.status, answer.attempts, answer.seconds) == (200, 1, 2.5)
    assert asking.stub.asked[0][1] == b'{"q": 1}'


_PASSING: list[Said] = [
    *[(status, {"error": "later"}) for status in (408, 409, 425, 429, 500, 502, 503, 504, 529)],
    httpx2.ConnectError("refused"),
    httpx2.ReadError("reset"),
    httpx2.ReadTimeout("slow"),
    httpx2.RemoteProtocolError("cut"),
]


@pytest.mark.parametrize("failure", _PASSING, ids=str)
def test_a_failure_that_may_pass_is_asked_again_and_both_tries_are_told(
    opened: Opener, failure: Said
) -> None:
    asking = opened(failure)
    told: list[Attempt] = []

    answer = _one(asking.send(b"{}", told=told.append))

    assert answer.attempts == 2
    assert [attempt.number for attempt in told] == [1, 2]
    assert [attempt.status for attempt in told] == [
        0 if isinstance(failure, Exception) else failure[0], 200,
    ]  # fmt: skip
    assert told[1].found is answer
    assert told[0].reached is not isinstance(failure, httpx2.ConnectError)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 451, 501, 505])
def test_a_refusal_is_not_asked_again(opened: Opener, status: int) -> None:
    asking = opened((status, {"error": "no"}))

    assert _refusal(asking.send(b"{}")).status == status
    assert len(asking.stub.asked) == 1


@pytest.mark.parametrize(
    ("status", "error", "cause"),
    [
        (401, {"message": "bad key"}, Cause.DENIED),
        (403, {"message": "not you"}, Cause.DENIED),
        (404, {"message": "The model `x` does not exist."}, Cause.NO_MODEL),
        (402, {"message": "pay"}, Cause.UNPAID),
        (429, {"message": "no", "type": "insufficient_quota"}, Cause.UNPAID),
    ],
)
def test_what_would_refuse_everything_ends_all_at_once(
    opened: Opener, status: int, error: object, cause: Cause
) -> None:
    asking = opened((status, {"error": error}))

    first = _refusal(asking.send(b"{}"))
    second = _failure(asking.send(b"{}"))

    assert first.cause is cause
    assert asking.client.stopped
    assert asking.client.why_stopped is first
    assert str(second) == str(first)
    assert second.hint == first.hint
    assert not second.reached
    assert len(asking.stub.asked) == 1


def test_what_is_under_way_ends_when_the_money_is_gone_and_nothing_new_is_sent(
    opened: Opener,
) -> None:
    asking = opened((402, {"error": "pay"}))
    asking.stub.seconds = 1.0

    found = asking.send(*[b"{}"] * 40)  # eight more than go at a time

    assert len(asking.stub.asked) == 32
    assert sum(isinstance(each, Answer) for each in found) == 31
    assert sum(isinstance(each, UnansweredError) for each in found) == 8


@pytest.mark.parametrize("status", [400, 404])
def test_a_refusal_of_one_text_or_route_leaves_the_others_alone(
    opened: Opener, status: int
) -> None:
    asking = opened((status, {"error": {"message": "not this"}}))

    _refusal(asking.send(b"{}"))

    assert not asking.client.stopped
    assert _one(asking.send(b"{}")).attempts == 1


# Tries and pauses


def test_pauses_are_drawn_below_bounds_that_double_and_there_are_eight_tries(
    opened: Opener,
) -> None:
    asking = opened(*[(500, {})] * 99)
    asking.time.share = 0.5

    error = _failure(asking.send(b"{}"))

    assert asking.time.drawn_below == [1, 2, 4, 8, 16, 32, 60]
    assert asking.stub.moments == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 61.5]
    assert str(error) == "500 Internal Server Error"
    assert asking.client.stopped  # nothing else was answered meanwhile


def test_no_try_begins_ten_minutes_after_the_first(opened: Opener) -> None:
    asking = opened(*[(500, {})] * 99)
    asking.stub.seconds = 140.0

    _failure(asking.send(b"{}"))

    assert asking.stub.moments == [0, 141, 283, 427, 575]


def test_a_request_that_fails_alone_does_not_end_the_others(opened: Opener) -> None:
    async def handle(request: httpx2.Request) -> httpx2.Response:
        return _response(500 if request.content == b"1" else 200, {}, {})

    asking = opened()
    client = Client(_LOCAL, clock=asking.time.clock(), wire=httpx2.MockTransport(handle))

    async def both() -> None:
        failing = asyncio.ensure_future(client.send(_LOCAL, b"1"))
        while not failing.done():
            await client.send(_LOCAL, b"2")
            await asyncio.sleep(0)
        with pytest.raises(UnansweredError, match="500"):
            await failing

    client.run(both())

    assert not client.stopped
    client.close()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"Retry-After": "30"}, 30.0), ({"retry-after-ms": "1500", "Retry-After": "9"}, 1.5)],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_is_asked_for_is_kept_with_something_on_top(
    opened: Opener, headers: dict[str, str], seconds: float, status: int
) -> None:
    asking = opened((status, {}, headers))

    _one(asking.send(b"{}"))

    assert asking.time.drawn_below == [1.0]
    assert asking.stub.moments == [0, seconds + 1.0]


def test_a_pause_that_one_request_is_asked_for_holds_for_all(opened: Opener) -> None:
    asking = opened((429, {}, {"Retry-After": "30"}))

    async def one_then_another() -> None:
        first = asyncio.ensure_future(asking.client.send(_LOCAL, b"1"))
        while not asking.stub.asked:
            await asyncio.sleep(0)
        await asking.time.sleep(1.0)
        await asking.client.send(_LOCAL, b"2")
        await first

    asking.client.run(one_then_another())

    assert asking.stub.moments[0] == 0
    assert min(asking.stub.moments[1:]) >= 30


@pytest.mark.parametrize("asked", ["301", "86400"])
def test_a_pause_of_more_than_five_minutes_ends_all_with_what_was_asked(
    opened: Opener, asked: str
) -> None:
    asking = opened((429, {"error": "enough for today"}, {"Retry-After": asked}))

    error = _failure(asking.send(b"{}"))

    assert "429 enough for today; it asks to wait" in str(error)
    assert "run the same line again in" in error.hint
    assert "5.0 min" in error.hint
    assert asking.client.stopped
    assert len(asking.stub.asked) == 1


def test_who_waits_before_the_next_try_is_told_at_once_when_all_ends(opened: Opener) -> None:
    asking = opened((503, {}), (401, {"error": "key?"}))

    found = asking.send(b"{}", b"{}")

    assert sorted(str(each) for each in found) == ["401 key?", "503 Service Unavailable"]
    assert asking.time.time == 0


# How many at a time


@pytest.mark.parametrize(("base", "first"), [(_LOCAL, 32), (_FAR, 8)])
def test_a_server_far_away_is_met_with_fewer_requests(
    opened: Opener, base: str, first: int
) -> None:
    asking = opened(base=base)
    asking.stub.seconds = 1.0

    asking.send(*[b"{}"] * first, b"{}", b"{}")

    assert asking.stub.most == first


def test_the_limit_grows_with_answers_up_to_what_is_set(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_ENDPOINT_PARALLEL", "10")
    asking = opened(base=_FAR)
    asking.stub.seconds = 1.0

    asking.send(*[b"{}"] * 16)
    assert asking.client.limit == 9
    asking.send(*[b"{}"] * 200)

    assert asking.client.limit == 10
    assert asking.stub.most == 10


@pytest.mark.parametrize(
    "pressed",
    [(429, {}), (503, {}), (529, {}), httpx2.ReadTimeout("slow"), (429, {}, {"Retry-After": "1"})],
    ids=str,
)
def test_a_burst_of_failures_halves_the_limit_once(opened: Opener, pressed: Said) -> None:
    asking = opened(*[pressed] * 15)
    asking.stub.seconds = 1.0

    found = asking.send(*[b"{}"] * 15)

    assert all(isinstance(each, Answer) for each in found)
    assert asking.client.limit == 16


@pytest.mark.parametrize("failed", [(500, {}), (502, {}), httpx2.ReadError("cut")], ids=str)
def test_a_server_that_fails_is_not_one_that_has_too_much_to_do(
    opened: Opener, failed: Said
) -> None:
    asking = opened(*[failed] * 4)

    asking.send(*[b"{}"] * 4)

    assert asking.client.limit == 32


def test_requests_go_in_the_order_in_which_they_came(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_ENDPOINT_PARALLEL", "1")
    asking = opened()
    asking.stub.seconds = 1.0
    bodies = [str(number).encode() for number in range(20)]

    asking.send(*bodies)

    assert [body for _, body, _ in asking.stub.asked] == bodies


def test_a_request_that_is_given_up_makes_room(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_ENDPOINT_PARALLEL", "1")
    asking = opened()
    asking.stub.seconds = 1000.0

    async def given_up() -> Answer:
        tasks = [asyncio.ensure_future(asking.client.send(_LOCAL, b"1")) for _ in range(3)]
        while not asking.stub.asked:
            await asyncio.sleep(0)
        for task in tasks:  # one is under way, one waits for room, one for its turn
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        asking.stub.seconds = 0.0
        return await asking.client.send(_LOCAL, b"2")

    assert asking.client.run(given_up()).attempts == 1


def test_what_a_server_says_of_its_limits_is_kept_to(opened: Opener) -> None:
    used_up = {
        "x-ratelimit-remaining-requests": "1",
        "x-ratelimit-reset-requests": "1m30s",
        "x-ratelimit-remaining-tokens": "99999",
        "x-ratelimit-reset-tokens": "10ms",
    }
    asking = opened((200, {}, used_up))

    asking.send(b"{}")
    asking.send(b"{}", b"{}", b"{}")

    assert asking.stub.moments == [0, 0, 90, 90]


# When most fails


def test_nothing_is_sent_for_a_minute_when_most_fails_and_then_one_request_tries(
    opened: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    asking = opened(*[(200, {})] * 24, *[(500, {})] * 26)
    asking.time.share = 0.0
    asking.send(*[b"{}"] * 24)
    asking.stub.seconds = 1.0

    with caplog.at_level(logging.WARNING, "assay"):
        found = asking.send(*[b"{}"] * 26)

    assert all(isinstance(each, Answer) for each in found)
    later = [moment for moment in asking.stub.moments if moment >= 2]
    assert later[0] == 61
    assert later[1] == 62  # the others wait for what it brings
    assert len(later) == 26
    assert "more than half of the last 50 attempts failed" in caplog.messages[0]
    assert not asking.client.stopped


def test_a_server_that_still_fails_after_three_pauses_is_given_up(opened: Opener) -> None:
    asking = opened(*[(500, {"error": "boom"})] * 9999)
    asking.time.share = 0.0
    asking.stub.seconds = 1.0

    found = asking.send(*[b"{}"] * 64)

    errors = [each for each in found if isinstance(each, UnansweredError)]
    assert len(errors) == 64
    assert asking.client.stopped
    assert "500 boom; more than half of the attempts failed" in str(asking.client.why_stopped)
    # The fiftieth failure is the 18th of the second 32, and the 17 before it have let others go;
    # two probes follow, each after its pause.
    assert len(asking.stub.asked) == 64 + 17 + 2
    assert asking.stub.moments[-2:] == [62, 123]


def test_a_server_that_was_given_up_is_met_anew_once_it_is_resumed(opened: Opener) -> None:
    asking = opened(*[(500, {})] * 83)
    asking.time.share = 0.0
    asking.stub.seconds = 1.0
    asking.send(*[b"{}"] * 64)
    stopped, moment = asking.client.stopped, asking.time.time

    asking.client.resume()
    asking.send(b"{}")

    assert stopped
    assert asking.stub.moments[-1] == moment


def test_a_server_that_asks_to_wait_is_not_one_that_fails(
    opened: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    asking = opened(*[(429, {}, {"Retry-After": "1"})] * 60)
    asking.stub.seconds = 0.5

    with caplog.at_level(logging.WARNING, "assay"):
        found = asking.send(*[b"{}"] * 60)

    assert all(isinstance(each, Answer) for each in found)
    assert asking.time.time < 60
    assert caplog.messages == []


# Keys, and ends


def test_a_key_goes_to_its_own_host_alone(opened: Opener) -> None:
    asking = opened(base=_FAR, key=KEY)

    async def several() -> None:
        own = (f"{_FAR}/x", "https://JUDGE.example.com:443/y")
        others = ("://other.example.com", "://judge.example.com:8443")
        for url in (*own, *(f"https{each}/v1" for each in others), "http://judge.example.com/v1"):
            await asking.client.send(url, b"{}")

    asking.client.run(several())

    sent = [headers.get("authorization") for _, _, headers in asking.stub.asked]
    assert sent == [f"Bearer {KEY}", f"Bearer {KEY}", None, None, None]


def test_a_key_is_struck_out_of_every_error(opened: Opener) -> None:
    asking = opened((401, {"error": f"what is {KEY}?"}), key=KEY)

    error = _refusal(asking.send(b"{}"))

    assert str(error) == "401 what is ***?"
    assert KEY not in f"{error.hint} {asking.client._key!r}"


def test_what_is_broken_off_has_put_its_things_in_order_before_the_call_ends(
    opened: Opener,
) -> None:
    asking = opened()
    done: list[str] = []

    async def broken_off() -> None:
        try:
            asyncio.get_running_loop().call_soon(asking.client.break_off)
            await asyncio.Event().wait()
        finally:
            for _ in range(1000):
                await asyncio.sleep(0)
            done.append("tidy")

    with pytest.raises(UnansweredError, match="interrupted"):
        asking.client.run(broken_off())

    assert done == ["tidy"]


def test_after_it_was_resumed_a_client_sends_again(opened: Opener) -> None:
    asking = opened((401, {"error": "key?"}))
    _refusal(asking.send(b"{}"))

    asking.client.resume()

    assert _one(asking.send(b"{}")).attempts == 1
