"""Rows whose last answer is another text, such as what a model replies."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import AnyFeature
from assay.errors import ConfigError
from assay.features.made_rows import MadeRows, RowsOf, ValueOf
from assay.features.passes import RowFeature
from assay.pool.made_rows import Change
from assay.rendering.prompts import before_answer
from assay.samples import Conversation, Message
from assay.values import Texts


class Answered(MadeRows):
    """Rows with the texts of a feature in place of their last answers.

    So whatever is asked of rows can be asked of replies: what a reward model says of them, how
    probable they are, how long. A row that the feature has no text for is left without an answer.
    """

    name: ClassVar[str] = "answered"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="names rows with other answers")
    reads_values: ClassVar[bool] = True

    by: AnyFeature
    """Feature whose value is a text per row, such as `generations`."""

    def all_children(self) -> Iterator[Component]:
        """Yield what must be known before these rows can be, the texts included."""
        yield from super().all_children()
        yield self._texts()

    def _texts(self) -> RowFeature:
        if not isinstance(self.by, RowFeature) or not issubclass(self.by.value, Texts):
            raise ConfigError(f"{self.by.name} gives no text per row", hint="by=generations")
        return self.by.at(self.of)

    def making(self, rows_of: RowsOf, value_of: ValueOf) -> tuple[Change, bytes]:
        """Return what puts the texts in place of the answers, and the hash of these texts."""
        rows, texts = value_of(self._texts())
        if not isinstance(texts, Texts):
            raise TypeError(f"{self.by.name} gives {type(texts).__name__}, and no texts")
        hashes = rows.pool.content_hashes[rows.positions]
        reply_of = dict(zip(hashes.tolist(), texts.values.to_list(), strict=True))
        state = hashlib.blake2b(digest_size=16)
        for content in sorted(reply_of):
            reply = reply_of[content].encode()
            state.update(content + len(reply).to_bytes(8, "little") + reply)

        def made(conversations: Sequence[Conversation]) -> Sequence[Conversation]:
            return [
                with_answer(each, reply_of[_as_stored(each.content_hash)]) for each in conversations
            ]

        return made, state.digest()


def _as_stored(content_hash: bytes) -> bytes:
    """Return a hash as arrays of bytes give it back: without zero bytes at its end."""
    return content_hash.rstrip(b"\0")


def with_answer(conversation: Conversation, text: str) -> Conversation:
    """Return a conversation that ends with another answer, in place of its last one."""
    before = before_answer(conversation)
    return replace(before, messages=(*before.messages, Message("assistant", text)))
