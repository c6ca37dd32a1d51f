"""Replies of ``assay:lm``, by numpy wherever it runs: a token at a time there is little to gain."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from assay.backends.drawing import next_tokens
from assay.backends.embedded.copying_arrays import LONGEST_MATCH, CopyingArrays, Integers
from assay.backends.generating import Batch
from assay.components.decoding import Decoding
from assay.rendering.encoding import TokenIds
from assay.samples import Float32Array, FloatArray, IndexArray

_AT_ONCE = 2048  # tokens of prompts that are read together
_GROWTH = 64  # places that are made at a time
_ARRAYS = ("places", "tokens", "pointed", "state_now", "matches")
_LEAST = np.float32(1e-30)


class CopyingRows(Batch):
    """Rows that the network reads on, each with what its attention and its pointer look at.

    Rows stand to the left; place i of the pointer stands for the token at i + 1.

    Args:
        network: which reads.
        prompts: shape (t,) each.
    """

    def __init__(self, network: CopyingArrays, prompts: Sequence[TokenIds]) -> None:
        self._network = network
        self._places = np.array([len(ids) - 1 for ids in prompts], np.int64)
        length = int(self._places.max()) + 1
        self._tokens = np.zeros((len(prompts), length), np.int64)
        for row, ids in enumerate(prompts):
            self._tokens[row, : len(ids)] = ids
        rows = max(1, _AT_ONCE // length)
        parts = [
            network.read(self._tokens[start : start + rows], None)
            for start in range(0, len(prompts), rows)
        ]
        states = np.concatenate([part[0] for part in parts])
        layers = range(len(parts[0][1]))
        self._keys = [np.concatenate([part[1][layer] for part in parts]) for layer in layers]
        self._values = [np.concatenate([part[2][layer] for part in parts]) for layer in layers]
        self._pointed = np.zeros((len(prompts), length, network.pointer), np.float32)
        self._pointed[:, :-1] = network.place_keys(states[:, :-1], self._tokens[:, 1:])
        self._state_now = states[np.arange(len(prompts)), self._places]
        self._matches = self._first_matches()

    def _first_matches(self) -> Integers:
        """Return how many words in common stand before each place and each row's last one."""
        words = self._network.words(self._tokens)
        row = np.arange(len(words))
        found = np.zeros_like(words)
        running = np.ones_like(words, np.bool_)
        for back in range(min(LONGEST_MATCH, words.shape[1])):
            earlier = np.full_like(words, -1)
            earlier[:, back:] = words[:, : words.shape[1] - back]
            inside = self._places >= back
            last = np.where(inside, words[row, np.maximum(self._places - back, 0)], -2)
            running &= earlier == last[:, None]
            found += running
        return found

    def choose(self, decoding: Decoding, uniforms: FloatArray | None) -> IndexArray:
        """Return the next token of each row. Shape (b,)."""
        return next_tokens(np.log(np.maximum(self._probabilities(), _LEAST)), decoding, uniforms)

    def _probabilities(self) -> Float32Array:
        """Return the distribution of each row's next token. Shape (b, vocabulary)."""
        network = self._network
        predicting = network.predicting(self._state_now.copy())
        generated = network.logits(predicting)
        generated -= generated.max(-1, keepdims=True)
        np.exp(generated, out=generated)
        share = 1 / (1 + np.exp(-network.gate(predicting)))
        share = np.where(self._places == 0, np.float32(0), share)[:, None]
        generated *= (1 - share) / generated.sum(-1, keepdims=True)
        pointing = network.pointing_now(self._state_now, self._pointed, self._matches, self._places)
        sources = np.zeros_like(self._tokens)
        sources[:, :-1] = self._tokens[:, 1:]
        generated += share * network.copied_everywhere(sources, pointing)
        return generated

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all arrays."""
        found: dict[str, NDArray[Any]] = {name: getattr(self, f"_{name}") for name in _ARRAYS}
        for number, (keys, values) in enumerate(zip(self._keys, self._values, strict=True)):
            found[f"keys {number}"], found[f"values {number}"] = keys, values
        return found

    @classmethod
    def of(cls, network: CopyingArrays, state: Mapping[str, NDArray[Any]]) -> Self:
        """Return rows of which `state` told how far they were."""
        rows = cls.__new__(cls)
        rows._network = network
        for name in _ARRAYS:
            setattr(rows, f"_{name}", state[name])
        layers = range(sum(name.startswith("keys ") for name in state))
        rows._keys = [state[f"keys {number}"] for number in layers]
        rows._values = [state[f"values {number}"] for number in layers]
        return rows

    def go_on(self, tokens: IndexArray, staying: NDArray[np.bool_]) -> None:
        """Read the next token of the rows that stay, and forget the others."""
        if not staying.all():
            self._keep(staying)
        if int(self._places.max()) + 1 == self._tokens.shape[1]:
            self._grow()
        row = np.arange(len(tokens))
        self._pointed[row, self._places] = self._network.place_keys(self._state_now, tokens)
        self._places = self._places + 1
        self._tokens[row, self._places] = tokens
        words = self._network.words(self._tokens)
        longer = np.zeros_like(self._matches)
        longer[:, 1:] = self._matches[:, :-1]
        same = words == words[row, self._places][:, None]
        self._matches = np.where(same, np.minimum(longer + 1, LONGEST_MATCH), 0)
        self._state_now = self._network.read_on(tokens, self._places, self._keys, self._values)

    def _keep(self, staying: NDArray[np.bool_]) -> None:
        self._places, self._tokens = self._places[staying], self._tokens[staying]
        self._matches, self._state_now = self._matches[staying], self._state_now[staying]
        self._pointed = self._pointed[staying]
        self._keys = [layer[staying] for layer in self._keys]
        self._values = [layer[staying] for layer in self._values]

    def _grow(self) -> None:
        self._tokens, self._matches = (
            np.pad(part, ((0, 0), (0, _GROWTH))) for part in (self._tokens, self._matches)
        )
        self._pointed = np.pad(self._pointed, ((0, 0), (0, _GROWTH), (0, 0)))
        self._keys, self._values = (
            [np.pad(layer, ((0, 0), (0, 0), (0, _GROWTH), (0, 0))) for layer in part]
            for part in (self._keys, self._values)
        )
