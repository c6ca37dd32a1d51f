"""A network of one hidden layer, by scikit-learn."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier, MLPRegressor

from assay.backends.heads.early_stop import best_epoch
from assay.models.head import Arrays, Learned, Lesson, Shape
from assay.samples import FloatArray
from assay.solvers.probabilities import log_loss, softmax

HIDDEN = 64
"""Units of the hidden layer."""
PENALTY = 1e-2
"""Penalty on the squared weights, as scikit-learn's alpha."""
RATE = 1e-3
"""Learning rate of Adam."""


class MLPHead:
    """Rectified units between inputs and numbers; rows set aside tell when to stop."""

    def fit(self, lesson: Lesson) -> Learned:
        """Return the weights of both layers."""
        rows = np.flatnonzero(~lesson.aside)
        kind = MLPClassifier if lesson.classes else MLPRegressor
        model = kind(
            hidden_layer_sizes=(HIDDEN,),
            alpha=PENALTY,
            learning_rate_init=RATE,
            batch_size=min(len(rows), max(16, min(200, len(rows) // 20))),
            # An instance, so that each reading has an order of its own.
            random_state=np.random.RandomState(lesson.seed),
        )
        targets = lesson.targets.astype(np.int64) if lesson.classes else lesson.targets
        named = {"classes": np.arange(lesson.classes)} if lesson.classes else {}

        def read() -> None:
            model.partial_fit(lesson.inputs[rows], targets[rows], **named)

        def state() -> dict[str, NDArray[Any]]:
            return {
                f"{name}_{layer}": array.copy()
                for name, arrays in (("weights", model.coefs_), ("biases", model.intercepts_))
                for layer, array in enumerate(arrays)
            }

        def loss() -> float:
            found = self.predict(state(), lesson.inputs[lesson.aside], lesson.shape)
            own = lesson.targets[lesson.aside]
            if not lesson.classes:
                return float(((found[:, 0] - own) ** 2).mean())
            return log_loss(found, own.astype(np.int64))

        read()
        arrays, epochs = best_epoch(read, loss if lesson.aside.any() else None, state)
        return Learned(arrays, epochs + 1)

    def predict(self, arrays: Arrays, inputs: FloatArray, shape: Shape) -> FloatArray:
        """Return numbers, or probabilities: of two classes by one logit."""
        hidden = np.maximum(inputs @ arrays["weights_0"] + arrays["biases_0"], 0.0)
        found: FloatArray = hidden @ arrays["weights_1"] + arrays["biases_1"]
        if not shape.classes:
            return found
        if found.shape[1] == 1:
            found = np.concatenate([np.zeros_like(found), found], axis=1)
        return softmax(found)
