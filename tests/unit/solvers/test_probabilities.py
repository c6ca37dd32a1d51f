"""Probabilities of classes, by hand."""

import numpy as np
import pytest

from assay.solvers.probabilities import log_loss, softmax


def test_numbers_become_shares_of_their_exponentials() -> None:
    numbers = np.log(np.array([[1.0, 2.0, 5.0], [3.0, 3.0, 2.0]]))

    np.testing.assert_allclose(softmax(numbers), [[0.125, 0.25, 0.625], [0.375, 0.375, 0.25]])
    np.testing.assert_allclose(softmax(numbers + 1e4), softmax(numbers), rtol=1e-9)
    assert np.isnan(softmax(np.array([[0.0, np.nan]]))).all()


def test_the_loss_is_the_mean_logarithm_of_what_was_right_and_stays_finite() -> None:
    probabilities = np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]])

    assert log_loss(probabilities[:2], np.array([0, 1])) == pytest.approx(
        (np.log(2.0) + np.log(4.0 / 3.0)) / 2
    )
    assert log_loss(probabilities[2:], np.array([1])) == pytest.approx(12 * np.log(10.0))
