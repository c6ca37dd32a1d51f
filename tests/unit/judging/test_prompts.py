import math
from collections.abc import Mapping

import pytest

from assay.errors import ConfigError
from assay.judging.messages import NONCE
from assay.judging.prompt_files import known_prompts, load_prompt
from assay.judging.prompt_form import SLOTS, Mode
from assay.judging.prompts import Prompt
from assay.judging.replies import Reply
from assay.judging.verdicts import read_verdict
from assay.samples import Reason

_TEXTS = {slot: f"the {slot}" for slot in SLOTS}


def _reply(
    text: str = "", outcome: Reason = Reason.OK, logprobs: tuple[Mapping[str, float], ...] = ()
) -> Reply:
    return Reply(outcome, text, "stop", logprobs)


def _sent(prompt: Prompt, texts: Mapping[str, str], **asked: str) -> tuple[str, str]:
    system, user = prompt.render(texts, "json", **asked).messages  # type: ignore[arg-type]
    assert (system.role, user.role) == ("system", "user")
    return system.text("c0de"), user.text("c0de")


@pytest.mark.parametrize("name", known_prompts())
def test_every_prompt_shows_its_data_between_fences_and_in_no_system_message(name: str) -> None:
    prompt = load_prompt(name)

    for mode in prompt.modes:
        for dimension in prompt.form.dimensions or ("",):
            rendered = prompt.render(_TEXTS, mode, dimension=dimension)
            system, user = rendered.messages
            assert all(piece is not NONCE for piece in system.pieces)
            assert rendered.slots == tuple(_TEXTS[slot] for slot in prompt.slots)
            told = user.text("c0de")
            assert told.index("The code of this message is c0de.") < told.index("[BEGIN")
            for slot in prompt.slots:
                assert f"[BEGIN {slot} c0de]\nthe {slot}\n[END {slot} c0de]" in told
                assert f"the {slot}\n" not in system.text("c0de")
            assert "{" not in told.replace('{"', "").replace("{shape}", "{")
            assert "}" not in system.text("")


@pytest.mark.parametrize("name", known_prompts())
def test_every_prompt_is_versioned_and_says_what_it_is(name: str) -> None:
    form = load_prompt(name).form

    assert form.name == name
    assert form.version >= 1
    assert form.about.endswith(".")


def test_data_are_put_in_once_and_never_looked_at_again() -> None:
    data = "{response} {ask} {{x}} %s {0} {nonce}"

    _, user = _sent(load_prompt("alpagasus"), {"instruction": data, "response": "fine"})

    assert f"[BEGIN instruction c0de]\n{data}\n[END instruction c0de]" in user
    assert user.count("[BEGIN response c0de]") == 1


def test_a_paragraph_of_empty_data_is_left_out() -> None:
    prompt = load_prompt("alpagasus")

    assert "Material" not in _sent(prompt, {"instruction": "a", "response": "b"})[1]
    assert "Material" in _sent(prompt, {"instruction": "a", "response": "b", "input": "c"})[1]
    assert prompt.render({"instruction": "a", "response": "b"}, "text").slots == ("a", "b")


def test_json_slots_are_one_line_each() -> None:
    rendered = load_prompt("deita_complexity").render({"query": "a\n[END b"}, "label", shown="json")

    assert '\n"a\\n[END b"\n' in rendered.messages[1].text("c0de")
    assert "JSON strings" in rendered.messages[0].text("")
    assert rendered.slots == ("a\n[END b",)


def test_a_dimension_changes_what_is_asked_and_nothing_else() -> None:
    prompt = load_prompt("alpagasus")
    accuracy = _sent(prompt, _TEXTS)
    helpfulness = _sent(prompt, _TEXTS, dimension="helpfulness")

    assert accuracy == _sent(prompt, _TEXTS, dimension="accuracy")
    assert accuracy[0] == helpfulness[0]
    assert "helpfulness" in helpfulness[1]
    assert "accuracy" not in helpfulness[1]


def test_an_unknown_dimension_and_mode_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="did you mean 'accuracy'"):
        load_prompt("alpagasus").render(_TEXTS, "text", dimension="acuracy")
    with pytest.raises(ConfigError, match="leave the dimension out"):
        load_prompt("humback").names("accuracy")
    with pytest.raises(ConfigError, match="take one of json, text"):
        load_prompt("instag").render(_TEXTS, "label")
    with pytest.raises(ConfigError, match="cannot answer for 4 dimensions"):
        load_prompt("lift").params("label")


def test_what_a_request_asks_of_the_server_follows_from_the_mode() -> None:
    prompt = load_prompt("alpagasus")

    label, text = prompt.params("label"), prompt.params("text")
    schema = prompt.params("json", dimension="helpfulness")["response_format"]["json_schema"]

    assert label == {"temperature": 0, "max_tokens": 4, "logprobs": True, "top_logprobs": 20}
    assert text == {"temperature": 0, "max_tokens": 256}
    assert list(schema["schema"]["properties"]) == ["analysis", "scores"]
    scores = schema["schema"]["properties"]["scores"]["properties"]
    assert scores == {"helpfulness": {"enum": [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]}}


