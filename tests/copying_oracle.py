"""A tiny random network in the layout of ``assay:lm``, and its formulas one number at a time."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from assay.samples import Float32Array, FloatArray

VOCABULARY, WIDTH, LAYERS, HEADS, INNER, WINDOW, POINTER = 40, 8, 2, 2, 12, 48, 4
LONGEST = 4
WORDS = np.array([*range(22), *range(12), *range(6)], np.int64)
"""Words of the tokens: six words in three spellings, six in two, ten in one."""

Weights = Mapping[str, FloatArray]


def random_weights(**changed: float) -> dict[str, Float32Array]:
    """Return weights so large that every part of the network counts.

    Args:
        changed: parameters whose every number is this one instead, `__` for a dot.
    """
    generator = np.random.Generator(np.random.Philox(3))
    shapes = {
        "tokens.weight": (VOCABULARY, WIDTH), "positions.weight": (WINDOW, WIDTH),
        "head.weight": (WIDTH, WIDTH), "head.bias": (WIDTH,), "bias": (VOCABULARY,),
        "query.weight": (POINTER, WIDTH), "key.weight": (POINTER, 2 * WIDTH),
        "gate.weight": (1, WIDTH), "gate.bias": (1,), "match": (LONGEST + 1,),
        "scale": (), "respell": (),
    }  # fmt: skip
    norms = ["norm", "head_norm"]
    for layer in range(LAYERS):
        name = f"blocks.{layer}"
        norms += [f"{name}.norm_1", f"{name}.norm_2"]
        shapes |= {
            f"{name}.qkv.weight": (3 * WIDTH, WIDTH), f"{name}.qkv.bias": (3 * WIDTH,),
            f"{name}.out.weight": (WIDTH, WIDTH), f"{name}.out.bias": (WIDTH,),
            f"{name}.up.weight": (INNER, WIDTH), f"{name}.up.bias": (INNER,),
            f"{name}.down.weight": (WIDTH, INNER), f"{name}.down.bias": (WIDTH,),
        }  # fmt: skip
    weights = {name: generator.normal(0, 0.7, shape) for name, shape in shapes.items()}
    for name in norms:
        weights[f"{name}.weight"] = generator.normal(1, 0.3, WIDTH)
        weights[f"{name}.bias"] = generator.normal(0, 0.3, WIDTH)
    # Rows as short as those of a trained table, so that what is added to a variance shows.
    weights["tokens.weight"] *= 0.03
    weights["scale"] = np.array(20.0)
    weights["match"] = np.array([-0.4, 0.3, 0.9, 1.6, 2.8])
    weights["gate.bias"] = np.array([0.4])
    for name, number in changed.items():
        key = name.replace("__", ".")
        weights[key] = np.full_like(weights[key], number)
    return {name: np.array(value, np.float32) for name, value in weights.items()}


def write_network(folder: Path, weights: Mapping[str, Float32Array]) -> Path:
    """Write weights as a folder that `EmbeddedModel` opens."""
    folder.mkdir(parents=True)
    shape = {
        "vocabulary": VOCABULARY, "width": WIDTH, "layers": LAYERS, "heads": HEADS,
        "inner": INNER, "window": WINDOW, "pointer": POINTER,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(shape))
    save_file({**weights, "words": WORDS.astype(np.int32)}, folder / "model.safetensors")
    return folder


class Described(NamedTuple):
    """What the formulas say of one sequence.

    Attributes:
        states: after the last block. Shape (t, width).
        generated: the transformer's distribution of the next token. Shape (t, vocabulary).
        copied: the pointer's. Shape (t, vocabulary); all 0 in the first row.
        gate: chance to copy. Shape (t,).
    """

    states: FloatArray
    generated: FloatArray
    copied: FloatArray
    gate: FloatArray

    @property
    def mixture(self) -> FloatArray:
        """The distribution of the next token. Shape (t, vocabulary)."""
        return (1 - self.gate[:, None]) * self.generated + self.gate[:, None] * self.copied


def describe(weights: Mapping[str, Float32Array], tokens: Sequence[int]) -> Described:
    """Return what the network makes of a sequence, one position after another."""
    network = {name: np.asarray(value, np.float64) for name, value in weights.items()}
    states = _states(network, tokens)
    generated, copied, gate = [], [], []
    for place in range(len(tokens)):
        turned = _gelu(network["head.weight"] @ states[place] + network["head.bias"])
        predicting = _norm(network, "head_norm", turned + states[place], 1e-5)
        table = network["tokens.weight"] * network["scale"]
        generated.append(_softmax([row @ predicting for row in table] + network["bias"]))
        odds = float(network["gate.weight"][0] @ predicting + network["gate.bias"][0])
        gate.append(1 / (1 + math.exp(-odds)) if place else 0.0)
        copied.append(_copied(network, states, tokens, place))
    return Described(np.array(states), np.array(generated), np.array(copied), np.array(gate))


def _states(network: Weights, tokens: Sequence[int]) -> list[FloatArray]:
    states = [
        _norm(network, "norm", network["tokens.weight"][token] + network["positions.weight"][place])
        for place, token in enumerate(tokens)
    ]
    size = WIDTH // HEADS
    for layer in range(LAYERS):
        name = f"blocks.{layer}"
        joined = [_linear(network, f"{name}.qkv", state) for state in states]
        after = []
        for place in range(len(states)):
            read = np.empty(WIDTH)
            for start in range(0, WIDTH, size):
                query = joined[place][start : start + size]
                keys = [each[WIDTH + start : WIDTH + start + size] for each in joined]
                values = [each[2 * WIDTH + start : 2 * WIDTH + start + size] for each in joined]
                shares = _softmax([query @ key / math.sqrt(size) for key in keys[: place + 1]])
                read[start : start + size] = sum(
                    share * value for share, value in zip(shares, values, strict=False)
                )
            state = states[place] + _linear(network, f"{name}.out", read)
            state = _norm(network, f"{name}.norm_1", state)
            inner = _gelu(_linear(network, f"{name}.up", state))
            after.append(
                _norm(network, f"{name}.norm_2", state + _linear(network, f"{name}.down", inner))
            )
        states = after
    return states


def _copied(
    network: Weights, states: Sequence[FloatArray], tokens: Sequence[int], place: int
) -> FloatArray:
    """Return the pointer's distribution at a position: it points to places before it."""
    found = np.zeros(VOCABULARY)
    if not place:
        return found
    query = network["query.weight"] @ states[place]
    scores = []
    for earlier in range(place):
        following = _standard(network["tokens.weight"][tokens[earlier + 1]], 1e-5)
        key = network["key.weight"] @ np.concatenate([states[earlier], following])
        bonus = network["match"][_words_in_common(tokens, place, earlier)]
        scores.append(query @ key / math.sqrt(POINTER) + bonus)
    respelled = 1 / (1 + math.exp(-float(network["respell"])))
    for earlier, share in enumerate(_softmax(scores)):
        source = tokens[earlier + 1]
        others = [
            token
            for token in range(VOCABULARY)
            if WORDS[token] == WORDS[source] and token != source
        ]
        chance = respelled if others else 0.0
        found[source] += share * (1 - chance)
        for token in others:
            found[token] += share * chance / len(others)
    return found


def _words_in_common(tokens: Sequence[int], place: int, earlier: int) -> int:
    count = 0
    while (
        count < LONGEST
        and count <= earlier
        and WORDS[tokens[place - count]] == WORDS[tokens[earlier - count]]
    ):
        count += 1
    return count


def _linear(network: Weights, name: str, state: FloatArray) -> FloatArray:
    return network[f"{name}.weight"] @ state + network[f"{name}.bias"]


def _standard(state: FloatArray, least: float) -> FloatArray:
    return (state - state.mean()) / math.sqrt(state.var() + least)


def _norm(network: Weights, name: str, state: FloatArray, least: float = 1e-12) -> FloatArray:
    return _standard(state, least) * network[f"{name}.weight"] + network[f"{name}.bias"]


def _gelu(values: FloatArray) -> FloatArray:
    return np.array([v * (1 + math.tanh(0.7978845608 * (v + 0.044715 * v**3))) / 2 for v in values])


def _softmax(scores: Any) -> NDArray[np.float64]:
    powers = np.exp(np.asarray(scores) - np.max(scores))
    return powers / powers.sum()
