"""What a causal language model is asked and what it answers: the border to the backends."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from assay.samples import Float32Array, IndexArray, ReasonArray

DType = Literal["float32", "bfloat16", "float16"]
"""Number format of a model's weights and products; sums and logarithms are always float32."""
TokenIds = NDArray[np.int32]
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Questions:
    """What is to be read off some token sequences, each of which is run through the model once.

    Attributes:
        sequences: token ids, shape (t,) each.
        targets: of each sequence, ascending positions of the tokens whose log-probability given
            all before them is wanted. Shape (s,) each, in [1, t).
        statistics: also describe the distribution that predicts each target.
        pools: weights over the positions of each sequence, by name; the answer is the sum of the
            last hidden states so weighted. Shape (t,) each; None skips the sequence.
    """

    sequences: Sequence[TokenIds]
    targets: Sequence[IndexArray]
    statistics: bool = False
    pools: Mapping[str, Sequence[Float32Array | None]] = field(default_factory=dict)


class Answers(NamedTuple):
    """What was read, for all targets of all sequences one after the other.

    Attributes:
        log_probs: natural logarithms. Shape (total,).
        entropy: of the predicting distribution, in nats; with `statistics`. Shape (total,).
        top: its largest probability; with `statistics`. Shape (total,).
        rank: place of the true token in it, 1 for the most probable; with `statistics`.
        pools: one vector per sequence. Shape (sequences, d) each.
        reason: of each sequence, why it was not read; 0 where it was. Shape (sequences,); None if
            all were. Numbers of a sequence that was not read are NaN.
    """

    log_probs: Float32Array
    entropy: Float32Array
    top: Float32Array
    rank: Float32Array
    pools: Mapping[str, Float32Array]
    reason: ReasonArray | None = None


class TextEncoding(Protocol):
    """How texts and conversations become the token ids of a model."""

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

    def chat(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any]) -> str:
        """Return a conversation in the model's own format.

        Raises:
            FeatureError: if the tokenizer has no such format, or refuses the conversation.
        """


class LanguageModel(TextEncoding, Protocol):
    """A tokenizer and a causal model; backends implement it."""

    @property
    def window(self) -> int:
        """Return the most tokens that it can read at once."""

    @property
    def width(self) -> int:
        """Return the length of a hidden state."""

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Return the text of each token, so that together they are the text of all."""

    def producer(self) -> Mapping[str, str]:
        """Return the versions and the device that make its numbers."""

    def read(self, questions: Questions, advance: Advance) -> Answers:
        """Run every sequence through the model and return what is asked.

        Args:
            questions: equal sequences are run once.
            advance: called with the number of tokens done, of all sequences, as they are.
        """


@runtime_checkable
class Unsteady(Protocol):
    """A model that may leave a sequence unread for now, such as one on another machine."""

    def settle(self) -> None:
        """Say what was left unread since the last call.

        Raises:
            UnfinishedError: if anything was.
        """
