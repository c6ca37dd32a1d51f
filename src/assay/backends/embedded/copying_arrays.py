"""The network of ``assay:lm`` in numpy: the same numbers as `copying_network`, without torch."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.rendering.encoding import TokenIds
from assay.samples import Float32Array

Weights = Mapping[str, Float32Array]
"""Parameters by the names that the torch network has for them."""
Integers = NDArray[np.int64]

Layers = Sequence[Float32Array]
"""Keys or values of each layer, for several rows."""

LONGEST_MATCH = 4
"""Preceding words in common that count, at most."""
_NO_COPY = -60.0  # log-odds where there is nothing to copy from
_LEAST_COPIED = np.float32(1e-9)
_HIDDEN = np.float32(-1e9)
_GELU = np.float32(0.7978845608028654)
_CUBE = np.float32(0.044715)


class Beginning(NamedTuple):
    """A beginning that several sequences share, run once.

    Attributes:
        tokens: shape (p,).
        keys: of each layer. Shape (heads, p, width / heads) each.
        values: the same.
        states: last hidden states. Shape (p, width).
    """

    tokens: TokenIds
    keys: tuple[Float32Array, ...]
    values: tuple[Float32Array, ...]
    states: Float32Array


class CopyingArrays:
    """The network with weights in memory.

    Args:
        weights: float32 parameters.
        words: of each token, the number of its word. Shape (vocabulary,).
        heads: of the attention.
    """

    def __init__(self, weights: Weights, words: Integers, heads: int) -> None:
        self._weights, self._words, self._heads = weights, words, heads
        self._layers = 1 + max(
            int(name.split(".")[1]) for name in weights if name.startswith("blocks.")
        )
        self._spellings = np.bincount(words)[words].astype(np.float32)
        self._output = np.ascontiguousarray((weights["tokens.weight"] * weights["scale"]).T)
        self.width = int(weights["tokens.weight"].shape[1])
        self.vocabulary = int(weights["tokens.weight"].shape[0])
        self.pointer = int(weights["query.weight"].shape[0])

    def begin(self, tokens: TokenIds) -> Beginning:
        """Return a beginning, run."""
        empty = np.empty((self._heads, 0, self.width // self._heads), np.float32)
        layers = (empty,) * self._layers
        nothing = Beginning(tokens[:0], layers, layers, np.empty((0, self.width), np.float32))
        states, keys, values = self.read(tokens[None].astype(np.int64), nothing)
        own_keys, own_values = (tuple(layer[0] for layer in part) for part in (keys, values))
        return Beginning(tokens, own_keys, own_values, states[0])

    def states(self, tokens: Integers, beginning: Beginning | None) -> Float32Array:
        """Return the last hidden states of tokens that follow a beginning. Shape (b, t, width)."""
        return self.read(tokens, beginning)[0]

    def read(
        self, tokens: Integers, beginning: Beginning | None
    ) -> tuple[Float32Array, tuple[Float32Array, ...], tuple[Float32Array, ...]]:
        """Return the last hidden states of tokens, and each layer's keys and values of them.

        Shape (b, t, width), and (b, heads, t, width / heads) of every layer.
        """
        rows, length = tokens.shape
        before = 0 if beginning is None else len(beginning.tokens)
        weights = self._weights
        states = weights["tokens.weight"][tokens]
        states += weights["positions.weight"][before : before + length]
        states = states.reshape(rows * length, -1)
        _normalise(states, weights["norm.weight"], weights["norm.bias"], 1e-12)
        keys, values = [], []
        for layer in range(self._layers):
            name = f"blocks.{layer}"
            joined = self._linear(states, f"{name}.qkv")
            joined = joined.reshape(rows, length, 3, self._heads, -1)
            query, key, value = (joined[:, :, part].transpose(0, 2, 1, 3) for part in range(3))
            past = None
            if beginning is not None and before:
                past = (beginning.keys[layer], beginning.values[layer])
            read = _attend(query, key, value, past)
            keys.append(key)
            values.append(value)
            self._after_attention(states, read.reshape(rows * length, -1), name)
        return states.reshape(rows, length, -1), tuple(keys), tuple(values)

    def _after_attention(self, states: Float32Array, read: Float32Array, name: str) -> None:
        """Apply what follows the attention of a layer, in place. Shape (n, width) both."""
        weights = self._weights
        states += self._linear(read, f"{name}.out")
        _normalise(states, weights[f"{name}.norm_1.weight"], weights[f"{name}.norm_1.bias"])
        inner = self._linear(states, f"{name}.up")
        _gelu(inner)
        states += self._linear(inner, f"{name}.down")
        _normalise(states, weights[f"{name}.norm_2.weight"], weights[f"{name}.norm_2.bias"])

    def read_on(
        self, tokens: Integers, places: Integers, keys: Layers, values: Layers
    ) -> Float32Array:
        """Return the hidden state of one more token of each row. Shape (b, width).

        Args:
            tokens: shape (b,).
            places: of the tokens in their rows; what lies behind is not looked at. Shape (b,).
            keys: of each layer, to which that of the token is added. Shape (b, heads, t, size).
            values: the same.
        """
        weights = self._weights
        row = np.arange(len(tokens))
        states = weights["tokens.weight"][tokens] + weights["positions.weight"][places]
        _normalise(states, weights["norm.weight"], weights["norm.bias"], 1e-12)
        stop = int(places.max()) + 1
        hidden = np.where(np.arange(stop) > places[:, None], _HIDDEN, np.float32(0))
        for layer in range(self._layers):
            name = f"blocks.{layer}"
            joined = self._linear(states, f"{name}.qkv").reshape(len(tokens), 3, self._heads, -1)
            query = joined[:, 0]
            keys[layer][row, :, places] = joined[:, 1]
            values[layer][row, :, places] = joined[:, 2]
            scores: Float32Array = (keys[layer][:, :, :stop] @ query[..., None])[..., 0]
            scores *= np.float32(1 / np.sqrt(query.shape[-1]))
            scores += hidden[:, None]
            _softmax(scores)
            read: Float32Array = (scores[:, :, None] @ values[layer][:, :, :stop])[:, :, 0]
            self._after_attention(states, read.reshape(len(tokens), -1), name)
        return states

    def _linear(self, states: Float32Array, name: str) -> Float32Array:
        product = states @ self._weights[f"{name}.weight"].T
        product += self._weights[f"{name}.bias"]
        return product

    def predicting(self, states: Float32Array) -> Float32Array:
        """Return what the output layer and the gate read. Shape (n, width) both."""
        turned = self._linear(states, "head")
        _gelu(turned)
        turned += states
        _normalise(turned, self._weights["head_norm.weight"], self._weights["head_norm.bias"], 1e-5)
        return turned

    def logits(self, predicting: Float32Array) -> Float32Array:
        """Return the transformer's logits. Shape (n, vocabulary)."""
        product = predicting @ self._output
        product += self._weights["bias"]
        return product

    def gate(self, predicting: Float32Array) -> Float32Array:
        """Return the log-odds of copying. Shape (n,)."""
        return predicting @ self._weights["gate.weight"][0] + self._weights["gate.bias"][0]

    def pointing(self, tokens: Integers, states: Float32Array, start: int) -> Float32Array:
        """Return how much positions from `start` on copy from each place. Shape (b, t - start, t).

        Args:
            tokens: whole sequences. Shape (b, t).
            states: theirs. Shape (b, t, width).
            start: first position that copies.
        """
        rows, length = tokens.shape
        following = np.zeros((rows, length, self.width), np.float32)
        following[:, :-1] = self._weights["tokens.weight"][tokens[:, 1:]]
        keys = self._pointer_keys(states, following)
        query = states[:, start:] @ self._weights["query.weight"].T
        scores: Float32Array = np.matmul(query, keys.transpose(0, 2, 1))
        scores *= np.float32(1 / np.sqrt(query.shape[-1]))
        scores += self._matches(tokens)[:, start:]
        later = ~np.tri(length, length, -1, dtype=np.bool_)[start:]
        scores[:, later] = _HIDDEN
        _softmax(scores)
        scores[:, later] = 0.0
        return scores

    def _pointer_keys(self, states: Float32Array, following: Float32Array) -> Float32Array:
        """Return the keys of places, by their states and the embeddings that follow them."""
        _normalise(following, least=1e-5)
        key_weight = self._weights["key.weight"]
        keys = states @ key_weight[:, : self.width].T
        keys += following @ key_weight[:, self.width :].T
        return keys

    def place_keys(self, states: Float32Array, following: Integers) -> Float32Array:
        """Return the pointer's keys of places. Shape (..., pointer).

        Args:
            states: of the places. Shape (..., width).
            following: the token that comes next. Shape (...).
        """
        return self._pointer_keys(states, self._weights["tokens.weight"][following])

    def pointing_now(
        self, state: Float32Array, keys: Float32Array, matches: Integers, places: Integers
    ) -> Float32Array:
        """Return how much each row's last position copies from each place. Shape (b, t).

        Args:
            state: of the last position. Shape (b, width).
            keys: of the places, as `place_keys` gives them. Shape (b, t, pointer).
            matches: words in common before each place and the last position. Shape (b, t).
            places: number of the last position. Shape (b,).
        """
        query: Float32Array = state @ self._weights["query.weight"].T
        scores: Float32Array = (keys @ query[..., None])[..., 0]
        scores *= np.float32(1 / np.sqrt(query.shape[-1]))
        scores += self._weights["match"][matches]
        later = np.arange(keys.shape[1]) >= places[:, None]
        scores[later] = _HIDDEN
        _softmax(scores)
        scores[later] = 0.0
        return scores

    def words(self, tokens: Integers) -> Integers:
        """Return the number of each token's word; tokens of one share it."""
        return self._words[tokens]

    def _matches(self, tokens: Integers) -> Float32Array:
        """Return the learned bonus for the words in common before two positions. (b, t, t)."""
        words = self._words[tokens]
        same = words[:, :, None] == words[:, None, :]
        counts = same.astype(np.int8)
        running = same
        for _ in range(2, LONGEST_MATCH + 1):
            shifted = np.zeros_like(same)
            shifted[:, 1:, 1:] = running[:, :-1, :-1]
            running = shifted & same
            counts += running
        return self._weights["match"][counts]

    def copied(self, sources: Integers, labels: Integers, pointing: Float32Array) -> Float32Array:
        """Return the pointer's probability of each label. Shape (n,).

        Args:
            sources: the token that each place stands for. Shape (n, t).
            labels: shape (n,).
            pointing: shape (n, t).
        """
        respell = np.float32(1 / (1 + np.exp(-self._weights["respell"])))
        several = np.where(self._spellings[sources] > 1, respell, np.float32(0))
        others = np.maximum(self._spellings[sources] - 1, 1)
        same = self._words[labels][:, None] == self._words[sources]
        weight = np.where(labels[:, None] == sources, 1 - several, same * (several / others))
        return (pointing * weight).sum(-1)

    def copied_everywhere(self, sources: Integers, pointing: Float32Array) -> Float32Array:
        """Return the pointer's probability of every token. Shape (n, vocabulary)."""
        respell = np.float32(1 / (1 + np.exp(-self._weights["respell"])))
        several = np.where(self._spellings > 1, respell, np.float32(0))
        count = len(sources)
        exact = np.zeros((count, self.vocabulary), np.float32)
        place = np.arange(count)[:, None]
        np.add.at(exact, (place, sources), pointing)
        shared = exact * (several / np.maximum(self._spellings - 1, 1))
        by_word = np.zeros((count, int(self._words.max()) + 1), np.float32)
        np.add.at(by_word, (place, self._words[None]), shared)
        return exact * (1 - several) + by_word[:, self._words] - shared


