"""How texts and conversations become the token ids of a model."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

TokenIds = NDArray[np.int32]


class TextEncoding(Protocol):
    """How texts and conversations become the token ids of a model."""

    @property
    def window(self) -> int:
        """Return the most tokens that it can read at once."""

    @property
    def bos(self) -> int | None:
        """Return the id of the token that begins a text, if there is one."""

    @property
    def eos(self) -> int | None:
        """Return the id of the token that ends a text, if there is one."""

    @property
    def special_texts(self) -> Sequence[str]:
        """Return the texts that stand for special tokens, as far as they are known."""

    def encode(self, texts: Sequence[str], *, special: bool = False) -> list[list[int]]:
        """Return the token ids of each text, with nothing added.

        Args:
            texts: what is encoded.
            special: take texts of special tokens for these tokens, not for plain text.
        """

    def encode_as_usual(self, texts: Sequence[str]) -> list[list[int]]:
        """Return what the tokenizer gives by default, with the tokens that it adds."""

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Any],
        *,
        answering: bool = False,
    ) -> str:
        """Return a conversation in the model's own format.

        Args:
            messages: in OpenAI's form.
            tools: the same.
            answering: end with what stands before an answer that is still to come.

        Raises:
            FeatureError: if the tokenizer has no such format, or refuses the conversation.
        """
