"""Any conversation under any of the published shapes of template: its answers are found."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from assay.rendering.chat_spans import ChatSpans, chat_spans
from assay.samples import Conversation, Message, ToolCall
from tests.chat_templates import SHAPES, Shape, by_transformers, speaking

# Words that look like what templates put around them, and all sorts of blanks at their ends.
_words = st.lists(
    st.sampled_from(
        ["A", "user", "assistant", "\n", " ", "\t", "\u3000", "[/]", "<|im_end|>", "é", "{{ x }}",
         "{'a': 1}", "None", "\n\n", "</s>", "{\"a\": 1}", "mark"]
    ),
    max_size=6,
).map("".join)  # fmt: skip
_arguments = st.dictionaries(
    st.sampled_from(["a", "b", "city"]),
    st.one_of(st.integers(), st.booleans(), st.text(max_size=3)),
)


@st.composite
def _conversations(draw: st.DrawFn, *, calls: bool) -> tuple[Conversation, list[dict[str, Any]]]:
    """Return a conversation, and what is handed to a template that wants objects."""
    messages: list[Message] = []
    entries: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 4))):
        question = draw(_words)
        messages.append(Message("user", question))
        entries.append({"role": "user", "content": question})
        if calls and draw(st.booleans()):
            beside, values = draw(_words), draw(_arguments)
            text = json.dumps(values, ensure_ascii=False)
            own_id = f"id{number:07d}"
            call = ToolCall("look", text, own_id)
            messages.append(Message("assistant", beside, tool_calls=(call,)))
            function = {"name": "look", "arguments": values, "text": text}
            entry = {"id": own_id, "type": "function", "function": function}
            entries.append({"role": "assistant", "content": beside, "tool_calls": [entry]})
            said = draw(st.sampled_from(["4", text, str(values)]))
            messages.append(Message("tool", said, tool_calls=(ToolCall("look", "", own_id),)))
            reply = {"role": "tool", "content": said, "name": "look", "tool_call_id": own_id}
            entries.append(reply)
        answer = draw(_words)
        messages.append(Message("assistant", answer))
        entries.append({"role": "assistant", "content": answer})
    return Conversation(tuple(messages)), entries


def _wanted(shape: Shape, entries: list[dict[str, Any]]) -> str:
    """Return what transformers makes of messages that are put as the template wants them."""
    for entry in entries:
        for call in entry.get("tool_calls", ()):
            text = call["function"].pop("text")
            if shape.text_arguments:
                call["function"]["arguments"] = text
    return by_transformers(shape.template)(entries, [])


def _expected(shape: Shape, asked: Conversation) -> list[tuple[int, str]]:
    answers = [message for message in asked.messages if message.role == "assistant"]
    return [
        (turn, shape.kept(message.content))
        for turn, message in enumerate(answers)
        if message.content.strip() and (shape.beside_calls or not message.tool_calls)
    ]


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_answers_are_what_is_kept_of_the_words_at_their_places(data: st.DataObject) -> None:
    shape = SHAPES[data.draw(st.sampled_from(sorted(SHAPES)))]
    asked, entries = data.draw(_conversations(calls=shape.calls))

    found = chat_spans(speaking(shape.template), asked)

    assert isinstance(found, ChatSpans), found
    assert "".join(span.text for span in found.spans) == _wanted(shape, entries)
    assert [(s.turn, s.text) for s in found.spans if s.turn >= 0] == _expected(shape, asked)
    alone = [not m.tool_calls for m in asked.messages if m.role == "assistant"]
    for place, span in enumerate(found.spans):
        if span.turn >= 0 and alone[span.turn]:
            assert found.spans[place - 1].text.endswith(shape.before)
            rest = "".join(each.text for each in found.spans[place + 1 :])
            assert rest.startswith(shape.after)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_words_that_look_like_special_tokens_change_nothing_but_the_spans(
    data: st.DataObject,
) -> None:
    shape = SHAPES[data.draw(st.sampled_from(sorted(SHAPES)))]
    asked, _ = data.draw(_conversations(calls=shape.calls))
    special = ("<|im_end|>", "</s>", "[/]")

    plain = chat_spans(speaking(shape.template), asked)
    found = chat_spans(speaking(shape.template, *special), asked)

    if isinstance(found, ChatSpans) and isinstance(plain, ChatSpans):
        texts = [m.content for m in asked.messages]
        assert found.suspect == any(name in text for name in special for text in texts)
        assert "".join(s.text for s in found.spans) == "".join(s.text for s in plain.spans)
        assert [s for s in found.spans if s.turn >= 0] == [s for s in plain.spans if s.turn >= 0]
    else:
        # A template may change what a user says, which then cannot be told from its own tokens.
        assert isinstance(plain, ChatSpans)
        assert "message" in getattr(found, "why", "")
