"""k-means against scikit-learn: neither leaves rows clearly farther from their centroids."""

import numpy as np
import pytest

from assay.samples import FloatArray
from assay.solvers.k_means import k_means

cluster = pytest.importorskip("sklearn.cluster")

_SEEDS = range(20)


def _blobs(rows: int, width: int, count: int, *, noise: float, seed: int) -> FloatArray:
    generator = np.random.Generator(np.random.Philox(seed))
    centers = generator.standard_normal((count, width))
    shares = generator.pareto(1.5, count) + 0.2
    members = generator.choice(count, rows, p=shares / shares.sum())
    vectors = centers[members] + noise * generator.standard_normal((rows, width))
    unit: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _spread(unit: FloatArray, centroids: FloatArray) -> float:
    """Sum of 1 - cosine to the nearest of the centroids' directions."""
    directions = centroids / np.linalg.norm(centroids, axis=1, keepdims=True)
    return float((1.0 - (unit @ directions.T).max(axis=1)).sum())


@pytest.mark.parametrize(
    ("count", "asked", "noise"), [(12, 12, 0.3), (12, 12, 0.8), (30, 30, 0.5), (25, 40, 0.8)]
)
def test_rows_are_as_near_to_their_centroids_as_with_scikit_learn(
    count: int, asked: int, noise: float
) -> None:
    ours, theirs = [], []
    for seed in _SEEDS:
        unit = _blobs(1200, 16, count, noise=noise, seed=seed)
        rng = np.random.Generator(np.random.Philox(seed))
        ours.append(_spread(unit, k_means(unit, asked, rng=rng).centroids.astype(np.float64)))
        reference = cluster.KMeans(asked, n_init=1, random_state=seed).fit(unit)
        theirs.append(_spread(unit, reference.cluster_centers_))

    assert np.mean(ours) <= 1.02 * np.mean(theirs)


def test_from_its_centroids_scikit_learn_finds_next_to_nothing_to_gain() -> None:
    unit = _blobs(1500, 16, 20, noise=0.8, seed=1)
    rng = np.random.Generator(np.random.Philox(0))
    found = k_means(unit, 20, rng=rng, tolerance=0.0, rounds=300)

    start = found.centroids.astype(np.float64)
    further = cluster.KMeans(20, init=start, n_init=1, max_iter=300, tol=0).fit(unit)

    assert _spread(unit, further.cluster_centers_) >= 0.995 * _spread(unit, start)
    assert np.mean(further.labels_ == found.labels) > 0.97


def test_assignment_is_that_of_scikit_learns_nearest_neighbour() -> None:
    neighbors = pytest.importorskip("sklearn.neighbors")
    unit = _blobs(1500, 16, 20, noise=0.8, seed=2)
    found = k_means(unit, 20, rng=np.random.Generator(np.random.Philox(0)))

    search = neighbors.NearestNeighbors(n_neighbors=1, algorithm="brute", metric="cosine")
    distance, nearest = search.fit(found.centroids.astype(np.float64)).kneighbors(unit)

    assert found.labels.tolist() == nearest[:, 0].tolist()
    assert found.similarities == pytest.approx(1.0 - distance[:, 0], abs=2e-6)
