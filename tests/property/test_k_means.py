import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from assay.samples import FloatArray
from assay.solvers.k_means import k_means

# Small whole numbers: copies, zero rows, opposite rows and exact ties are common.
POOLS = st.integers(0, 14).flatmap(
    lambda rows: arrays(np.int8, (rows, 3), elements=st.integers(-2, 2))
)
# Similarities are rounded to 2**-20, so a centroid nearer by less may lose.
TOLERANCE = 3e-6


def unit_rows(pool: NDArray[np.int8]) -> FloatArray:
    vectors = pool.astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: FloatArray = vectors / np.where(lengths == 0, 1.0, lengths)
    return unit


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


@given(POOLS, st.integers(1, 16), st.integers(0, 3))
def test_every_row_is_in_the_cluster_of_its_nearest_centroid(
    pool: NDArray[np.int8], count: int, seed: int
) -> None:
    unit = unit_rows(pool)

    found = k_means(pool.astype(np.float32), count, rng=stream(seed))

    moved = pool.any(axis=1)
    assert (found.labels == -1).tolist() == (~moved).tolist()
    assert (found.similarities[~moved] == 0).all()
    cosines = unit[moved] @ found.centroids.T.astype(np.float64)
    own = cosines[np.arange(len(cosines)), found.labels[moved]]
    assert (own >= cosines.max(axis=1, initial=-1) - TOLERANCE).all()
    assert np.abs(own - found.similarities[moved]).max(initial=0) <= TOLERANCE


@given(POOLS, st.integers(1, 16), st.integers(0, 3))
def test_no_cluster_is_empty_and_copies_stay_together(
    pool: NDArray[np.int8], count: int, seed: int
) -> None:
    found = k_means(pool.astype(np.float32), count, rng=stream(seed))

    moved = np.flatnonzero(pool.any(axis=1))
    assert np.unique(found.labels[moved]).tolist() == list(range(len(found.centroids)))
    directions = unit_rows(pool).round(6) + 0.0
    kinds = np.unique(directions[moved], axis=0, return_inverse=True)[1].ravel()
    assert len(found.centroids) <= min(count, len(np.unique(kinds)))
    for kind in np.unique(kinds):
        assert len(np.unique(found.labels[moved[kinds == kind]])) == 1


@given(POOLS, st.integers(0, 3))
def test_as_many_clusters_as_different_directions_leave_no_distance(
    pool: NDArray[np.int8], seed: int
) -> None:
    found = k_means(pool.astype(np.float32), 200, rng=stream(seed))

    assert (found.similarities[pool.any(axis=1)] >= 1 - TOLERANCE).all()


@given(POOLS, st.integers(1, 16), st.integers(0, 3))
def test_lengths_do_not_matter(pool: NDArray[np.int8], count: int, seed: int) -> None:
    lengths = np.arange(1, len(pool) + 1)[:, None]

    found = k_means(pool.astype(np.float64), count, rng=stream(seed))
    longer = k_means(pool * 4.0**lengths, count, rng=stream(seed))

    assert longer.labels.tolist() == found.labels.tolist()