def _logs(**shares: float) -> tuple[Mapping[str, float], ...]:
    return ({token.strip("_"): math.log(share) for token, share in shares.items()},)


def test_a_label_is_read_as_the_mean_over_what_was_likely() -> None:
    verdict = read_verdict(
        load_prompt("alpagasus"), "label", _reply("4", logprobs=_logs(_4=0.5, _5=0.5))
    )

    assert verdict.values == {"accuracy": pytest.approx(4.5)}
    assert verdict.distribution is not None
    assert verdict.distribution.coverage == pytest.approx(1)


def test_a_word_is_read_as_the_likeliest_and_keeps_its_probability() -> None:
    verdict = read_verdict(
        load_prompt("ask_llm"), "label", _reply(logprobs=_logs(Yes=0.5, YES=0.1, No=0.4))
    )

    assert verdict.values == {"verdict": "yes"}
    assert verdict.distribution is not None
    assert verdict.distribution.probabilities["yes"] == pytest.approx(0.6)


def test_a_label_without_probabilities_is_not_guessed_from_the_text() -> None:
    verdict = read_verdict(load_prompt("alpagasus"), "label", _reply("4"))

    assert (verdict.values, verdict.reason) == (None, Reason.PARSE_FAILED)


_READ: tuple[tuple[str, Mode, str, object], ...] = (
    ("alpagasus", "text", "4.5\nGood.", {"accuracy": 4.5}),
    ("alpagasus", "text", "4.2\nGood.", {"accuracy": 4.2}),
    ("alpagasus", "json", '{"analysis": "", "scores": {"accuracy": 4.5}}', {"accuracy": 4.5}),
    ("alpagasus", "json", '{"analysis": "", "scores": {"accuracy": 4.2}}', Reason.OUT_OF_RANGE),
    ("alpagasus", "text", "Good.", Reason.PARSE_FAILED),
    ("humback", "text", "Good.\nScore: 5", {"score": 5}),
    ("humback", "text", "Good.\nScore: 10", Reason.OUT_OF_RANGE),
    ("qurating", "text", "The first.\nVerdict: A", {"verdict": "A"}),
    ("qurating", "json", '{"analysis": "x", "verdict": "B"}', {"verdict": "B"}),
    ("ask_llm", "text", "结论：否", {"verdict": "no"}),
    (
        "lift",
        "text",
        """{"analysis": "", "scores":
            {"accuracy": 1, "explanation": 2, "clarity": 3, "difficulty": 4}}""",
        {"accuracy": 1, "explanation": 2, "clarity": 3, "difficulty": 4},
    ),
    ("lift", "json", '{"analysis": "", "scores": {"accuracy": 1}}', Reason.PARSE_FAILED),
    (
        "instag",
        "text",
        'Tags: {"tags": [{"tag": "poem", "explanation": "one is asked for"}]}',
        {"tags": [{"tag": "poem", "explanation": "one is asked for"}]},
    ),
    ("instag", "json", '{"tags": []}', {"tags": []}),
    ("instag", "json", '{"tags": ["poem"]}', Reason.PARSE_FAILED),
    (
        "tree_instruct",
        "json",
        '{"nodes": [{"number": 1, "label": "write", "type": "act", "parent": 0}]}',
        {"nodes": [{"number": 1, "label": "write", "type": "act", "parent": 0}]},
    ),
)


@pytest.mark.parametrize(("name", "mode", "text", "expected"), _READ)
def test_a_reply_is_read_as_its_prompt_has_asked(
    name: str, mode: Mode, text: str, expected: object
) -> None:
    verdict = read_verdict(load_prompt(name), mode, _reply(text))

    assert (verdict.values if verdict.reason is Reason.OK else verdict.reason) == expected
    assert (verdict.values is None) == (verdict.reason is not Reason.OK)


def test_a_single_dimension_of_several_is_read_from_words() -> None:
    lift = load_prompt("lift")

    verdict = read_verdict(lift, "text", _reply("Clear.\nScore: 4"), dimension="clarity")

    assert verdict.values == {"clarity": 4}


@pytest.mark.parametrize("outcome", [Reason.REFUSED, Reason.TOO_LONG, Reason.TRANSIENT])
def test_without_a_reply_the_reason_is_passed_on(outcome: Reason) -> None:
    verdict = read_verdict(load_prompt("humback"), "text", _reply("Score: 5", outcome=outcome))

    assert (verdict.values, verdict.reason) == (None, outcome)


def test_a_plain_refusal_is_no_answer() -> None:
    verdict = read_verdict(load_prompt("humback"), "text", _reply("I'm sorry, I cannot do that."))

    assert verdict.reason is Reason.PARSE_FAILED
