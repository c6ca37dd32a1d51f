"""Layouts whose records hold lists of turns, several answers, or several instances."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from assay.formats.faults import Fault, UnusableRecordError, type_name
from assay.formats.labels import Labels, Provenance, Record, bind_labels
from assay.formats.layouts import Converter, not_text, resolve
from assay.formats.turns import (
    CONTENT_KEYS,
    ROLE_KEYS,
    image_of,
    message_of,
    parsed_json,
    tools_of,
)
from assay.samples import Conversation, ImageRef, Message, Sample, Tool

TURN_LISTS = ("messages", "conversations", "conversation", "dialogs", "dialogue", "turns", "chat")
SYSTEM = ("system", "system_prompt")
TOOLS = ("tools", "functions")
IMAGES = ("images", "image")
PROMPTS = ("prompt", "question", "instruction", "query", "input")
_IMAGE_MARK = "<image>"


def turn_list(value: object) -> list[object] | None:
    """Return a list of turns, also where a table cell holds it as JSON text; None if it is none."""
    if isinstance(value, str) and value[:1] == "[":
        value = parsed_json(value)
    return value if isinstance(value, list) else None


def is_turn(value: object) -> bool:
    """Is this an object with a role and a content, whatever they are called?"""
    return (
        isinstance(value, dict)
        and any(key in value for key in ROLE_KEYS)
        and any(key in value for key in (*CONTENT_KEYS, "tool_calls", "function_call"))
    )


def checked(messages: Sequence[Message], *, questions: bool) -> tuple[Message, ...]:
    """Return the messages of a conversation that can be used.

    Raises:
        UnusableRecordError: if there is no message, or no assistant turn where one is needed.
    """
    if not messages:
        raise UnusableRecordError(Fault.EMPTY_CONVERSATION, "no messages")
    if not questions and all(message.role != "assistant" for message in messages):
        raise UnusableRecordError(Fault.NO_ASSISTANT_TURN, "no turn of the assistant")
    return tuple(messages)


def sample_of(conversation: Conversation, provenance: Provenance, labels: Labels) -> Sample:
    """Return a conversation with its labels; a record's own split goes before its file's."""
    return Sample(
        conversation,
        provenance.source,
        labels.split or provenance.split,
        labels.task,
        labels.language,
        labels.external_id,
        labels.meta,
    )


Assemble = Callable[[Record], tuple[Sequence[Message], tuple[Tool, ...]]]


def bind_conversation(
    assemble: Assemble,
    fields: Sequence[str],
    used: Iterable[str | None],
    provenance: Provenance,
    *,
    questions: bool,
) -> Converter:
    """Return a converter that takes messages from `assemble` and labels from the other fields."""
    labels = bind_labels(fields, {name for name in used if name is not None})

    def convert(record: Record) -> Sample:
        messages, tools = assemble(record)
        conversation = Conversation(checked(messages, questions=questions), tools)
        return sample_of(conversation, provenance, labels(record))

    return convert


@dataclass(frozen=True)
class TurnLayout:
    """A list of turns with roles: OpenAI messages and ShareGPT, in all their spellings."""

    name: str
    role_key: tuple[str, ...]
    summary: str

    def _list_field(self, record: Record) -> str | None:
        for name in TURN_LISTS:
            turns = turn_list(record.get(name))
            if turns and is_turn(turns[0]) and any(key in turns[0] for key in self.role_key):  # type: ignore[operator]
                return name
        return None

    def matches(self, record: Record) -> bool:
        """Is there a list whose first element is a turn that spells its role in this way?"""
        return self._list_field(record) is not None

    def bind(
        self, fields: Sequence[str], provenance: Provenance, *, questions: bool = False
    ) -> Converter:
        """Return what makes a sample of records with exactly these fields."""
        lists = [name for name in TURN_LISTS if name in fields]
        system, tools = resolve(fields, SYSTEM), resolve(fields, TOOLS)
        images = resolve(fields, IMAGES)

        def assemble(record: Record) -> tuple[Sequence[Message], tuple[Tool, ...]]:
            messages = [message_of(turn) for turn in self._turns(record, lists)]
            if system is not None:
                messages = with_system(messages, record[system])
            if images is not None and record[images]:
                messages = place_images(messages, record[images])
            return messages, tools_of(record[tools]) if tools is not None else ()

        used = (*lists, system, tools, images)
        return bind_conversation(assemble, fields, used, provenance, questions=questions)

    def _turns(self, record: Record, lists: Sequence[str]) -> list[object]:
        if not lists:
            raise UnusableRecordError(Fault.MISSING_FIELD, f"no field {TURN_LISTS[0]!r}")
        found = [turns for name in lists if (turns := turn_list(record[name])) is not None]
        if not found:
            value = record[lists[0]]
            fault = Fault.NULL_FIELD if value is None else Fault.WRONG_TYPE
            raise UnusableRecordError(
                fault, f"field {lists[0]!r} is {type_name(value)}, not a list"
            )
        return next((turns for turns in found if turns), [])


def with_system(messages: list[Message], system: object) -> list[Message]:
    """Return the messages after the record's system prompt, unless they open with one."""
    if not isinstance(system, str) or not system:
        return messages
    has_one = bool(messages) and messages[0].role == "system"
    return messages if has_one else [Message("system", system), *messages]


