import json
from pathlib import Path

import pytest

from assay.errors import ConfigError
from assay.rendering.templates import Template, known_templates, load_template, pin_template
from assay.samples import Conversation, Message, Tool, ToolCall
from tests.causal_rows import ALPACA, ALPACA_WITH_INPUT, CALLS, turns
from tests.rows import conversation

HOSTILE = "{instruction} {context} {system} {content} {0} {} {{x}} %s $y \\n {% raw %}"

_VICUNA = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
    "helpful, detailed, and polite answers to the user's questions."
)


def _text(name: str, asked: Conversation, *, reasoning: bool = False) -> str:
    spans = load_template(name).spans(asked, reasoning=reasoning)
    return "".join(f"[{span.turn}|{span.text}]" if span.turn >= 0 else span.text for span in spans)


@pytest.mark.parametrize(
    ("name", "plain", "with_context"),
    [
        ("alpaca", ALPACA.replace("{q}", "Q"),
         ALPACA_WITH_INPUT.replace("{q}", "Q").replace("{i}", "I")),
        ("plain", "Q\n", "Q\nI\n"),
        ("wiz", "Q\n\n### Response:", "Q\nI\n\n### Response:"),
        ("nuggets", "Instruction:\nQ\nResponse:\n", "Instruction:\nQ\nInput:\nI\nResponse:\n"),
        ("vicuna", f"{_VICUNA} USER: Q ASSISTANT:", f"{_VICUNA} USER: Q\nInput:\nI ASSISTANT:"),
    ],
)  # fmt: skip
def test_a_single_exchange_is_worded_as_published(name: str, plain: str, with_context: str) -> None:
    assert _text(name, conversation("Q", "A")) == f"{plain}[0|A]"
    assert _text(name, conversation("Q", "A", "I")) == f"{with_context}[0|A]"


@pytest.mark.parametrize("name", [name for name in known_templates() if name != "chat"])
def test_braces_and_patterns_in_the_data_stay_as_they_are(name: str) -> None:
    # A system message takes the place of the opening, so that all four fields are used.
    asked = Conversation(
        (
            Message("system", HOSTILE),
            Message("user", HOSTILE, HOSTILE),
            Message("tool", HOSTILE),
            Message("assistant", HOSTILE),
        )
    )

    spans = load_template(name).spans(asked)

    assert "".join(span.text for span in spans).count(HOSTILE) == 5
    assert [span.text for span in spans if span.turn == 0] == [HOSTILE]


def test_the_template_that_strips_strips_every_field_and_no_other_does() -> None:
    asked = conversation(" Q \n", "\n A ", "\tI ")

    assert _text("nuggets", asked) == "Instruction:\nQ\nInput:\nI\nResponse:\n[0|A]"
    assert _text("plain", asked) == " Q \n\n\tI \n[0|\n A ]"


def test_later_turns_follow_without_a_second_opening() -> None:
    talk = turns("Q1", "A1", "Q2", "A2")

    middle = "\n\n### Instruction:\nQ2\n\n### Response:"
    assert _text("alpaca", talk) == f"{ALPACA.replace('{q}', 'Q1')}[0|A1]{middle}[1|A2]"
    assert _text("plain", talk) == "Q1\n[0|A1]\nQ2\n[1|A2]"
    assert _text("vicuna", talk).endswith("ASSISTANT:[0|A1] USER: Q2 ASSISTANT:[1|A2]")


def test_a_context_in_a_later_turn_does_not_change_the_opening() -> None:
    talk = Conversation((*turns("Q1", "A1").messages, Message("user", "Q2", "I2")))

    opening = ALPACA.partition("{q}")[0]
    assert _text("alpaca", talk).startswith(opening)
    assert _text("alpaca", talk).endswith("\n\n### Instruction:\nQ2\n\n### Input:\nI2")


def test_a_conversation_that_ends_with_a_question_ends_with_it() -> None:
    spans = load_template("plain").spans(turns("Q1", "A1", "Q2"))

    assert [span.turn for span in spans] == [-1, 0, -1]
    assert spans[-1].text == "\nQ2\n"


def test_a_system_message_takes_the_place_of_the_opening() -> None:
    asked = Conversation(
        (Message("system", "Be brief."), Message("user", "Q"), Message("assistant", "A"))
    )

    assert _text("alpaca", asked) == "Be brief.\n\n### Instruction:\nQ\n\n### Response:[0|A]"
    assert _text("plain", asked) == "Be brief.\nQ\n[0|A]"


def test_tool_calls_and_replies_are_context_and_never_part_of_an_answer() -> None:
    spans = load_template("plain").spans(CALLS)

    assert [(span.text, span.turn) for span in spans if span.turn >= 0] == [
        ("Let me see.", 0), ("It is 4.", 1),
    ]  # fmt: skip
    between = next(span.text for span in spans[2:] if span.turn < 0)
    assert between == '\nsum({"a": 2, "b": 2})\n4\n'


def test_reasoning_is_left_out_unless_it_is_asked_for() -> None:
    assert "The tool said 4." not in _text("plain", CALLS)
    assert "[1|The tool said 4.\nIt is 4.]" in _text("plain", CALLS, reasoning=True)
    assert "[0|Let me see.]" in _text("plain", CALLS, reasoning=True)


