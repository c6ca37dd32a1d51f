"""Layouts whose answer needs choosing or unwrapping: preference rows, TRL's two halves, P3/T0."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from assay.formats.beside import bind_beside
from assay.formats.conversations import PROMPTS, bind_conversation
from assay.formats.faults import Fault, UnusableRecordError
from assay.formats.fields import not_text, resolve
from assay.formats.labels import Provenance, Record
from assay.formats.layouts import Converter
from assay.formats.turns import is_turn, message_of, turn_list
from assay.samples import Message, Role, Tool

_transcript_turn = re.compile(r"(?:^|\n\n)(Human|Assistant): ?")
_SPEAKERS: dict[str, Role] = {"Human": "user", "Assistant": "assistant"}


def side_messages(value: object, role: Role) -> list[Message] | None:
    """Return one side of a record, text or turns, as messages; None if it is neither."""
    if isinstance(value, dict) and is_turn(value):
        return [message_of(value)]
    turns = turn_list(value)
    if turns is not None:
        return [message_of(turn) for turn in turns]
    return [Message(role, value)] if isinstance(value, str) else None


def transcript_messages(text: str) -> list[Message]:
    """Return the turns of a transcript, each after an empty line, "Human:" or "Assistant:"."""
    pieces = _transcript_turn.split(text)
    return [
        Message(_SPEAKERS[speaker], said)
        for speaker, said in zip(pieces[1::2], pieces[2::2], strict=True)
    ]


def _required_side(record: Record, name: str, role: Role) -> list[Message]:
    messages = side_messages(record.get(name), role)
    if messages is None:
        raise not_text(record, name)
    return messages


@dataclass(frozen=True)
class PreferenceLayout:
    """A chosen and a rejected answer: the chosen side is read, the rejected one is kept in meta."""

    name: str = "preference"
    summary: str = "`prompt` (or none), `chosen`, `rejected`"

    def matches(self, record: Record) -> bool:
        """Are there a chosen and a rejected side?"""
        return record.get("chosen") is not None and "rejected" in record

    def bind(
        self, fields: Sequence[str], provenance: Provenance, *, questions: bool = False
    ) -> Converter:
        """Return what makes a sample of records with exactly these fields."""
        prompt = resolve(fields, (*PROMPTS, "conversations", "messages", "conversation"))
        others = [name for name in fields if name != prompt]
        is_text = prompt is not None and prompt.lower() in PROMPTS
        context = resolve(others, ("input", "context")) if is_text else None

        def assemble(record: Record) -> tuple[Sequence[Message], tuple[Tool, ...]]:
            answer = _required_side(record, "chosen", "assistant")
            before = [] if prompt is None else _required_side(record, prompt, "user")
            messages = _joined(before, answer)
            if context is not None and record[context]:
                messages = _with_context(messages, record, context)
            return messages, ()

        used = ("chosen", prompt, context)
        beside = bind_beside(fields, used, history=True)
        return bind_conversation(
            assemble, fields, used, provenance, questions=questions, beside=beside
        )


def _with_context(messages: list[Message], record: Record, name: str) -> list[Message]:
    """Give the text that belongs to a question to the last turn that asks."""
    context = record[name]
    if not isinstance(context, str):
        raise not_text(record, name)
    asked = next((i for i in reversed(range(len(messages))) if messages[i].role == "user"), None)
    if asked is None:
        return [Message("user", context), *messages]
    messages[asked] = replace(messages[asked], context=context)
    return messages


def _joined(before: list[Message], answer: list[Message]) -> list[Message]:
    """Put a prompt before an answer that may repeat it."""
    if len(answer) == 1 and _transcript_turn.match(answer[0].content):
        return transcript_messages(answer[0].content)
    if len(before) == 1 and _transcript_turn.match(before[0].content):
        before = transcript_messages(before[0].content)
        if before[-1].role == "assistant" and not before[-1].content.strip():
            before.pop()
    is_whole = len(answer) > 1 and any(message.role == "user" for message in answer)
    return answer if is_whole and _repeats(answer, before) else before + answer


def _repeats(answer: list[Message], before: list[Message]) -> bool:
    """Does a conversation that answers hold the prompt too? One that opens it may word it anew."""
    said = {message.content.strip() for message in answer}
    if all(message.content.strip() in said for message in before):
        return True
    return len(before) == 1 and answer[0].role != "assistant"


@dataclass(frozen=True)
class PromptCompletionLayout:
    """TRL's conversational halves: a list of turns as prompt, a list of turns as completion."""

    name: str = "prompt_completion_messages"
    summary: str = "`prompt` (list of turns), `completion` (list of turns)"

    def matches(self, record: Record) -> bool:
        """Are both halves lists of turns?"""
        halves = [turn_list(record.get(name)) for name in ("prompt", "completion")]
        return all(half is not None and is_turn((half or [None])[0]) for half in halves)

    def bind(
        self, fields: Sequence[str], provenance: Provenance, *, questions: bool = False
    ) -> Converter:
        """Return what makes a sample of records with exactly these fields."""

        def assemble(record: Record) -> tuple[Sequence[Message], tuple[Tool, ...]]:
            messages = _required_side(record, "prompt", "user")
            messages += _required_side(record, "completion", "assistant")
            return messages, ()

        used = ("prompt", "completion")
        beside = bind_beside(fields, used, history=True)
        return bind_conversation(
            assemble, fields, used, provenance, questions=questions, beside=beside
        )


@dataclass(frozen=True)
class TargetsLayout:
    """P3, T0 and FLAN: inputs and targets, as text or with the text in a "pretokenized" field."""

    name: str = "t0"
    summary: str = "`inputs`, `targets`, `answer_choices` (may be absent)"

    def matches(self, record: Record) -> bool:
        """Are there inputs and targets?"""
        return self._field(record, "inputs") is not None and "targets" in record

    @staticmethod
    def _field(fields: Record | Sequence[str], name: str) -> str | None:
        return resolve(fields, (f"{name}_pretokenized", name))

    def bind(
        self, fields: Sequence[str], provenance: Provenance, *, questions: bool = False
    ) -> Converter:
        """Return what makes a sample of records with exactly these fields."""
        inputs = self._field(fields, "inputs") or "inputs"
        targets = self._field(fields, "targets") or "targets"

        def assemble(record: Record) -> tuple[Sequence[Message], tuple[Tool, ...]]:
            asked, answer = record.get(inputs), record.get(targets)
            # Some tasks list several accepted answers; models are trained on the first.
            if isinstance(answer, list) and answer:
                answer = answer[0]
            if not isinstance(asked, str):
                raise not_text(record, inputs)
            if not isinstance(answer, str):
                fault = Fault.NULL_FIELD if not answer else Fault.WRONG_TYPE
                raise UnusableRecordError(fault, f"field {targets!r} holds no text")
            return (Message("user", asked), Message("assistant", answer)), ()

        used = {inputs, targets, "inputs", "targets"} & set(fields)
        beside = bind_beside(fields, used)
        return bind_conversation(
            assemble, fields, used, provenance, questions=questions, beside=beside
        )
