"""Rows as a model is trained on them: the tokens that scoring reads, and which are learned."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from assay.components.rendering import Rendering
from assay.models.language_model import LanguageModel, TokenIds
from assay.models.recipe import Recipe
from assay.random_numbers import generator
from assay.rendering.token_rows import TokenRow, Window
from assay.rendering.tokenization import token_rows
from assay.samples import Conversation, Flag, IndexArray

_NOTED = (Flag.PROMPT_TRUNCATED, Flag.PROMPT_LOST, Flag.RESPONSE_TRUNCATED)
_NOT_CLOSED = "NOT_CLOSED"


@dataclass(frozen=True)
class TrainingRows:
    """Sequences to train on.

    Attributes:
        sequences: token ids. Shape (t,) each.
        learned: ascending positions of the tokens that are learned. Shape (s,) each, s >= 1.
        rows: rows that they come from.
        left_out: rows without a token to learn, by reason.
        noted: rows that were cut, by what was; and as ``NOT_CLOSED`` sequences that end without
            the token which ends an answer, for it did not fit or the answer is cut.
    """

    sequences: Sequence[TokenIds]
    learned: Sequence[IndexArray]
    rows: int
    left_out: Mapping[str, int]
    noted: Mapping[str, int]

    @property
    def lengths(self) -> IndexArray:
        """Tokens of each sequence. Shape (n,)."""
        return np.array([len(ids) for ids in self.sequences], np.int64)

    @property
    def learned_counts(self) -> IndexArray:
        """Tokens of each sequence that are learned. Shape (n,)."""
        return np.array([len(positions) for positions in self.learned], np.int64)


def training_rows(
    model: LanguageModel, rendering: Rendering, blocks: Iterable[Sequence[Conversation]]
) -> TrainingRows:
    """Return conversations as sequences to train on.

    An answer's tokens, and what stands before them, are those that `ResponseLogProbs` reads under
    the same rendering. What follows the last answer of a sequence is cut off, and a token that
    ends it put there: the tokenizer's EOS, or in a model's own chat format what the format has.

    Args:
        model: whose tokenizer encodes, and whose window is the limit.
        rendering: template and limit.
        blocks: rows, some at a time.
    """
    sequences: list[TokenIds] = []
    learned: list[IndexArray] = []
    rows = 0
    left_out: Counter[str] = Counter()
    noted: Counter[str] = Counter()
    for block in blocks:
        for row in token_rows(model, rendering, "prompt", block):
            if row.reason:
                left_out[row.reason.name] += 1
                continue
            rows += 1
            noted.update(str(flag.name) for flag in _NOTED if row.flags & flag)
            for sequence in trained_sequences(model, rendering, row):
                sequences.append(sequence.ids)
                learned.append(sequence.learned)
                noted[_NOT_CLOSED] += not sequence.closed
    return TrainingRows(sequences, learned, rows, dict(left_out), dict(+noted))


class TrainedSequence(NamedTuple):
    """One sequence of a row: its tokens, places of those that are learned, and if it is closed."""

    ids: TokenIds
    learned: IndexArray
    closed: bool


def trained_sequences(
    model: LanguageModel, rendering: Rendering, row: TokenRow
) -> Iterator[TrainedSequence]:
    """Yield what a row is trained on as: one sequence for every window that holds an answer."""
    room = min(rendering.max_tokens, model.window)
    for window in row.windows:
        if window.answers:
            yield TrainedSequence(*_closed(model, rendering, row, window, room))


def _closed(
    model: LanguageModel, rendering: Rendering, row: TokenRow, window: Window, room: int
) -> tuple[TokenIds, IndexArray, bool]:
    """Return a sequence up to the end of its last answer, what is learned, and if it is closed."""
    stop = window.answers[-1].stop
    positions = window.answer_positions()
    if row.flags & Flag.RESPONSE_TRUNCATED:
        return window.ids[:stop], positions, False
    if rendering.is_chat:
        # The format itself ends every turn: with the token that follows its words.
        ends = [end.stop for end in window.answers if end.stop < len(window.ids)]
        learned = np.unique(np.concatenate([positions, np.array(ends, np.int64)]))
        return window.ids[: stop + 1], learned, stop in ends
    if model.eos is None or stop >= room:
        return window.ids[:stop], positions, False
    ids = np.append(window.ids[:stop], np.int32(model.eos))
    return ids, np.append(positions, stop), True


@dataclass(frozen=True)
class TrainingOrder:
    """Which sequences are read when: fixed by the seed and the number of sequences.

    Every epoch is a permutation of its own. Of a batch the longest come first, so that little is
    padded where it is read in parts; its gradient does not depend on that.

    Attributes:
        lengths: tokens of each sequence. Shape (n,).
        batch_size: sequences of one step.
        seed: of the permutations.
    """

    lengths: IndexArray
    batch_size: int
    seed: int

    def epoch(self, number: int) -> IndexArray:
        """Return the places of all sequences in the order of an epoch, counted from 0."""
        rng = generator(seed=self.seed, purpose=f"training order of epoch {number}")
        order = rng.permutation(len(self.lengths))
        starts = range(0, len(order), self.batch_size)
        batches = [order[start : start + self.batch_size] for start in starts]
        sorted_batches = [
            batch[np.argsort(-self.lengths[batch], kind="stable")] for batch in batches
        ]
        return np.concatenate(sorted_batches)

    def total(self, values: IndexArray, steps: int) -> int:
        """Return the sum of a number per sequence over so many steps."""
        found = 0
        left = steps
        number = 0
        while left > 0:
            order = self.epoch(number)[: left * self.batch_size]
            found += int(values[order].sum())
            left -= -(-len(order) // self.batch_size)
            number += 1
        return found


@dataclass(frozen=True)
class Training:
    """One run: what is trained, how, with which seed, on what.

    `base` and what `recipe` names are pinned; `held_out` counts rows that were not to be seen.
    """

    base: str
    recipe: Recipe
    seed: int
    rows: TrainingRows
    held_out: int

    @property
    def order(self) -> TrainingOrder:
        """The order of the sequences."""
        return TrainingOrder(self.rows.lengths, self.recipe.batch_size, self.seed)

    @property
    def epoch_steps(self) -> int:
        """Optimiser steps of an epoch."""
        return self.recipe.epoch_steps(len(self.rows.sequences))

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return self.recipe.all_steps(len(self.rows.sequences))

    def ended_epoch(self, step: int) -> int:
        """Return the epoch that so many steps end, counted from 1; 0 if they end none."""
        if step == self.steps or step % self.epoch_steps == 0:
            return -(-step // self.epoch_steps)
        return 0


class Trainable(Protocol):
    """A language model that is opened to be trained, once; backends implement it."""

    @property
    def model(self) -> LanguageModel:
        """Return what reads its tokens."""

    @property
    def parameters(self) -> int:
        """Return how many weights it has."""

    def train(self, training: Training, work: Path) -> None:
        """Train it, and fill a folder with its weights and a record of the run.

        What an earlier call that was killed left in the folder is gone on with.

        Raises:
            TuningError: if the training changes no weight.
            FeatureError: if the training leaves the finite numbers, or memory runs out.
        """
