"""A small transformer over the inputs of a row, by torch."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assay.backends.heads.early_stop import best_epoch
from assay.models.head import Arrays, Learned, Lesson, Shape
from assay.random_numbers import generator
from assay.samples import FloatArray

WIDTH = 32
"""Length of a token."""
LAYERS = 2
"""Encoder layers."""
HEADS = 4
"""Attention heads of a layer."""
RATE = 3e-3
"""Learning rate of Adam."""
PENALTY = 1e-2
"""Weight decay, apart from the gradients."""


class _Network(nn.Module):  # type: ignore[misc]
    """Each input becomes a token by a map of its own; their mean after attention is read.

    Args:
        widths: columns of each input.
        outputs: numbers per row.
    """

    def __init__(self, widths: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.widths = list(widths)
        self.maps = nn.ModuleList(nn.Linear(width, WIDTH) for width in widths)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                WIDTH, HEADS, 2 * WIDTH, dropout=0.0, batch_first=True, norm_first=True
            )
            for _ in range(LAYERS)
        )
        self.out = nn.Linear(WIDTH, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the numbers, shape (n, outputs), of inputs, (n, d)."""
        parts = torch.split(inputs, self.widths, dim=1)
        tokens = torch.stack([own(part) for own, part in zip(self.maps, parts, strict=True)], dim=1)
        for layer in self.layers:
            tokens = layer(tokens)
        found: Tensor = self.out(tokens.mean(dim=1))
        return found


class AttentionHead:
    """Inputs that look at each other before a number is read off; stops as the network does."""

    def fit(self, lesson: Lesson) -> Learned:
        """Return the weights of the best reading, by their names in torch."""
        with _one_thread():
            return _fitted(lesson)

    def predict(self, arrays: Arrays, inputs: FloatArray, shape: Shape) -> FloatArray:
        """Return numbers, or probabilities by a softmax of them; in float32."""
        with _one_thread(), torch.no_grad():
            network = _network(shape)
            own = {name: torch.from_numpy(arrays[name]) for name in network.state_dict()}
            network.load_state_dict(own)
            found = network(torch.from_numpy(inputs.astype(np.float32))).double()
            return (found.softmax(dim=1) if shape.classes else found).numpy()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _fitted(lesson: Lesson) -> Learned:
    rng = generator(seed=lesson.seed, purpose="attention head")
    network = _network(lesson.shape)
    _draw_weights(network, rng)
    inputs = torch.from_numpy(lesson.inputs.astype(np.float32))
    kind = np.int64 if lesson.classes else np.float32
    targets = torch.from_numpy(lesson.targets.astype(kind))
    error = nn.CrossEntropyLoss() if lesson.classes else _squared
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=PENALTY)
    rows, aside = np.flatnonzero(~lesson.aside), torch.from_numpy(np.flatnonzero(lesson.aside))
    batch = max(16, min(512, len(rows) // 20))

    def read() -> None:
        order = rng.permutation(rows)
        for start in range(0, len(order), batch):
            picked = torch.from_numpy(order[start : start + batch])
            optimiser.zero_grad()
            error(network(inputs[picked]), targets[picked]).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()

    def loss() -> float:
        with torch.no_grad():
            return float(error(network(inputs[aside]), targets[aside]))

    def state() -> dict[str, NDArray[Any]]:
        return {name: value.numpy().copy() for name, value in network.state_dict().items()}

    arrays, epochs = best_epoch(read, loss if len(aside) else None, state)
    return Learned(arrays, epochs)


def _network(shape: Shape) -> _Network:
    with torch.random.fork_rng(devices=[]):  # it draws weights that are not kept
        return _Network(shape.widths, shape.classes or 1)


def _squared(found: Tensor, wanted: Tensor) -> Tensor:
    return ((found[:, 0] - wanted) ** 2).mean()


def _draw_weights(network: nn.Module, rng: np.random.Generator) -> None:
    """Draw matrices with the deviation that keeps the size of what they map; the rest is plain."""
    with torch.no_grad():
        for name, weights in network.named_parameters():
            if weights.dim() > 1:
                drawn = rng.normal(0.0, weights.shape[1] ** -0.5, tuple(weights.shape))
                weights.copy_(torch.from_numpy(drawn.astype(np.float32)))
            elif not (name.endswith("weight") and "norm" in name):
                weights.zero_()
