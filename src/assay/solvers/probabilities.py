"""Probabilities of classes: from a model's own numbers, and how far they are from what is true."""

import numpy as np

from assay.samples import FloatArray, IndexArray

_SMALLEST = 1e-12
"""What a probability counts as at least: one of 0 would make a loss infinite."""


def softmax(numbers: FloatArray) -> FloatArray:
    """Return the probabilities of each row. Shape (n, classes); NaN where a number of it is."""
    powers = np.exp(numbers - numbers.max(axis=1, keepdims=True))
    found: FloatArray = powers / powers.sum(axis=1, keepdims=True)
    return found


def log_loss(probabilities: FloatArray, classes: IndexArray) -> float:
    """Return the mean logarithmic loss in nats.

    Args:
        probabilities: shape (n, classes).
        classes: that each row is of, from 0. Shape (n,).
    """
    right = probabilities[np.arange(len(classes)), classes]
    return float(-np.log(np.maximum(right, _SMALLEST)).mean())
