"""Energy along principal directions, against a singular value decomposition."""

import numpy as np
import pytest

from assay.errors import NonFiniteError
from assay.samples import FloatArray
from assay.solvers.principal_energy import principal_energy

_ALL = np.arange(200)


def _vectors(seed: int = 0) -> FloatArray:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(200, 12)) * np.geomspace(3, 0.05, 12) + 1.0
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _oracle(vectors: FloatArray, count: int) -> FloatArray:
    left, singular, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    coordinates = (left * singular)[:, :count]
    # Turned round at random: it must not matter.
    coordinates = coordinates * np.random.default_rng(1).choice([-1, 1], count)
    found: FloatArray = (coordinates**2).mean(axis=1)
    return found


@pytest.mark.parametrize("count", [1, 3, 12])
def test_it_is_the_mean_square_of_principal_coordinates(count: int) -> None:
    found = principal_energy(_vectors(), _ALL, components=count, explained=0.95)

    np.testing.assert_allclose(found, _oracle(_vectors(), count), atol=1e-8)


def test_along_all_directions_it_is_the_distance_from_the_centroid() -> None:
    vectors = _vectors()

    found = principal_energy(vectors, _ALL, components=99, explained=0.95)

    distance = ((vectors - vectors.mean(axis=0)) ** 2).sum(axis=1)
    np.testing.assert_allclose(found * 12, distance, atol=1e-7)


def test_directions_are_taken_until_they_explain_the_share() -> None:
    vectors = _vectors()
    singular = np.linalg.svd(vectors - vectors.mean(axis=0))[1] ** 2
    count = 1 + int(np.searchsorted(np.cumsum(singular) / singular.sum(), 0.95))

    found = principal_energy(vectors, _ALL, components=None, explained=0.95)

    assert 1 < count < 12
    np.testing.assert_allclose(found, _oracle(vectors, count), atol=1e-8)


def test_the_plain_variance_of_a_unit_vector_says_nothing_but_its_mean() -> None:
    vectors = _vectors()

    np.testing.assert_allclose(vectors.var(axis=1), 1 / 12 - vectors.mean(axis=1) ** 2, atol=1e-12)


def test_length_and_order_and_a_turn_of_all_vectors_do_not_matter() -> None:
    vectors = _vectors()
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(12, 12)))[0]
    found = principal_energy(vectors, _ALL, components=4, explained=0.95)

    longer = principal_energy(vectors * 7, _ALL, components=4, explained=0.95)
    turned = principal_energy(vectors @ turn, _ALL, components=4, explained=0.95)
    backwards = principal_energy(vectors[::-1], _ALL, components=4, explained=0.95)

    np.testing.assert_allclose(longer, found, atol=1e-8)
    np.testing.assert_allclose(turned, found, atol=1e-7)
    np.testing.assert_allclose(backwards[::-1], found, atol=2e-9)


def test_rows_that_take_no_part_have_none_and_move_nobody() -> None:
    vectors = np.vstack([_vectors(), np.zeros((1, 12)), np.eye(12)[:1]])

    found = principal_energy(vectors, _ALL, components=3, explained=0.95)

    assert np.isnan(found[200:]).all()
    alone = principal_energy(_vectors(), _ALL, components=3, explained=0.95)
    assert found[:200].tolist() == alone.tolist()


def test_vectors_that_do_not_differ_have_no_energy_and_no_rows_none() -> None:
    same = np.tile([0.6, 0.8], (5, 1))

    assert principal_energy(same, np.arange(5), components=2, explained=0.95).tolist() == [0.0] * 5
    assert np.isnan(principal_energy(same, np.arange(0), components=2, explained=0.95)).all()


def test_a_vector_that_is_not_finite_is_refused() -> None:
    vectors = _vectors()
    vectors[3, 3] = np.nan

    with pytest.raises(NonFiniteError, match="3"):
        principal_energy(vectors, _ALL, components=2, explained=0.95)
