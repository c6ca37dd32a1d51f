"""A judge that can be asked: what it refuses is told, and what makes asking useless is raised."""

import dataclasses
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.backends.endpoint import judge_service
from assay.backends.endpoint.judge_address import JudgeAddress, find_judge
from assay.backends.endpoint.judge_service import JudgeService, open_judge
from assay.backends.endpoint.local_server import Settings
from assay.errors import ConfigError, ModelLoadError
from assay.judging.capabilities import Finding, Standing
from assay.judging.probing import probe
from assay.runtime import Runtime
from tests.gguf_headers import header_only
from tests.judge_servers import GPT_4O, GPT_5, LLAMA_CPP, StubJudge, serving_judge

ROUTE = "chat/completions"
QUESTION = {"messages": [{"role": "user", "content": "Yes?"}], "max_tokens": 3}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = dataclasses.replace(judge_service._QUESTIONS, pauses=(0.0,))
    monkeypatch.setattr(judge_service, "_QUESTIONS", quick)
    for name in ("ASSAY_API_KEYS", "ASSAY_API_KEY", "ASSAY_API_KEY_COMMAND"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def stub() -> StubJudge:
    return StubJudge(LLAMA_CPP)


@pytest.fixture
def service(stub: StubJudge) -> Iterator[JudgeService]:
    with serving_judge(stub) as base:
        found = open_judge(find_judge(f"{base}#m@1"), Runtime(offline=True), threads=1)
        yield found
        found.close()


def test_a_question_is_sent_with_the_name_of_the_model(
    service: JudgeService, stub: StubJudge
) -> None:
    answer = service.ask(ROUTE, QUESTION)

    assert stub.asked == [(ROUTE, {"model": "m", **QUESTION})]
    assert answer.taken
    assert answer.body["choices"][0]["message"]["content"]


def test_over_http_the_same_is_found_as_without_it(service: JudgeService, stub: StubJudge) -> None:
    assert probe(service) == probe(StubJudge(LLAMA_CPP))
    stub.personality = GPT_5
    assert probe(service) == probe(StubJudge(GPT_5))


@pytest.mark.parametrize("status", [400, 404, 405, 422, 500, 501])
def test_what_a_server_refuses_is_handed_on(
    service: JudgeService, stub: StubJudge, status: int
) -> None:
    stub.personality = dataclasses.replace(LLAMA_CPP, status=status)

    answer = service.ask(ROUTE, QUESTION)

    assert (answer.status, answer.taken, answer.body) == (status, False, None)
    assert answer.said == f"{status} not now"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "denies access: 401"),
        (403, "denies access: 403"),
        (302, "refuses: 302"),
        (402, "refuses: 402"),
        (429, "no usable answer: 429"),
        (503, "no usable answer: 503"),
    ],
)
def test_what_makes_every_question_useless_is_raised(
    service: JudgeService, stub: StubJudge, status: int, said: str
) -> None:
    stub.personality = dataclasses.replace(LLAMA_CPP, status=status)

    with pytest.raises(ModelLoadError, match=said) as caught:
        service.ask(ROUTE, QUESTION)

    assert caught.value.hint


def test_a_model_that_is_not_there_is_told_in_one_line(
    service: JudgeService, stub: StubJudge
) -> None:
    stub.personality = dataclasses.replace(LLAMA_CPP, status=404, said="The model does not exist")

    with pytest.raises(ModelLoadError, match="refuses: 404 The model does not exist"):
        probe(service)


def test_a_model_that_only_chats_is_no_missing_one(service: JudgeService, stub: StubJudge) -> None:
    stub.personality = dataclasses.replace(
        GPT_4O, missing="The model m is not available on this route"
    )

    found = probe(service)

    assert found.completions.standing is Standing.NO
    assert found.modes() == ("label_logprobs", "json_schema", "text")


def test_a_field_over_which_a_server_stumbles_is_one_that_it_lacks(
    service: JudgeService, stub: StubJudge
) -> None:
    stub.personality = dataclasses.replace(LLAMA_CPP, breaks=frozenset({"response_format"}))

    found = probe(service)

    assert found.json_schema == Finding.no("500 response_format")
    assert found.modes() == ("label_logprobs", "text")


def test_where_nobody_answers_that_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service = open_judge(find_judge(f"http://127.0.0.1:{port}#m"), Runtime(), threads=1)

    with pytest.raises(ModelLoadError, match=f"no server answers at http://127.0.0.1:{port}/v1"):
        service.ask(ROUTE, QUESTION)
    service.close()


def test_a_judge_on_another_machine_is_not_opened_offline() -> None:
    with pytest.raises(ModelLoadError, match="is on another machine"):
        open_judge(find_judge("http://far.example/v1#m"), Runtime(offline=True), threads=1)


def test_a_judge_that_is_neither_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="neither"):
        open_judge(JudgeAddress("x", "x"), Runtime(), threads=1)


class _Served:
    """Stands for a server of our own that listens at `base`."""

    base, model, key, context = "", "small", "its-own-key", 100

    def __init__(self, file: Path, settings: Settings) -> None:
        self.settings, self.closed, self.ended = settings, False, False

    def check(self) -> None:
        if self.ended:
            raise ModelLoadError("the server has ended")

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def local(
    stub: StubJudge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[JudgeService]:
    monkeypatch.setenv("ASSAY_API_KEYS", "127.0.0.1=somebody-elses-key")
    with serving_judge(stub, key=_Served.key) as base:
        monkeypatch.setattr(_Served, "base", base)
        monkeypatch.setattr(judge_service, "LocalServer", _Served)
        judge = find_judge(str(header_only(tmp_path / "small.gguf")))
        found = open_judge(judge, Runtime(offline=True), threads=3, context=50)
        yield found
        found.close()


def test_a_server_of_our_own_is_asked_with_its_own_key(
    local: JudgeService, stub: StubJudge
) -> None:
    assert local.ask(ROUTE, QUESTION).taken
    assert stub.asked[0][1]["model"] == "small"
    assert local.context == 100


def test_a_server_of_our_own_takes_as_many_requests_as_threads(local: JudgeService) -> None:
    server = local._server
    assert isinstance(server, _Served)
    assert server.settings == Settings(context=50, slots=3, threads=3)


def test_a_server_of_our_own_ends_with_the_service(local: JudgeService) -> None:
    local.close()

    assert isinstance(local._server, _Served)
    assert local._server.closed


def test_a_server_of_our_own_that_has_ended_is_what_is_told(
    local: JudgeService, stub: StubJudge
) -> None:
    assert isinstance(local._server, _Served)
    local._server.ended = True
    stub.personality = dataclasses.replace(LLAMA_CPP, status=503)

    with pytest.raises(ModelLoadError, match="the server has ended"):
        local.ask(ROUTE, QUESTION)


def test_a_server_whose_settings_are_wrong_is_closed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[_Served] = []
    monkeypatch.setattr(
        judge_service,
        "LocalServer",
        lambda *given: made.append(_Served(*given)) or made[0],  # type: ignore[func-returns-value]
    )
    monkeypatch.setenv("ASSAY_ENDPOINT_TIMEOUT", "never")

    with pytest.raises(ConfigError):
        open_judge(find_judge(str(header_only(tmp_path / "a.gguf"))), Runtime(), threads=1)
    assert made[0].closed
