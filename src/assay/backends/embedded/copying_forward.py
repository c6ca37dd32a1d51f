"""Forwards of the network of ``assay:lm``, by numpy or by torch."""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from assay.backends.batching import Batch
from assay.backends.embedded.copying_arrays import Beginning, CopyingArrays, Integers, mixed
from assay.backends.kept_batches import Vectors
from assay.backends.work import NOTHING, Readout, Work
from assay.models.language_model import Choice
from assay.rendering.encoding import TokenIds
from assay.samples import Float32Array, IndexArray

BeginningT = TypeVar("BeginningT")

_KEPT_BEGINNINGS = 8
_AT_ONCE = 512  # positions whose logits are held at a time


class Targets(NamedTuple):
    """What is wanted of a batch, end to end.

    Attributes:
        rows: of the batch. Shape (n,).
        predictors: positions that predict. Shape (n,).
        labels: the tokens that come next. Shape (n,).
    """

    rows: Integers
    predictors: Integers
    labels: Integers


class CopyingForward(ABC, Generic[BeginningT]):
    """Puts batches together and takes their answers apart.

    A beginning that many sequences share is run once, and kept as whatever `_begin` returns.
    """

    shares_prefixes = True

    def __init__(self) -> None:
        self._beginnings: OrderedDict[bytes, BeginningT] = OrderedDict()

    @property
    @abstractmethod
    def width(self) -> int:
        """Length of a hidden state."""

    @abstractmethod
    def _begin(self, tokens: TokenIds) -> BeginningT:
        """Return a beginning, run. Shape (p,)."""

    @abstractmethod
    def _score(
        self, tokens: Integers, begun: BeginningT | None, targets: Targets, statistics: bool
    ) -> tuple[list[Float32Array], Float32Array]:
        """Return log-probabilities and perhaps statistics of the targets, and all states.

        Args:
            tokens: whole sequences, padded with zeros to the right. Shape (b, t).
            begun: what all of them begin with, if it is shared.
            targets: what is wanted.
            statistics: also entropy, top probability, rank and lead.
        """

    def run(
        self, batch: Batch, work: Work, *, statistics: bool = False
    ) -> tuple[list[Readout], Vectors]:
        """Return what is asked of each member of a batch: its targets, and its vectors."""
        places = batch.members.tolist()
        own = [work.sequences[place] for place in places]
        tokens = np.zeros((len(own), max(map(len, own))), np.int64)
        for row, sequence in enumerate(own):
            tokens[row, : len(sequence)] = sequence
        counts = [len(work.targets[place]) for place in places]
        asked = Targets(
            np.repeat(np.arange(len(own)), counts),
            np.concatenate([work.targets[place] for place in places]).astype(np.int64) - 1,
            np.concatenate([work.labels[place] for place in places]).astype(np.int64),
        )
        chosen = [_each_token(choice, batch.members) for choice in work.choices]
        targets = Targets(*map(np.concatenate, zip(asked, *chosen, strict=True)))
        begun = self._begun(batch.prefix)
        found, states = self._score(tokens, begun, targets, statistics)
        total = sum(counts)
        borders = np.cumsum(counts)[:-1]
        split = [np.split(part[:total], borders) if len(part) else None for part in found]
        readouts = [
            Readout(
                *(
                    nothing if part is None else part[row]
                    for part, nothing in zip(split, NOTHING, strict=True)
                )
            )
            for row in range(len(own))
        ]
        numbers = iter(np.split(found[0][total:], np.cumsum([len(each.rows) for each in chosen])))
        vectors = [
            [_pooled(states[row], pool[place]) for pool in work.pools]
            for row, place in enumerate(places)
        ]
        for choice, each, part in zip(work.choices, chosen, numbers, strict=False):
            rows = each.rows[:: len(choice.tokens)].tolist()
            table = dict(zip(rows, part.reshape(len(rows), len(choice.tokens)), strict=True))
            for row, given in enumerate(vectors):
                given.append(table.get(row))
        return readouts, vectors

    def _begun(self, tokens: TokenIds) -> BeginningT | None:
        if not len(tokens):
            return None
        key = tokens.tobytes()
        if key not in self._beginnings:
            self._beginnings[key] = self._begin(tokens)
            while len(self._beginnings) > _KEPT_BEGINNINGS:
                self._beginnings.popitem(last=False)
        self._beginnings.move_to_end(key)
        return self._beginnings[key]


