import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.errors import NonFiniteError
from assay.samples import FloatArray, IndexArray
from assay.solvers import k_means as module
from assay.solvers import similarity
from assay.solvers.k_means import Clustering, assign, k_means, usual_count
from assay.solvers.similarity import exact_unit_vectors


def stream(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def blobs(rows: int, width: int, count: int, *, noise: float, seed: int = 0) -> FloatArray:
    """Rows around `count` directions, row i around direction i modulo `count`."""
    generator = stream(seed)
    centers = generator.standard_normal((count, width))
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    scatter = generator.standard_normal((rows, width)) * noise / np.sqrt(width)
    vectors: FloatArray = centers[np.arange(rows) % count] + scatter
    return vectors


def signs(rows: int, width: int = 12, seed: int = 5) -> NDArray[np.int64]:
    """Rows of signs: many are exactly as far from two others, many are copies."""
    return stream(seed).integers(0, 2, (rows, width)) * 2 - 1


def in_whole_numbers(vectors: FloatArray, centroids: NDArray[np.float32]) -> IndexArray:
    """The nearest centroid of each row by integer arithmetic, which rounds nothing."""
    left, right = (
        np.rint(exact.astype(np.float64) * 2**26).astype(np.int64)
        for exact in (exact_unit_vectors(vectors), centroids)
    )
    nearest: IndexArray = np.rint((left @ right.T) / 2.0**32).argmax(axis=1)
    return nearest


def partition(labels: IndexArray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def spread(vectors: FloatArray, found: Clustering) -> float:
    """Sum of 1 - cosine to the centroid that is nearest, in plain float64."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return float((1.0 - (unit @ found.centroids.T.astype(np.float64)).max(axis=1)).sum())


def test_rows_go_to_the_most_similar_centroid_and_ties_to_the_lowest() -> None:
    centroids = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1]], np.float32)
    vectors = np.array([[3.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, -2.0], [-1.0, 0.5, 0.4]])

    found = assign(vectors, centroids)

    assert found.labels.tolist() == [1, 0, 2, 0]
    expected = [3 / np.sqrt(10), np.sqrt(0.5), 1.0, 0.5 / np.sqrt(1.41)]
    assert found.similarities == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("width", [3, 12, 100])
def test_labels_are_those_of_whole_numbers_even_where_float32_cannot_tell(width: int) -> None:
    # Centroids a step of 1e-7 apart, and signs, which are exactly as far from several.
    base = blobs(40, width, 40, noise=0.0)
    near = base + stream(1).standard_normal(base.shape) * 1e-7
    centroids = exact_unit_vectors(np.concatenate([base, near, signs(40, width)]))
    vectors = np.concatenate([blobs(900, width, 40, noise=0.3), signs(900, width, seed=6)])

    labels = assign(vectors, centroids).labels

    assert labels.tolist() == in_whole_numbers(vectors, centroids).tolist()


def test_a_pool_in_blocks_gets_the_labels_of_the_whole() -> None:
    vectors = blobs(700, 16, 9, noise=0.8).astype(np.float16)
    centroids = exact_unit_vectors(vectors[:30])

    whole = assign(vectors, centroids)
    parts = [assign(vectors[first : first + 90], centroids) for first in range(0, 700, 90)]

    assert np.concatenate([part.labels for part in parts]).tolist() == whole.labels.tolist()
    assert b"".join(part.similarities.tobytes() for part in parts) == whole.similarities.tobytes()


@pytest.mark.parametrize("seed", range(5))
def test_well_separated_blobs_are_found(seed: int) -> None:
    vectors = blobs(600, 24, 12, noise=0.4, seed=seed)

    found = k_means(vectors, 12, rng=stream(seed))

    assert partition(found.labels) == partition(np.arange(600) % 12)
    assert found.fitted_rows == 600


def test_rows_in_another_order_give_the_same_well_separated_partition() -> None:
    vectors = blobs(300, 24, 6, noise=0.4)
    order = stream(3).permutation(300)

    found = k_means(vectors, 6, rng=stream())
    shuffled = k_means(vectors[order], 6, rng=stream())

    back = np.empty(300, np.int64)
    back[order] = shuffled.labels
    assert partition(back) == partition(found.labels)


def test_a_settled_centroid_is_the_mean_direction_of_its_rows() -> None:
    vectors = blobs(500, 8, 20, noise=1.5)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    found = k_means(vectors, 7, rng=stream(), tolerance=0.0, rounds=500)

    assert found.rounds < 500
    for cluster, centroid in enumerate(found.centroids):
        total = unit[found.labels == cluster].sum(axis=0)
        assert centroid == pytest.approx(total / np.linalg.norm(total), abs=1e-6)
    assert found.labels.tolist() == in_whole_numbers(vectors, found.centroids).tolist()


def test_labels_and_similarities_are_what_assigning_to_the_centroids_gives() -> None:
    vectors = blobs(800, 8, 30, noise=2.0)

    found = k_means(vectors, 25, rng=stream(), rows_per_centroid=8)

    again = assign(vectors, found.centroids)
    assert again.labels.tolist() == found.labels.tolist()
    assert again.similarities.tobytes() == found.similarities.tobytes()


def test_more_rounds_bring_rows_nearer_to_their_centroids() -> None:
    vectors = blobs(900, 16, 40, noise=2.0)

    by_rounds = [k_means(vectors, 15, rng=stream(), tolerance=0.0, rounds=n) for n in (1, 4, 40)]

    assert [found.rounds for found in by_rounds[:2]] == [1, 4]
    spreads = [spread(vectors, found) for found in by_rounds]
    assert spreads[0] > spreads[1] > spreads[2]


def test_a_coarse_tolerance_ends_the_rounds_early() -> None:
    vectors = blobs(900, 16, 40, noise=2.0)

    coarse = k_means(vectors, 15, rng=stream(), tolerance=0.05)
    fine = k_means(vectors, 15, rng=stream(), tolerance=0.0, rounds=200)

    assert coarse.rounds < fine.rounds < 200


def test_centroids_are_fitted_on_a_sample_of_stated_size_and_every_row_is_assigned() -> None:
    vectors = blobs(2000, 24, 5, noise=0.4)

    found = k_means(vectors, 5, rng=stream(), rows_per_centroid=20)

    assert found.fitted_rows == 100
    assert partition(found.labels) == partition(np.arange(2000) % 5)


def test_the_seed_decides_and_nothing_else() -> None:
    vectors = blobs(600, 8, 30, noise=2.0)

    one, same, other = (k_means(vectors, 10, rng=stream(seed)) for seed in (1, 1, 2))

    assert one.labels.tobytes() == same.labels.tobytes()
    assert one.centroids.tobytes() == same.centroids.tobytes()
    assert one.labels.tolist() != other.labels.tolist()


@pytest.mark.parametrize("size", [1, 70, 5000])
def test_nothing_depends_on_how_the_work_is_cut(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.concatenate([blobs(300, 12, 20, noise=1.5), signs(300).astype(np.float64)])
    expected = k_means(vectors, 18, rng=stream())

    monkeypatch.setattr(module, "_PRODUCTS_AT_ONCE", size * 18)
    monkeypatch.setattr(similarity, "_BLOCK_VALUES", size * 12)
    found = k_means(vectors, 18, rng=stream())

    assert found.labels.tobytes() == expected.labels.tobytes()
    assert found.similarities.tobytes() == expected.similarities.tobytes()
    assert found.centroids.tobytes() == expected.centroids.tobytes()
    assert found.rounds == expected.rounds


SCRIPT = """
import hashlib, numpy
from assay.solvers.k_means import k_means
generator = numpy.random.Generator(numpy.random.Philox(1))
vectors = generator.standard_normal((3000, 100)).astype(numpy.float16)
found = k_means(vectors, 90, rng=generator, rows_per_centroid=20, rounds=10)
arrays = found.labels, found.similarities, found.centroids
print(hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest())
"""


def test_nothing_depends_on_the_number_of_threads() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
            capture_output=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(digests) == 1


def test_zero_rows_are_in_no_cluster_and_change_nothing() -> None:
    vectors = blobs(300, 12, 5, noise=1.0)
    alone = k_means(vectors, 5, rng=stream())
    between = np.zeros((600, 12))
    between[::2] = vectors

    found = k_means(between, 5, rng=stream())

    assert found.labels[::2].tolist() == alone.labels.tolist()
    assert set(found.labels[1::2].tolist()) == {-1}
    assert set(found.similarities[1::2].tolist()) == {0.0}
    assert found.fitted_rows == 300


@pytest.mark.parametrize("rows", [0, 3])
def test_without_a_row_that_has_a_direction_there_is_no_cluster(rows: int) -> None:
    found = k_means(np.zeros((rows, 4)), 2, rng=stream())

    assert found.labels.tolist() == [-1] * rows
    assert found.centroids.shape == (0, 4)
    assert (found.fitted_rows, found.rounds) == (0, 0)


def test_there_are_no_more_clusters_than_different_rows() -> None:
    vectors = np.repeat(np.eye(3), [5, 1, 7], axis=0) * np.arange(1, 14)[:, None]

    found = k_means(vectors, 10, rng=stream())

    assert len(found.centroids) == 3
    assert partition(found.labels) == {
        frozenset(range(5)), frozenset([5]), frozenset(range(6, 13))
    }  # fmt: skip
    assert set(found.similarities.tolist()) == {1.0}


def test_copies_that_crowd_the_sample_leave_no_cluster_unfound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_START_ROWS_PER_CENTROID", 2)
    monkeypatch.setattr(module, "_FEWEST_START_ROWS", 1)
    vectors = np.concatenate([np.tile(np.eye(1, 9), (2000, 1)), np.eye(9)])

    found = k_means(vectors, 9, rng=stream())

    assert len(found.centroids) == 9
    assert partition(found.labels[-8:]) == {frozenset([place]) for place in range(8)}


def test_an_empty_cluster_gets_the_row_farthest_from_its_own_centroid() -> None:
    unit = exact_unit_vectors(np.array([[1.0, 0.0], [1.0, 0.2], [1.0, 0.9], [0.0, 1.0]]))
    centroids = exact_unit_vectors(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))

    mended = module._without_empty(np.array([0, 0, 0, 1]), unit, centroids)

    assert mended.tolist() == [0, 0, 2, 1]


def test_an_empty_cluster_takes_neither_a_last_row_nor_a_copy() -> None:
    unit = exact_unit_vectors(np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 1.0]]))
    centroids = exact_unit_vectors(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))

    mended = module._without_empty(np.array([0, 0, 1]), unit, centroids)

    assert mended.tolist() == [0, 0, 1]


def test_a_centroid_that_no_row_is_nearest_to_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = exact_unit_vectors(np.array([[0.0, 1.0], [-1.0, 0.0], [1.0, 0.1]]))
    monkeypatch.setattr(module, "_fitted_centroids", lambda *_: (fitted, 4))
    vectors = np.array([[1.0, 0.0], [-3.0, -0.1], [0.0, 0.0], [0.9, 0.1]])

    found = k_means(vectors, 3, rng=stream())

    assert found.labels.tolist() == [1, 0, -1, 1]
    assert found.centroids.tolist() == fitted[1:].tolist()


def test_opposite_rows_in_one_cluster_keep_the_centroid_they_had() -> None:
    found = k_means(np.array([[2.0, 0.0], [-1.0, 0.0]]), 1, rng=stream())

    assert found.labels.tolist() == [0, 0]
    assert sorted(found.similarities.tolist()) == [-1.0, 1.0]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_that_are_not_finite_are_named(bad: float) -> None:
    vectors = blobs(9, 4, 3, noise=0.1)
    vectors[4, 2] = bad
    with pytest.raises(NonFiniteError, match="rows 4"):
        k_means(vectors, 2, rng=stream())
    with pytest.raises(NonFiniteError, match="rows 4"):
        assign(vectors, exact_unit_vectors(np.eye(4)))


def test_float16_on_disk_gives_the_clusters_of_its_float32_values(tmp_path: Path) -> None:
    halves = blobs(400, 16, 7, noise=1.0).astype(np.float16)
    np.save(tmp_path / "halves.npy", halves)
    mapped = np.load(tmp_path / "halves.npy", mmap_mode="r")

    found = k_means(mapped, 7, rng=stream())

    expected = k_means(halves.astype(np.float32), 7, rng=stream())
    assert found.labels.tolist() == expected.labels.tolist()


@pytest.mark.parametrize(
    ("count", "rounds", "rows_per_centroid"), [(0, 1, 1), (2, 0, 1), (2, 1, 0)]
)
def test_numbers_below_one_are_refused(count: int, rounds: int, rows_per_centroid: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        k_means(np.eye(3), count, rng=stream(), rounds=rounds, rows_per_centroid=rows_per_centroid)


def test_assigning_to_no_centroid_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a centroid"):
        assign(np.eye(3), np.empty((0, 3), np.float32))


@pytest.mark.parametrize(("rows", "count"), [(0, 1), (1, 1), (200, 10), (52_002, 161)])
def test_the_usual_count_is_the_root_of_half_the_rows(rows: int, count: int) -> None:
    assert usual_count(rows) == count
