"""What a training is given and does: the border to the backends."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

import numpy as np

from assay.models.classifier import Classifier, Framed
from assay.models.language_model import LanguageModel
from assay.models.recipe import Recipe
from assay.random_numbers import generator
from assay.rendering.encoding import TokenIds
from assay.samples import Flag, FloatArray, IndexArray

_CUT = (Flag.PROMPT_TRUNCATED, Flag.RESPONSE_TRUNCATED, Flag.TEXT_TRUNCATED)


@dataclass(frozen=True)
class TrainingRows:
    """Sequences to train on.

    Attributes:
        sequences: token ids. Shape (t,) each.
        learned: ascending positions of the tokens that are learned. Shape (s,) each, s >= 1.
        rows: rows that they come from.
        left_out: rows without a token to learn, by reason.
        noted: rows that were cut, by what was; as ``WEIGHT_UNUSED`` rows with a turn whose weight
            is neither 0 nor the usual one of its role; as ``NOT_CLOSED`` sequences that end
            without the token which ends an answer, for it did not fit or the answer is cut.
        why: of the first row that was left out, where there is more to say than its reason.
    """

    sequences: Sequence[TokenIds]
    learned: Sequence[IndexArray]
    rows: int
    left_out: Mapping[str, int]
    noted: Mapping[str, int]
    why: str = ""

    @property
    def lengths(self) -> IndexArray:
        """Tokens of each sequence. Shape (n,)."""
        return np.array([len(ids) for ids in self.sequences], np.int64)

    @property
    def learned_counts(self) -> IndexArray:
        """Tokens of each sequence that are learned. Shape (n,)."""
        return np.array([len(positions) for positions in self.learned], np.int64)


@dataclass(frozen=True)
class LabelledRows(TrainingRows):
    """Sequences that each have a number or a word to learn, which is read off the last token.

    Attributes:
        framed: the sequences as a classifier reads them.
        targets: shape (n,), float64: the numbers, or the places of the words among all.
    """

    framed: Sequence[Framed] = ()
    targets: FloatArray = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(
        cls, framed: Sequence[Framed], targets: FloatArray, left_out: Mapping[str, int], why: str
    ) -> "LabelledRows":
        """Return rows that are a sequence each, with what was cut noted."""
        sequences = [each.ids for each in framed]
        noted = Counter(str(flag.name) for each in framed for flag in _CUT if each.flags & flag)
        last = [np.array([len(ids) - 1]) for ids in sequences]
        return cls(
            sequences, last, len(framed), left_out, dict(noted), why, framed=framed, targets=targets
        )

    def part(self, places: IndexArray) -> "LabelledRows":
        """Return some of the rows; who was left out of all is known of all."""
        framed = [self.framed[place] for place in places.tolist()]
        return LabelledRows.of(framed, self.targets[places], self.left_out, self.why)


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
    def measures_epochs(self) -> bool:
        """Return whether the model is looked at after every epoch."""
        return False

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


@dataclass(frozen=True)
class ClassifierTraining(Training):
    """A run that makes a classifier.

    Attributes:
        rows: labelled rows that are trained on.
        validation: labelled rows that are not trained on, by which the best epoch is chosen; there
            may be none.
        words: that the targets are places among, ascending; none where they are numbers.
    """

    rows: LabelledRows
    validation: LabelledRows = LabelledRows((), (), 0, {}, {})
    words: tuple[str, ...] = ()

    @property
    def measures_epochs(self) -> bool:
        """Return whether the model is looked at after every epoch."""
        return self.validation.rows > 0


ModelT_co = TypeVar("ModelT_co", covariant=True)
TrainingT_contra = TypeVar("TrainingT_contra", contravariant=True)


class Opened(Protocol[ModelT_co, TrainingT_contra]):
    """A model that is opened to be trained, once; backends implement it."""

    @property
    def model(self) -> ModelT_co:
        """Return what reads its tokens."""

    @property
    def parameters(self) -> int:
        """Return how many weights it has."""

    def train(self, training: TrainingT_contra, work: Path) -> None:
        """Train it, and fill a folder with its weights and a record of the run.

        What an earlier call that was killed left in the folder is gone on with.

        Raises:
            TuningError: if the training changes no weight.
            FeatureError: if the training leaves the finite numbers, or memory runs out.
        """


Trainable: TypeAlias = Opened[LanguageModel, Training]
"""A language model."""
TrainableClassifier: TypeAlias = Opened[Classifier, ClassifierTraining]
"""A model with a new output layer."""
