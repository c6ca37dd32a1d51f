"""Messages, calls and tools as chat templates are handed them."""

import json
from typing import Any

import pytest

from assay.rendering.chat_messages import (
    ChatForm,
    arguments_object,
    chat_forms,
    chat_messages,
    chat_tool,
    shows_python,
)
from assay.samples import Conversation, Message, Tool, ToolCall
from tests.causal_rows import CALLS, turns
from tests.rows import conversation

_TWO = Conversation(
    (
        Message("user", "Q"),
        Message("assistant", "", tool_calls=(ToolCall("f", '{"a": 1}', "one"),
                                             ToolCall("g", "", "two"))),
        Message("tool", "of g", tool_calls=(ToolCall("g", "", "two"),)),
        Message("tool", "of f"),
        Message("assistant", "A"),
    )
)  # fmt: skip


def _messages(asked: Conversation, **form: bool) -> list[dict[str, Any]]:
    return chat_messages(asked, ChatForm(**form), {}, {})


def test_what_a_conversation_has_no_use_for_is_not_varied() -> None:
    assert list(chat_forms(turns("Q", "A"))) == [ChatForm(), ChatForm(in_parts=True)]
    assert len(list(chat_forms(CALLS))) == 8
    assert len(list(chat_forms(_TWO))) == 16
    assert next(chat_forms(_TWO)) == ChatForm()


def test_arguments_are_objects_or_text() -> None:
    def arguments(**form: bool) -> list[object]:
        calls = _messages(_TWO, **form)[1]["tool_calls"]
        return [call["function"]["arguments"] for call in calls]

    assert arguments() == [{"a": 1}, {}]
    assert arguments(text_arguments=True) == ['{"a": 1}', "{}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
        ("", {}),
        (" ", {}),
        (json.dumps(json.dumps({"a": 1})), {"a": 1}),
        ("[1, 2]", None),
        ("3", None),
        ('"x"', None),
        ("{broken", None),
        ("[" * 100_000, None),
    ],
)
def test_arguments_that_are_no_json_object_stay_text(
    text: str, expected: dict[str, Any] | None
) -> None:
    call = ToolCall("f", text)

    assert arguments_object(call) == expected
    if expected is None:
        asked = Conversation((Message("assistant", "", tool_calls=(call,)),))
        assert _messages(asked)[0]["tool_calls"][0]["function"]["arguments"] == text


def test_calls_and_replies_keep_their_ids_and_names() -> None:
    _, calls, first, second, _ = _messages(_TWO)

    assert [call["id"] for call in calls["tool_calls"]] == ["one", "two"]
    assert first == {"role": "tool", "content": "of g", "name": "g", "tool_call_id": "two"}
    assert second == {"role": "tool", "content": "of f"}


def test_ids_can_be_made_of_nine_letters_with_replies_at_their_calls() -> None:
    _, calls, first, second, _ = _messages(_TWO, made_ids=True)

    ids = [call["id"] for call in calls["tool_calls"]]
    assert all(len(each) == 9 and each.isalnum() for each in ids)
    assert (first["tool_call_id"], second["tool_call_id"]) == (ids[1], ids[0])


def test_more_replies_than_calls_have_no_id() -> None:
    asked = Conversation((Message("tool", "late"),))

    assert _messages(asked, made_ids=True) == [{"role": "tool", "content": "late"}]


def test_a_turn_of_calls_alone_can_have_no_content() -> None:
    assert _messages(_TWO)[1]["content"] == ""
    assert [m["content"] for m in _messages(_TWO, none_if_empty=True)] == [
        "Q", None, "of g", "of f", "A",
    ]  # fmt: skip


def test_a_content_can_be_in_parts() -> None:
    messages = _messages(conversation("Q", "A", "I"), in_parts=True)

    assert [m["content"] for m in messages] == [
        [{"type": "text", "text": "Q\n\nI"}], [{"type": "text", "text": "A"}],
    ]  # fmt: skip


def test_words_and_names_can_be_replaced() -> None:
    messages = chat_messages(_TWO, ChatForm(), {4: "mark"}, {(1, 1): "name"})

    assert messages[4]["content"] == "mark"
    assert [c["function"]["name"] for c in messages[1]["tool_calls"]] == ["f", "name"]


def test_what_python_shows_of_an_object_is_no_text_of_a_template() -> None:
    assert shows_python(_messages(_TWO), "call f {'a': 1}")
    assert not shows_python(_messages(_TWO), 'call f {"a": 1}')
    assert not shows_python(_messages(_TWO, text_arguments=True), "call f {'a': 1}")
    parts = "[{'type': 'text', 'text': 'A'}]"
    assert shows_python(_messages(turns("Q", "A"), in_parts=True), parts)
    assert not shows_python(_messages(turns("Q", "A")), parts)


def test_a_tool_that_replies_in_python_is_no_such_text() -> None:
    asked = _messages(Conversation((*_TWO.messages, Message("tool", "{'a': 1}"))))

    assert not shows_python(asked, "call f {\"a\": 1}, {'a': 1}")
    assert shows_python(asked, "call f {'a': 1}, {'a': 1}")


@pytest.mark.parametrize(
    ("text", "schema"),
    [('{"type": "object"}', {"type": "object"}), ("", {}), ("{broken", {}), ("[" * 100_000, {})],
)
def test_a_tool_has_its_schema_if_it_is_json(text: str, schema: dict[str, Any]) -> None:
    assert chat_tool(Tool("f", "does", text)) == {
        "type": "function",
        "function": {"name": "f", "description": "does", "parameters": schema},
    }
