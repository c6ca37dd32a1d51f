import numpy as np
import pytest
from numpy.typing import NDArray

from assay.solvers.cover import OUT_OF_PLAY, Cover, rounding_error
from assay.solvers.similarity import exact_unit_vectors


def pool(rows: int, width: int, kind: str) -> NDArray[np.float32]:
    generator = np.random.Generator(np.random.Philox(3))
    vectors = generator.standard_normal((rows, width))
    changed = {
        "any": vectors,
        "positive": np.abs(vectors),
        "near-duplicates": vectors[:1] + 0.01 * vectors,
    }
    return exact_unit_vectors(changed[kind])


@pytest.mark.parametrize("width", [1, 8, 96, 384, 1024])
@pytest.mark.parametrize("kind", ["any", "positive", "near-duplicates"])
def test_float32_products_stay_well_inside_the_assumed_error(width: int, kind: str) -> None:
    vectors = pool(800, width, kind)
    exact = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    error = np.abs((1.0 - vectors @ vectors.T) - (1.0 - exact)).max()
    assert error < 0.6 * rounding_error(width)


def test_rough_distance_is_a_bound_until_refreshed_and_then_close() -> None:
    vectors = pool(500, 16, "any")
    cover = Cover(vectors, 3)
    rows = np.arange(10, 500)
    cover.add(4)
    cover.refresh(rows)
    known = cover.rough.copy()
    cover.add(0)
    cover.add(9)
    cover.refresh(rows[:200])
    nearest = (1.0 - vectors.astype(np.float64) @ vectors[[4, 0, 9]].T.astype(np.float64)).min(1)
    assert np.abs(cover.rough[10:210] - nearest[10:210]).max() < rounding_error(16)
    assert (cover.rough[210:] == known[210:]).all()
    assert cover.is_fresh(rows).tolist() == [True] * 200 + [False] * 290
    assert (cover.rough[[4, 0, 9]] == OUT_OF_PLAY).all()


def check_exact_distances(vectors: NDArray[np.float32], centers: int) -> None:
    cover = Cover(vectors, centers)
    for row in range(centers):
        cover.add(row)
        cover.exact(np.array([centers + row, len(vectors) - 1]))
    similarity = vectors.astype(np.float64) @ vectors[:centers].astype(np.float64).T
    expected = 1.0 - np.rint(similarity.max(axis=1) * 2**20) / 2**20
    assert (cover.exact(np.arange(centers, len(vectors))) == expected[centers:]).all()


def test_exact_distances_are_rounded_products_without_error() -> None:
    check_exact_distances(pool(300, 48, "any"), 40)


def test_exact_distance_is_to_the_nearest_of_centers_that_float32_cannot_tell_apart() -> None:
    generator = np.random.Generator(np.random.Philox(4))
    vectors = 1.0 + 0.5 * generator.standard_normal((1000, 200))
    vectors[:50] = vectors[0] + 1e-6 * generator.standard_normal((50, 200))
    check_exact_distances(exact_unit_vectors(vectors), 50)


def test_gains_are_distances_to_the_nearest_earlier_center() -> None:
    vectors = exact_unit_vectors(np.array([[1.0, 0], [0, 1.0], [0.6, 0.8], [-1.0, 0]]))
    cover = Cover(vectors, 4)
    for row in (0, 3, 2, 1):
        cover.add(row)
    assert cover.gains() == pytest.approx([np.inf, 2.0, 0.4, 0.2], abs=1e-6)
