"""Consensus by hand, its gradient by differences, and a matrix that was planted."""

import numpy as np
import pytest

from assay.samples import FloatArray
from assay.solvers import label_consensus
from assay.solvers.label_consensus import (
    counted_consensus,
    expected_consensus,
    fitted_transition,
)

_MATRIX = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.05, 0.15, 0.8]])
_PRIOR = np.array([0.5, 0.3, 0.2])


def test_labels_of_neighbours_are_counted_in_their_order() -> None:
    triples = np.array([[0, 0, 1], [0, 0, 1], [0, 1, 1], [1, 0, 0]])

    single, pair, triple = counted_consensus(triples, 2)

    assert single.tolist() == [0.75, 0.25]
    assert pair.tolist() == [[0.5, 0.25], [0.25, 0.0]]
    assert triple.tolist() == [[[0.0, 0.5], [0.0, 0.25]], [[0.25, 0.0], [0.0, 0.0]]]


def test_a_judge_that_is_always_right_is_told_from_one_that_guesses() -> None:
    right = expected_consensus(np.eye(2), np.array([0.25, 0.75]))
    guessing = expected_consensus(np.full((2, 2), 0.5), np.array([0.25, 0.75]))

    assert right.pair.tolist() == [[0.25, 0.0], [0.0, 0.75]]
    assert guessing.triple.tolist() == np.full((2, 2, 2), 0.125).tolist()


def test_expected_frequencies_are_sums_over_the_true_class() -> None:
    single, pair, triple = expected_consensus(_MATRIX, _PRIOR)

    by_hand = sum(_PRIOR[k] * _MATRIX[k, 0] * _MATRIX[k, 2] * _MATRIX[k, 1] for k in range(3))
    assert triple[0, 2, 1] == pytest.approx(by_hand, abs=1e-15)
    np.testing.assert_allclose(triple.sum(axis=2), pair, atol=1e-15)
    np.testing.assert_allclose(pair.sum(axis=1), single, atol=1e-15)
    assert single.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("rounded_off", [0.0, 1e-2])
def test_the_gradient_is_what_small_differences_say(rounded_off: float) -> None:
    rng = np.random.default_rng(1)
    numbers, consensus = rng.normal(size=12), expected_consensus(_MATRIX, _PRIOR)

    def value(at: FloatArray) -> float:
        return label_consensus._loss(at, consensus, rounded_off)[0]

    _, slope = label_consensus._loss(numbers, consensus, rounded_off)

    steps = 1e-6 * np.eye(12)
    measured = [(value(numbers + step) - value(numbers - step)) / 2e-6 for step in steps]
    np.testing.assert_allclose(slope, measured, atol=1e-8)


def test_what_was_planted_is_found_again_to_the_last_digits() -> None:
    found = fitted_transition(expected_consensus(_MATRIX, _PRIOR))

    np.testing.assert_allclose(found.matrix, _MATRIX, atol=1e-6)
    np.testing.assert_allclose(found.prior, _PRIOR, atol=1e-6)
    assert found.loss < 1e-6
    np.testing.assert_allclose(found.matrix.sum(axis=1), 1.0)


@pytest.mark.parametrize("classes", [2, 6])
def test_going_down_explains_counts_better_than_the_reference_s_steps(classes: int) -> None:
    rng = np.random.default_rng(classes)
    matrix = 0.7 * np.eye(classes) + 0.3 * rng.dirichlet(np.ones(classes), classes)
    true = rng.integers(0, classes, 5000)
    rows = np.column_stack(
        [[rng.choice(classes, p=matrix[label]) for label in true] for _ in range(3)]
    )
    consensus = counted_consensus(rows, classes)

    canonical = fitted_transition(consensus)
    reference = fitted_transition(consensus, mode="reference")

    assert canonical.loss < reference.loss
    np.testing.assert_allclose(canonical.matrix, reference.matrix, atol=0.03)
    np.testing.assert_allclose(canonical.matrix, matrix, atol=0.06)


def test_true_classes_are_named_so_that_labels_are_mostly_right() -> None:
    turned = [1, 2, 0]

    matrix, prior = label_consensus._mostly_right(_MATRIX[turned], _PRIOR[turned])

    assert matrix.tolist() == _MATRIX.tolist()
    assert prior.tolist() == _PRIOR.tolist()


@pytest.mark.parametrize(
    ("guard", "instead"),
    [("_LONGEST_STEP", np.inf), ("_mostly_right", lambda matrix, prior: (matrix, prior))],
)
def test_short_steps_and_names_each_keep_two_classes_from_being_taken_for_each_other(
    guard: str, instead: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(2)
    matrix = 0.7 * np.eye(2) + 0.3 * rng.dirichlet(np.ones(2), 2)
    true = rng.integers(0, 2, 5000)
    rows = [[rng.choice(2, p=matrix[label]) for label in true] for _ in range(3)]
    monkeypatch.setattr(label_consensus, guard, instead)

    found = fitted_transition(counted_consensus(np.column_stack(rows), 2))

    assert np.diag(found.matrix).min() > 0.7


def test_a_class_that_is_never_told_right_is_no_error() -> None:
    found = fitted_transition(counted_consensus(np.array([[0, 1, 0], [1, 0, 1]]), 2))

    assert np.isfinite(found.matrix).all()
    assert np.isfinite(found.prior).all()
