"""Minima with known places, and SciPy's."""

import numpy as np
import pytest

from assay.samples import FloatArray
from assay.solvers.lbfgs import minimise


def _rosenbrock(at: FloatArray) -> tuple[float, FloatArray]:
    value = ((1 - at[:-1]) ** 2 + 100 * (at[1:] - at[:-1] ** 2) ** 2).sum()
    slope = np.zeros_like(at)
    slope[:-1] = -2 * (1 - at[:-1]) - 400 * at[:-1] * (at[1:] - at[:-1] ** 2)
    slope[1:] += 200 * (at[1:] - at[:-1] ** 2)
    return float(value), slope


def test_a_long_bent_valley_is_followed_to_its_end() -> None:
    found = minimise(_rosenbrock, np.full(8, -1.2), tolerance=1e-8)

    np.testing.assert_allclose(found.point, np.ones(8), atol=1e-7)
    assert found.converged
    assert found.steepness <= 1e-8
    assert found.steps < 200, "the curvature that is remembered is what makes it this few"


def test_a_quadratic_form_ends_where_its_equations_are_solved() -> None:
    rng = np.random.default_rng(0)
    root = rng.normal(size=(12, 12))
    matrix, right = root @ root.T + 0.1 * np.eye(12), rng.normal(size=12)

    def form(at: FloatArray) -> tuple[float, FloatArray]:
        return float(at @ matrix @ at / 2 - right @ at), matrix @ at - right

    found = minimise(form, np.zeros(12))

    np.testing.assert_allclose(found.point, np.linalg.solve(matrix, right), atol=1e-6)


def test_it_is_no_higher_than_scipy_s() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    start = np.linspace(-2, 2, 20)

    theirs = optimize.minimize(_rosenbrock, start, jac=True, method="L-BFGS-B")

    assert minimise(_rosenbrock, start).value <= theirs.fun + 1e-9


def test_a_start_without_slope_is_the_end_and_a_limit_of_steps_is_kept() -> None:
    assert minimise(_rosenbrock, np.ones(3)).steps == 0
    short = minimise(_rosenbrock, np.full(4, -1.2), most_steps=3)
    assert (short.steps, short.converged) == (3, False)
    assert short.value < _rosenbrock(np.full(4, -1.2))[0]


def test_short_steps_stay_in_the_valley_where_they_start() -> None:
    def valleys(at: FloatArray) -> tuple[float, FloatArray]:
        return float(np.cos(at[0]) - 0.1 * at[0]), -np.sin(at) - 0.1

    near = minimise(valleys, np.array([0.2]), longest=0.1)

    assert near.point[0] == pytest.approx(np.pi + np.arcsin(0.1), abs=1e-6)
    assert near.steps > 25
