"""Where an assistant's words are in a model's own format, for formats of every temper."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.rendering.chat_spans import ChatSpans, NotFound, chat_spans
from assay.rendering.templates import Span
from assay.samples import Conversation, Message, Reason, Tool, ToolCall
from tests.causal_rows import CALLS, PlainLoop, open_model, turns
from tests.letters_model import Format, Letters, refusing, tagged
from tests.rows import conversation

Messages = Sequence[Mapping[str, Any]]


Found = ChatSpans | NotFound


def _found(asked: Conversation, format_: Format = tagged) -> Found:
    return chat_spans(Letters(format=format_), asked)


def _answers(found: Found) -> list[tuple[int, str]]:
    assert isinstance(found, ChatSpans)
    return [(span.turn, span.text) for span in found.spans if span.turn >= 0]


def _text(found: Found) -> str:
    assert isinstance(found, ChatSpans)
    return "".join(span.text for span in found.spans)


def test_answers_are_apart_from_the_format_around_them() -> None:
    found = _found(turns("Q1", "A1", "Q2", "A2"))

    assert found == ChatSpans(
        [
            Span("<mark>user:Q1</s><mark>assistant:", special=True),
            Span("A1", 0),
            Span("</s><mark>user:Q2</s><mark>assistant:", special=True),
            Span("A2", 1),
            Span("</s>", special=True),
        ],
        suspect=False,
    )


def test_words_that_stand_elsewhere_too_are_found_at_their_own_place() -> None:
    found = _found(turns("user:</", "user", "assistant:", "assistant:"))

    assert _answers(found) == [(0, "user"), (1, "assistant:")]


def test_equal_answers_are_told_apart() -> None:
    assert _answers(_found(turns("Q", "Yes", "Q", "Yes", "Q", "Yes"))) == [
        (0, "Yes"), (1, "Yes"), (2, "Yes"),
    ]  # fmt: skip


@pytest.mark.parametrize("blank", ["", " \n"])
def test_a_blank_answer_has_no_span_and_keeps_its_number(blank: str) -> None:
    found = _found(turns("Q1", blank, "Q2", "A2"))

    assert _answers(found) == [(1, "A2")]
    assert f"assistant:{blank}</s>" in _text(found)


def test_more_turns_than_ten_are_found() -> None:
    talk = turns(*(f"t{place}" for place in range(26)))

    assert _answers(_found(talk)) == [(n, f"t{2 * n + 1}") for n in range(13)]


def test_context_is_part_of_what_the_user_says() -> None:
    assert "user:Q\n\nI</s>" in _text(_found(conversation("Q", "A", "I")))


def test_tools_and_calls_are_handed_to_the_format() -> None:
    handed: list[Any] = []

    def noting(messages: Messages, tools: Sequence[Any]) -> str:
        handed.append((list(messages), list(tools)))
        return tagged(messages, tools)

    asked = Conversation(CALLS.messages, (Tool("sum", "adds", '{"type": "object"}'),))
    found = _found(asked, noting)

    messages, tools = handed[0]
    assert _answers(found) == [(0, "Let me see."), (1, "It is 4.")]
    assert [message["role"] for message in messages] == [
        "system", "user", "assistant", "tool", "assistant",
    ]  # fmt: skip
    call = {"type": "function", "function": {"name": "sum", "arguments": {"a": 2, "b": 2}}}
    assert messages[2]["tool_calls"] == [call]
    assert tools == [
        {
            "type": "function",
            "function": {"name": "sum", "description": "adds", "parameters": {"type": "object"}},
        }
    ]
    assert "The tool said 4." not in _text(found)


def test_a_tool_whose_schema_is_no_json_is_handed_on_without_one() -> None:
    handed: list[Any] = []

    def noting(messages: Messages, tools: Sequence[Any]) -> str:
        handed.extend(tools)
        return tagged(messages, tools)

    _found(Conversation(conversation("Q", "A").messages, (Tool("f", "", "{broken"),)), noting)

    assert handed[0]["function"]["parameters"] == {}


# Formats that change words


def test_a_format_that_trims_is_followed() -> None:
    def trimming(messages: Messages, tools: Sequence[Any]) -> str:
        return tagged([{**m, "content": m["content"].strip()} for m in messages], tools)

    found = _found(turns(" Q1 ", "\n\nA1 ", "Q2", " A2"), trimming)

    assert _answers(found) == [(0, "A1"), (1, "A2")]
    assert _text(found) == trimming([{"role": "user", "content": "Q1"},
                                     {"role": "assistant", "content": "A1"},
                                     {"role": "user", "content": "Q2"},
                                     {"role": "assistant", "content": "A2"}], [])  # fmt: skip


def _dropping(messages: Messages, tools: Sequence[Any]) -> str:
    return tagged(messages[-2:], tools)


def _reordering(messages: Messages, tools: Sequence[Any]) -> str:
    return tagged(messages[::-1], tools)


def _repeating(messages: Messages, tools: Sequence[Any]) -> str:
    return tagged([*messages, messages[1]], tools)


def _shouting(messages: Messages, tools: Sequence[Any]) -> str:
    return tagged(messages, tools).upper()


def _looking_inside(messages: Messages, tools: Sequence[Any]) -> str:
    return tagged(
        [{**m, "content": m["content"].rpartition("</think>")[2]} for m in messages], tools
    )


def _counting(messages: Messages, tools: Sequence[Any]) -> str:
    return "".join(f"{len(m['content'])}:{m['content']};" for m in messages)


@pytest.mark.parametrize(
    ("format_", "why"),
    [
        (_dropping, "leaves out the words of answer 1"),
        (_reordering, "moves the words of answer 2"),
        (_repeating, "repeats the words of answer 1"),
        (_shouting, "leaves out the words of answer 1"),
        (_counting, "changes, or puts something else around, the words of answer 1"),
    ],
)
def test_where_words_cannot_be_told_for_sure_it_is_said_what_was_not_found(
    format_: Format, why: str
) -> None:
    found = _found(turns("Q1", " A1 ", "Q2", " A2 "), format_)

    assert isinstance(found, NotFound)
    assert (found.reason, found.why) == (Reason.ANSWER_NOT_FOUND, f"the chat template {why}")


def test_a_refusal_is_told_in_the_words_of_the_template() -> None:
    found = _found(turns("Q", "A"), refusing)

    assert found == NotFound(Reason.FORMAT_REFUSED, "roles must alternate")


@pytest.mark.parametrize(
    ("strip", "kept"),
    [(str.lstrip, "A \n"), (str.rstrip, "\n A"), (lambda text: text.strip("\n"), " A ")],
)
def test_a_format_that_strips_one_end_or_line_breaks_alone_is_followed(
    strip: Callable[[str], str], kept: str
) -> None:
    def stripping(messages: Messages, tools: Sequence[Any]) -> str:
        return tagged([{**m, "content": strip(m["content"])} for m in messages], tools)

    assert _answers(_found(turns("Q", "\n A \n"), stripping)) == [(0, kept)]


def test_a_format_that_takes_thinking_out_of_the_words_is_followed() -> None:
    assert _answers(_found(turns("Q", "A"), _looking_inside)) == [(0, "A")]

    found = _found(turns("Q", "hm</think>A"), _looking_inside)

    assert _answers(found) == [(0, "A")]
    assert isinstance(found, ChatSpans)
    assert found.left_out == 1


def test_words_before_the_thinking_must_not_be_lost() -> None:
    found = _found(turns("Q", "First.<think>hm</think>A"), _looking_inside)

    assert isinstance(found, NotFound)
    assert "answer 1" in found.why


# Words that look like special tokens


@pytest.mark.parametrize("place", ["question", "context", "answer"])
def test_words_that_name_special_tokens_are_in_spans_of_their_own(place: str) -> None:
    words = {"question": "Q", "context": "I", "answer": "A"} | {place: "x</s><mark>y"}
    asked = conversation(words["question"], words["answer"], words["context"])

    found = _found(asked)

    assert isinstance(found, ChatSpans)
    assert found.suspect
    assert [span.special for span in found.spans if "x</s><mark>y" in span.text] == [False]
    assert all("x" not in span.text for span in found.spans if span.special)


def test_harmless_words_are_not_suspect() -> None:
    found = _found(conversation("Is <b> a tag, and s a word?", "Yes: <b>, </b>."))

    assert isinstance(found, ChatSpans)
    assert not found.suspect


@pytest.mark.parametrize(
    "asked",
    [
        Conversation(conversation("Q", "A").messages, (Tool("f", "adds</s>"),)),
        Conversation(conversation("Q", "A").messages, (Tool("f</s>"),)),
        Conversation(
            (
                Message("user", "Q"),
                Message("assistant", "A", tool_calls=(ToolCall("f", '{"x": "</s>"}'),)),
            )
        ),
    ],
)
def test_tools_that_name_special_tokens_are_suspect(asked: Conversation) -> None:
    found = _found(asked)

    assert isinstance(found, ChatSpans)
    assert found.suspect


# A real tokenizer


def test_spans_of_a_real_format_are_the_text_that_transformers_gives(
    chat_folder: Path, tmp_path: Path
) -> None:
    model = open_model(chat_folder, tmp_path)
    loop = PlainLoop.open(chat_folder)
    talk = turns("Hello <s>", " Hi 🙂 ", "你好?", "", "Bye", "Bye\n")
    plain = [{"role": m.role, "content": m.content} for m in talk.messages]

    found = chat_spans(model, talk)

    expected = loop.tokenizer.apply_chat_template(plain, tokenize=False)
    assert _text(found) == expected
    assert _answers(found) == [(0, " Hi 🙂 "), (2, "Bye\n")]
    assert isinstance(found, ChatSpans)
    assert found.suspect


def test_a_format_asked_for_a_conversation_adds_no_opening_of_a_next_answer(
    chat_folder: Path, tmp_path: Path
) -> None:
    found = chat_spans(open_model(chat_folder, tmp_path), turns("Q", "A"))

    assert _text(found).endswith("<|im_start|>assistant\nA<|im_end|>\n")
