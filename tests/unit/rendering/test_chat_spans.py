"""Where an assistant's words are in a model's own format, for formats of every temper."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.rendering.chat_spans import ChatSpans, chat_spans
from assay.rendering.templates import Span
from assay.samples import Conversation, Message, Tool, ToolCall
from tests.causal_rows import CALLS, PlainLoop, open_model, turns
from tests.letters_model import Format, Letters, refusing, tagged
from tests.rows import conversation

Messages = Sequence[Mapping[str, Any]]


def _found(asked: Conversation, format_: Format = tagged) -> ChatSpans | None:
    return chat_spans(Letters(format=format_), asked)


def _answers(found: ChatSpans | None) -> list[tuple[int, str]]:
    assert found is not None
    return [(span.turn, span.text) for span in found.spans if span.turn >= 0]


def _text(found: ChatSpans | None) -> str:
    assert found is not None
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


def test_an_empty_answer_keeps_its_number() -> None:
    assert _answers(_found(turns("Q1", "", "Q2", "A2"))) == [(0, ""), (1, "A2")]


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
    call = {"type": "function", "function": {"name": "sum", "arguments": '{"a": 2, "b": 2}'}}
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


def _half_trimming(messages: Messages, tools: Sequence[Any]) -> str:
    return tagged([{**m, "content": m["content"].rstrip()} for m in messages], tools)


@pytest.mark.parametrize(
    "format_",
    [_dropping, _reordering, _repeating, _shouting, _counting, _half_trimming, refusing],
)
def test_where_words_cannot_be_told_for_sure_there_is_nothing(format_: Format) -> None:
    assert _found(turns("Q1", " A1 ", "Q2", " A2 "), format_) is None


def test_a_format_that_looks_inside_the_words_is_followed_where_it_finds_nothing() -> None:
    assert _answers(_found(turns("Q", "A"), _looking_inside)) == [(0, "A")]
    assert _found(turns("Q", "hm</think>A"), _looking_inside) is None


# Words that look like special tokens


@pytest.mark.parametrize("place", ["question", "context", "answer"])
def test_words_that_name_special_tokens_are_in_spans_of_their_own(place: str) -> None:
    words = {"question": "Q", "context": "I", "answer": "A"} | {place: "x</s><mark>y"}
    asked = conversation(words["question"], words["answer"], words["context"])

    found = _found(asked)

    assert found is not None
    assert found.suspect
    assert [span.special for span in found.spans if "x</s><mark>y" in span.text] == [False]
    assert all("x" not in span.text for span in found.spans if span.special)


def test_harmless_words_are_not_suspect() -> None:
    found = _found(conversation("Is <b> a tag, and s a word?", "Yes: <b>, </b>."))

    assert found is not None
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

    assert found is not None
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
    assert _answers(found) == [(0, " Hi 🙂 "), (1, ""), (2, "Bye\n")]
    assert found is not None
    assert found.suspect


def test_a_format_asked_for_a_conversation_adds_no_opening_of_a_next_answer(
    chat_folder: Path, tmp_path: Path
) -> None:
    found = chat_spans(open_model(chat_folder, tmp_path), turns("Q", "A"))

    assert _text(found).endswith("<|im_start|>assistant\nA<|im_end|>\n")
