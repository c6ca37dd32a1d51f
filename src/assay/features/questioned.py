"""Rows that ask about other rows, with a label for an answer: what a scorer is trained on."""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import ClassVar

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import AnyFeature, Feature
from assay.components.references import QuestionRef
from assay.errors import ConfigError
from assay.features.label_probabilities import DEITA, one_exchange
from assay.features.made_rows import MadeRows, RowsOf, ValueOf
from assay.features.passes import PoolFeature, RowFeature
from assay.features.row_labels import labels_of
from assay.judging.row_questions import exchanges_of
from assay.pool.made_rows import Change
from assay.rendering.questions import Question, load_question
from assay.samples import Conversation, Message


class Questioned(MadeRows):
    """Rows whose prompt is a question about each row, and whose answer is the label it has.

    A model that is trained on them, with the template `bare`, tells the label of other rows, as
    `label_probabilities` reads it with the same question: so DEITA's scorers are trained. The
    question is about the last exchange. The label is rounded to a whole number. A row without one
    is left without an answer, so that it is not trained on; equal rows have the mean of theirs.
    """

    name: ClassVar[str] = "questioned"
    paper: ClassVar[Paper | NoPaper] = DEITA
    reads_values: ClassVar[bool] = True

    by: AnyFeature
    """Feature that gives a number per row, such as `judged_variants`, or `record_field`."""
    question: QuestionRef = "deita_complexity"
    """What is asked: deita_complexity, deita_quality, or a .json file."""

    def all_children(self) -> Iterator[Component]:
        """Yield what must be known before these rows can be, the labels included."""
        yield from super().all_children()
        yield self._labels()

    def _labels(self) -> Feature:
        if not isinstance(self.by, (RowFeature, PoolFeature)):
            raise ConfigError(f"{self.by.name} gives no number per row", hint="by=judged_variants")
        return self.by.at(self.of)

    def making(self, rows_of: RowsOf, value_of: ValueOf) -> tuple[Change, bytes]:
        """Return what makes questions of rows, and the hash of the labels.

        Raises:
            FeatureError: if there is not one number per row.
        """
        feature = self._labels()
        rows, value = value_of(feature)
        if isinstance(feature, PoolFeature):
            rows = rows_of(self.of)  # it is of these alone
        found = labels_of(feature, value, rows.positions, as_words=False)
        hashes = rows.pool.content_hashes[rows.positions].tolist()
        told: dict[bytes, list[float]] = defaultdict(list)
        for content, number, known in zip(
            hashes, found.targets.tolist(), found.known.tolist(), strict=True
        ):
            if known:
                told[content].append(number)
        label_of = {each: str(math.floor(sum(of) / len(of) + 0.5)) for each, of in told.items()}
        state = hashlib.blake2b(digest_size=16)
        for content in sorted(label_of):
            state.update(content.ljust(16, b"\0") + label_of[content].encode() + b"\n")
        question = load_question(self.question)

        def made(conversations: Sequence[Conversation]) -> Sequence[Conversation]:
            return [
                _asked(question, each, label_of.get(each.content_hash.rstrip(b"\0")))
                for each in conversations
            ]

        return made, state.digest()


def _asked(question: Question, conversation: Conversation, label: str | None) -> Conversation:
    """Return the question about the last exchange of a row, answered by its label."""
    exchange = next(exchanges_of(conversation, "last"), None)
    if exchange is None:
        return Conversation((Message("user", ""),))
    texts = question.texts(one_exchange(exchange))
    asked = Message("user", "".join(piece.text for piece in question.pieces(texts)))
    return Conversation((asked,) if label is None else (asked, Message("assistant", label)))
