from fractions import Fraction

import numpy as np

from assay.samples import FloatArray
from assay.solvers.exact_products import exact_parts, exact_products, exact_row_products
from assay.solvers.similarity import exact_unit_vectors


def _random(rows: int, width: int, seed: int = 0) -> FloatArray:
    return np.random.Generator(np.random.Philox(seed)).standard_normal((rows, width))


def test_parts_add_up_to_the_direction() -> None:
    direction = _random(1, 64)[0] * 1e4

    parts = exact_parts(direction)

    assert np.abs(parts.sum(axis=0) - direction).max() <= 2.0**-50 * 1e4


def test_a_product_with_a_part_is_exact_in_rational_arithmetic() -> None:
    vectors = exact_unit_vectors(_random(5, 40))
    parts = exact_parts(_random(1, 40, seed=1)[0] * 5e4)

    for part in parts:
        products = vectors.astype(np.float64) @ part
        for vector, product in zip(vectors, products.tolist(), strict=True):
            pairs = zip(vector.tolist(), part.tolist(), strict=True)
            assert Fraction(product) == sum(Fraction(a) * Fraction(b) for a, b in pairs)


def test_products_are_those_of_the_direction_up_to_the_last_bits() -> None:
    vectors = exact_unit_vectors(_random(7, 33))
    direction = _random(1, 33, seed=2)[0]

    products = exact_products(vectors, exact_parts(direction))

    exact = np.array([float(_product(vector, direction)) for vector in vectors])
    assert np.abs(products - exact).max() <= 1e-15


def _product(vector: FloatArray, direction: FloatArray) -> Fraction:
    pairs = zip(vector.tolist(), direction.tolist(), strict=True)
    return sum((Fraction(a) * Fraction(b) for a, b in pairs), Fraction(0))


def test_blocks_permutations_and_rows_of_their_own_change_no_bit() -> None:
    vectors = exact_unit_vectors(_random(500, 48))
    direction = _random(1, 48, seed=3)[0] * 123.0
    whole = exact_products(vectors, exact_parts(direction))
    order = np.random.Generator(np.random.Philox(4)).permutation(48)

    single = [exact_products(vectors[row : row + 1], exact_parts(direction))[0] for row in (0, 99)]
    turned = exact_products(vectors[:, order], exact_parts(direction)[:, order])
    own = exact_row_products(vectors, exact_parts(np.tile(direction, (500, 1))))

    assert single == [whole[0], whole[99]]
    assert turned.tolist() == whole.tolist() == own.tolist()


def test_the_direction_zero_gives_zeros() -> None:
    vectors = exact_unit_vectors(_random(3, 4))

    assert exact_products(vectors, exact_parts(np.zeros(4))).tolist() == [0.0, 0.0, 0.0]
