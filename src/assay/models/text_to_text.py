"""What reads a text and says how it would answer, such as UniEval: the border to the backends."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from assay.models.language_model import NOTHING_KEPT, Advance, Kept
from assay.rendering.encoding import TextEncoding, TokenIds
from assay.samples import Float32Array, IndexArray


class TextToText(TextEncoding, Protocol):
    """A tokenizer and a model that reads a text whole and then writes; backends implement it."""

    def producer(self) -> Mapping[str, str]:
        """Return the versions and the device that make its numbers."""

    def first_tokens(
        self,
        sequences: Sequence[TokenIds],
        tokens: IndexArray,
        advance: Advance,
        kept: Kept = NOTHING_KEPT,
    ) -> Float32Array:
        """Return the log-probabilities of some tokens as the first one it writes. Shape (n, k).

        Args:
            sequences: what it reads, one token at least; equal ones are run once.
            tokens: shape (k,).
            advance: called with the number of sequences done, as they are.
            kept: what is known already, and where what is found is kept at once.
        """
