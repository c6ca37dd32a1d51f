"""The share that is won at equal length: planted, turned round, and against another minimiser."""

import numpy as np
import pytest

from assay.samples import FloatArray
from assay.solvers.equal_length import at_equal_length, length_term


def _drawn(seed: int, count: int, slope: float, level: float) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    term = length_term(rng.normal(600, 200, count), rng.normal(400, 200, count))
    won = rng.random(count) < 1 / (1 + np.exp(-(slope * term + level)))
    return term, won.astype(np.float64)


def test_what_is_planted_is_found_though_longer_answers_win() -> None:
    term, won = _drawn(0, 40_000, slope=1.5, level=0.4)

    [found] = at_equal_length(term, won)

    assert won.mean() > 0.7
    assert found == pytest.approx(1 / (1 + np.exp(-0.4)), abs=0.01)


def test_the_other_side_has_the_rest() -> None:
    own, other = np.array([9.0, 4, 7, 1, 8]), np.array([2.0, 5, 5, 5, 1])
    won = np.array([1, 0.5, 1, 0, 0])

    [found] = at_equal_length(length_term(own, other), won)
    [turned] = at_equal_length(length_term(other, own), 1 - won)

    assert found + turned == pytest.approx(1, abs=1e-12)


def test_the_fit_is_that_of_another_minimiser() -> None:
    optimise = pytest.importorskip("scipy.optimize")
    term, won = _drawn(1, 300, slope=-0.7, level=-0.2)

    def loss(point: FloatArray) -> float:
        ahead = point[0] * term + point[1]
        entropy = np.logaddexp(0, ahead) - won * ahead
        return float(entropy.sum() + 0.0005 * (point @ point))

    wanted = optimise.minimize(loss, np.zeros(2), tol=1e-12).x[1]

    assert at_equal_length(term, won)[0] == pytest.approx(1 / (1 + np.exp(-wanted)), abs=1e-6)


def test_a_weight_is_a_row_that_stands_several_times() -> None:
    term, won = _drawn(2, 30, slope=1, level=0)
    weights = np.array([[1.0, 2, 0] * 10])
    rows = np.repeat(np.arange(30), weights[0].astype(np.int64))

    [weighed] = at_equal_length(term, won, weights)
    [repeated] = at_equal_length(term[rows], won[rows])

    assert weighed == pytest.approx(repeated, abs=1e-12)


def test_what_is_always_won_is_below_one_and_lengths_all_alike_say_nothing() -> None:
    ones = np.ones(20)

    [found] = at_equal_length(length_term(ones * 5, ones * 3), ones)

    assert 0.99 < found < 1
    assert length_term(ones * 5, ones * 3).tolist() == [0.0] * 20
