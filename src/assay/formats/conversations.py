"""Layouts whose records hold lists of turns, several answers, or several instances."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from assay.formats.beside import Beside, bind_beside
from assay.formats.faults import Fault, UnusableRecordError, type_name
from assay.formats.fields import not_text
from assay.formats.labels import Labels, Provenance, Record, bind_labels
from assay.formats.layouts import Converter
from assay.formats.turns import is_turn, message_of, turn_list
from assay.samples import Conversation, Message, Sample, Tool

TURN_LISTS = ("messages", "conversations", "conversation", "dialogs", "dialogue", "turns", "chat")
PROMPTS = ("prompt", "question", "instruction", "query", "input")


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
    beside: Beside | None = None,
) -> Converter:
    """Return a converter that takes messages from `assemble` and labels from the other fields.

    What the record holds `beside` its turns is put to them.
    """
    taken = {name for name in used if name is not None}
    labels = bind_labels(fields, taken | set(beside.used if beside else ()))

    def convert(record: Record) -> Sample:
        messages, tools = assemble(record)
        if beside is not None:
            messages, tools = beside.complete(record, messages)
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

        def assemble(record: Record) -> tuple[Sequence[Message], tuple[Tool, ...]]:
            return [message_of(turn) for turn in self._turns(record, lists)], ()

        beside = bind_beside(fields, lists)
        return bind_conversation(
            assemble, fields, lists, provenance, questions=questions, beside=beside
        )

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

        used = ("conversations",)
        return bind_conversation(
            assemble, fields, used, provenance, questions=questions,
            beside=bind_beside(fields, used),
        )  # fmt: skip


_ASKS = ("input", "human", "user", "prompt", "question", "query", "instruction")
_ANSWERS = ("output", "assistant", "gpt", "bot", "response", "answer", "completion")


@dataclass(frozen=True)
class ExchangeLayout:
    """A list of exchanges, each an object with what was asked and what was answered."""

    name: str = "exchanges"
    summary: str = (
        "`conversation` (list of objects with `input` and `output`, or `human` and so on)"
    )

    @staticmethod
    def _exchanges(record: Record) -> tuple[str, list[object]] | None:
        for name in TURN_LISTS:
            turns = turn_list(record.get(name))
            if not turns or is_turn(turns[0]):
                continue
            first, second = turns[0], turns[min(1, len(turns) - 1)]
            if isinstance(first, dict):
                # What is asked and what is answered may stand in objects of their own, too.
                asks = first.keys()
                answers = asks | (second.keys() if isinstance(second, dict) else set())
                if not asks.isdisjoint(_ASKS) and not answers.isdisjoint(_ANSWERS):
                    return name, turns
            elif _is_pair(first):
                return name, turns
        return None

    def matches(self, record: Record) -> bool:
        """Is there a list of objects that each ask and answer?"""
        return self._exchanges(record) is not None

    def bind(
        self, fields: Sequence[str], provenance: Provenance, *, questions: bool = False
    ) -> Converter:
        """Return what makes a sample of records with exactly these fields."""
        lists = [name for name in TURN_LISTS if name in fields]

        def assemble(record: Record) -> tuple[Sequence[Message], tuple[Tool, ...]]:
            found = self._exchanges(record)
            if found is None:
                raise not_text(record, next(iter(lists), "conversation"))
            return [message for turn in found[1] for message in _exchange(turn)], ()

        beside = bind_beside(fields, lists)
        return bind_conversation(
            assemble, fields, lists, provenance, questions=questions, beside=beside
        )


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) for v in value)


def _exchange(turn: object) -> list[Message]:
    if isinstance(turn, list):
        if not _is_pair(turn):
            raise UnusableRecordError(Fault.WRONG_TYPE, "an exchange is not a pair of texts")
        return [Message("user", turn[0]), Message("assistant", turn[1])]
    pair = turn if isinstance(turn, dict) else {}
    has_both = pair.keys().isdisjoint(_ASKS) == pair.keys().isdisjoint(_ANSWERS)
    messages = []
    if isinstance(pair.get("system"), str) and pair["system"]:
        messages.append(Message("system", pair["system"]))
    if has_both or not pair.keys().isdisjoint(_ASKS):
        messages.append(Message("user", _said(pair, _ASKS)))
    if has_both or not pair.keys().isdisjoint(_ANSWERS):
        weight = 0.0 if pair.get("output_with_loss") is False else None
        messages.append(Message("assistant", _said(pair, _ANSWERS), weight=weight))
    return messages


def _said(pair: Record, names: Sequence[str]) -> str:
    name = next((name for name in names if pair.get(name) is not None), names[0])
    said = pair.get(name)
    if not isinstance(said, str):
        raise not_text(pair, name)
    return said


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
        beside = bind_beside(fields, ("instruction", "instances"))
        labels = bind_labels(fields, {"instruction", "instances", *beside.used})

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
            samples: list[Sample | None] = []
            for pair in pairs:
                if pair is None:
                    samples.append(None)
                    continue
                messages, tools = beside.complete(record, pair)
                samples.append(sample_of(Conversation(tuple(messages), tools), provenance, found))
            return samples

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
