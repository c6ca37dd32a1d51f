"""Layouts of instruction data: one table of field names, and how a record becomes a sample.

A layout is chosen once per file (`detection`) and bound to each set of field names that the file's
records have, so that reading a record is a few look-ups. Layouts whose records hold lists of turns
need code and live in `conversations`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from assay.formats.beside import Beside, bind_beside
from assay.formats.faults import Fault, UnusableRecordError
from assay.formats.fields import not_text, resolve
from assay.formats.labels import Provenance, Record, bind_labels
from assay.samples import Conversation, Message, Sample, Tool

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


@dataclass(frozen=True)
class PairLayout:
    """An instruction and its answer, each in a field of text.

    Each attribute lists the names a field goes by, the first that a record has is taken. `context`
    may be absent or null; all of `marks` must be there too.
    """

    name: str
    instruction: tuple[str, ...]
    response: tuple[str, ...]
    context: tuple[str, ...] = ()
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
        beside = bind_beside(fields, (instruction, response, context), history=True)
        return _pair_converter(_Pair(instruction, response, context), beside, fields, provenance)


@dataclass(frozen=True)
class _Pair:
    instruction: str
    response: str | None
    context: str | None


def _missing(name: str) -> Converter:
    def refuse(record: Record) -> Sample:
        raise UnusableRecordError(Fault.MISSING_FIELD, f"no field {name!r}")

    return refuse


def _pair_converter(
    pair: _Pair, beside: Beside, fields: Sequence[str], provenance: Provenance
) -> Converter:
    names = (pair.instruction, pair.response, pair.context)
    used = {name for name in names if name is not None}
    labels = bind_labels(fields, used | set(beside.used))
    source, split = provenance.source, provenance.split
    instruction_field, response_field, context_field = names

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
        tools: tuple[Tool, ...] = ()
        if beside.found:
            completed, tools = beside.complete(record, messages)
            messages = tuple(completed)
        task, language, external_id, own_split, meta = labels(record)
        return Sample(
            Conversation(messages, tools), source, own_split or split, task, language, external_id,
            meta,
        )  # fmt: skip

    return convert


# The order decides where two rows fit a record equally well: the more specific stands first.
PAIR_LAYOUTS: tuple[PairLayout, ...] = (
    PairLayout("dolly", ("instruction",), ("response",), ("context",), marks=("context",)),
    PairLayout("p3", ("prompt",), ("completion",), marks=("template",)),
    PairLayout("alpaca", ("instruction",), ("output",), ("input", "context")),
    PairLayout(
        "instruction_response",
        ("instruction",),
        ("response", "answer", "completion", "target", "model_answer"),
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
