"""Rows that are made from other rows, one of each: words dropped, a demonstration put before."""

import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import AnyDataset, Dataset, Feature, Given
from assay.errors import DataError
from assay.pool.made_rows import Change
from assay.pool.pool import hash_array, leading_words
from assay.pool.row_ids import DIGITS, LEAST_DIGITS, ids_that_begin
from assay.pool.view import PoolView
from assay.random_numbers import text_uniform
from assay.samples import Conversation, FloatArray, Message

RowsOf = Callable[[Dataset], PoolView]
"""Returns the rows of a dataset."""
ValueOf = Callable[[Feature], tuple[PoolView, Any]]
"""Returns all rows that a feature is of, those held out included, and its value; of a feature that
needs the whole pool the value is of the others alone."""

_words = re.compile(r"\S+").findall


class MadeRows(Dataset):
    """Rows that are made from others, one of each, in their order and under their ids.

    So the values of a feature `.at` them stand beside those of the rows they were made from, row
    for row, duplicates included: a scorer that requires both is handed two arrays of one length.
    What is made of a text is kept, and equal texts become one.

    Subclasses write `making`, and raise `version` when they make something else of a text.
    """

    of: AnyDataset = Given()
    """The rows that these are made from."""

    reads_values: ClassVar[bool] = False
    """Whether values have to be computed first, from which these rows are made."""

    @property
    def is_chosen(self) -> bool:
        """Whether the rows that these are made from have to be chosen first, or values computed."""
        return self.reads_values or any(dataset.is_chosen for dataset in self.made_from())

    @property
    def beside(self) -> Dataset:
        """The dataset beside whose rows these stand."""
        return self.of.beside

    @property
    def root(self) -> Dataset:
        """The rows that those these are made from were chosen from or made from."""
        return self.of.root

    @cached_property
    def making_key(self) -> str:
        """Key of what is made of a text, whatever rows it is made of."""
        return self.model_copy(update={"of": Given()}).key

    def made_from(self) -> Sequence[Dataset]:
        """Return all the datasets that are read to make these rows."""
        return (self.of,)

    def all_children(self) -> Iterator[Component]:
        """Yield what must be known, of the project's own rows, before these rows can be."""
        for dataset in self.made_from():
            yield from dataset.all_children()

    @abstractmethod
    def making(self, rows_of: RowsOf, value_of: ValueOf) -> tuple[Change, bytes]:
        """Return what makes the rows, and the hash of what it reads besides them, if anything.

        Args:
            rows_of: returns the rows of another dataset.
            value_of: returns the rows that a feature is of, and its value.
        """


