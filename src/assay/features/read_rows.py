"""Rows of a causal pass, and what the model answered for their tokens."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.features.passes import RowFeature
from assay.models.language_model import Answers, Questions
from assay.rendering.token_rows import TokenRow, Window
from assay.samples import Flag, Float32Array, FloatArray, IndexArray

_FEW_TOKENS = 3


class Place(NamedTuple):
    """A window of a row; `number` counts those of the row."""

    row: int
    number: int
    window: Window


class ReadRows:
    """Rows, and what the model answered for their tokens.

    Args:
        rows: as they were read.
        places: the windows that went through the model, in order.
        questions: what was asked of them.
        answers: what came of it.
        widths: lengths of the hidden states, by key of the feature that sums them.
    """

    def __init__(
        self,
        rows: Sequence[TokenRow],
        places: Sequence[Place],
        questions: Questions,
        answers: Answers,
        widths: Mapping[str, int],
    ) -> None:
        self.rows = rows
        self.places = places
        self.answers = answers
        self.widths = widths
        self._questions = questions

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    @cached_property
    def row_of(self) -> IndexArray:
        """Row of each target. Shape (total,)."""
        return self._repeated([place.row for place in self.places])

    @cached_property
    def turn_of(self) -> IndexArray:
        """Assistant turn of each target, -1 for those that are not scored. Shape (total,)."""
        parts = [np.empty(0, np.int64)]
        for place, targets in zip(self.places, self._questions.targets, strict=True):
            turns = np.full(len(targets), -1, np.int64)
            for turn, start, stop in place.window.answers:
                turns[(targets >= start) & (targets < stop)] = turn
            parts.append(turns)
        return np.concatenate(parts)

    @cached_property
    def first_window(self) -> NDArray[np.bool_]:
        """Whether each target is in the first window of its row. Shape (total,)."""
        return self._repeated([place.number for place in self.places]) == 0

    @cached_property
    def in_prompt(self) -> NDArray[np.bool_]:
        """Whether each target stands before the last answer, and in none. Shape (total,)."""
        parts = [np.empty(0, np.bool_)]
        for place, targets in zip(self.places, self._questions.targets, strict=True):
            spoken = np.isin(targets, place.window.spoken_positions())
            parts.append(~spoken & (targets < place.window.prompt_stop))
        return np.concatenate(parts)

    def pooled(self, feature: RowFeature) -> tuple[IndexArray, Float32Array]:
        """Return the rows that a feature gave weights for, and their sums of hidden states.

        Shape (k,), ascending, and (k, width).
        """
        weights = self._questions.pools.get(feature.key)
        if weights is None:
            return np.empty(0, np.int64), np.empty((0, self.widths[feature.key]), np.float32)
        weighed = [number for number, weight in enumerate(weights) if weight is not None]
        rows = np.array([self.places[number].row for number in weighed], np.int64)
        return rows, self.answers.pools[feature.key][weighed]

    def chosen(self, feature: RowFeature) -> tuple[IndexArray, IndexArray, Float32Array]:
        """Return the tokens that a feature named, and their log-probabilities by row.

        Tokens, shape (c,); rows, shape (k,), ascending, one of several questions once for each; and
        numbers, shape (k, c).
        """
        choice = self._questions.choices[feature.key]
        asked = np.flatnonzero(choice.places)
        rows = np.array([self.places[number].row for number in asked.tolist()], np.int64)
        return choice.tokens, rows, (self.answers.choices or {})[feature.key][asked]

    def _repeated(self, values: Sequence[int]) -> IndexArray:
        counts = [len(targets) for targets in self._questions.targets]
        return np.repeat(np.array(values, np.int64), np.array(counts, np.int64))

    def sums(self, values: Float32Array, chosen: NDArray[np.bool_]) -> FloatArray:
        """Return the sum over each row's chosen targets, in double precision. Shape (n,)."""
        weights = values[chosen].astype(np.float64)
        return np.bincount(self.row_of[chosen], weights, minlength=len(self)).astype(np.float64)

    def counts(self, chosen: NDArray[np.bool_]) -> FloatArray:
        """Return how many chosen targets each row has. Shape (n,)."""
        return np.bincount(self.row_of[chosen], minlength=len(self)).astype(np.float64)

    def reasons(self) -> NDArray[np.uint8]:
        """Return why a row has no scored token. Shape (n,)."""
        own = np.array([row.reason for row in self.rows], np.uint8)
        return np.where(own == 0, self.unread(), own)

    def unread(self) -> NDArray[np.uint8]:
        """Return why the model did not read a row, 0 if it did. Shape (n,)."""
        found = np.zeros(len(self), np.uint8)
        if self.answers.reason is not None:
            for place, reason in zip(self.places, self.answers.reason.tolist(), strict=True):
                # What is to be asked again outranks what was refused for good.
                found[place.row] = max(found[place.row], reason)
        return found

    def flags(self, counts: FloatArray) -> NDArray[np.uint16]:
        """Return what to know about each row, `counts` being its scored tokens. Shape (n,)."""
        flags = np.array([row.flags for row in self.rows], np.uint16)
        flags[counts == 1] |= np.uint16(Flag.ONE_TOKEN)
        flags[(counts > 0) & (counts < _FEW_TOKENS)] |= np.uint16(Flag.FEW_TOKENS)
        return flags
