"""Samples as the messages that trainers read, and an account of what a layout cannot hold."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from assay.formats.json_text import json_value
from assay.formats.media import MARKS, OBJECTS, boxes_of
from assay.samples import MEDIA_KINDS, MediaKind, Message, Sample, Tool, ToolCall

MEDIA_COLUMNS: Mapping[MediaKind, str] = {
    "image": "images", "video": "videos", "audio": "audios"
}  # fmt: skip
Json = dict[str, object]


class Remark(NamedTuple):
    """The state of one sample: its place among those that were given, counted from 0, and why."""

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


@dataclass(frozen=True)
class Holds:
    """What a layout has room for.

    Attributes:
        layout: how a reader of a report knows it.
        media: kinds of media that it has a field for.
        weights: the turns of which it can say whether they are learned.
        reads_marks: does its trainer take every mark in a text, such as ``<image>``, for a place?
        systems: does it have room for more than one system prompt?
    """

    layout: str
    media: Collection[MediaKind] = ()
    weights: Literal["none", "answers", "all"] = "none"
    reads_marks: bool = False
    systems: bool = True

    def check(self, sample: Sample) -> None:
        """Refuse a sample of which something would be lost or be taken for something else.

        Raises:
            UnfitSampleError: naming what.
        """
        messages = sample.conversation.messages
        self._check_weights(messages)
        for kind, column in MEDIA_COLUMNS.items():
            refs = [ref for message in messages for ref in message.media(kind)]
            if refs and kind not in self.media:
                raise UnfitSampleError(f"{column}, which {self.layout} cannot hold")
            if any(not ref.path for ref in refs):
                raise UnfitSampleError(f"{column} whose bytes lie in the data itself")
        if self.reads_marks and any(map(_word_marks, messages)):
            raise UnfitSampleError("a text with a word such as <image> that is no place of media")
        if not self.systems and any(message.role == "system" for message in messages[1:]):
            raise UnfitSampleError("a system turn after the first turn")
        if boxes_of(sample.meta.get(OBJECTS)):
            raise UnfitSampleError("boxes in images (`objects`)")
        if any(not tool.name for tool in sample.conversation.tools):
            raise UnfitSampleError("tools that are not JSON")

    def _check_weights(self, messages: Collection[Message]) -> None:
        weighted = [message for message in messages if message.weight is not None]
        if not weighted:
            return
        if not any(message.learned for message in messages):
            raise UnfitSampleError("no answer that is to be learned")
        if self.weights == "none":
            raise UnfitSampleError(f"marks of what is learned, which {self.layout} cannot hold")
        if any(message.weight not in (0, 1) for message in weighted):
            raise UnfitSampleError("weights other than 0 and 1")
        if self.weights == "answers" and any(m.role != "assistant" for m in weighted):
            raise UnfitSampleError("turns to be learned that are no answers")


def _word_marks(message: Message) -> bool:
    """Is there a mark that is a word of the text, and not the place of something?"""
    calls = "".join(call.name + call.arguments for call in message.tool_calls)
    words = message.reasoning + calls
    return any(
        mark in words or visible_text(message).count(mark) > _placed(message, kind)
        for kind, mark in MARKS.items()
    )


def _placed(message: Message, kind: MediaKind) -> int:
    """Return how many of the first marks in the text are places."""
    marked = sum(not ref.apart for ref in message.media(kind))
    return min(marked, visible_text(message).count(MARKS[kind]))


def text_with_media_marks(message: Message, text: str) -> str:
    """Return `text` with a mark for everything shown; what the text does not place comes first."""
    return "".join(MARKS[kind] * _unplaced(message, kind) for kind in MEDIA_KINDS) + text


def _unplaced(message: Message, kind: MediaKind) -> int:
    return len(message.media(kind)) - _placed(message, kind)


def media_paths(sample: Sample, kind: MediaKind) -> list[str]:
    """Return where all media of a kind lie, in the order of the conversation."""
    return [ref.path for message in sample.conversation.messages for ref in message.media(kind)]


def content_parts(message: Message) -> list[Json]:
    """Return the visible text of a message in parts, with a part for each image at its place."""
    mark, text = MARKS["image"], visible_text(message)
    image: Json = {"type": "image"}
    parts = [image] * _unplaced(message, "image")
    for _ in range(_placed(message, "image")):
        before, _, text = text.partition(mark)
        parts += [_text_part(before)] * bool(before) + [image]
    return parts + [_text_part(text)] * bool(text or not parts)


def _text_part(text: str) -> Json:
    return {"type": "text", "text": text}


def call_with_arguments(call: ToolCall) -> Json:
    """Return a call as an object with its name and its arguments, whose digits are kept."""
    return {"name": call.name, "arguments": json_value(call.arguments) if call.arguments else {}}


def tool_schema(tool: Tool) -> Json:
    """Return a tool in the form of the OpenAI chat interface, which all trainers read."""
    parameters: object = json_value(tool.parameters) if tool.parameters else {}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


def chat_message(message: Message, *, arguments_as_text: bool, in_parts: bool = False) -> Json:
    """Return a message with role, content, and whatever else the OpenAI form has a field for.

    Args:
        message: a turn.
        arguments_as_text: keep the arguments of calls as JSON text, so that a table can hold calls
            whose arguments have different types.
        in_parts: write the content as a list of parts.
    """
    content = content_parts(message) if in_parts else visible_text(message)
    found: Json = {"role": message.role, "content": content}
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
