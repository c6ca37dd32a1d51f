"""Fits one vector per token so that a text's mean vector points where the teacher's does."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Schedule:
    """How the table is fitted; the defaults are those of the released encoder."""

    epochs: int = 3
    batch: int = 512
    rate: float = 0.004
    likeness: float = 2.0
    """Weight of the loss on cosines between the texts of a batch, beside that on directions."""


@dataclass(frozen=True)
class Bags:
    """Texts as runs of token numbers: those of text i are ``tokens[starts[i]:starts[i + 1]]``."""

    tokens: NDArray[np.int64]
    starts: NDArray[np.int64]

    def pick(self, rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the tokens of the chosen texts end to end, and where each text begins."""
        lengths = (self.starts[1:] - self.starts[:-1])[rows]
        begins = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        places = np.arange(lengths.sum()) + np.repeat(self.starts[rows] - begins, lengths)
        return torch.from_numpy(self.tokens[places]), torch.from_numpy(begins)


def principal_axes(vectors: Vectors, dimension: int) -> Vectors:
    """Return the `dimension` axes that hold most of the vectors' squares, shape (384, dimension).

    The mean is left in, so that cosines are kept as well as they can be.
    """
    wide = vectors.astype(np.float64)
    _, axes = np.linalg.eigh(wide.T @ wide)
    axes = axes[:, ::-1][:, :dimension]
    strongest = np.abs(axes).argmax(axis=0)
    return (axes * np.sign(axes[strongest, np.arange(dimension)])).astype(np.float32)


def first_guess(token_vectors: Vectors, axes: Vectors, shares: NDArray[np.float64]) -> Vectors:
    """Return the teacher's vectors of single tokens, rare ones long and common ones short.

    The length is a / (a + share) with a = 0.001, after smooth inverse frequency.

    Source:
        Arora, Liang & Ma, ICLR 2017, section 3.
    """
    lengths = 1e-3 / (1e-3 + shares)
    return (token_vectors @ axes * lengths[:, None]).astype(np.float32)


def fit(start: Vectors, bags: Bags, target: Vectors, schedule: Schedule, seed: int) -> Vectors:
    """Return the fitted table, shape (tokens, d), from the teacher's vectors `target` (n, 384).

    Adam on 1 - cosine to the projected teacher plus the squared difference of the cosines
    between the texts of a batch; the learning rate falls to nothing along half a cosine wave.
    """
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    generator = np.random.default_rng(seed)
    axes = torch.from_numpy(principal_axes(target, start.shape[1]))
    goal = torch.from_numpy(target)
    table = torch.nn.EmbeddingBag.from_pretrained(
        torch.from_numpy(start), freeze=False, mode="mean"
    )
    steps = schedule.epochs * (len(target) // schedule.batch)
    optimiser = torch.optim.Adam(table.parameters(), lr=schedule.rate)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(schedule.epochs):
        order = generator.permutation(len(target))
        for begin in range(0, len(order) - schedule.batch + 1, schedule.batch):
            rows = order[begin : begin + schedule.batch]
            made = torch.nn.functional.normalize(table(*bags.pick(rows)))
            loss = _loss(made, goal[rows], axes, schedule.likeness)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            decay.step()
    return table.weight.detach().numpy()


def _loss(
    made: torch.Tensor, goal: torch.Tensor, axes: torch.Tensor, likeness: float
) -> torch.Tensor:
    projected = torch.nn.functional.normalize(goal @ axes)
    direction = 1 - (made * projected).sum(dim=1).mean()
    cosines = (made @ made.T - goal @ goal.T).square().mean()
    return direction + likeness * len(made) ** 0.5 * cosines


def quantise(table: Vectors) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
    """Return each row in four bits a number, and the scale that restores it.

    Numbers are whole, from -7 to 7, stored with 8 added; an even column has the upper half of a
    byte and the odd column after it the lower. Shapes (tokens, d / 2) and (tokens, 1).
    """
    scales = (np.abs(table).max(axis=1, keepdims=True) / 7).astype(np.float16)
    safe = np.where(scales == 0, np.float16(1), scales).astype(np.float32)
    whole = (np.rint(table / safe).clip(-7, 7) + 8).astype(np.uint8)
    return whole[:, 0::2] << 4 | whole[:, 1::2], scales
