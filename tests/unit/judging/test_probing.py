"""What a judge can do is told by what came back, whatever the status code was."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from assay.errors import ModelLoadError
from assay.judging.capabilities import Capabilities, Finding, Standing
from assay.judging.probing import MOST_REQUESTS, probe
from tests.judge_servers import (
    BASE_MODEL,
    GPT_4O,
    GPT_5,
    LLAMA_CPP,
    OLD_OLLAMA,
    OLD_VLLM,
    VLLM,
    VLLM_GUIDED,
    Personality,
    StubJudge,
)

YES, NO, IGNORED, UNKNOWN = Standing.YES, Standing.NO, Standing.IGNORED, Standing.UNKNOWN
ALL_WELL = {
    "chat": YES, "completions": YES, "system": YES, "temperature": YES, "max_tokens": YES,
    "max_completion_tokens": UNKNOWN, "label_logprobs": YES, "raw_logprobs": YES,
    "free_logprobs": YES, "prompt_logprobs": YES, "json_schema": YES, "grammar": YES,
    "stable": YES, "usage": YES, "reasoning": NO,
}  # fmt: skip
NO_COMPLETIONS = {"completions": NO, "prompt_logprobs": UNKNOWN}
NO_LOGPROBS = {"raw_logprobs": UNKNOWN, "free_logprobs": UNKNOWN}
PERSONALITIES: dict[str, tuple[Personality, Mapping[str, Standing]]] = {
    "llama.cpp": (LLAMA_CPP, {"prompt_logprobs": IGNORED}),
    "vllm": (VLLM, {}),
    "vllm that ignores guided_choice": (
        VLLM_GUIDED, {"json_schema": IGNORED, "grammar": IGNORED, "free_logprobs": UNKNOWN},
    ),
    "vllm that obeys guided_choice": (OLD_VLLM, {}),
    "gpt-4o": (GPT_4O, {**NO_COMPLETIONS, "grammar": NO}),
    "gpt-5": (
        GPT_5,
        {
            **NO_COMPLETIONS, **NO_LOGPROBS, "temperature": NO, "max_tokens": NO,
            "max_completion_tokens": YES, "label_logprobs": NO, "grammar": NO, "reasoning": YES,
        },
    ),
    "old ollama": (
        OLD_OLLAMA,
        {
            **NO_LOGPROBS, "label_logprobs": IGNORED, "json_schema": IGNORED, "grammar": IGNORED,
            "prompt_logprobs": IGNORED,
        },
    ),
    "base model": (
        BASE_MODEL,
        {
            **dict.fromkeys(ALL_WELL, UNKNOWN), "chat": NO, "completions": YES, "usage": YES,
            "temperature": YES, "max_tokens": YES, "prompt_logprobs": IGNORED,
        },
    ),
}  # fmt: skip


def _standings(found: Capabilities) -> dict[str, Standing]:
    return {name: finding.standing for name, finding in found.findings().items()}


def _changed(personality: Personality, **changes: Any) -> Capabilities:
    return probe(StubJudge(dataclasses.replace(personality, **changes)))


@pytest.mark.parametrize("name", PERSONALITIES)
def test_every_kind_of_server_is_told_as_it_is(name: str) -> None:
    personality, differs = PERSONALITIES[name]
    stub = StubJudge(personality)

    found = probe(stub)

    assert _standings(found) == {**ALL_WELL, **differs}
    assert all(finding.evidence for finding in found.findings().values())
    assert found.requests == len(stub.asked) <= MOST_REQUESTS


@pytest.mark.parametrize(
    ("name", "modes", "limit", "choice"),
    [
        ("llama.cpp", ("label_logprobs", "json_schema", "text"), "max_tokens", "grammar"),
        ("vllm", ("label_logprobs", "json_schema", "text"), "max_tokens", "structured_outputs"),
        ("vllm that ignores guided_choice", ("label_logprobs", "text"), "max_tokens", ""),
        ("vllm that obeys guided_choice", ("label_logprobs", "json_schema", "text"),
         "max_tokens", "guided_choice"),
        ("gpt-5", ("json_schema", "text"), "max_completion_tokens", ""),
        ("old ollama", ("text",), "max_tokens", ""),
        ("base model", ("text",), "max_tokens", ""),
    ],
)  # fmt: skip
def test_how_a_judge_is_asked_follows(
    name: str, modes: tuple[str, ...], limit: str, choice: str
) -> None:
    found = probe(StubJudge(PERSONALITIES[name][0]))

    assert (found.modes(), found.limit, found.choice) == (modes, limit, choice)


def test_tokens_of_the_probe_are_those_that_the_server_counted() -> None:
    counted: list[dict[str, int]] = []

    def remember(body: Any) -> Any:
        counted.append(body["usage"])
        return body

    stub = StubJudge(LLAMA_CPP, change=remember)

    found = probe(stub)

    assert found.tokens_in == sum(each["prompt_tokens"] for each in counted) > 0
    assert found.tokens_out == sum(each["completion_tokens"] for each in counted) > 0


def test_fewer_candidates_are_asked_for_where_twenty_are_too_many() -> None:
    found = _changed(LLAMA_CPP, most_candidates=7)

    assert found.label_logprobs.standing is YES
    assert found.candidates == 5


def test_fewer_candidates_than_were_asked_for_are_counted() -> None:
    def cut(body: Any) -> Any:
        for place in _content(body):
            place["top_logprobs"] = place["top_logprobs"][:3]
        return body

    found = probe(StubJudge(LLAMA_CPP, change=cut))

    assert (found.label_logprobs.standing, found.candidates) == (YES, 3)


def test_candidates_that_look_alike_are_counted_each() -> None:
    def alike(body: Any) -> Any:
        for place in _content(body):
            for number, each in enumerate(place["top_logprobs"]):
                each["id"] = number
            if len(place["top_logprobs"]) > 3:
                place["top_logprobs"][2]["bytes"] = place["top_logprobs"][3]["bytes"]
        return body

    assert probe(StubJudge(LLAMA_CPP, change=alike)).candidates == 20


def _content(body: Any) -> list[dict[str, Any]]:
    told = body["choices"][0].get("logprobs") or {}
    content: list[dict[str, Any]] = told.get("content") or []
    return content


def _each(change: Callable[[dict[str, Any]], object]) -> Callable[[Any], Any]:
    def changed(body: Any) -> Any:
        for place in _content(body):
            change(place)
        return body

    return changed


def _candidate(number: int, **values: Any) -> Callable[[Any], Any]:
    return _each(lambda place: place["top_logprobs"][number].update(values))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_each(lambda place: place.update(top_logprobs=[])), "and 0 came"),
        (_each(lambda place: place.update(top_logprobs=None)), "and 0 came"),
        (_each(lambda place: place.update(top_logprobs=place["top_logprobs"][:1])), "and 1 came"),
        (_candidate(0, logprob=0.5), "above 0"),
        (_candidate(1, logprob=None), "no number"),
        (_candidate(1, logprob="-1.0"), "no number"),
        (_candidate(1, logprob=True), "no number"),
        (_candidate(1, logprob=math.nan), "no number"),
        (_candidate(1, logprob=-math.inf), "no number"),
        (_candidate(5, logprob=-0.001), "add up to 1."),
        (_each(lambda place: place["top_logprobs"].append(dict(place["top_logprobs"][0]))),
         "there twice"),
        (_each(lambda place: place.update(bytes=[120])), "of another text"),
        (_each(lambda place: place.update(top_logprobs=[1, 2])), "no number"),
    ],
)  # fmt: skip
def test_log_probabilities_that_can_be_none_are_not_taken_for_such(
    change: Callable[[Any], Any], said: str
) -> None:
    found = probe(StubJudge(LLAMA_CPP, change=change))

    assert found.label_logprobs.standing is IGNORED
    assert said in found.label_logprobs.evidence
    assert "label_logprobs" not in found.modes()


def test_log_probabilities_of_thoughts_before_the_reply_are_not_those_of_the_reply() -> None:
    def think(body: Any) -> Any:
        content = _content(body)
        if content:
            content.insert(0, {**content[0], "token": "Hm", "bytes": list(b"Hm")})
        return body

    found = probe(StubJudge(LLAMA_CPP, change=think))

    assert found.label_logprobs == Finding.ignored("they begin before the reply does")


def test_a_server_that_divides_by_the_temperature_is_asked_at_one() -> None:
    found = _changed(LLAMA_CPP, logprobs="warm")

    assert found.label_logprobs.standing is YES
    assert found.raw_logprobs.standing is NO
    assert found.label_temperature == 1.0
    assert _changed(LLAMA_CPP).label_temperature == 0.0


def test_a_place_that_is_missing_once_at_temperature_one_is_asked_for_again() -> None:
    skipped: list[Any] = []
    stub = StubJudge(LLAMA_CPP)

    def skip(body: Any) -> Any:
        content = _content(body)
        if content and stub.asked[-1][1]["temperature"] == 1.0 and len(skipped) < 2:
            skipped.append(content.pop(0))
            message = body["choices"][0]["message"]
            message["content"] = message["content"].partition(" ")[2]
        return body

    stub.change = skip

    assert probe(stub).raw_logprobs.standing is YES
    assert len(skipped) == 2


def test_probabilities_that_a_constraint_leaves_are_told_from_the_free_ones() -> None:
    found = _changed(LLAMA_CPP, logprobs="masked")

    assert (found.grammar.standing, found.raw_logprobs.standing) == (YES, YES)
    assert found.free_logprobs.standing is NO


def test_a_schema_tells_them_apart_where_there_is_no_grammar() -> None:
    assert _changed(GPT_4O, logprobs="masked").free_logprobs.standing is NO


def test_a_limit_that_is_ignored_is_told_by_counting() -> None:
    found = _changed(LLAMA_CPP, obeys=LLAMA_CPP.obeys - {"max_tokens"})

    assert found.max_tokens.standing is IGNORED
    assert (found.max_completion_tokens.standing, found.limit) == (YES, "max_completion_tokens")


def test_a_limit_that_is_ignored_shows_in_the_words_where_the_count_says_otherwise() -> None:
    def lie(body: Any) -> Any:
        body["usage"]["completion_tokens"] = 8
        return body

    obeys = LLAMA_CPP.obeys - {"max_tokens", "max_completion_tokens"}
    found = probe(StubJudge(dataclasses.replace(LLAMA_CPP, obeys=obeys), change=lie))

    assert (found.max_tokens.standing, found.max_completion_tokens.standing) == (IGNORED, IGNORED)
    assert "60 words and 8 tokens where 8 were allowed" in found.max_tokens.evidence
    assert found.limit == "max_tokens"


def test_tokens_beyond_the_limit_that_are_charged_for_break_it() -> None:
    def charge(body: Any) -> Any:
        body["usage"]["completion_tokens"] += 30
        return body

    assert probe(StubJudge(LLAMA_CPP, change=charge)).max_tokens.standing is IGNORED


def test_a_reply_that_ends_by_itself_proves_no_limit() -> None:
    def brief(body: Any) -> Any:
        choice = body["choices"][0]
        if "message" in choice and not choice.get("logprobs"):
            body["usage"]["completion_tokens"], choice["finish_reason"] = 1, "stop"
            choice["message"]["content"] = choice["message"]["content"].split(" ")[0]
        return body

    found = probe(StubJudge(OLD_OLLAMA, change=brief))

    assert found.max_tokens.standing is UNKNOWN
    assert found.limit == "max_tokens"


@pytest.mark.parametrize(
    ("changes", "name", "standing"),
    [
        ({"system": False}, "system", IGNORED),
        ({"counts": False}, "usage", NO),
        ({"counts": False}, "system", UNKNOWN),
        ({"drifts": True}, "stable", NO),
        ({"thinks": 5}, "reasoning", YES),
        ({"refuses": frozenset({"temperature"})}, "temperature", NO),
        ({"refuses": frozenset({"temperature"})}, "raw_logprobs", UNKNOWN),
        ({"refuses": frozenset({"logprobs"})}, "label_logprobs", NO),
        ({"refuses": frozenset({"response_format"})}, "json_schema", NO),
        ({"refuses": frozenset({"max_tokens"})}, "max_tokens", NO),
        ({"refuses": frozenset({"max_tokens"})}, "max_completion_tokens", YES),
        ({"refuses": frozenset({"max_tokens", "max_completion_tokens"})}, "max_tokens", NO),
    ],
)
def test_one_fault_of_a_server_is_told_as_that(
    changes: Mapping[str, Any], name: str, standing: Standing
) -> None:
    assert _standings(_changed(LLAMA_CPP, **changes))[name] is standing


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thoughts_beside_the_reply_are_noticed(name: str) -> None:
    def think(body: Any) -> Any:
        if "message" in body["choices"][0]:
            body["choices"][0]["message"][name] = "First, what is asked?"
        return body

    found = probe(StubJudge(LLAMA_CPP, change=think))

    assert found.reasoning == Finding.yes(f"its message holds {name}")


def test_a_fence_around_demanded_json_is_no_disobedience() -> None:
    def fence(body: Any) -> Any:
        message = body["choices"][0].get("message")
        if message and message["content"].startswith("{"):
            message["content"] = f"```json\n{message['content']}\n```"
        return body

    assert probe(StubJudge(LLAMA_CPP, change=fence)).json_schema.standing is YES


def test_json_of_other_values_than_were_demanded_is_none_that_obeys() -> None:
    def other(body: Any) -> Any:
        message = body["choices"][0].get("message")
        if message and message["content"].startswith("{"):
            message["content"] = '{"mark": "Paris", "count": 1}'
        return body

    assert probe(StubJudge(LLAMA_CPP, change=other)).json_schema.standing is IGNORED


@pytest.mark.parametrize(
    "body", [None, [], {}, {"choices": []}, {"choices": [{}]}, {"choices": [{"message": {}}]}, 7]
)
def test_an_answer_without_a_reply_is_none(body: Any) -> None:
    with pytest.raises(ModelLoadError, match="answers neither on chat/completions"):
        probe(StubJudge(LLAMA_CPP, change=lambda _: body))


def test_a_server_without_such_routes_says_what_it_answered() -> None:
    with pytest.raises(ModelLoadError, match="404 Not Found") as caught:
        _changed(LLAMA_CPP, routes=frozenset())

    assert "model's name" in str(caught.value.hint)


def test_no_request_is_sent_beyond_the_number_that_is_promised() -> None:
    worst = dataclasses.replace(
        LLAMA_CPP,
        obeys=frozenset({"logprobs", "top_logprobs", "guided_choice", "response_format"}),
        refuses=frozenset({"temperature", "max_tokens"}),
        most_candidates=5,
        routes=frozenset({"chat/completions", "completions"}),
    )
    stub = StubJudge(worst)

    assert probe(stub).requests == len(stub.asked) <= MOST_REQUESTS


def test_nothing_but_our_own_questions_is_asked_and_every_reply_is_bounded() -> None:
    stub = StubJudge(GPT_5)

    probe(stub)

    bounded = [
        max(question.get(name, 0) for name in ("max_tokens", "max_completion_tokens"))
        for _, question in stub.asked
    ]
    assert min(bounded) > 0
    assert max(bounded) <= 1024
