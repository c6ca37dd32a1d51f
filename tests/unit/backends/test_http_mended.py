"""What may be a server's fault is asked again; a server that is mended gives what it always had."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.engine.engine import Engine
from assay.errors import ModelLoadError, UnfinishedError
from assay.features.log_probs import ResponseLogProbs
from assay.pool.pool import Pool
from assay.samples import Reason
from assay.testing import pool
from assay.values import LogProbs
from tests.causal_rows import PlainLoop, exchange, open_runtime, ordinary_rows
from tests.impatience import ask_again_at_once
from tests.model_server import Fault, ModelServer, serving

pytest.importorskip("torch")

_OPENING = 3  # requests for completions with which a model is opened
_OPENING_ONE_BY_ONE = 6  # of a server that takes one prompt at a time
_ASKED_IN_OPENING = 5
_ROWS = 12
_Values = list[float | None]
_ELSEWHERE = {"Location": "http://127.0.0.1:9/v1/completions"}


@pytest.fixture(scope="module")
def llama(llama_folder: Path) -> PlainLoop:
    return PlainLoop.open(llama_folder)


@pytest.fixture(autouse=True, scope="module")
def _quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        ask_again_at_once(patched, 0.01)
        patched.setenv("ASSAY_ENDPOINT_PARALLEL", "1")
        yield


@pytest.fixture(scope="module")
def rows() -> Pool:
    return pool([exchange(row) for row in ordinary_rows(_ROWS)])


@pytest.fixture(scope="module")
def never_broken(
    llama: PlainLoop, rows: Pool, tmp_path_factory: pytest.TempPathFactory
) -> LogProbs:
    """What a server gives that never does anything wrong."""
    with serving(llama) as server:
        return _values(rows, tmp_path_factory.mktemp("never-broken"), server.address)


def _values(rows: Pool, cache: Path, model: str) -> LogProbs:
    found = Engine(rows, open_runtime(cache)).value(ResponseLogProbs(model=model))
    assert isinstance(found, LogProbs)
    return found


def _check_mended(server: ModelServer, rows: Pool, never_broken: LogProbs, tmp_path: Path) -> str:
    """Check that a broken server leaves rows unread, and mended gives what it would have given.

    Returns:
        What the run with the broken server said.
    """
    with pytest.raises(UnfinishedError, match="unread") as found:
        _values(rows, tmp_path / "cache", server.address)
    server.wrong = lambda route, body, count: None
    server.mangle = lambda values, ids: values
    mended = _values(rows, tmp_path / "cache", server.address)

    assert found.value.exit_code == 3
    assert not mended.reason.any()
    np.testing.assert_array_equal(mended.sum, never_broken.sum)
    np.testing.assert_array_equal(mended.count, never_broken.count)
    assert not (tmp_path / "cache/unfinished").exists()
    return f"{found.value} {found.value.hint}"


def _from(first: int, fault: Fault) -> Callable[[str, Any, int], Fault | None]:
    def wrong(route: str, body: Any, count: int) -> Fault | None:
        return fault if route == "/v1/completions" and count >= first else None

    return wrong


def _error(status: int) -> Fault:
    return Fault(status, {"error": {"message": "no"}})


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault(status, "", _ELSEWHERE) for status in (302, 307)),
        *(_error(status) for status in (400, 402, 404, 413, 418, 422, 429, 501, 503, 520)),
        Fault(200, []),
        Fault(200, {}),
        Fault(200, None),
        Fault(200, "[" * 100_000),
        Fault(200, {"choices": "none"}),
        Fault(200, {"choices": []}),
        Fault(200, {"choices": [{"index": "first"}, {"index": "second"}]}),
        Fault(200, {"choices": [{"index": 0, "prompt_logprobs": {}}]}),
        Fault(204, ""),
        Fault(200, " " * (9 << 20)),
        Fault(200, '{"choices": [{}], "choices": [{}]}'),
        Fault(200, {"error": {"message": "quota is used up"}}),
        Fault(200, {"choices": [{"index": 1}] * 8}),
        Fault(200, {"choices": [{"index": 10**400}]}),
        Fault(429, "wait", {"Retry-After": "7200"}),
    ],
    ids=lambda fault: f"{fault.status}-{str(fault.body)[:30]}",
)  # fmt: skip
def test_no_status_and_no_reply_of_a_broken_server_is_kept(
    llama: PlainLoop, rows: Pool, never_broken: LogProbs, tmp_path: Path, fault: Fault
) -> None:
    with serving(llama) as server:
        server.wrong = _from(_OPENING + 1, fault)
        said = _check_mended(server, rows, never_broken, tmp_path)

    assert str(fault.status) in said or fault.status < 300


@pytest.mark.parametrize(
    "number",
    [math.nan, -math.inf, -9999.0, -(10**400), 10**400, None, "much"],
    ids=lambda number: str(number)[:8],
)
@pytest.mark.parametrize("forms", [{"prompt_logprobs"}, {"echo"}])
def test_no_number_that_is_none_is_kept(
    llama: PlainLoop,
    rows: Pool,
    never_broken: LogProbs,
    tmp_path: Path,
    number: Any,
    forms: set[str],
) -> None:
    with serving(llama, forms=frozenset(forms)) as server:
        # With `echo` two forms are tried before the one that is understood.
        after = _ASKED_IN_OPENING + 3

        def broken(values: _Values, ids: list[int]) -> _Values:
            return values if len(server.asked) < after else [*values[:-1], number]

        server.mangle = broken
        _check_mended(server, rows, never_broken, tmp_path)


@pytest.mark.parametrize("number", [math.nan, -math.inf])
def test_a_single_row_without_a_number_ends_with_the_code_of_unfinished_work(
    llama: PlainLoop, rows: Pool, never_broken: LogProbs, tmp_path: Path, number: float
) -> None:
    with serving(llama) as server:
        whole = _values(rows, tmp_path / "whole", server.address)
        victim = max(server.asked, key=len)

        def broken(values: _Values, ids: list[int]) -> _Values:
            return [*values[:-1], number] if tuple(ids) == victim else values

        server.mangle = broken
        said = _check_mended(server, rows, never_broken, tmp_path)

    assert "left 1 text unread" in said
    assert "not finite" in said
    assert not whole.reason.any()


def test_a_text_that_is_refused_once_is_asked_again_at_once(
    llama: PlainLoop, rows: Pool, never_broken: LogProbs, tmp_path: Path
) -> None:
    with serving(llama) as server:
        server.wrong = lambda route, body, count: (
            _error(400) if route == "/v1/completions" and count == _OPENING + 1 else None
        )
        found = _values(rows, tmp_path / "cache", server.address)

    assert not found.reason.any()
    np.testing.assert_array_equal(found.sum, never_broken.sum)


def _refusing(victim: tuple[int, ...], status: int, words: str) -> Any:
    def wrong(route: str, body: Any, count: int) -> Fault | None:
        if route != "/v1/completions" or not isinstance(body["prompt"], list):
            return None
        prompts = body["prompt"] if isinstance(body["prompt"][0], list) else [body["prompt"]]
        refused = any(tuple(prompt) == victim for prompt in prompts)
        return Fault(status, {"error": {"message": words}}) if refused else None

    return wrong


@pytest.mark.parametrize(
    ("status", "words", "reason"),
    [
        (400, "the content filter says no", Reason.REFUSED),
        (451, "not here", Reason.REFUSED),
        (422, "cannot read this", Reason.REFUSED),
        (400, "longer than the context length", Reason.TOO_LONG),
        (413, "too large", Reason.TOO_LONG),
    ],
)
def test_a_text_that_alone_is_refused_again_and_again_has_that_for_a_reason(
    llama: PlainLoop, rows: Pool, tmp_path: Path, status: int, words: str, reason: Reason
) -> None:
    with serving(llama) as server:
        whole = _values(rows, tmp_path / "whole", server.address)
        victim = max(server.asked[_ASKED_IN_OPENING:], key=len)
        server.wrong = _refusing(victim, status, words)
        found = _values(rows, tmp_path / "cache", server.address)
        server.asked.clear()
        again = _values(rows, tmp_path / "cache", server.address)
        asked_later = list(server.asked)

    refused = found.reason != 0
    assert found.reason[refused].tolist() == [reason]
    np.testing.assert_array_equal(found.sum[~refused], whole.sum[~refused])
    np.testing.assert_array_equal(again.reason, found.reason)
    assert victim not in asked_later


@pytest.mark.parametrize(
    ("fault", "said", "remedy"),
    [
        (Fault(401, {"error": "no such key"}), "401 no such key", "ASSAY_API_KEYS='127.0.0.1:"),
        (Fault(403, "<h1>Not from here</h1>"), "403 Not from here", "name the key of"),
        (Fault(404, "<title>Nothing</title>"), "404 Nothing", "run the same line again"),
        (Fault(422, {"detail": "odd"}), "422 odd", "run the same line again"),
        (Fault(500, "<b>boom</b>"), "500 boom", "run the same line again"),
        (Fault(301, "", _ELSEWHERE), "301 redirects to http://127.0.0.1:9/", "no other address"),
        (Fault(429, {"error": "used up"}, {"Retry-After": "7200"}), "429 used up", "in 2.0 h"),
        (Fault(200, " " * (9 << 20)), "200, and its reply is longer than", "ASSAY_ENDPOINT_REPLY"),
        (Fault(200, {"error": "used up"}), "no choices: used up", "run the same line again"),
        (Fault(200, "<title>Log in</title>"), "no JSON: Log in", "run the same line again"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_a_server_says_in_mid_run_is_in_the_error_though_many_are_asked_at_once(
    llama: PlainLoop,
    rows: Pool,
    never_broken: LogProbs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    said: str,
    remedy: str,
) -> None:
    monkeypatch.setenv("ASSAY_ENDPOINT_PARALLEL", "8")
    with serving(llama, one_prompt=True) as server:
        server.wrong = _from(_OPENING_ONE_BY_ONE + 2, fault)
        found = _check_mended(server, rows, never_broken, tmp_path)

    assert said in found
    assert remedy in found


def test_a_redirect_is_told_and_its_target_never_asked(
    llama: PlainLoop, rows: Pool, never_broken: LogProbs, tmp_path: Path
) -> None:
    with serving(llama) as other, serving(llama) as server:
        target = {"Location": f"{other.base}/completions"}
        server.wrong = _from(_OPENING + 1, Fault(307, "", target))
        said = _check_mended(server, rows, never_broken, tmp_path)

        assert f"307 redirects to {other.base}/completions" in said
        assert not other.requests


def test_a_server_that_redirects_from_the_start_is_told_with_its_status(
    llama: PlainLoop, rows: Pool, tmp_path: Path
) -> None:
    with serving(llama) as server:
        server.wrong = lambda route, body, count: Fault(302, "", _ELSEWHERE)
        with pytest.raises(ModelLoadError, match=r"302 redirects to http://127\.0\.0\.1:9/"):
            _values(rows, tmp_path / "cache", server.address)
