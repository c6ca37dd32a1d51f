"""Layouts of instruction data: one table of field names, and how a record becomes a sample.

A layout is chosen once per file (`detection`) and bound to each set of field names that the file's
records have, so that reading a record is a few look-ups. Layouts whose records hold lists of turns
need code and live in `conversations`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from assay.formats.faults import Fault, UnusableRecordError, type_name
from assay.formats.labels import Provenance, Record, bind_labels
from assay.samples import Conversation, Message, Sample

Converter = Callable[[Record], Sample | list[Sample | None]]
"""Makes the sample of a record, or its parts in order, None for a part that cannot be used."""


class Layout(Protocol):
    """A way in which records hold conversations."""

    @property
    def name(self) -> str:
        """What it is called on the command line and in reports."""

    @property
    def summary(self) -> str:
        """Its fields, for a reader of the documentation."""

    def matches(self, record: Record) -> bool:
        """Does the record look like this layout, whatever is wrong inside its fields?"""

    def bind(
        self, fields: Sequence[str], provenance: Provenance, *, questions: bool = False
    ) -> Converter:
        """Return what makes samples of records with exactly these fields.

        The converter raises UnusableRecordError for a record that it cannot use; with `questions`
        a conversation needs no assistant turn.
        """


def resolve(fields: Iterable[str], names: Sequence[str]) -> str | None:
    """Return which of `fields` goes by one of `names`; exact spelling first, then any case."""
    present = list(fields)
    for name in names:
        if name in present:
            return name
    lowered = {field.lower(): field for field in reversed(present)}
    return next((lowered[name] for name in names if name in lowered), None)


@dataclass(frozen=True)
class PairLayout:
    """An instruction and its answer, each in a field of text.

    Each attribute lists the names a field goes by, the first that a record has is taken. `context`,
    `system` and `history` may be absent or null; all of `marks` must be there too.
    """

    name: str
    instruction: tuple[str, ...]
    response: tuple[str, ...]
    context: tuple[str, ...] = ()
    system: tuple[str, ...] = ("system", "system_prompt")
    history: tuple[str, ...] = ("history",)
    marks: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """Its fields, for a reader of the documentation."""
        shown = [self.instruction[0], *self.context[:1], self.response[0]]
        return ", ".join(f"`{name}`" for name in shown)

    def matches(self, record: Record) -> bool:
        """Are the fields of instruction and answer there, and neither a list nor an object?"""
        found = [resolve(record, self.instruction), resolve(record, self.response)]
        if any(mark not in record for mark in self.marks):
            return False
        return all(name is not None and not isinstance(record[name], list | dict) for name in found)

    def bind(
        self, fields: Sequence[str], provenance: Provenance, *, questions: bool = False
    ) -> Converter:
        """Return what makes a sample of records with exactly these fields."""
        instruction = resolve(fields, self.instruction)
        response = resolve(fields, self.response)
        context = resolve(fields, self.context)
        if instruction is None or (response is None and not questions):
            missing = self.instruction if instruction is None else self.response
            return _missing(missing[0])
        extra = [resolve(fields, self.system), resolve(fields, self.history)]
        pair = _Pair(instruction, response, context, *extra)
        return _pair_converter(pair, fields, provenance)


@dataclass(frozen=True)
class _Pair:
    instruction: str
    response: str | None
    context: str | None
    system: str | None
    history: str | None


def _missing(name: str) -> Converter:
    def refuse(record: Record) -> Sample:
        raise UnusableRecordError(Fault.MISSING_FIELD, f"no field {name!r}")

    return refuse


def _pair_converter(pair: _Pair, fields: Sequence[str], provenance: Provenance) -> Converter:
    names = (pair.instruction, pair.response, pair.context, pair.system, pair.history)
    used = {name for name in names if name is not None}
    labels = bind_labels(fields, used)
    source, split = provenance.source, provenance.split
    instruction_field, response_field, context_field, system, history = names

    def convert(record: Record) -> Sample:
        instruction = record[instruction_field]
        context = "" if context_field is None else record[context_field]
        if type(instruction) is not str or (type(context) is not str and context is not None):
            name = context_field if type(instruction) is str else instruction_field
            raise not_text(record, str(name))
        messages: tuple[Message, ...] = (Message("user", instruction, context or ""),)
        if response_field is not None:
            response = record[response_field]
            if type(response) is not str:
                raise not_text(record, response_field)
            messages += (Message("assistant", response),)
        if system is not None or history is not None:
            messages = (*_opening(record, system, history), *messages)
        task, language, external_id, own_split, meta = labels(record)
        return Sample(
            Conversation(messages), source, own_split or split, task, language, external_id, meta
        )

    return convert


def not_text(record: Record, name: str) -> UnusableRecordError:
    """Return the error for a field that should hold text and does not."""
    if name not in record:
        return UnusableRecordError(Fault.MISSING_FIELD, f"no field {name!r}")
    value = record[name]
    if value is None:
        return UnusableRecordError(Fault.NULL_FIELD, f"field {name!r} is null")
    return UnusableRecordError(Fault.WRONG_TYPE, f"field {name!r} is {type_name(value)}, not text")


def _opening(record: Record, system: str | None, history: str | None) -> Iterable[Message]:
    """Yield the system prompt and the earlier turns of a record, if it has them."""
    if system is not None and record[system]:
        if not isinstance(record[system], str):
            raise not_text(record, system)
        yield Message("system", str(record[system]))
    earlier = record[history] if history is not None else None
    for turn in earlier if isinstance(earlier, list) else ():
        if (
            not isinstance(turn, list)
            or len(turn) != 2
            or not all(isinstance(text, str) for text in turn)
        ):
            detail = f"a turn of {history!r} is not a pair of texts"
            raise UnusableRecordError(Fault.WRONG_TYPE, detail)
        yield Message("user", turn[0])
        yield Message("assistant", turn[1])


# The order decides where two rows fit a record equally well: the more specific stands first.
PAIR_LAYOUTS: tuple[PairLayout, ...] = (
    PairLayout("dolly", ("instruction",), ("response",), ("context",), marks=("context",)),
    PairLayout("p3", ("prompt",), ("completion",), marks=("template",)),
    PairLayout("alpaca", ("instruction",), ("output",), ("input", "context")),
    PairLayout(
        "instruction_response",
        ("instruction",),
        ("response", "answer", "completion", "target"),
        ("input", "context"),
    ),
    PairLayout("prompt_completion", ("prompt",), ("completion",)),
    PairLayout(
        "prompt_response", ("prompt",), ("response", "answer", "output"), ("context", "input")
    ),
    PairLayout("question_answer", ("question",), ("answer",), ("context",)),
    PairLayout("question_response", ("question",), ("response", "output"), ("context",)),
    PairLayout("query_response", ("query",), ("response", "answer", "output"), ("context",)),
    PairLayout("problem_solution", ("problem",), ("solution", "generated_solution")),
    PairLayout("user_assistant", ("user", "human"), ("assistant", "gpt", "bot")),
    PairLayout("input_output", ("input",), ("output",)),
)
