"""What learns a number or a class from a row's inputs: the border to the backends."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from assay.samples import FloatArray, IndexArray

HeadKind: TypeAlias = Literal["linear", "mlp", "attention"]


Arrays: TypeAlias = Mapping[str, NDArray[Any]]
"""The weights of a head by name, which are all that it is."""


class Shape(NamedTuple):
    """What a head reads and gives.

    Attributes:
        widths: columns of each input, in order.
        classes: how many classes there are; 0 where it gives numbers.
    """

    widths: tuple[int, ...]
    classes: int = 0


class Lesson(NamedTuple):
    """What a head is fitted on, and nothing else.

    Attributes:
        inputs: shape (n, d).
        widths: columns of each input, in order; their sum is d.
        targets: numbers, or the class of each row from 0. Shape (n,).
        classes: how many classes there are; 0 where targets are numbers.
        parts: part of each row, where a strength is chosen by leaving out one part after another.
            Shape (n,).
        aside: rows that tell when to stop and are not learned from. Shape (n,).
        seed: of every random choice, below 2^32.
    """

    inputs: FloatArray
    widths: tuple[int, ...]
    targets: FloatArray
    classes: int
    parts: IndexArray
    aside: NDArray[np.bool_]
    seed: int

    @property
    def shape(self) -> Shape:
        """The shape of a head that is fitted on it."""
        return Shape(self.widths, self.classes)


class Learned(NamedTuple):
    """A fitted head.

    Attributes:
        arrays: its weights.
        epochs: readings of the rows after which it was best; 0 where there is nothing to stop.
    """

    arrays: Arrays
    epochs: int = 0


class Head(Protocol):
    """A kind of head; backends implement it. Each call works in one thread."""

    def fit(self, lesson: Lesson) -> Learned:
        """Return the head that was fitted, the same for the same rows in the same order."""

    def predict(self, arrays: Arrays, inputs: FloatArray, shape: Shape) -> FloatArray:
        """Return a number per row, shape (n, 1), or the probability of each class, (n, classes).

        Args:
            arrays: of a fitted head.
            inputs: shape (n, d).
            shape: of the head.
        """
