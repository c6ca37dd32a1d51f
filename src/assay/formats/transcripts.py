"""Whole conversations written into one text, each turn after the speaker's name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from assay.formats.beside import bind_beside, with_system
from assay.formats.conversations import bind_conversation
from assay.formats.faults import Fault, UnusableRecordError
from assay.formats.fields import not_text
from assay.formats.labels import Provenance, Record
from assay.formats.layouts import Converter
from assay.samples import Message, Role, Tool

_FIELDS = ("chat", "text", "transcript", "conversation", "conversations", "dialogue", "dialog")
_SPEAKERS: Mapping[str, Role] = {
    **dict.fromkeys(("human", "user"), "user"),
    **dict.fromkeys(("assistant", "gpt", "bot"), "assistant"),
    "system": "system",
    **dict.fromkeys(("function response", "function", "tool"), "tool"),
}
_names = "|".join(sorted(_SPEAKERS, key=len, reverse=True))
# Capitals at the start of a line, names after "###" anywhere, and names after an empty line.
_STYLES = (
    re.compile(rf"(?:\A|\n)[ \t]*({_names.upper()}):[ \t]*"),
    re.compile(rf"###[ \t]*({_names}):[ \t]*", re.IGNORECASE),
    re.compile(r"(?:\A|\n[ \t]*\n)(Human|User|Assistant|System): ?"),
)
# What other writers of conversations into one text put before a turn, in pairs: who asks, answers.
_FOREIGN = (
    ("<|im_start|>user", "<|im_start|>assistant"),
    ("<|user|>", "<|assistant|>"),
    ("<|start_header_id|>user", "<|start_header_id|>assistant"),
    ("<start_of_turn>user", "<start_of_turn>model"),
    ("[INST]", "[/INST]"),
    ("<human>:", "<bot>:"),
    ("<s>Human:", "<s>Assistant:"),
    ("### Instruction:", "### Response:"),
    ("[|Human|]", "[|AI|]"),
)
_loose = re.compile(rf"(?:\A|\n)[ \t#*<]*({_names})[ \t>*]*:", re.IGNORECASE)
_label = re.compile(r"\A\s*system:[ \t]*", re.IGNORECASE)
_end_marks = re.compile(r"(?:\s*(?:<\|endoftext\|>|</s>))+\s*\Z")


def transcript_turns(text: str) -> list[tuple[Role, str]] | None:
    """Return who says what in a transcript; None if the text is not one from its first word on."""
    opened = text.lstrip()
    for style in _STYLES:
        first = style.match(opened)
        if first is None:
            continue
        pieces = style.split(opened)
        speakers = [_SPEAKERS[name.lower()] for name in pieces[1::2]]
        if "user" in speakers and "assistant" in speakers:
            said = (_end_marks.sub("", words).strip() for words in pieces[2::2])
            return [turn for turn in zip(speakers, said, strict=True) if turn[1]]
    return None


def holds_transcript(text: str) -> bool:
    """Does a text look as if it held both sides of a conversation, in whatever notation?"""
    if any(asks in text and answers in text for asks, answers in _FOREIGN):
        return True
    roles = {_SPEAKERS[found[1].lower()] for found in _loose.finditer(text)}
    return {"user", "assistant"} <= roles


def transcript_field(records: Sequence[Record]) -> str | None:
    """Return the field of which most texts look like a whole conversation, if there is one."""
    for name in dict.fromkeys(name for record in records for name in record):
        texts = [value for record in records if isinstance(value := record.get(name), str)]
        if texts and 2 * sum(map(holds_transcript, texts)) > len(texts):
            return name
    return None


@dataclass(frozen=True)
class TranscriptLayout:
    """A conversation in one text, such as "USER: … ASSISTANT: …" or "### Human: … ### …"."""

    name: str = "transcript"
    summary: str = "`chat` or `text` (turns after `USER:`, `ASSISTANT:` and so on), `system`"

    @staticmethod
    def _turns(record: Record) -> list[tuple[Role, str]] | None:
        for name in _FIELDS:
            text = record.get(name)
            if isinstance(text, str) and (turns := transcript_turns(text)) is not None:
                return turns
        return None

    def matches(self, record: Record) -> bool:
        """Does a text begin with a speaker's name, and hold both sides?"""
        return self._turns(record) is not None

    def bind(
        self, fields: Sequence[str], provenance: Provenance, *, questions: bool = False
    ) -> Converter:
        """Return what makes a sample of records with exactly these fields."""
        used = [name for name in fields if name in _FIELDS]
        beside = bind_beside(fields, used)

        def assemble(record: Record) -> tuple[Sequence[Message], tuple[Tool, ...]]:
            turns = self._turns(record)
            if turns is None:
                name = next(iter(used), _FIELDS[0])
                if not isinstance(record.get(name), str):
                    raise not_text(record, name)
                raise UnusableRecordError(
                    Fault.WRONG_TYPE, f"field {name!r} is no transcript from its first word on"
                )
            messages = [Message(role, said) for role, said in turns]
            for name in reversed(beside.system):
                # The prompt may be labelled as the turns are.
                prompt = record[name]
                plain = _label.sub("", prompt) if isinstance(prompt, str) else prompt
                messages = with_system(messages, {name: plain}, name)
            return messages, ()

        return bind_conversation(
            assemble, fields, (*used, *beside.system), provenance, questions=questions,
            beside=replace(beside, system=()),
        )  # fmt: skip
