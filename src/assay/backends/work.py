"""What is run through a local causal model, and what is read off it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from assay.models.language_model import Choice
from assay.rendering.encoding import TokenIds
from assay.samples import Float32Array, IndexArray


class Readout(NamedTuple):
    """Numbers of some targets. Shape (s,) each; all but the first empty unless asked for."""

    log_probs: Float32Array
    entropy: Float32Array
    top: Float32Array
    rank: Float32Array
    lead: Float32Array


NOTHING = Readout(*[np.empty(0, np.float32)] * len(Readout._fields))
"""Of a sequence without targets."""


class Work(NamedTuple):
    """Sequences to run, and what is wanted of each.

    Attributes:
        sequences: tokens that go through the model. Shape (t,) each.
        targets: positions whose token is to be predicted, up to t included. Shape (s,) each.
        labels: the tokens at these positions. Shape (s,) each.
        pools: for each pool, weights over the positions of every sequence; None for none.
        layers: of each pool, the layer whose states are pooled; -1 for the last.
        choices: tokens to choose among, and the place in every sequence; 0 for none.
    """

    sequences: Sequence[TokenIds]
    targets: Sequence[IndexArray]
    labels: Sequence[IndexArray]
    pools: Sequence[Sequence[Float32Array | None]] = ()
    layers: Sequence[int] = ()
    choices: Sequence[Choice] = ()

    @property
    def inner_layers(self) -> tuple[int, ...]:
        """Layers but the last whose states are pooled, ascending."""
        return tuple(sorted(set(self.layers) - {-1}))

    def vectors_of(self, place: int) -> list[bool]:
        """Return which vectors are wanted of a sequence: of the pools, then of the choices."""
        pooled = [pool[place] is not None for pool in self.pools]
        return pooled + [bool(choice.places[place]) for choice in self.choices]
