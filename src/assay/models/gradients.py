"""Gradients of single samples: the border to the backends.

A gradient is as large as the parameters that it is asked for, so none is kept whole: whoever asks
says what becomes of each one, such as a random projection.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from assay.models.language_model import NOTHING_KEPT, Advance, Kept
from assay.rendering.encoding import TextEncoding, TokenIds
from assay.samples import Float32Array, IndexArray


class Losses(NamedTuple):
    """What is differentiated: of each sequence the mean loss of its target tokens.

    Attributes:
        sequences: token ids, shape (t,) each.
        targets: positions of the tokens whose mean negative log-probability, given all before
            them, is the loss; ascending, in [1, t), one at least. Shape (s,) each.
    """

    sequences: Sequence[TokenIds]
    targets: Sequence[IndexArray]


class Reducer(Protocol):
    """Makes of one sample's gradient what is kept of it."""

    @property
    def width(self) -> int:
        """Return how many numbers are kept."""

    @property
    def key(self) -> bytes:
        """Return what tells it from every other: equal keys keep equal numbers."""

    def __call__(self, gradient: Mapping[str, Any]) -> Any:
        """Return the numbers, shape (width,), as a tensor or an array.

        Args:
            gradient: by name of the parameter, in the order of `GradientModel.shapes`; float32
                tensors of torch where the model runs, each of its parameter's shape. They are not
                to be changed.
        """


class SampleGradients(NamedTuple):
    """What is kept of the gradients, in the order of the sequences.

    Attributes:
        losses: shape (n,).
        norms: length of each whole gradient. Shape (n,).
        reduced: what the reducer made of it. Shape (n, width).
    """

    losses: Float32Array
    norms: Float32Array
    reduced: Float32Array


class GradientModel(Protocol):
    """A causal model, in evaluation mode, and the parameters that it is differentiated by."""

    @property
    def encoding(self) -> TextEncoding:
        """Return its tokenizer."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Return the names and shapes of the parameters, in the model's own order."""

    def producer(self) -> Mapping[str, str]:
        """Return the versions and the device that make its numbers."""

    def gradients(
        self, losses: Losses, reduce: Reducer, advance: Advance, kept: Kept = NOTHING_KEPT
    ) -> SampleGradients:
        """Return what is kept of the gradient of each sequence's own loss.

        Args:
            losses: equal ones are differentiated once.
            reduce: what is kept.
            advance: called with the number of sequences done, as they are.
            kept: what is known already, and where what is found is kept at once.
        """
