"""How long a training takes: some small steps on rows like its own, timed."""

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from assay.errors import DataError
from assay.models.classifier import Classifier
from assay.models.recipe import Recipe
from assay.models.training import (
    ClassifierTraining,
    Trainable,
    TrainableClassifier,
    Training,
    TrainingOrder,
    TrainingRows,
)
from assay.runtime import Runtime
from assay.samples import Conversation, IndexArray
from assay.tuning.labelled import Targets, labelled_rows
from assay.tuning.rows import training_rows

SAMPLED_ROWS = 64
"""Rows that are enough to tell how long all take."""
_TIMED_STEPS = 4
_WORDS = ("no", "yes")


class Timing(NamedTuple):
    """What a training on some rows tells of one on more.

    Attributes:
        sequences_per_row: sequences that a row is read as, on average.
        tokens_per_sequence: mean number of tokens of a sequence.
        seconds_per_token: time that a token takes in training, its share of padding included.
        parameters: of the base.
    """

    sequences_per_row: float
    tokens_per_sequence: float
    seconds_per_token: float
    parameters: int

    def sequences(self, rows: float) -> int:
        """Return the number of sequences of so many rows."""
        return max(1, round(rows * self.sequences_per_row))

    def tokens(self, recipe: Recipe, rows: float) -> int:
        """Return the number of tokens that a training on so many rows reads."""
        sequences = self.sequences(rows)
        read = recipe.epochs * sequences
        if recipe.steps is not None:
            read = recipe.steps * recipe.batch_size
        return round(read * self.tokens_per_sequence)


_measured: dict[str, Timing] = {}


def timing(
    base: str, recipe: Recipe, seed: int, rows: Sequence[Conversation], runtime: Runtime
) -> Timing:
    """Return what some small steps on some rows tell; nothing is kept, and none is timed twice.

    Args:
        base: pinned name of the model that is trained.
        recipe: how.
        seed: of LoRA's first weights.
        rows: that are like those of the training.
        runtime: how to work.

    Raises:
        AssayError: whatever would stop the training, too.
    """
    plain = recipe.keeping_least().model_copy(update={"epochs": 1, "steps": None})
    texts = [row.content_hash.hex() for row in rows]
    key = f"{base} {plain!r} {runtime.device} {runtime.threads} {texts}"
    if key not in _measured:
        _measured[key] = _timed(base, plain, seed, rows, runtime)
    return _measured[key]


def _timed(
    base: str, recipe: Recipe, seed: int, rows: Sequence[Conversation], runtime: Runtime
) -> Timing:
    clock = _Clock()
    here = replace(runtime, progress=clock)
    opened: Trainable | TrainableClassifier
    training: Training
    if recipe.is_classifier:
        words = _WORDS if recipe.objective == "class" else ()
        opened = here.trainable_classifier(base, recipe, words)
        sample, training = _labelled(opened.model, base, recipe, seed, rows, words)
    else:
        opened = here.trainable(base, recipe)
        sample = training_rows(opened.model, recipe.rendering, [rows])
        training = Training(base, recipe, seed, sample, 0)
    if not sample.sequences:
        raise DataError("no row can be trained on", hint="train on other rows")
    return Timing(
        len(sample.sequences) / len(rows),
        float(sample.lengths.mean()),
        _seconds_per_token(opened, training, sample, clock)
        * _padding(sample.lengths, recipe, seed),
        opened.parameters,
    )


def _labelled(
    model: Classifier,
    base: str,
    recipe: Recipe,
    seed: int,
    rows: Sequence[Conversation],
    words: tuple[str, ...],
) -> tuple[TrainingRows, ClassifierTraining]:
    """Return rows with labels that alternate: a step takes as long whatever they are."""
    values = np.asarray(np.arange(len(rows)) % 2, np.float64)
    targets = Targets(np.arange(len(rows)), values, words, 0)
    sample, _ = labelled_rows(model, recipe, [rows], targets)
    return sample, ClassifierTraining(base, recipe, seed, sample, 0, words=words)


def _padding(lengths: IndexArray, recipe: Recipe, seed: int) -> float:
    """Return how many tokens go through the model for each of the sequences', padding counted.

    Sequences of a batch go through the longest first, some at once, each padded to the longest of
    these: of a large batch they are alike, of a small one they are not.
    """
    many = np.tile(lengths, -(-recipe.batch_size // len(lengths)))
    order = TrainingOrder(many, recipe.batch_size, seed)
    steps = -(-len(many) // recipe.batch_size)
    return sum(islice(_padded(order, recipe.micro_batch), steps)) / float(many.sum())


def _padded(order: TrainingOrder, at_once: int) -> Iterator[int]:
    """Yield how many tokens go through the model in each step, padding counted, without an end."""
    for epoch in count():
        lengths = order.lengths[order.epoch(epoch)]
        for begin in range(0, len(lengths), order.batch_size):
            step = lengths[begin : begin + order.batch_size]
            parts = (step[start : start + at_once] for start in range(0, len(step), at_once))
            yield sum(int(part.max()) * len(part) for part in parts)


def _seconds_per_token(
    opened: Trainable | TrainableClassifier, training: Any, sample: TrainingRows, clock: "_Clock"
) -> float:
    """Return the time of some small steps by the tokens that went through the model, padding too.

    The first is left out, and the last, which is followed by writing the weights. Of the others the
    fastest was disturbed least by what else the machine does.
    """
    changed = {"batch_size": training.recipe.micro_batch, "steps": _TIMED_STEPS}
    short = replace(training, recipe=training.recipe.model_copy(update=changed))
    with tempfile.TemporaryDirectory(prefix="assay-") as folder:
        opened.train(short, Path(folder))
    read = list(islice(_padded(short.order, short.recipe.batch_size), _TIMED_STEPS))
    return float(np.min(np.diff(clock.times[:-1]) / read[1:-1]))


class _Clock:
    """Progress that notes when each step was done."""

    def __init__(self) -> None:
        self.times: list[float] = []

    @contextlib.contextmanager
    def task(
        self, label: str, total: float | None, *, unit: str = "rows", reused: float = 0
    ) -> Iterator["_Clock"]:
        """Open a stretch of work."""
        yield self

    def advance(self, amount: float) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())
