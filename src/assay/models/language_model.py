"""What a causal language model is asked and what it answers: the border to the backends."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from assay.rendering.encoding import TextEncoding, TokenIds
from assay.samples import Float32Array, IndexArray, ReasonArray

Advance = Callable[[int], None]


class Choice(NamedTuple):
    """Tokens of which each one's probability as the next one is wanted, at a place per sequence.

    Attributes:
        tokens: shape (k,).
        places: where they would stand, in [1, t]; 0 skips the sequence. Shape (sequences,).
    """

    tokens: IndexArray
    places: IndexArray


@dataclass(frozen=True)
class Questions:
    """What is to be read off some token sequences, each of which is run through the model once.

    Attributes:
        sequences: token ids, shape (t,) each.
        targets: of each sequence, ascending positions of the tokens whose log-probability given
            all before them is wanted. Shape (s,) each, in [1, t).
        statistics: also describe the distribution that predicts each target.
        pools: weights over the positions of each sequence, by name; the answer is the sum of the
            hidden states so weighted. Shape (t,) each; None skips the sequence.
        layers: of which layer the states are, by name of the pool: a place in what transformers
            calls hidden_states. Those that are not named, or -1, are the last ones, after the
            final normalisation.
        choices: by name, tokens to choose among; the answers are natural logarithms of their
            probabilities, given all before their place.
    """

    sequences: Sequence[TokenIds]
    targets: Sequence[IndexArray]
    statistics: bool = False
    pools: Mapping[str, Sequence[Float32Array | None]] = field(default_factory=dict)
    layers: Mapping[str, int] = field(default_factory=dict)
    choices: Mapping[str, Choice] = field(default_factory=dict)


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
        lead: natural logarithm of the largest probability of the predicting distribution over the
            next one, at least 0; with `statistics`. Shape (total,).
        choices: the tokens' log-probabilities, NaN for a sequence that is skipped. Shape
            (sequences, k) each; None if nothing was asked.
    """

    log_probs: Float32Array
    entropy: Float32Array
    top: Float32Array
    rank: Float32Array
    pools: Mapping[str, Float32Array]
    reason: ReasonArray | None = None
    lead: Float32Array = np.empty(0, np.float32)
    choices: Mapping[str, Float32Array] | None = None

    @property
    def runner_up(self) -> Float32Array:
        """Second largest probability of the predicting distribution. Shape (total,)."""
        return self.top * np.exp(-self.lead)


class Kept(Protocol):
    """Answers that a stopped run has left, and where this one keeps its own before it is done."""

    def find(self, key: bytes) -> Mapping[str, NDArray[Any]] | None:
        """Return what was answered under a key; None if nothing was."""

    def keep(self, key: bytes, answer: Mapping[str, NDArray[Any]]) -> None:
        """Keep an answer under a key of all that was asked."""

    def hold(self, key: bytes, state: Callable[[], Mapping[str, NDArray[Any]]]) -> None:
        """Keep how far a long answer is, if that is due, until it is kept itself.

        Args:
            key: under which it is going to be kept.
            state: tells how far it is; called only if it is due.
        """

    def held(self, key: bytes) -> Mapping[str, NDArray[Any]] | None:
        """Return how far a stopped run was with an answer; None if that is not known."""

    def forget(self) -> None:
        """Drop what stopped runs have left."""


class _NothingKept:
    def find(self, key: bytes) -> None:
        """Find nothing."""

    def keep(self, key: bytes, answer: Mapping[str, NDArray[Any]]) -> None:
        """Keep nothing."""

    def hold(self, key: bytes, state: Callable[[], Mapping[str, NDArray[Any]]]) -> None:
        """Hold nothing."""

    def held(self, key: bytes) -> None:
        """Find nothing."""

    def forget(self) -> None:
        """Drop nothing."""


NOTHING_KEPT: Kept = _NothingKept()
"""For readings that are not worth going on with."""


class LanguageModel(TextEncoding, Protocol):
    """A tokenizer and a causal model; backends implement it."""

    @property
    def width(self) -> int:
        """Return the length of a last hidden state."""

    def width_at(self, layer: int) -> int:
        """Return the length of a hidden state of a layer, -1 for the last.

        Raises:
            ConfigError: if there is no such layer.
        """

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Return the text of each token, so that together they are the text of all."""

    def producer(self) -> Mapping[str, str]:
        """Return the versions and the device that make its numbers."""

    def read(self, questions: Questions, advance: Advance, kept: Kept = NOTHING_KEPT) -> Answers:
        """Run every sequence through the model and return what is asked.

        Args:
            questions: equal sequences are run once.
            advance: called with the number of tokens done, of all sequences, as they are.
            kept: what is known already, and where what is found is kept at once.
        """


@runtime_checkable
class Unsteady(Protocol):
    """A model that may leave a sequence unread at times, such as one on another machine."""

    def settle(self) -> None:
        """Say what was left unread since the last call.

        Raises:
            UnfinishedError: if anything was.
        """

    def begin(self) -> None:
        """Take up work, after whatever stopped it before."""

    def break_off(self) -> None:
        """Give up what is under way in any thread: the work ends before it is done."""


@contextlib.contextmanager
def at_work(model: object) -> Iterator[None]:
    """Let a model work on something; if that ends badly, nothing of it is under way any more."""
    if not isinstance(model, Unsteady):
        yield
        return
    model.begin()
    try:
        yield
    except BaseException:
        model.break_off()
        raise


@runtime_checkable
class Closing(Protocol):
    """A model that holds more than memory, such as connections to a server."""

    def close(self) -> None:
        """Let go of it; the model is not used again."""
