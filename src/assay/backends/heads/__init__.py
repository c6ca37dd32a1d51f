"""Heads on values that are at hand: linear, a small network, a small transformer.

Each works in one thread, so that the number of processors changes no sum. Numbers are learned at
mean 0 and deviation 1; classes as they are.
"""

import numpy as np

from assay.errors import MissingExtraError
from assay.models.head import Arrays, Head, HeadKind, Learned, Lesson, Shape
from assay.samples import FloatArray


def open_head(kind: HeadKind) -> Head:
    """Return a kind of head.

    Raises:
        MissingExtraError: if scikit-learn, or torch for "attention", is not installed.
    """
    try:
        if kind == "attention":
            from assay.backends.heads.attention import AttentionHead  # noqa: PLC0415  opens torch

            return _Scaled(AttentionHead())
        if kind == "mlp":
            from assay.backends.heads.mlp import MLPHead  # noqa: PLC0415  opens scikit-learn

            return _Scaled(MLPHead())
        from assay.backends.heads.linear import LinearHead  # noqa: PLC0415  opens scikit-learn

        return _Scaled(LinearHead())
    except ImportError as error:
        raise MissingExtraError("fitting a head", "models") from error


class _Scaled:
    """A head that learns numbers at mean 0 and deviation 1, in one thread.

    Args:
        head: that learns.
    """

    def __init__(self, head: Head) -> None:
        from threadpoolctl import ThreadpoolController  # noqa: PLC0415  with scikit-learn

        self._head = head
        self._threads = ThreadpoolController()  # of the libraries that are loaded by now

    def fit(self, lesson: Lesson) -> Learned:
        """Return the head, with the scale of its numbers."""
        scale = np.array([0.0, 1.0])
        if not lesson.classes:
            differ = np.ptp(lesson.targets) > 0
            scale = np.array([lesson.targets.mean(), lesson.targets.std() if differ else 1.0])
        with self._threads.limit(limits=1):
            learned = self._head.fit(
                lesson._replace(targets=(lesson.targets - scale[0]) / scale[1])
            )
        return learned._replace(arrays={**learned.arrays, "scale": scale})

    def predict(self, arrays: Arrays, inputs: FloatArray, shape: Shape) -> FloatArray:
        """Return numbers on the scale of the targets, or probabilities."""
        with self._threads.limit(limits=1):
            found = self._head.predict(arrays, inputs, shape)
        centre, spread = arrays["scale"]
        return found if shape.classes else found * spread + centre
