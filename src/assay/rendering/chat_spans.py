"""The model's own chat format, with the assistant's words found exactly.

A format is a program that may trim, move or drop text. Each turn's words are replaced by a mark
that no text holds, the conversation is rendered with the marks and with the words, and the marks
are put back: only if both agree to the letter are the places of the words known.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from assay.errors import FeatureError
from assay.rendering.encoding import TextEncoding
from assay.rendering.templates import Span
from assay.samples import Conversation, Message


class ChatSpans(NamedTuple):
    """A rendered conversation, and whether its words look like special tokens."""

    spans: list[Span]
    suspect: bool


def chat_spans(model: TextEncoding, conversation: Conversation) -> ChatSpans | None:
    """Return a conversation in the model's own format, assistant turns apart.

    Args:
        model: whose tokenizer holds the format.
        conversation: hidden reasoning is left out.

    Returns:
        Spans whose texts together are what the format gives; None if the places of the turns
        cannot be told, or the format refuses the conversation. Messages that look like special
        tokens are in spans of their own, so that they are read as plain text.
    """
    hostile = any(
        special in text for text in _texts(conversation) for special in model.special_texts
    )
    marked = {
        place: _mark(conversation, place)
        for place, message in enumerate(conversation.messages)
        if message.role == "assistant" or hostile
    }
    words = {place: _words(conversation.messages[place]) for place in marked}
    tools = [_tool(tool.name, tool.description, tool.parameters) for tool in conversation.tools]
    try:
        plain = model.chat(_messages(conversation, {}), tools)
        with_marks = model.chat(_messages(conversation, marked), tools)
    except FeatureError:
        return None
    for trim in (False, True):
        shown = {place: text.strip() if trim else text for place, text in words.items()}
        pieces = _cut(with_marks, marked)
        if pieces is None:
            return None
        if "".join(shown.get(place, text) for text, place in pieces) == plain:
            return ChatSpans(_spans(pieces, shown, conversation), hostile)
    return None


def _spans(
    pieces: Sequence[tuple[str, int]], shown: Mapping[int, str], conversation: Conversation
) -> list[Span]:
    turns = [i for i, message in enumerate(conversation.messages) if message.role == "assistant"]
    spans = []
    for text, place in pieces:
        if place < 0:
            spans.append(Span(text, special=True))
        elif place in turns:
            spans.append(Span(shown[place], turns.index(place)))
        else:
            spans.append(Span(shown[place]))
    return [span for span in spans if span.text or span.turn >= 0]


def _cut(text: str, marked: Mapping[int, str]) -> list[tuple[str, int]] | None:
    """Return the text between marks, with -1, and the marks, as "" with their place."""
    pieces = []
    for place, mark in sorted(marked.items()):
        before, found, text = text.partition(mark)
        if not found or mark in text:
            return None
        pieces += [(before, -1), ("", place)]
    return [*pieces, (text, -1)]


def _mark(conversation: Conversation, place: int) -> str:
    digest = hashlib.blake2b(conversation.content_hash, digest_size=6).hexdigest()
    return f"mark{digest}n{place}end"


def _texts(conversation: Conversation) -> Iterator[str]:
    """Yield every text that a format may show."""
    for message in conversation.messages:
        yield from (message.content, message.context)
        for call in message.tool_calls:
            yield from (call.name, call.arguments)
    for tool in conversation.tools:
        yield from (tool.name, tool.description, tool.parameters)


def _words(message: Message) -> str:
    return f"{message.content}\n\n{message.context}" if message.context else message.content


def _messages(conversation: Conversation, marked: Mapping[int, str]) -> list[dict[str, Any]]:
    messages = []
    for place, message in enumerate(conversation.messages):
        entry: dict[str, Any] = {
            "role": message.role, "content": marked.get(place, _words(message))
        }  # fmt: skip
        if message.tool_calls:
            entry["tool_calls"] = [
                {"type": "function", "function": {"name": c.name, "arguments": c.arguments}}
                for c in message.tool_calls
            ]
        messages.append(entry)
    return messages


def _tool(name: str, description: str, parameters: str) -> dict[str, Any]:

    try:
        schema = json.loads(parameters) if parameters else {}
    except ValueError:
        schema = {}
    function = {"name": name, "description": description, "parameters": schema}
    return {"type": "function", "function": function}
