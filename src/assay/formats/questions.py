"""Questions as evaluation files hold them: an answer may be anything, or be missing."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from assay.formats.conversations import PROMPTS, TURN_LISTS, bind_conversation
from assay.formats.faults import Fault, UnusableRecordError
from assay.formats.labels import Provenance, Record
from assay.formats.layouts import Converter
from assay.formats.turns import message_of, role_of, turn_list, turn_role
from assay.samples import Conversation, Message, Tool

_FIELDS = (*PROMPTS, "text", "problem", "inputs", "conversations", "user", "human")
_BESIDE = ("context", "input")
_word = re.compile(r"\w").search


@dataclass(frozen=True)
class QuestionsLayout:
    """Questions without answers, or with answers that are no text: numbers, null, lists."""

    name: str = "questions"
    summary: str = "`question`, `prompt`, `instruction` or `text`, and no answer"

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields that may hold a question, the likeliest first."""
        return _FIELDS

    def matches(self, record: Record) -> bool:
        """Is there a text that can be asked?"""
        try:
            return bool(_asked(record))
        except UnusableRecordError:
            return False

    def bind(
        self, fields: Sequence[str], provenance: Provenance, *, questions: bool = False
    ) -> Converter:
        """Return what makes a sample of records with exactly these fields."""
        lowered = {name.lower() for name in (*_FIELDS, *_BESIDE, *TURN_LISTS)}
        used = [name for name in fields if name.lower() in lowered]

        def assemble(record: Record) -> tuple[Sequence[Message], tuple[Tool, ...]]:
            messages = _asked(record)
            if not messages:
                raise UnusableRecordError(Fault.NO_QUESTION, "no text that asks something")
            return messages, ()

        return bind_conversation(assemble, fields, used, provenance, questions=questions)


def check_question(conversation: Conversation) -> None:
    """Refuse a conversation that asks nothing.

    Raises:
        UnusableRecordError: if no word stands before its answer.
    """
    if not _word(conversation.question):
        raise UnusableRecordError(Fault.NO_QUESTION, "no word stands before the answer")


def _asked(record: Record) -> list[Message]:
    """Return the turns that ask, of a list or of a field of text; none if nothing is asked."""
    for name in TURN_LISTS:
        turns = turn_list(record.get(name))
        if turns:
            return list(_asking_turns(name, turns))
    by_name = {name.lower(): record[name] for name in reversed(list(record))}
    for name in _FIELDS:
        text = by_name.get(name)
        if isinstance(text, str) and text.strip():
            beside = [by_name.get(other) for other in _BESIDE if other != name]
            context = next((value for value in beside if isinstance(value, str)), "")
            return [Message("user", text, context if name == "instruction" else "")]
    return []


def _asking_turns(name: str, turns: Sequence[object]) -> Iterator[Message]:
    for place, turn in enumerate(turns):
        if isinstance(turn, str):
            # A list of texts holds questions and answers in turn, except where it is one of turns
            # that are all asked, as MT-bench has them.
            if name == "turns" or place % 2 == 0:
                yield Message("user", turn)
        elif isinstance(turn, Mapping) and isinstance(turn.get("input"), str):
            yield Message("user", str(turn["input"]))
        elif isinstance(turn, dict) and role_of(turn_role(turn) or None) in ("user", "system"):
            yield message_of(turn)