def _each_token(choice: Choice, members: IndexArray) -> Targets:
    """Return every token of a choice as a target, for each row that has a place."""
    places = choice.places[members]
    rows = np.flatnonzero(places)
    count = len(choice.tokens)
    tokens = np.tile(choice.tokens.astype(np.int64), len(rows))
    return Targets(np.repeat(rows, count), np.repeat(places[rows] - 1, count), tokens)


def _pooled(states: Float32Array, weights: Float32Array | None) -> Float32Array | None:
    if weights is None:
        return None
    return np.asarray(weights @ states[: len(weights)], np.float32)


class ArraysForward(CopyingForward[Beginning]):
    """The forward in numpy."""

    def __init__(self, network: CopyingArrays) -> None:
        super().__init__()
        self._network = network

    @property
    def width(self) -> int:
        """Length of a hidden state."""
        return self._network.width

    def _begin(self, tokens: TokenIds) -> Beginning:
        return self._network.begin(tokens)

    def _score(
        self, tokens: Integers, begun: Beginning | None, targets: Targets, statistics: bool
    ) -> tuple[list[Float32Array], Float32Array]:
        before = 0 if begun is None else len(begun.tokens)
        states = self._network.states(tokens[:, before:], begun)
        if begun is not None:
            shared = np.broadcast_to(begun.states, (len(tokens), *begun.states.shape))
            states = np.concatenate([shared, states], axis=1)
        if not len(targets.rows):
            return list(NOTHING), states
        start = int(targets.predictors.min())
        pointing = self._network.pointing(tokens, states, start)
        sources = np.zeros_like(tokens)
        sources[:, :-1] = tokens[:, 1:]
        parts = []
        for first in range(0, len(targets.rows), _AT_ONCE):
            some = Targets(*(part[first : first + _AT_ONCE] for part in targets))
            parts.append(self._describe(some, states, sources, pointing, start, statistics))
        joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
        return joined + list(NOTHING[len(joined) :]), states

    def _describe(
        self,
        targets: Targets,
        states: Float32Array,
        sources: Integers,
        pointing: Float32Array,
        start: int,
        statistics: bool,
    ) -> Sequence[Float32Array]:
        network = self._network
        predicting = network.predicting(states[targets.rows, targets.predictors])
        logits = network.logits(predicting)
        logits -= logits.max(-1, keepdims=True)
        true = logits[np.arange(len(logits)), targets.labels]
        np.exp(logits, out=logits)
        total = logits.sum(-1)
        generated = true - np.log(total)
        gate = network.gate(predicting)
        places = sources[targets.rows]
        weights = pointing[targets.rows, targets.predictors - start]
        first = targets.predictors == 0
        if not statistics:
            copied = network.copied(places, targets.labels, weights)
            return [mixed(generated, copied, gate, first)]
        share = np.where(first, np.float32(0), 1 / (1 + np.exp(-gate)))[:, None]
        everywhere = logits * ((1 - share) / total[:, None])
        everywhere += share * network.copied_everywhere(places, weights)
        copied = network.copied(places, targets.labels, weights)
        return [mixed(generated, copied, gate, first), *_statistics(everywhere, targets.labels)]


def _statistics(probabilities: Float32Array, labels: Integers) -> Sequence[Float32Array]:
    """Return entropy, top probability, rank of the labels and lead. Shape (n,) each."""
    logarithms = np.log(np.maximum(probabilities, np.float32(1e-30)))
    largest = np.partition(logarithms, -2)[:, -2:]
    own = probabilities[np.arange(len(labels)), labels]
    return (
        -(probabilities * logarithms).sum(-1),
        probabilities.max(-1),
        1 + (probabilities > own[:, None]).sum(-1).astype(np.float32),
        largest[:, 1] - largest[:, 0],
    )