def place_images(messages: list[Message], value: object) -> list[Message]:
    """Give a record's images to the messages that mark a place for them, else to the first user."""
    waiting = [image_of(item) for item in (value if isinstance(value, list) else [value])]
    placed = []
    for message in messages:
        count = message.content.count(_IMAGE_MARK)
        placed.append(_with_images(message, waiting[:count]))
        waiting = waiting[count:]
    first = next((place for place, m in enumerate(placed) if m.role == "user"), None)
    if waiting and first is not None:
        placed[first] = _with_images(placed[first], waiting)
    return placed


def _with_images(message: Message, images: Sequence[ImageRef]) -> Message:
    return replace(message, images=(*message.images, *images)) if images else message


@dataclass(frozen=True)
class AlternatingLayout:
    """LIMA: a list of texts, user and assistant in turn."""

    name: str = "lima"
    summary: str = "`conversations` (list of texts), `source`"

    def matches(self, record: Record) -> bool:
        """Is there a list of turns that are plain text?"""
        turns = turn_list(record.get("conversations"))
        return bool(turns) and isinstance(turns[0], str)  # type: ignore[index]

    def bind(
        self, fields: Sequence[str], provenance: Provenance, *, questions: bool = False
    ) -> Converter:
        """Return what makes a sample of records with exactly these fields."""

        def assemble(record: Record) -> tuple[Sequence[Message], tuple[Tool, ...]]:
            turns = turn_list(record.get("conversations"))
            if turns is None:
                raise not_text(record, "conversations")
            if not all(isinstance(turn, str) for turn in turns):
                raise UnusableRecordError(Fault.WRONG_TYPE, "a turn is not text")
            return [
                Message("assistant" if place % 2 else "user", str(turn))
                for place, turn in enumerate(turns)
            ], ()

        return bind_conversation(
            assemble, fields, ("conversations",), provenance, questions=questions
        )


@dataclass(frozen=True)
class ExchangeLayout:
    """A list of exchanges, each an object with input and output."""

    name: str = "exchanges"
    summary: str = "`conversation` (list of objects with `input` and `output`)"

    def matches(self, record: Record) -> bool:
        """Is there a list of objects with input and output?"""
        turns = turn_list(record.get("conversation"))
        return bool(turns) and isinstance(turns[0], dict) and turns[0].keys() >= {"input", "output"}  # type: ignore[index]

    def bind(
        self, fields: Sequence[str], provenance: Provenance, *, questions: bool = False
    ) -> Converter:
        """Return what makes a sample of records with exactly these fields."""

        def assemble(record: Record) -> tuple[Sequence[Message], tuple[Tool, ...]]:
            turns = turn_list(record.get("conversation"))
            if turns is None:
                raise not_text(record, "conversation")
            messages = []
            for turn in turns:
                pair = turn if isinstance(turn, dict) else {}
                for key, role in (("input", "user"), ("output", "assistant")):
                    if not isinstance(pair.get(key), str):
                        raise not_text(pair, key)
                    messages.append(message_of({"role": role, "content": pair[key]}))
            return messages, ()

        return bind_conversation(
            assemble, fields, ("conversation",), provenance, questions=questions
        )


@dataclass(frozen=True)
class SelfInstructLayout:
    """One instruction with several instances; each becomes a sample of its own."""

    name: str = "self_instruct"
    summary: str = "`instruction`, `instances` (list of `input`, `output`)"

    def matches(self, record: Record) -> bool:
        """Is there an instruction and a list of instances?"""
        return "instruction" in record and isinstance(record.get("instances"), list)

    def bind(
        self, fields: Sequence[str], provenance: Provenance, *, questions: bool = False
    ) -> Converter:
        """Return what makes one sample of each instance."""
        labels = bind_labels(fields, {"instruction", "instances"})

        def convert(record: Record) -> list[Sample | None]:
            instruction, instances = record.get("instruction"), record.get("instances")
            if not isinstance(instruction, str):
                raise not_text(record, "instruction")
            if not isinstance(instances, list):
                raise UnusableRecordError(Fault.NULL_FIELD, "field 'instances' is not a list")
            if not instances:
                raise UnusableRecordError(Fault.EMPTY_CONVERSATION, "no instances")
            pairs, first_error = _instances(instruction, instances, questions=questions)
            if first_error is not None and not any(pairs):
                raise first_error
            found = labels(record)
            return [
                None if pair is None else sample_of(Conversation(pair), provenance, found)
                for pair in pairs
            ]

        return convert


def _instances(
    instruction: str, instances: Sequence[object], *, questions: bool
) -> tuple[list[tuple[Message, ...] | None], UnusableRecordError | None]:
    """Return the messages of each instance, None for a bad one, and what was wrong first."""
    pairs: list[tuple[Message, ...] | None] = []
    first_error = None
    for instance in instances:
        try:
            pairs.append(_instance_messages(instruction, instance, questions=questions))
        except UnusableRecordError as error:
            pairs.append(None)
            first_error = first_error or error
    return pairs, first_error


def _instance_messages(
    instruction: str, instance: object, *, questions: bool
) -> tuple[Message, ...]:
    pair = instance if isinstance(instance, dict) else {}
    context, output = pair.get("input"), pair.get("output")
    if not isinstance(output, str) and not questions:
        raise not_text(pair, "output")
    if context is not None and not isinstance(context, str):
        raise not_text(pair, "input")
    asked = Message("user", instruction, context or "")
    return (asked, Message("assistant", output)) if isinstance(output, str) else (asked,)
