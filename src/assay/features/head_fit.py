"""A fitted head, and how well it told what it had not seen."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.echo import Brief
from assay.features.head_inputs import Scale
from assay.pool.pool import HashArray
from assay.random_numbers import generator
from assay.samples import FloatArray, IndexArray
from assay.solvers.probabilities import log_loss
from assay.solvers.rank_interval import Interval, spearman_interval
from assay.solvers.ranks import spearman
from assay.wording import bounds

_ARRAY = "head."
_LISTED = 4


class Figures(NamedTuple):
    """How the predictions of rows that were held out agree with their labels.

    Attributes:
        correlation: Spearman's; of a class, of its probability with being of it.
        interval: of the correlation.
        error: mean absolute error, and that of the mean of the rows learned from. Of classes both
            are the share told wrongly, by the head and by the commonest class.
        loss: the same of the mean squared error; of classes of the mean logarithmic loss.
    """

    correlation: float
    interval: Interval
    error: tuple[float, float]
    loss: tuple[float, float]

    def words(self) -> str:
        """Return the correlation with its interval."""
        return f"{self.correlation:.2f} {bounds(*self.interval)}"


@dataclass(frozen=True, repr=False)
class HeadFit(Brief):
    """A head that was fitted on all labelled rows, and what others say of rows held from them.

    Attributes:
        hashes: content of the labelled rows, ascending. Shape (m,).
        targets: their numbers, or the place of their class. Shape (m,).
        classes: the words of the classes; none for numbers.
        held_out: what a head says that was fitted without the row's fold. Shape (m, k).
        plain: mean of the rows learned from, or shares of their classes. Shape (m, k).
        folds: fold of each row. Shape (m,).
        epochs: readings until each head was best: of the folds in order, then of the last one.
        waiting: content of rows whose label is still to come. Shape (w,).
        scale: of the inputs, for the last head.
        arrays: of the last head.
    """

    hashes: HashArray
    targets: FloatArray
    classes: tuple[str, ...]
    held_out: FloatArray
    plain: FloatArray
    folds: IndexArray
    epochs: IndexArray
    waiting: HashArray
    scale: Scale
    arrays: Mapping[str, NDArray[Any]]

    def figures(self, word: str = "") -> Figures:
        """Return how well rows that were held out are told; of classes, that of one of them.

        Args:
            word: a class; of numbers nothing.
        """
        if word not in self._told:
            self._told[word] = self._figures(word)
        return self._told[word]

    @cached_property
    def _told(self) -> dict[str, Figures]:
        return {}

    def _figures(self, word: str) -> Figures:
        if not self.classes:
            told, wanted, plain = self.held_out[:, 0], self.targets, self.plain[:, 0]
            off, base = told - wanted, plain - wanted
            errors = float(np.abs(off).mean()), float(np.abs(base).mean())
            losses = float((off**2).mean()), float((base**2).mean())
        else:
            place = self.classes.index(word)
            own = self.targets.astype(np.int64)
            told, wanted = self.held_out[:, place], (own == place).astype(np.float64)
            shares = self.held_out, self.plain
            errors = _pair([float((each.argmax(axis=1) != own).mean()) for each in shares])
            losses = _pair([log_loss(each, own) for each in shares])
        rng = generator(seed=0, purpose="interval of a head's correlation")
        return Figures(spearman(told, wanted), spearman_interval(told, wanted, rng), errors, losses)

    def sentence(self) -> str:
        """Return what a person should know of it."""
        begun = f"fitted on {len(self.targets):,} labelled rows; held-out Spearman"
        if not self.classes:
            found = self.figures()
            told = f"{begun} {found.words()}; error {_share(found.error)} of the mean's, "
            told += f"R2 {1.0 - _share_of(found.loss):.2f}"
        else:
            every = {word: self.figures(word) for word in self.classes[:_LISTED]}
            found = next(iter(every.values()))
            listed = ", ".join(f"{each.words()} ({word})" for word, each in every.items())
            right, commonest = (1.0 - share for share in found.error)
            told = f"{begun} {listed}; accuracy {right:.2f}, by the commonest class "
            told += f"{commonest:.2f}; log loss {found.loss[0]:.2f}, by shares {found.loss[1]:.2f}"
        if self.epochs.any():
            told += f"; best after {self.epochs.min()} to {self.epochs.max()} readings"
        return told

    def packed(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that are stored."""
        words = np.frombuffer(json.dumps(self.classes).encode(), np.uint8)
        return {
            "hashes": _bytes_of(self.hashes),
            "waiting": _bytes_of(self.waiting),
            "classes": words,
            **{_SCALE + name: array for name, array in self.scale._asdict().items()},
            **{name: getattr(self, name) for name in _PLAIN},
            **{_ARRAY + name: array for name, array in self.arrays.items()},
        }

    @classmethod
    def unpacked(cls, arrays: Mapping[str, NDArray[Any]]) -> "HeadFit":
        """Return what `packed` took apart."""
        return cls(
            hashes=_hashes_of(arrays["hashes"]),
            waiting=_hashes_of(arrays["waiting"]),
            classes=tuple(json.loads(arrays["classes"].tobytes())),
            scale=Scale(*(arrays[_SCALE + name] for name in Scale._fields)),
            arrays={
                name.removeprefix(_ARRAY): array
                for name, array in arrays.items()
                if name.startswith(_ARRAY)
            },
            **{name: arrays[name] for name in _PLAIN},
        )


_SCALE = "scale_"
_PLAIN = ("targets", "held_out", "plain", "folds", "epochs")


def _pair(values: list[float]) -> tuple[float, float]:
    first, second = values
    return first, second


def _share_of(pair: tuple[float, float]) -> float:
    return pair[0] / pair[1] if pair[1] else float("nan")


def _share(pair: tuple[float, float]) -> str:
    return f"{_share_of(pair):.2f}"


def _bytes_of(hashes: HashArray) -> NDArray[np.uint8]:
    return np.frombuffer(hashes.tobytes(), np.uint8).reshape(len(hashes), 16)


def _hashes_of(packed: NDArray[np.uint8]) -> HashArray:
    return np.frombuffer(np.ascontiguousarray(packed).tobytes(), "S16")