def test_offered_tools_do_not_disturb() -> None:
    asked = Conversation(conversation("Q", "A").messages, (Tool("sum", "adds", "{}"),))

    assert _text("plain", asked) == "Q\n[0|A]"


def test_nothing_but_a_call_is_an_empty_answer() -> None:
    asked = Conversation(
        (Message("user", "Q"), Message("assistant", "", tool_calls=(ToolCall("f", "{}"),)))
    )

    assert [(s.text, s.turn) for s in load_template("plain").spans(asked)] == [
        ("Q\n", -1), ("", 0), ("\nf({})\n", -1),
    ]  # fmt: skip


def test_every_template_says_what_it_is() -> None:
    for name in known_templates():
        if name != "chat":
            assert len(load_template(name).about) > 20


# Names and pins


def test_a_pin_holds_the_digest_of_the_content() -> None:
    pinned = pin_template("alpaca")

    assert pinned.partition("@")[0] == "alpaca"
    assert pin_template(pinned) == pinned
    assert load_template(pinned) == load_template("alpaca")
    assert len({pin_template(name) for name in known_templates()}) == len(known_templates())


def test_the_models_own_format_is_pinned_with_the_model() -> None:
    assert pin_template("chat") == "chat"


def test_a_file_of_the_same_wording_has_the_same_digest_and_another_wording_another(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mine.json"
    wording = {"user": "Q: {instruction}\n", "user_with_context": "{context}", "answer": "A: "}
    file.write_text(json.dumps(wording), encoding="utf-8")
    pinned = pin_template(str(file))
    assert load_template(pinned).spans(conversation("Why?", "So."))[0].text == "Q: Why?\nA: "

    file.write_text(json.dumps(wording | {"answer": "B: "}), encoding="utf-8")

    assert pin_template(str(file)) != pinned
    with pytest.raises(ConfigError, match=r"is no longer .*mine\.json@"):
        pin_template(pinned)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff\xfe", "cannot be read: .*utf-8"),
        (b"", "Invalid JSON"),
        (b"[" * 100_000, "recursion limit"),
        (b'{"user":' * 10_000, "recursion limit"),
        (b"[]", "an object"),
        (b"{}", "user: Field required"),
        (b'{"user": {"user": "x"}}', "user: Input should be a valid string"),
    ],
)
def test_a_file_that_is_no_template_is_one_error(content: bytes, why: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_bytes(content)

    with pytest.raises(ConfigError, match=rf"the template .*mine\.json.*{why}") as caught:
        load_template(pin_template(str(file)))
    assert caught.value.hint is not None


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    wording = {"user": "{instruction}", "user_with_context": "{context}", "answer": "A: "}
    plain, marked = tmp_path / "plain.json", tmp_path / "marked.json"
    plain.write_text(json.dumps(wording), encoding="utf-8")
    marked.write_text(json.dumps(wording), encoding="utf-8-sig")

    pins = [pin_template(str(file)).partition("@")[2] for file in (plain, marked)]
    assert pins[0] == pins[1]
    assert load_template(str(marked)).answer == "A: "


def test_a_file_that_changed_is_read_anew_under_its_new_pin(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    wording = {"user": "{instruction}", "user_with_context": "{context}", "answer": "A: "}
    file.write_text(json.dumps(wording), encoding="utf-8")
    assert load_template(pin_template(str(file))).answer == "A: "

    file.write_text(json.dumps(wording | {"answer": "B: "}), encoding="utf-8")

    assert load_template(pin_template(str(file))).answer == "B: "


def test_a_wrong_pin_is_refused() -> None:
    with pytest.raises(ConfigError, match="alpaca is no longer alpaca@0123456789ab"):
        pin_template("alpaca@0123456789ab")


@pytest.mark.parametrize("function", [pin_template, load_template])
def test_an_unknown_name_is_refused_and_a_near_one_is_offered(function: object) -> None:
    with pytest.raises(ConfigError, match="no template is called 'alpacca'") as caught:
        function("alpacca")  # type: ignore[operator]
    assert "alpaca" in (caught.value.hint or "")
    with pytest.raises(ConfigError, match="no template is called 'zzz'") as caught:
        function("zzz")  # type: ignore[operator]
    assert "vicuna" in (caught.value.hint or "")


def test_a_file_that_is_missing_or_wrong_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        pin_template(str(tmp_path / "absent.json"))

    file = tmp_path / "wrong.json"
    file.write_text('{"user": "{instruction}", "colour": "red"}', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"wrong\.json"):
        load_template(str(file))


def test_a_pattern_may_name_the_same_field_twice() -> None:
    template = Template(user="{instruction}/{instruction}", user_with_context="", answer="")

    assert template.spans(conversation("{context}", "A"))[0].text == "{context}/{context}"


def test_braces_in_a_wording_stay_unless_they_name_a_field() -> None:
    template = Template(user='{"q": "{instruction}"} {x} {{y}}', user_with_context="", answer="")

    assert template.spans(conversation("Q", "A"))[0].text == '{"q": "Q"} {x} {{y}}'
