"""How a judge is asked follows from what it can do, and says what it falls back from."""

import json
from dataclasses import replace

import pytest

from assay.errors import ModelLoadError
from assay.judging.capabilities import Capabilities, Finding
from assay.judging.probing import probe
from tests.judge_servers import (
    BASE_MODEL,
    GPT_4O,
    GPT_5,
    LLAMA_CPP,
    OLD_OLLAMA,
    OLD_VLLM,
    VLLM,
    Personality,
    StubJudge,
)


def _found(personality: Personality = LLAMA_CPP) -> Capabilities:
    return probe(StubJudge(personality))


def test_the_best_mode_that_works_is_taken_and_the_better_ones_say_why_not() -> None:
    found = _found(GPT_5)

    choice = found.choose()

    assert choice.mode == "json_schema"
    (why,) = choice.passed_over
    assert why == "label_logprobs is no: 400 Unsupported parameter: 'logprobs'"


def test_a_mode_that_works_is_passed_over_only_where_a_question_cannot_be_put_so() -> None:
    found = _found()

    assert found.choose().mode == "label_logprobs"
    assert found.choose(("text", "json_schema")).mode == "json_schema"
    assert found.choose(("text",)).passed_over == ()
    assert found.choose(wanted="text").mode == "text"


def test_a_mode_that_is_wanted_and_does_not_work_is_refused_with_what_was_seen() -> None:
    with pytest.raises(ModelLoadError) as caught:
        _found(OLD_OLLAMA).choose(wanted="label_logprobs")

    assert "label_logprobs is accepted and ignored: none came" in str(caught.value)
    assert caught.value.hint == "what works: text"


def test_a_mode_in_which_a_question_cannot_be_put_is_refused() -> None:
    with pytest.raises(ModelLoadError, match="json_schema is no way to ask this"):
        _found().choose(("text",), wanted="json_schema")


def test_a_model_that_only_goes_on_with_texts_is_asked_in_texts() -> None:
    choice = _found(BASE_MODEL).choose()

    assert choice.mode == "text"
    assert choice.passed_over == ("chat is no: 404 Not Found",) * 2


def test_a_request_holds_the_fields_that_are_taken_and_no_others() -> None:
    assert _found(GPT_4O).request(8) == {"max_tokens": 8, "temperature": 0.0}
    # llama.cpp, told by its grammars: what it kept of another prompt would move its numbers.
    taken = {"max_tokens": 8, "temperature": 0.0, "cache_prompt": False}
    assert _found(LLAMA_CPP).request(8) == taken
    assert _found(GPT_4O).request(8, temperature=0.3) == {"max_tokens": 8, "temperature": 0.3}
    assert _found(GPT_5).request(200) == {"max_completion_tokens": 200}
    assert replace(_found(GPT_4O), limit="").request(8) == {"temperature": 0.0}


@pytest.mark.parametrize(
    ("personality", "fields"),
    [
        (LLAMA_CPP, {"grammar": 'root ::= "yes" | "no"'}),
        (VLLM, {"structured_outputs": {"choice": ["yes", "no"]}}),
        (OLD_VLLM, {"guided_choice": ["yes", "no"]}),
        (GPT_5, {}),
    ],
)
def test_words_are_demanded_in_the_field_that_is_obeyed(
    personality: Personality, fields: dict[str, object]
) -> None:
    assert _found(personality).demand(("yes", "no")) == fields


def test_a_grammar_spells_words_so_that_they_stay_words() -> None:
    assert _found().demand(['a"b\\', "是"]) == {"grammar": 'root ::= "a\\"b\\\\" | "是"'}


def test_labels_are_demanded_only_where_their_probabilities_stay_free() -> None:
    masked = probe(StubJudge(replace(LLAMA_CPP, logprobs="masked")))

    assert _found().demand_label("12") == {"grammar": 'root ::= "1" | "2"'}
    assert masked.demand("12")
    assert masked.demand_label("12") == {}


def test_what_was_found_is_told_as_json_and_read_again() -> None:
    found = _found(GPT_5)

    assert Capabilities.of_facts(json.loads(json.dumps(found.facts()))) == found


@pytest.mark.parametrize(
    "facts",
    [{}, {"chat": {}}, {"other": 1}, {"chat": {"standing": "perhaps", "evidence": ""}}],
)
def test_other_facts_are_refused(facts: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Capabilities.of_facts(facts)


def test_a_finding_is_told_in_words() -> None:
    assert str(Finding.ignored("none came")) == "accepted and ignored: none came"
    assert not Finding.unknown("x").holds
    assert next(iter(_found().findings())) == "chat"
