"""What gives numbers to whole texts, such as a reward model: the border to the backends."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from assay.models.language_model import NOTHING_KEPT, Advance, Kept
from assay.rendering.encoding import TextEncoding, TokenIds
from assay.samples import Flag, Float32Array, Part

Input = Literal["auto", "chat", "pair", "text"]
"""How a row is given to a classifier: in the chat format that its tokenizer brings along, as a pair
of question and answer, or as one text; "auto" is as it was trained, else the format if there is
one, else the pair."""


class TrainedOn(NamedTuple):
    """How the rows were read that a classifier of ours was trained on.

    Attributes:
        input: their form, of a pass that leaves it open.
        part: text that was read, where the form is one text.
        max_tokens: longest sequence.
    """

    input: Input
    part: Part
    max_tokens: int


class Framed(NamedTuple):
    """A text, or two, as a model reads it whole, special tokens included.

    Attributes:
        ids: shape (t,).
        types: to which of the two texts each token belongs, 0 or 1. Shape (t,).
        flags: what was cut.
    """

    ids: TokenIds
    types: TokenIds
    flags: Flag = Flag.NONE


class Classifier(TextEncoding, Protocol):
    """A tokenizer and a model that gives a text one number per label; backends implement it."""

    @property
    def labels(self) -> Sequence[str]:
        """Return the names of its numbers; a single one is called reward."""

    @property
    def has_chat(self) -> bool:
        """Return whether its tokenizer brings a chat format along."""

    @property
    def trained_on(self) -> TrainedOn | None:
        """Return how the rows were read that it was trained on; None if it does not say."""

    def producer(self) -> Mapping[str, str]:
        """Return the versions and the device that make its numbers."""

    def framed(self, text: str, most: int) -> Framed:
        """Return a text between the tokenizer's special tokens; one too long loses its end.

        Args:
            text: names of special tokens in it are plain text.
            most: tokens that may be had.
        """

    def framed_pair(self, first: str, second: str, most: int) -> Framed:
        """Return two texts between the tokenizer's special tokens.

        Where they are too long, the first loses its beginning, down to a quarter of what may be
        had, and then the second its end.

        Args:
            first: such as a question; names of special tokens are plain text.
            second: such as an answer.
            most: tokens that may be had.
        """

    def classify(
        self, sequences: Sequence[Framed], advance: Advance, kept: Kept = NOTHING_KEPT
    ) -> Float32Array:
        """Return the model's own numbers, before any softmax. Shape (n, labels).

        Args:
            sequences: equal ones are run once.
            advance: called with the number of sequences done, as they are.
            kept: what is known already, and where what is found is kept at once.
        """