class Dropped(MadeRows):
    """Rows whose instruction has lost some of its words, each by chance and for itself.

    The instruction is the last user turn, without its context. What is left is joined by single
    blanks; one word always stays, so a text without blanks, as in Chinese, is left as it is. Which
    words go depends on the row's own text and the draw, and on nothing else: neither on other rows
    nor their order, and what is dropped at a low rate is at a higher one, too.
    """

    name: ClassVar[str] = "dropped"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Active Instruction Tuning: Improving Cross-Task Generalization by Training on "
        "Prompt Sensitive Tasks",
        year=2023,
        arxiv="2311.00288",
        code="https://github.com/PlusLabNLP/Active-IT",
    )

    rate: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Probability that a word is dropped."""
    draw: Annotated[int, Field(ge=0)] = 0
    """Which of the draws, from 0; each drops other words."""

    def making(self, rows_of: RowsOf, value_of: ValueOf) -> tuple[Change, bytes]:
        """Return what drops words."""
        return self._made, b""

    def _made(self, conversations: Sequence[Conversation]) -> Sequence[Conversation]:
        texts = hash_array([conversation.content_hash for conversation in conversations])
        words = [_instruction_words(conversation) for conversation in conversations]
        counts = np.array([len(each) for each in words], np.int64)
        numbers = text_uniform(leading_words(texts), counts, draw=self.draw, purpose=self.name)
        ends = np.cumsum(counts)
        return [
            _with_words(conversation, own, numbers[end - len(own) : end], self.rate)
            for conversation, own, end in zip(conversations, words, ends.tolist(), strict=True)
        ]


def _last_question(conversation: Conversation) -> int | None:
    """Return which message is the last user turn, if there is one."""
    asked = [n for n, message in enumerate(conversation.messages) if message.role == "user"]
    return asked[-1] if asked else None


def _instruction_words(conversation: Conversation) -> list[str]:
    place = _last_question(conversation)
    return [] if place is None else _words(conversation.messages[place].content)


def _with_words(
    conversation: Conversation, words: Sequence[str], numbers: FloatArray, rate: float
) -> Conversation:
    """Return a conversation whose instruction is the words with numbers of the rate or more."""
    place = _last_question(conversation)
    if place is None or len(words) < 2:
        return conversation
    kept = numbers >= rate
    kept[np.argmax(numbers)] = True
    text = " ".join(word for word, stays in zip(words, kept.tolist(), strict=True) if stays)
    messages = list(conversation.messages)
    messages[place] = replace(messages[place], content=text)
    return replace(conversation, messages=tuple(messages))


def with_demonstration(conversation: Conversation, shown: Conversation) -> Conversation:
    """Return a conversation that is preceded by another one, none of which is to be learned.

    Its own system prompt, if it has one, goes before both, in place of the other's.
    """
    own = [message for message in conversation.messages if message.role == "system"]
    before = [m for m in shown.messages if not (own and m.role == "system")]
    after = [message for message in conversation.messages if message.role != "system"]
    return Conversation(
        (*own, *(_not_learned(message) for message in before), *after),
        tuple(dict.fromkeys((*shown.tools, *conversation.tools))),
    )


def _not_learned(message: Message) -> Message:
    return replace(message, weight=0.0) if message.role == "assistant" else message


class WithDemonstration(MadeRows):
    """Rows that are preceded by one other row, its prompt and its answer, as an example of both.

    The demonstration is read and not scored. A language model's keys and values for it are computed
    once for many rows. A row that is its own demonstration sees its own answer; whoever compares
    rows with and without leaves that one out.
    """

    name: ClassVar[str] = "with_demonstration"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="One-Shot Learning as Instruction Data Prospector for Large Language Models",
        year=2024,
        arxiv="2312.10302",
        code="https://github.com/pldlgb/nuggets",
    )

    row: Annotated[str, Field(pattern=f"^[0-9a-f]{{{LEAST_DIGITS},{DIGITS}}}$")]
    """Id of the row that is shown: its 16 hex digits, or as many of the first as no other has."""
    among: AnyDataset = Given()
    """The rows that it is one of; it is never one that is held out."""

    def made_from(self) -> Sequence[Dataset]:
        """Return the rows that are asked, and those among which the one that is shown lies."""
        return (self.of, self.among)

    def making(self, rows_of: RowsOf, value_of: ValueOf) -> tuple[Change, bytes]:
        """Return what puts the demonstration before a row, and the demonstration's hash.

        Raises:
            DataError: if there is no such row, more than one, or it has no answer.
        """
        shown = self._shown(rows_of(self.among))
        return (
            lambda rows: [with_demonstration(each, shown) for each in rows],
            shown.content_hash,
        )

    def _shown(self, view: PoolView) -> Conversation:
        found = ids_that_begin(view.ids, self.row)
        if len(found) != 1:
            many = f"{len(found)} rows have an id that begins with" if len(found) else "no row has"
            raise DataError(
                f"{many} {self.row} of those that a demonstration may be",
                hint="write more of the id" if len(found) else "rows that are held out are not",
            )
        (shown,) = view.conversations(np.searchsorted(view.ids, found).astype(np.int64))
        if not shown.responses.strip():
            raise DataError(
                f"the row {self.row} has no answer that it could demonstrate",
                hint="show a row that has one",
            )
        return shown
