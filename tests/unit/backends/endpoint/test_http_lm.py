"""Models behind HTTP: the numbers of the model itself, or a refusal that says what is missing."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.backends.endpoint import http_lm
from assay.backends.endpoint.client import Client
from assay.components.rendering import Rendering
from assay.engine.engine import Engine
from assay.errors import ConfigError, ModelLoadError, UnfinishedError
from assay.features.hidden_states import HiddenStates
from assay.features.log_probs import PromptLogProbs, ResponseLogProbs, TokenStatistics
from assay.features.training_tokens import TrainingTokens
from assay.models.language_model import LanguageModel, Questions, Unsteady
from assay.pool.pool import Pool
from assay.runtime import Runtime
from assay.samples import Reason
from assay.testing import pool
from assay.values import LogProbs
from tests.causal_rows import (
    EDGE_ROWS,
    PlainLoop,
    exchange,
    open_model,
    open_runtime,
    ordinary_rows,
)
from tests.impatience import ask_again_at_once
from tests.model_server import Fault, ModelServer, serving

pytest.importorskip("torch")

Open = Callable[..., Any]
PLAIN = Rendering(template="plain")
KEY = "sk-secret-0123456789"


@pytest.fixture(scope="module")
def llama(llama_folder: Path) -> PlainLoop:
    return PlainLoop.open(llama_folder)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    ask_again_at_once(monkeypatch, 0.01, 0.02)


@pytest.fixture
def server(llama: PlainLoop) -> Iterator[ModelServer]:
    with serving(llama) as running:
        yield running


def opened(address: str, cache: Path) -> LanguageModel:
    runtime = open_runtime(cache)
    return runtime.language_model(runtime.pin("language_model", address), "float32")


def values(rows: Pool, cache: Path, model: str, **settings: Any) -> LogProbs:
    feature = ResponseLogProbs(model=model, **settings)
    found = Engine(rows, open_runtime(cache)).value(feature)
    assert isinstance(found, LogProbs)
    return found


def pool_of(count: int = 12) -> Pool:
    rows = [*EDGE_ROWS.values(), *ordinary_rows(count)]
    return pool([exchange(row) for row in rows])


# The same numbers


@pytest.mark.parametrize("given", ["prompt", "nothing"])
@pytest.mark.parametrize("forms", [{"prompt_logprobs", "echo"}, {"echo"}])
def test_a_served_model_gives_the_numbers_of_the_model_itself(
    llama: PlainLoop, llama_folder: Path, tmp_path: Path, given: Any, forms: set[str]
) -> None:
    rows = pool_of()
    own = values(rows, tmp_path / "own", str(llama_folder), given=given, tokens=True)

    with serving(llama, forms=frozenset(forms)) as server:
        served = values(rows, tmp_path / "cache", server.address, given=given, tokens=True)

    assert served.reason.tolist() == own.reason.tolist()
    assert served.flags.tolist() == own.flags.tolist()
    np.testing.assert_array_equal(served.count, own.count)
    assert served.difference(own) < 1e-5
    assert served.tokens is not None
    assert own.tokens is not None
    np.testing.assert_allclose(
        served.tokens.explode().drop_nulls(), own.tokens.explode().drop_nulls(), atol=1e-4
    )


def test_prompts_are_read_too(server: ModelServer, llama_folder: Path, tmp_path: Path) -> None:
    rows = pool_of()
    engine = Engine(rows, open_runtime(tmp_path / "cache"))

    served = engine.value(PromptLogProbs(model=server.address))
    own = engine.value(PromptLogProbs(model=str(llama_folder)))

    assert served.reason.tolist() == own.reason.tolist()
    assert served.difference(own) < 1e-5


def test_a_tokenizer_at_hand_serves_a_model_that_puts_nothing_before_a_text(
    gpt2_folder: Path, tmp_path: Path
) -> None:
    loop = PlainLoop.open(gpt2_folder)
    rows = pool_of()
    own = values(rows, tmp_path / "own", str(gpt2_folder))

    with serving(loop, routes=frozenset({"/v1/models"})) as server:
        address = server.address.replace("#", f"?tokenizer={gpt2_folder}#")
        served = values(rows, tmp_path / "cache", address)
        asked_tokenizer = "/tokenize" in server.requests

    assert served.difference(own) < 1e-5
    assert not asked_tokenizer


def test_a_server_that_shows_its_settings_tells_what_begins_a_text(
    gpt2_folder: Path, tmp_path: Path
) -> None:
    loop = PlainLoop.open(gpt2_folder)
    plain = {"/v1/models", "/tokenize"}

    with serving(loop, routes=frozenset({*plain, "/tokenizer_info"})) as server:
        model = opened(server.address, tmp_path)
        ends = model.bos, model.eos
    with (
        serving(loop, routes=frozenset(plain)) as server,
        pytest.raises(ModelLoadError, match="which token begins or ends") as refused,
    ):
        opened(server.address, tmp_path)

    assert ends == (0, 0)
    assert "?tokenizer=NAME#tiny" in str(refused.value.hint)


def test_equal_texts_are_asked_for_once_and_several_in_one_request(
    server: ModelServer, tmp_path: Path
) -> None:
    model = opened(server.address, tmp_path)
    before, requests = len(server.asked), server.requests.count("/v1/completions")
    sequences = [np.array([1, n, 7, 8], np.int32) for n in (5, 6, 5, 9, 10, 11, 12, 13, 14)]
    advanced: list[int] = []

    answers = model.read(Questions(sequences, [np.array([2, 3])] * 9), advanced.append)

    assert len(server.asked) - before == 8
    assert server.requests.count("/v1/completions") - requests == 1
    assert answers.log_probs.shape == (18,)
    np.testing.assert_array_equal(answers.log_probs[:2], answers.log_probs[4:6])
    assert sum(advanced) == 36


def test_a_server_that_takes_one_prompt_at_a_time_is_asked_so(
    llama: PlainLoop, llama_folder: Path, tmp_path: Path
) -> None:
    rows = pool_of()

    with serving(llama, one_prompt=True) as server:
        served = values(rows, tmp_path / "cache", server.address)

    assert served.difference(values(rows, tmp_path / "own", str(llama_folder))) < 1e-5


def test_words_of_special_tokens_in_the_data_stay_words(
    server: ModelServer, llama: PlainLoop, tmp_path: Path
) -> None:
    model = opened(server.address, tmp_path)
    special = {int(token) for token in llama.tokenizer.all_special_ids}

    [ids] = model.encode(["Say </s> and <s>, not <b>."])
    [meant] = model.encode(["Say </s>"], special=True)

    assert special & set(ids) == set()
    assert 2 in meant
    assert llama.tokenizer.decode(ids).replace(" ", "") == "Say</s>and<s>,not<b>."


def test_pieces_are_those_of_the_model_itself(
    server: ModelServer, llama_folder: Path, tmp_path: Path
) -> None:
    served, own = opened(server.address, tmp_path), open_model(llama_folder, tmp_path)
    [ids] = own.encode(["Un café, 你好 🙂 and more."])

    assert served.pieces(ids) == own.pieces(ids)
    assert "".join(served.pieces(ids)) == "Un café, 你好 🙂 and more."


def test_the_chat_format_comes_with_a_tokenizer_at_hand(chat_folder: Path, tmp_path: Path) -> None:
    loop = PlainLoop.open(chat_folder)
    message = {"role": "user", "content": "Hello"}

    with serving(loop) as server:
        named = opened(server.address.replace("#", f"?tokenizer={chat_folder}#"), tmp_path)
        bare = opened(server.address, tmp_path)
        with pytest.raises(ConfigError, match="on its server alone"):
            bare.chat([message], [])

    assert named.chat([message], []) == "<|im_start|>user\nHello<|im_end|>\n"
    assert "<|im_start|>" in named.special_texts


# Refusals


def _nothing(found: list[float | None], ids: list[int]) -> list[float | None]:
    return [None] * len(found)


def _shifted(found: list[float | None], ids: list[int]) -> list[float | None]:
    return [*found[1:], -0.5]


def _of_ends(found: list[float | None], ids: list[int]) -> list[float | None]:
    return [None, *(-1.0 - (ids[-1] % 7) - 0.1 * place for place in range(1, len(found)))]


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"forms": frozenset()}, "gives no log-probabilities of a prompt"),
        ({"forms": frozenset()}, "prompt_logprobs=0, max_tokens=1: no prompt_logprobs"),
        ({"forms": frozenset()}, "max_tokens=1: 1 token_logprobs for"),
        ({"mangle": _nothing}, r"prompt_logprobs\[1\] of token \d+ is null"),
        ({"mangle": lambda found, ids: found[:-2]}, r"\d+ prompt_logprobs for \d+ tokens"),
        ({"mangle": lambda found, ids: [None, *(float("-inf") for _ in ids[1:])]}, "not finite"),
        ({"mangle": lambda found, ids: [None, *(0.5 for _ in ids[1:])]}, "above 0"),
        ({"mangle": _of_ends}, "not aligned"),
        ({"mangle": _shifted, "forms": frozenset({"echo"})}, "not aligned"),
        ({"mangle": lambda found, ids: [None, *(-1.0 for _ in ids[1:])]}, "another last token"),
        ({"routes": frozenset({"/v1/models"})}, "POST http://[^ ]+/tokenize gives no tokens"),
        ({"window": None}, "does not say how many tokens"),
        (
            {"window": None, "routes": frozenset({"/tokenize"})},
            r"how many tokens it reads at once \(GET http://[^ ]+/models: 404 Not Found\)",
        ),
    ],
)
def test_a_server_that_does_not_give_what_is_needed_is_refused_with_the_reason(
    llama: PlainLoop, tmp_path: Path, settings: dict[str, Any], error: str
) -> None:
    with serving(llama, **settings) as server, pytest.raises(ModelLoadError, match=error) as found:
        opened(server.address, tmp_path)

    assert "\n" not in found.value.message
    assert found.value.hint


@pytest.mark.parametrize(
    ("route", "body", "said"),
    [
        ("/tokenize", {"tokens": [10**400]}, "gives no tokens"),
        ("/tokenize", {"tokens": [1, -1]}, "gives no tokens"),
        ("/tokenize", {"tokens": {"1": 1}}, "gives no tokens"),
        ("/tokenize", {"error": "no \x1b[2J tokenizer"}, r"\(no \\x1b\[2J tokenizer\)"),
        ("/tokenize", {"tokens": [5], "max_model_len": 99}, "which token begins or ends a text"),
        ("/v1/models", {"data": 5}, ""),
        ("/v1/models", {"data": [{"id": "tiny", "max_model_len": "many"}]}, ""),
        ("/v1/models", {"data": [{"id": "tiny", "max_model_len": 10**400}]}, ""),
        ("/v1/models", {"data": [{"id": "tiny", "owned_by": {"a": [1]}}]}, ""),
        ("/v1/models", {"data": [{"id": "other\x07" * 99}]}, "no model called 'tiny'"),
        ("/version", {"version": {"a": 1}}, ""),
    ],
)  # fmt: skip
def test_what_a_server_says_of_itself_is_checked_too(
    server: ModelServer, tmp_path: Path, route: str, body: Any, said: str
) -> None:
    server.wrong = lambda asked, content, count: Fault(200, body) if asked == route else None

    if said:
        with pytest.raises(ModelLoadError, match=said) as refused:
            opened(server.address, tmp_path)
        assert f"{refused.value.message} {refused.value.hint}".isprintable()
        return
    model = opened(server.address, tmp_path)
    assert isinstance(model, http_lm.EndpointModel)
    assert model.window > 0
    assert model.producer()["server"].isprintable()


def test_a_tokenizer_that_makes_one_token_of_everything_is_refused(
    server: ModelServer, tmp_path: Path
) -> None:
    server.wrong = lambda route, body, count: (
        Fault(200, {"tokens": [1, 5] if body["add_special_tokens"] else [5]})
        if route == "/tokenize"
        else None
    )

    with pytest.raises(ModelLoadError, match="into 2 tokens, which are no text") as refused:
        opened(server.address, tmp_path)

    assert "tokenizer=NAME" in str(refused.value.hint)


def test_numbers_that_change_when_asked_again_are_refused(llama: PlainLoop, tmp_path: Path) -> None:
    seen: list[int] = []

    def worse(found: list[float | None], ids: list[int]) -> list[float | None]:
        seen.append(1)
        return [None, *(value - 0.2 * len(seen) for value in found[1:] if value is not None)]

    with serving(llama, mangle=worse) as server, pytest.raises(ModelLoadError, match="not hold"):
        opened(server.address, tmp_path)


def test_a_tokenizer_of_another_model_is_refused(
    server: ModelServer, gpt2_folder: Path, tmp_path: Path
) -> None:
    address = server.address.replace("#", f"?tokenizer={gpt2_folder}#")

    with pytest.raises(ModelLoadError, match=r"out of vocabulary|other tokens"):
        opened(address, tmp_path)


def test_a_model_that_is_not_served_is_named_with_those_that_are(
    server: ModelServer, tmp_path: Path
) -> None:
    with pytest.raises(ModelLoadError, match="no model called 'large'") as found:
        opened(server.address.replace("tiny", "large"), tmp_path)

    assert found.value.hint == "it has tiny"


def test_where_nobody_answers_it_says_what_to_start(llama: PlainLoop, tmp_path: Path) -> None:
    with serving(llama) as server:
        address = server.address

    with pytest.raises(ModelLoadError, match="no server answers at http://127") as found:
        opened(address, tmp_path)

    assert "vllm serve" in str(found.value.hint)


def test_a_window_may_be_said_where_the_server_is_silent(llama: PlainLoop, tmp_path: Path) -> None:
    with serving(llama, window=None) as server:
        model = opened(server.address.replace("#", "?window=64#"), tmp_path)

    assert model.window == 64


@pytest.mark.parametrize("feature", [TokenStatistics, HiddenStates])
def test_what_http_does_not_give_is_refused_before_any_work(
    server: ModelServer, tmp_path: Path, feature: Any
) -> None:
    engine = Engine(pool_of(), open_runtime(tmp_path / "cache"))
    wanted = [ResponseLogProbs(model=server.address), feature(model=server.address)]

    with pytest.raises(ConfigError, match=f"{feature.name} needs .* behind HTTP"):
        engine.compute(wanted)

    assert server.requests == []


def test_a_number_format_is_the_server_s_own(server: ModelServer, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="number format"):
        values(pool_of(), tmp_path, server.address, dtype="bfloat16")

    assert server.requests == []


# Keys


@pytest.mark.parametrize(
    "settings",
    [
        {"ASSAY_API_KEYS": f"elsewhere=other 127.0.0.1={KEY}"},
        {"ASSAY_API_KEY": KEY, "ASSAY_API_KEY_HOST": "127.0.0.1"},
        {"ASSAY_API_KEY_COMMAND": f"sh -c 'echo {KEY}'"},
    ],
    ids=["list", "single", "command"],
)
def test_a_key_comes_from_the_environment(
    llama: PlainLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    with serving(llama, key=KEY) as server:
        opened(server.address, tmp_path)

    assert set(server.authorisations) == {f"Bearer {KEY}"}


def test_a_wrong_key_is_told_and_never_shown(
    llama: PlainLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_API_KEYS", f"127.0.0.1={KEY}")

    with (
        serving(llama, key="another") as server,
        pytest.raises(ModelLoadError, match="denies access: 401") as found,
    ):
        opened(server.address, tmp_path)

    assert KEY not in f"{found.value} {found.value.hint} {found.value.__cause__}"
    assert "Incorrect API key: ***" in str(found.value)
    assert "ASSAY_API_KEYS" in str(found.value.hint)


def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(
    server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_API_KEY", "schlüssel\nzwei")
    monkeypatch.setenv("ASSAY_API_KEY_HOST", "127.0.0.1")

    with pytest.raises(ConfigError) as found:
        opened(server.address, tmp_path)

    assert "zwei" not in str(found.value)


# Failures that pass, and those that do not


def _completions_fail(after: int, fault: Fault, until: int = 1 << 30) -> Any:
    def wrong(route: str, body: Any, count: int) -> Fault | None:
        return fault if route == "/v1/completions" and after <= count < until else None

    return wrong


_OPENING = 3  # requests for completions with which a model is opened


def test_busy_servers_are_asked_again(llama: PlainLoop, llama_folder: Path, tmp_path: Path) -> None:
    rows = pool_of()
    busy = Fault(429, {"error": {"message": "slow down"}}, {"Retry-After": "0"})

    with serving(llama) as server:
        server.wrong = _completions_fail(_OPENING, busy, _OPENING + 2)
        served = values(rows, tmp_path / "cache", server.address)

    assert served.difference(values(rows, tmp_path / "own", str(llama_folder))) < 1e-5


@pytest.mark.parametrize("fault", [Fault(503), Fault(0), Fault(200, "<html>"), Fault(401, {})])
def test_a_server_that_dies_leaves_what_is_done_and_a_rerun_asks_for_the_rest_alone(
    llama: PlainLoop,
    llama_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
) -> None:
    monkeypatch.setenv("ASSAY_ENDPOINT_PARALLEL", "1")
    rows = pool_of(31)

    with serving(llama) as server:
        server.wrong = _completions_fail(_OPENING + 2, fault)
        with pytest.raises(UnfinishedError, match="unread") as found:
            values(rows, tmp_path / "cache", server.address)
        done = set(server.asked)
        server.wrong = lambda route, body, count: None
        server.asked.clear()
        served = values(rows, tmp_path / "cache", server.address)
        later = list(server.asked)

    assert found.value.exit_code == 3
    assert served.difference(values(rows, tmp_path / "own", str(llama_folder))) < 1e-5
    # A model is opened, and eight answers of the shard that is not written yet are asked again.
    again = [ids for ids in later if ids in done]
    assert len(again) <= 8 + 5
    assert len(later) - len(again) >= 12


def test_the_same_run_goes_on_too(llama: PlainLoop, tmp_path: Path) -> None:
    rows = pool_of()

    with serving(llama) as server:
        server.wrong = _completions_fail(_OPENING + 1, Fault(503))
        engine = Engine(rows, open_runtime(tmp_path / "cache"))
        feature = ResponseLogProbs(model=server.address)
        with pytest.raises(UnfinishedError):
            engine.value(feature)
        server.wrong = lambda route, body, count: None
        found = engine.value(feature)

    assert Reason.TRANSIENT not in found.reason


@pytest.mark.parametrize("ends", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_a_pass_that_ends_badly_leaves_no_request_and_the_next_one_goes_on(
    ends: type[BaseException], server: ModelServer, tmp_path: Path
) -> None:
    engine = Engine(pool_of(2), open_runtime(tmp_path / "cache"))
    feature = ResponseLogProbs(model=server.address)
    model = engine.runtime.language_model(
        engine.runtime.pin("language_model", server.address), "float32"
    )
    pinned = feature.model_copy(update={"model": server.address + "@unpinned"})

    with pytest.raises(ends), pinned.reading().open(engine.runtime):
        raise ends
    with pytest.raises(UnfinishedError, match="interrupted"):
        model.encode(["a"])
    for each in (feature, TrainingTokens(model=server.address)):
        assert isinstance(model, Unsteady)
        model.break_off()
        assert Reason.TRANSIENT not in engine.value(each).reason


@pytest.mark.parametrize("ends", [ValueError, KeyboardInterrupt])
def test_a_model_whose_opening_is_broken_off_leaves_no_connection(
    ends: type[BaseException],
    server: ModelServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Client] = []

    def broken(client: Client, *rest: object) -> None:
        asked.append(client)
        raise ends

    monkeypatch.setattr(http_lm, "find_form", broken)
    with pytest.raises(ends):
        opened(server.address, tmp_path)

    [client] = asked
    assert client.stopped
    assert not client._transport.close.alive


_HANGS = 30.0


def test_a_server_that_hangs_is_left_after_a_while(
    llama: PlainLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_ENDPOINT_TIMEOUT", "0.2")
    rows = pool_of(2)

    with serving(llama) as server:
        server.wrong = _completions_fail(_OPENING, Fault(200, {}, hang_seconds=_HANGS))
        started = time.perf_counter()
        with pytest.raises(UnfinishedError, match="no answer in time"):
            values(rows, tmp_path / "cache", server.address)
        seconds = time.perf_counter() - started

    assert seconds < _HANGS


def test_a_row_that_is_refused_has_its_reason_and_the_others_their_numbers(
    llama: PlainLoop, llama_folder: Path, tmp_path: Path
) -> None:
    rows = pool_of()
    own = values(rows, tmp_path / "own", str(llama_folder))
    victim = int(np.flatnonzero(own.count == own.count.max())[0])

    def wrong(route: str, body: Any, count: int) -> Fault | None:
        if route != "/v1/completions" or count < _OPENING or not isinstance(body["prompt"], list):
            return None
        prompts = body["prompt"] if isinstance(body["prompt"][0], list) else [body["prompt"]]
        long = max(map(len, prompts)) >= own.total_tokens[victim]
        return Fault(400, {"error": {"message": "will not read this"}}) if long else None

    with serving(llama) as server:
        server.wrong = wrong
        served = values(rows, tmp_path / "cache", server.address)

    refused = own.total_tokens >= own.total_tokens[victim]
    assert set(served.reason[refused].tolist()) == {Reason.REFUSED}
    assert served.reason[~refused].tolist() == own.reason[~refused].tolist()
    np.testing.assert_allclose(served.sum[~refused], own.sum[~refused], atol=1e-3)


def test_texts_longer_than_the_server_takes_are_cut_and_said_so(
    llama: PlainLoop, tmp_path: Path
) -> None:
    rows = pool_of()

    with serving(llama, window=65) as server:
        found = values(rows, tmp_path / "cache", server.address)
        longest = max(map(len, server.asked))

    assert longest == 64
    assert Reason.TOO_LONG not in found.reason
    assert (found.flags != 0).any()


def test_a_text_over_the_limit_that_the_server_did_not_tell_is_too_long(
    llama: PlainLoop, tmp_path: Path
) -> None:
    with serving(llama) as server:
        model = opened(server.address, tmp_path)
        long = np.arange(300, dtype=np.int32)
        answers = model.read(
            Questions([long[:5], long], [np.array([4]), np.array([299])]), lambda count: None
        )

    assert answers.reason is not None
    assert answers.reason.tolist() == [0, Reason.TOO_LONG]
    assert np.isfinite(answers.log_probs[0])
    assert np.isnan(answers.log_probs[1])


# Results and reruns


def test_what_made_a_number_is_recorded(server: ModelServer, tmp_path: Path) -> None:
    model = opened(f"{server.address}@v2", tmp_path)

    assert model.producer() == {"endpoint": "tiny@v2", "server": "vllm 0.0.1"}


def test_no_other_machine_is_asked_offline(tmp_path: Path) -> None:
    runtime = Runtime(cache=tmp_path, offline=True)

    with pytest.raises(ModelLoadError, match="offline=True"):
        runtime.pin("language_model", "http://gpu-box:8000/v1#tiny")
    assert runtime.pin("language_model", "http://localhost:8000/v1#tiny").endswith("#tiny@unpinned")
