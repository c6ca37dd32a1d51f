"""A conversation as chat templates take it: messages, calls and tools in the form of OpenAI.

Templates agree on that form less than on its name: some want a call's arguments as an object, some
as text; some tell a turn of calls alone by a content of None; some read parts of a content only;
some insist on ids of nine characters. `chat_forms` has the ways there are, the most usual first.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from assay.samples import Conversation, Message, Tool, ToolCall

Place = tuple[int, int]
"""Number of a message, and of one of its calls."""


class ChatForm(NamedTuple):
    """One of the ways in which a conversation can be handed to a template.

    Attributes:
        in_parts: a content is a list with one part of text.
        made_ids: calls have ids of nine letters and digits, in place of their own or of none.
        text_arguments: arguments of calls are text.
        none_if_empty: the content of a turn of calls alone is None.
    """

    in_parts: bool = False
    made_ids: bool = False
    text_arguments: bool = False
    none_if_empty: bool = False


def chat_forms(conversation: Conversation) -> Iterator[ChatForm]:
    """Yield the forms that differ for a conversation, the most usual first."""
    turns = [message for message in conversation.messages if message.role == "assistant"]
    both, one = (False, True), (False,)
    with_calls = both if any(turn.tool_calls for turn in turns) else one
    calls_alone = both if any(turn.tool_calls and not said(turn) for turn in turns) else one
    for choice in itertools.product(both, with_calls, with_calls, calls_alone):
        yield ChatForm(*choice)


def said(message: Message) -> str:
    """Return the words of a message as a template is given them."""
    return f"{message.content}\n\n{message.context}" if message.context else message.content


def called(conversation: Conversation) -> dict[Place, ToolCall]:
    """Return the assistant's calls, in order."""
    return {
        (place, number): call
        for place, message in enumerate(conversation.messages)
        if message.role == "assistant"
        for number, call in enumerate(message.tool_calls)
    }


def chat_messages(
    conversation: Conversation,
    form: ChatForm,
    words: Mapping[int, str],
    names: Mapping[Place, str],
) -> list[dict[str, Any]]:
    """Return the messages of a conversation; hidden reasoning is left out.

    Args:
        conversation: what is handed over.
        form: how.
        words: by number of message, what stands in place of its own words.
        names: by call, what stands in place of its own name.
    """
    calls = called(conversation)
    ids = _Ids(calls, made=form.made_ids)
    messages = []
    for place, message in enumerate(conversation.messages):
        content = _content(words.get(place, said(message)), message, form)
        entry: dict[str, Any] = {"role": message.role, "content": content}
        if message.role == "tool":
            entry |= ids.answered(message)
        elif message.role == "assistant" and message.tool_calls:
            entry["tool_calls"] = [
                ids.of((place, number)) | _call(call, names.get((place, number), call.name), form)
                for number, call in enumerate(message.tool_calls)
            ]
        messages.append(entry)
    return messages


def chat_tool(tool: Tool) -> dict[str, Any]:
    """Return a tool with its schema; without, where that is not JSON."""
    try:
        schema = json.loads(tool.parameters) if tool.parameters else {}
    except (ValueError, RecursionError):
        schema = {}
    function = {"name": tool.name, "description": tool.description, "parameters": schema}
    return {"type": "function", "function": function}


def arguments_object(call: ToolCall) -> dict[str, Any] | None:
    """Return the arguments of a call as an object; None if they are not the JSON text of one.

    JSON text within JSON text, as some data have it, is read as well.
    """
    values: object = call.arguments if call.arguments.strip() else {}
    for _ in range(2):
        try:
            values = json.loads(values) if isinstance(values, str) else values
        except (ValueError, RecursionError):
            return None
    return values if isinstance(values, dict) else None


def shows_python(messages: Sequence[Mapping[str, Any]], text: str) -> bool:
    """Return whether a template printed an object as Python shows it, who expected text.

    Args:
        messages: as they were handed to the template.
        text: what it made of them.
    """
    calls = [call["function"] for message in messages for call in message.get("tool_calls", ())]
    objects = [call["arguments"] for call in calls if isinstance(call["arguments"], dict)]
    contents = [message["content"] for message in messages]
    objects += [part for content in contents if isinstance(content, list) for part in content]
    own = [content for content in contents if isinstance(content, str)]
    return any(
        # A tool may reply in Python, too.
        text.count(shown) > sum(words.count(shown) for words in own)
        for shown in map(str, filter(None, objects))
    )


def _content(text: str, message: Message, form: ChatForm) -> str | list[dict[str, str]] | None:
    if form.none_if_empty and not text and message.tool_calls:
        return None
    return [{"type": "text", "text": text}] if form.in_parts else text


def _call(call: ToolCall, name: str, form: ChatForm) -> dict[str, Any]:
    given = None if form.text_arguments else arguments_object(call)
    arguments = (call.arguments or "{}") if given is None else given
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


class _Ids:
    """Ids of calls, and to which call the reply of a tool belongs."""

    def __init__(self, calls: Mapping[Place, ToolCall], *, made: bool) -> None:
        self._calls = calls
        self._made = {place: f"call{number:05d}" for number, place in enumerate(calls)}
        self._waiting = list(calls) if made else []
        self._is_made = made

    def of(self, place: Place) -> dict[str, str]:
        """Return the id of a call, if it has one."""
        own = self._made[place] if self._is_made else self._calls[place].call_id
        return {"id": own} if own else {}

    def answered(self, message: Message) -> dict[str, str]:
        """Return name and id of the call that a tool's reply answers, as far as they are known."""
        named = message.tool_calls[0] if message.tool_calls else ToolCall("", "")
        own = named.call_id
        if self._is_made:
            # The first call without a reply; that of the same id, if there is one.
            same = [p for p in self._waiting if own and self._calls[p].call_id == own]
            found = next(iter(same or self._waiting), None)
            if found is not None:
                self._waiting.remove(found)
            own = "" if found is None else self._made[found]
        entry = {"name": named.name, "tool_call_id": own}
        return {field: text for field, text in entry.items() if text}
