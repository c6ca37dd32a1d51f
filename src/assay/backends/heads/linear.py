"""A linear head: ridge regression for numbers, logistic regression for classes."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from assay.models.head import Arrays, Learned, Lesson, Shape
from assay.samples import FloatArray, IndexArray
from assay.solvers.probabilities import softmax

RIDGE_STRENGTHS = 10.0 ** np.arange(-3.0, 6.5, 0.5)
"""Penalties on the squared weights that are tried."""
LOGISTIC_STRENGTHS = 10.0 ** np.arange(-3.0, 3.5, 1.0)
"""Weights of the losses against the penalty that are tried, as scikit-learn's C."""
_MOST_ITERATIONS = 1000


class LinearHead:
    """One weight per column, of the strength that is best on parts left out in turn.

    Ridge is solved in closed form. Of strengths that are equally good the one that holds the
    weights smaller is taken.
    """

    def fit(self, lesson: Lesson) -> Learned:
        """Return the weights, shape (d, k), and the intercepts, (k,)."""
        if lesson.classes:
            return Learned(_logistic(lesson))
        return Learned(_ridge(lesson))

    def predict(self, arrays: Arrays, inputs: FloatArray, shape: Shape) -> FloatArray:
        """Return numbers, or probabilities by a softmax of them."""
        found: FloatArray = inputs @ arrays["weights"] + arrays["intercepts"]
        return softmax(found) if shape.classes else found


def _splits(lesson: Lesson) -> Iterator[tuple[IndexArray, IndexArray]]:
    """Yield rows that are learned from, and those of the part that is left out."""
    for part in np.unique(lesson.parts):
        out = lesson.parts == part
        if not out.all():
            yield np.flatnonzero(~out), np.flatnonzero(out)


# Ridge


def _ridge(lesson: Lesson) -> dict[str, NDArray[Any]]:
    errors = np.zeros(len(RIDGE_STRENGTHS))
    for learned, left in _splits(lesson):
        path = _Path(lesson.inputs[learned], lesson.targets[learned])
        for place, strength in enumerate(RIDGE_STRENGTHS):
            weights, intercept = path.at(strength)
            found = lesson.inputs[left] @ weights + intercept
            errors[place] += float(((found - lesson.targets[left]) ** 2).sum())
    best = len(errors) - 1 - int(np.argmin(errors[::-1]))
    weights, intercept = _Path(lesson.inputs, lesson.targets).at(RIDGE_STRENGTHS[best])
    return {
        "weights": weights[:, None],
        "intercepts": np.array([intercept]),
        "strength": np.array([RIDGE_STRENGTHS[best]]),
    }


class _Path:
    """Ridge solutions for any strength: one decomposition serves them all.

    Args:
        inputs: shape (n, d).
        targets: shape (n,).
    """

    def __init__(self, inputs: FloatArray, targets: FloatArray) -> None:
        self._centre, self._mean = inputs.mean(axis=0), float(targets.mean())
        self._centred, wanted = inputs - self._centre, targets - self._mean
        rows, width = inputs.shape
        self._by_rows = rows < width
        gram = self._centred @ self._centred.T if self._by_rows else self._centred.T @ self._centred
        self._values, self._vectors = np.linalg.eigh(gram)
        self._turned = self._vectors.T @ (wanted if self._by_rows else self._centred.T @ wanted)

    def at(self, strength: float) -> tuple[FloatArray, float]:
        """Return the weights, shape (d,), and the intercept."""
        found = self._vectors @ (self._turned / (np.maximum(self._values, 0.0) + strength))
        weights: FloatArray = self._centred.T @ found if self._by_rows else found
        return weights, self._mean - float(self._centre @ weights)


# Logistic


def _logistic(lesson: Lesson) -> dict[str, NDArray[Any]]:
    losses = np.zeros(len(LOGISTIC_STRENGTHS))
    for learned, left in _splits(lesson):
        for place, strength in enumerate(LOGISTIC_STRENGTHS):
            weights, intercepts = _regression(lesson, learned, strength)
            found = lesson.inputs[left] @ weights + intercepts
            top = found.max(axis=1)
            total = top + np.log(np.exp(found - top[:, None]).sum(axis=1))
            own = found[np.arange(len(left)), lesson.targets[left].astype(np.int64)]
            losses[place] += float((total - own).sum())
    strength = float(LOGISTIC_STRENGTHS[int(np.argmin(losses))])
    weights, intercepts = _regression(lesson, np.arange(len(lesson.targets)), strength)
    return {"weights": weights, "intercepts": intercepts, "strength": np.array([strength])}


_ABSENT = -30.0  # logit of a class that no row learned from has


def _regression(lesson: Lesson, rows: IndexArray, strength: float) -> tuple[FloatArray, FloatArray]:
    """Return weights, shape (d, classes), and intercepts, as scikit-learn fits them."""
    targets = lesson.targets[rows].astype(np.int64)
    known = np.unique(targets)
    weights = np.zeros((lesson.inputs.shape[1], lesson.classes))
    intercepts = np.full(lesson.classes, _ABSENT)
    if len(known) == 1:
        intercepts[known] = 0.0
        return weights, intercepts
    model = LogisticRegression(C=strength, max_iter=_MOST_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # as far as it comes is good enough
        model.fit(lesson.inputs[rows], targets)
    if len(known) == 2:  # one logit, of the second against the first
        weights[:, known[1]], intercepts[known] = model.coef_[0], (0.0, model.intercept_[0])
    else:
        weights[:, known], intercepts[known] = model.coef_.T, model.intercept_
    return weights, intercepts
