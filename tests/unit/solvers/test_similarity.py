import numpy as np
import pytest

from assay.errors import NonFiniteError
from assay.solvers.similarity import (
    QUANTUM,
    at_unit_length,
    exact_unit_vectors,
    pair_similarities,
    quantised,
    row_similarities,
    zero_rows,
)


def random_vectors(rows: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.Generator(np.random.Philox(seed)).standard_normal((rows, width))


@pytest.mark.parametrize("width", [1, 7, 384, 1024])
def test_sums_of_products_do_not_depend_on_their_order(width: int) -> None:
    vectors = exact_unit_vectors(random_vectors(50, width)).astype(np.float64)
    order = np.random.Generator(np.random.Philox(1)).permutation(width)

    forward = vectors @ vectors.T
    shuffled = vectors[:, order] @ vectors[:, order].T
    one_by_one = np.array([[sum((a * b).tolist()) for a in vectors[:5]] for b in vectors[:5]])

    assert np.array_equal(forward, shuffled)
    assert np.array_equal(forward[:5, :5], one_by_one)


def test_products_are_cosines_to_seven_digits() -> None:
    vectors = random_vectors(40, 300) * 17
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    exact = exact_unit_vectors(vectors).astype(np.float64)

    np.testing.assert_allclose(exact @ exact.T, unit @ unit.T, atol=1e-7)


def test_equal_rows_are_equal_bytes_whatever_the_sign_of_zero() -> None:
    exact = exact_unit_vectors(np.array([[0.0, 2.0], [-0.0, 2.0], [-1e-30, 1.0]]))

    assert exact[0].tobytes() == exact[1].tobytes() == exact[2].tobytes()


def test_zero_rows_stay_zero_and_are_listed() -> None:
    exact = exact_unit_vectors(np.array([[1.0, 0.0], [0.0, 0.0], [0.0, -0.0]]))

    assert exact[1].tolist() == [0.0, 0.0]
    assert zero_rows(exact).tolist() == [1, 2]


def test_tiny_rows_have_a_direction() -> None:
    exact = exact_unit_vectors(np.array([[3e-30, 4e-30]]))

    assert exact[0].tolist() == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rows_as_long_or_as_short_as_their_type_can_hold_have_a_direction(dtype: type) -> None:
    kind = np.finfo(dtype)
    rows: np.ndarray = np.array(
        [
            [kind.max, kind.max],
            [-kind.max, 0.0],
            [kind.max, kind.smallest_subnormal],
            [0.0, kind.smallest_subnormal],
            [kind.smallest_subnormal, -kind.smallest_subnormal],
            [0.0, 0.0],
        ],
        dtype=dtype,
    )
    half = float(np.sqrt(0.5))
    expected = np.array([[half, half], [-1, 0], [1, 0], [0, 1], [half, -half], [0, 0]])

    np.testing.assert_allclose(exact_unit_vectors(rows), expected, atol=1e-7)
    np.testing.assert_allclose(at_unit_length(rows), expected, atol=1e-12)


@pytest.mark.parametrize("power", range(-307, 308, 41))
def test_how_long_a_row_is_does_not_change_its_direction(power: int) -> None:
    vectors = random_vectors(20, 5)
    vectors[3] = [3.0, 0.0, -4.0, 0.0, 0.0]

    exact = exact_unit_vectors(vectors * 10.0**power)

    assert exact[3].tolist() == pytest.approx([0.6, 0.0, -0.8, 0.0, 0.0])
    # One rounding more, by the factor, before the same grid.
    np.testing.assert_allclose(exact, exact_unit_vectors(vectors), atol=2**-24)
    powers_of_two = np.ldexp(vectors, (np.arange(20)[:, None] - 10) * 100)
    assert np.array_equal(exact_unit_vectors(powers_of_two), exact_unit_vectors(vectors))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_are_named(bad: float) -> None:
    vectors = random_vectors(5, 3)
    vectors[[1, 4], 2] = bad

    with pytest.raises(NonFiniteError, match="rows 1, 4"):
        exact_unit_vectors(vectors)
    with pytest.raises(NonFiniteError, match="rows 1, 4"):
        exact_unit_vectors(vectors.astype(np.float32))


def test_vectors_must_form_a_matrix() -> None:
    with pytest.raises(ValueError, match="two dimensions"):
        exact_unit_vectors(np.ones(4))


def test_rounded_similarities_are_multiples_within_one() -> None:
    rounded = quantised(np.array([1.0000004, -1.1, 0.3, QUANTUM * 0.6]))

    assert rounded.tolist() == [1.0, -1.0, round(0.3 / QUANTUM) * QUANTUM, QUANTUM]


def test_both_ways_to_ask_for_similarities_agree() -> None:
    vectors = exact_unit_vectors(random_vectors(30, 20))
    candidates = np.arange(60).reshape(20, 3) % 30

    by_row = row_similarities(vectors, vectors[:20], candidates)
    by_pair = pair_similarities(vectors, np.repeat(np.arange(20), 3), candidates.ravel())

    assert by_row.ravel().tolist() == by_pair.tolist()
    expected = (vectors[:20] @ vectors.T)[np.arange(20)[:, None], candidates]
    np.testing.assert_allclose(by_row, expected, atol=1e-6)