def mixed(
    generated: Float32Array, copied: Float32Array, gate: Float32Array, first: NDArray[np.bool_]
) -> Float32Array:
    """Return the mixture's log-probability. Shape (n,) all.

    Args:
        generated: the transformer's log-probability.
        copied: the pointer's probability.
        gate: log-odds of copying.
        first: where there is nothing to copy from.
    """
    gate = gate + np.where(first, np.float32(_NO_COPY), np.float32(0))
    refused, taken = -np.logaddexp(np.float32(0), gate), -np.logaddexp(np.float32(0), -gate)
    return np.logaddexp(generated + refused, np.log(copied + _LEAST_COPIED) + taken)


def _attend(
    query: Float32Array,
    key: Float32Array,
    value: Float32Array,
    past: tuple[Float32Array, Float32Array] | None,
) -> Float32Array:
    """Return what each position reads, heads side by side. Shape (b, t, width)."""
    rows, heads, length, size = query.shape
    before = 0 if past is None else past[0].shape[1]
    scores = np.empty((rows, heads, length, before + length), np.float32)
    np.matmul(query, key.transpose(0, 1, 3, 2), out=scores[..., before:])
    if past is not None:
        np.matmul(query, past[0].transpose(0, 2, 1), out=scores[..., :before])
    scores *= np.float32(1 / np.sqrt(size))
    scores[..., before:] += np.triu(np.full((length, length), _HIDDEN, np.float32), 1)
    _softmax(scores)
    read = scores[..., before:] @ value
    if past is not None:
        read += scores[..., :before] @ past[1]
    return read.transpose(0, 2, 1, 3).reshape(rows, length, heads * size)


def _softmax(scores: Float32Array) -> None:
    """Make shares of the last axis, in place."""
    scores -= scores.max(-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(-1, keepdims=True)


def _normalise(
    states: Float32Array,
    weight: Float32Array | None = None,
    bias: Float32Array | None = None,
    least: float = 1e-12,
) -> None:
    """Give each row mean 0 and variance 1, in place."""
    states -= states.mean(-1, keepdims=True)
    variance = np.einsum("...i,...i->...", states, states)[..., None] / states.shape[-1]
    states *= 1 / np.sqrt(variance + np.float32(least))
    if weight is not None and bias is not None:
        states *= weight
        states += bias


def _gelu(states: Float32Array) -> None:
    """Apply the tanh form of GELU, in place."""
    inner = states * states
    inner *= _CUBE * _GELU
    inner += _GELU
    inner *= states
    np.tanh(inner, out=inner)
    inner += 1
    inner *= np.float32(0.5)
    states *= inner
