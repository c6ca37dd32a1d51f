"""Heads on values that are at hand: linear, a small network, a small transformer.

Each works in one thread, so that the number of processors changes no sum. Numbers are learned at
mean 0 and deviation 1; classes as they are.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import MissingExtraError
from assay.models.head import Head, HeadKind, Learned, Lesson
from assay.samples import FloatArray


def open_head(kind: HeadKind) -> Head:
    """Return a kind of head.

    Raises:
        MissingExtraError: if scikit-learn, or torch for "attention", is not installed.
    """
    try:
        import sklearn  # noqa: F401, PLC0415  an optional package
        import threadpoolctl  # noqa: F401, PLC0415  comes with scikit-learn

        if kind == "attention":
            from assay.backends.heads.attention import AttentionHead  # noqa: PLC0415  opens torch

            return _Scaled(AttentionHead())
    except ImportError as error:
        raise MissingExtraError("fitting a head", "models") from error
    from assay.backends.heads.linear import LinearHead  # noqa: PLC0415  with its library
    from assay.backends.heads.mlp import MLPHead  # noqa: PLC0415

    return _Scaled(LinearHead() if kind == "linear" else MLPHead())


class _Scaled:
    """A head that learns numbers at mean 0 and deviation 1, in one thread.

    Args:
        head: that learns.
    """

    def __init__(self, head: Head) -> None:
        self._head = head

    def fit(self, lesson: Lesson) -> Learned:
        """Return the head, with the scale of its numbers."""
        scale = np.array([0.0, 1.0])
        if not lesson.classes:
            deviation = float(lesson.targets.std())
            scale = np.array([float(lesson.targets.mean()), deviation or 1.0])
        with _one_thread():
            learned = self._head.fit(
                lesson._replace(targets=(lesson.targets - scale[0]) / scale[1])
            )
        return learned._replace(arrays={**learned.arrays, "scale": scale})

    def predict(
        self,
        arrays: Mapping[str, NDArray[Any]],
        inputs: FloatArray,
        widths: tuple[int, ...],
        *,
        classes: int,
    ) -> FloatArray:
        """Return numbers on the scale of the targets, or probabilities."""
        with _one_thread():
            found = self._head.predict(arrays, inputs, widths, classes=classes)
        centre, spread = arrays["scale"]
        return found if classes else found * spread + centre


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  an optional package

    with threadpool_limits(1):
        yield
