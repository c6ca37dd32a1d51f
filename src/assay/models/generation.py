"""What a language model is asked to write and what it replies: the border to the backends."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from assay.components.decoding import Decoding
from assay.models.language_model import NOTHING_KEPT, Advance, Kept
from assay.rendering.encoding import TextEncoding, TokenIds
from assay.samples import FloatArray, IdArray, IndexArray, ReasonArray


class Finish(enum.IntEnum):
    """How a reply ended; `NONE` where there is none."""

    NONE = 0
    STOP = 1
    """At a token or text that ends one."""
    LENGTH = 2
    """At the limit of its length, or of the model's window."""
    EMPTY = 3
    """Before it said anything but blanks."""


class Chat(NamedTuple):
    """A conversation in OpenAI's form, for a model that renders it by itself."""

    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Prompts:
    """What is to be replied to.

    Attributes:
        sequences: token ids of each, one at least. Shape (t,) each. Empty ones where `chats` are
            given.
        most: tokens that each reply may have, one at least. Shape (n,).
        streams: what each reply's random numbers belong to. Shape (n,).
        ends: tokens that end a reply, besides those that end any text of the model.
        chats: conversations in place of tokens, for a model that `takes_chats`.
    """

    sequences: Sequence[TokenIds]
    most: IndexArray
    streams: IdArray
    ends: tuple[int, ...] = ()
    chats: Sequence[Chat] = ()

    def __len__(self) -> int:
        """Return the number of prompts."""
        return len(self.most)


class Replies(NamedTuple):
    """What was written, in the order of the prompts.

    Attributes:
        texts: without special tokens and without the text that ended it.
        tokens: that were written, without the one that ends a text; NaN where a server does not
            count them. Shape (n,).
        finish: how each ended, as `Finish`. Shape (n,), uint8.
        reason: why there is no reply; 0 where there is one. Shape (n,).
    """

    texts: list[str]
    tokens: FloatArray
    finish: ReasonArray
    reason: ReasonArray


class Writer(TextEncoding, Protocol):
    """What prompts are made for."""

    @property
    def takes_chats(self) -> bool:
        """Return whether it renders conversations by itself, which may then be all it takes."""


class Generator(Writer, Protocol):
    """A tokenizer and a model that writes; backends implement it."""

    def producer(self) -> Mapping[str, str]:
        """Return the versions and the device that make its numbers."""

    def generate(
        self, prompts: Prompts, decoding: Decoding, advance: Advance, kept: Kept = NOTHING_KEPT
    ) -> Replies:
        """Return a reply to every prompt; equal ones that would get the same are replied to once.

        Args:
            prompts: what is replied to.
            decoding: how.
            advance: called with the number of prompts done, as they are.
            kept: what is known already, and where what is found is kept at once.
        """
