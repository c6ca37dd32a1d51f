"""Questions about a row: the text that a judge of any kind reads, with the row's texts in it.

A question is data, known by the digest of its content. Dataset text is put in by one substitution
and never looked at again: braces in it stay braces.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from assay.rendering.prompt_files import load_wording, pin_wording
from assay.samples import Conversation

_KIND = "question"
_OWN = "a question is a JSON object in UTF-8: text, with {instruction}, {response}, ..."
_FIELD = re.compile(r"\{(instruction|prompt|responses?|conversation)\}")


class Piece(NamedTuple):
    """A piece of a question: its own wording, or what stands in a field; `field` is "" for none."""

    text: str
    field: str = ""


class Question(BaseModel):
    """The wording of a question.

    The text holds {instruction}, the first thing the user says; {prompt}, all that is said before
    the last answer; {response}, the last answer; {responses}, all of them; or {conversation}.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str = ""
    text: str

    @property
    def fields(self) -> frozenset[str]:
        """Which texts of a row are in it."""
        return frozenset(_FIELD.findall(self.text))

    @property
    def tail(self) -> str:
        """What follows the last text of the row."""
        return _FIELD.split(self.text)[-1]

    def texts(self, conversation: Conversation) -> dict[str, str]:
        """Return the texts of a row that are in it, by field."""
        return {field: _text(conversation, field) for field in sorted(self.fields)}

    def pieces(self, texts: Mapping[str, str]) -> list[Piece]:
        """Return the question in pieces.

        Args:
            texts: what stands in each field.
        """
        parts = _FIELD.split(self.text)  # wording and fields take turns
        return [
            Piece(texts[part], part) if place % 2 else Piece(part)
            for place, part in enumerate(parts)
        ]


def _text(conversation: Conversation, field: str) -> str:
    return conversation.text if field == "conversation" else str(getattr(conversation, field))


def pin_question(text: str) -> str:
    """Return a question's name, or the path of its file, with the digest of its content.

    Raises:
        ConfigError: if there is no such question, or it changed since it was pinned.
    """
    return pin_wording(_KIND, text, own=_OWN)


@cache
def load_question(pinned: str) -> Question:
    """Return the question of a name or path, pinned or not.

    Raises:
        ConfigError: if it cannot be read.
    """
    return load_wording(_KIND, pinned, Question, own=_OWN)
