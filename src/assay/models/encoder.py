"""What turns texts into vectors and counts their tokens: the border to the backends."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from assay.samples import Float32Array, FloatArray, IndexArray

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class EncodedTexts:
    """What the encoder makes of texts.

    Attributes:
        vectors: shape (n, d) float32, unit length; zero for a text without any token.
        truncated: shape (n,) bool, whether the text was longer than the limit on its tokens.
    """

    vectors: Float32Array
    truncated: NDArray[np.bool_]


class Encoder(Protocol):
    """Turns texts into vectors; backends implement it."""

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""

    def encode_and_flag(self, texts: "Sequence[str]") -> "EncodedTexts":
        """Return one vector per text, of length 1 or 0, and which texts were cut."""

    def coverage(self, texts: "Sequence[str]") -> FloatArray:
        """Return the share of each text that it has learned; NaN where that is not known."""


class TokenCounter(Protocol):
    """Counts tokens; backends implement it."""

    def count(self, texts: "Sequence[str]") -> IndexArray:
        """Return the number of tokens of each text. Shape (n,)."""
