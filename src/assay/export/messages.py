"""Samples as the messages that trainers read, and an account of what a layout cannot hold."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from assay.samples import Message, Sample, Tool, ToolCall

IMAGE_MARK = "<image>"
Json = dict[str, object]


class Remark(NamedTuple):
    """What became of one sample: its place among those that were given, counted from 0, and why."""

    place: int
    what: str


@dataclass
class Account:
    """Keeps what was left out or lost while a layout was written, sample by sample.

    Attributes:
        place: of the sample that is being written.
        left_out: samples that were not written, and the reason.
        losses: samples that were written without something they hold, and what that is.
    """

    place: int = 0
    left_out: list[Remark] = field(default_factory=list)
    losses: list[Remark] = field(default_factory=list)

    def leave_out(self, reason: str) -> None:
        """Note that the sample is not written."""
        self.left_out.append(Remark(self.place, reason))

    def lose(self, things: Iterable[str]) -> None:
        """Note what the sample is written without."""
        self.losses += [Remark(self.place, thing) for thing in sorted(things)]


class UnfitSampleError(Exception):
    """The layout cannot hold this sample; the message is the reason."""


def visible_text(message: Message) -> str:
    """Return the content, and after an empty line the context."""
    return "\n\n".join(text for text in (message.content, message.context) if text)


def text_with_thinking(message: Message) -> str:
    """Return the visible text after the reasoning in ``<think>`` tags, if there is any."""
    text = visible_text(message)
    return f"<think>\n{message.reasoning}\n</think>\n\n{text}" if message.reasoning else text


def text_with_image_marks(message: Message, text: str) -> str:
    """Return `text` with one mark per image; those that the text does not place come first."""
    return IMAGE_MARK * (len(message.images) - text.count(IMAGE_MARK)) + text


def image_paths(sample: Sample) -> list[str]:
    """Return the places of all images of a conversation in order."""
    return [image.path for message in sample.conversation.messages for image in message.images]


def parsed_json(text: str) -> object:
    """Return what JSON text says, or the text itself if it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def call_with_arguments(call: ToolCall) -> Json:
    """Return a call as an object with its name and its arguments as values."""
    return {"name": call.name, "arguments": parsed_json(call.arguments) if call.arguments else {}}


def tool_schema(tool: Tool) -> Json:
    """Return a tool in the form of the OpenAI chat interface, which all trainers read."""
    parameters = parsed_json(tool.parameters) if tool.parameters else {}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


def chat_message(message: Message, *, arguments_as_text: bool) -> Json:
    """Return a message with role, content, and whatever else the OpenAI form has a field for.

    Args:
        message: a turn.
        arguments_as_text: keep the arguments of calls as JSON text, so that a table can hold calls
            whose arguments have different types.
    """
    found: Json = {"role": message.role, "content": visible_text(message)}
    if message.reasoning:
        found["reasoning_content"] = message.reasoning
    if message.role == "tool":
        for call in message.tool_calls:
            found |= {"name": call.name} if call.name else {}
            found |= {"tool_call_id": call.call_id} if call.call_id else {}
    elif message.tool_calls:
        found["tool_calls"] = [_chat_call(call, arguments_as_text) for call in message.tool_calls]
    return found


def _chat_call(call: ToolCall, arguments_as_text: bool) -> Json:
    function = call_with_arguments(call)
    if arguments_as_text:
        function["arguments"] = call.arguments or "{}"
    found: Json = {"type": "function", "function": function}
    return ({"id": call.call_id} if call.call_id else {}) | found
