import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.errors import DataError, NonFiniteError
from assay.solvers import nearest
from assay.solvers.nearest import Neighbors, nearest_neighbors, neighbors_above
from assay.solvers.vector_search import SearchMethod

# Cosines: rows 0 and 1 0.8, 1 and 2 0.6, 0 and 2 0, row 3 is opposite to 0.
COMPASS = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-1.0, 0.0]])

Row = list[tuple[int, float]]


def philox(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def clustered(rows: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    generator = philox(seed)
    centers = generator.standard_normal((max(1, rows // 100), width))
    noise = generator.standard_normal((rows, width)) * generator.uniform(0.2, 0.8, (rows, 1))
    vectors = centers[generator.integers(0, len(centers), rows)] + noise
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def lists(neighbors: Neighbors) -> list[Row]:
    return [
        [
            (int(neighbors.indices[place]), float(neighbors.similarities[place]))
            for place in range(neighbors.indptr[row], neighbors.indptr[row + 1])
        ]
        for row in range(len(neighbors.indptr) - 1)
    ]


def brute_force(vectors: NDArray[np.float64], queries: NDArray[np.float64] | None) -> list[Row]:
    """All pairs in plain Python loops, similarity rounded as documented."""
    asked = vectors if queries is None else queries
    result: list[Row] = []
    for place, query in enumerate(asked):
        row: Row = []
        for other, vector in enumerate(vectors):
            size = float(np.linalg.norm(query) * np.linalg.norm(vector))
            if size > 0 and not (queries is None and place == other):
                row.append((other, round(float(query @ vector) / size * 2**20) / 2**20))
        result.append(sorted(row, key=lambda pair: (-pair[1], pair[0])))
    return result


def recall(found: Neighbors, truth: Neighbors) -> float:
    hits = [
        len({index for index, _ in mine} & {index for index, _ in theirs})
        for mine, theirs in zip(lists(found), lists(truth), strict=True)
    ]
    return sum(hits) / len(truth.indices)


def test_neighbours_come_by_falling_similarity() -> None:
    found = nearest_neighbors(COMPASS, 2)

    assert found.indptr.tolist() == [0, 2, 4, 6, 8]
    assert found.indices.tolist() == [1, 2, 0, 2, 1, 0, 2, 1]
    expected = [0.8, 0.0, 0.8, 0.6, 0.6, 0.0, 0.0, -0.8]
    assert found.similarities.tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("count", [0, 1, 3, 29, 30, 1000])
@pytest.mark.parametrize("width", [1, 2, 4])
def test_lists_equal_brute_force_where_most_rows_tie(count: int, width: int) -> None:
    vectors = philox(width).integers(-1, 2, (30, width)).astype(np.float64)

    found = lists(nearest_neighbors(vectors, count))

    assert found == [row[:count] for row in brute_force(vectors, None)]


def test_lists_equal_brute_force_for_queries_of_their_own() -> None:
    vectors = philox(1).integers(-1, 2, (30, 3)).astype(np.float64)
    queries = philox(2).integers(-1, 2, (9, 3)).astype(np.float64)

    found = lists(nearest_neighbors(vectors, 7, queries=queries))

    assert found == [row[:7] for row in brute_force(vectors, queries)]


def test_a_row_is_its_own_neighbour_only_as_a_query() -> None:
    assert lists(nearest_neighbors(COMPASS, 1, queries=COMPASS))[2] == [(2, 1.0)]
    assert lists(nearest_neighbors(COMPASS, 1))[2][0][0] == 1


def test_copies_are_neighbours_and_the_lowest_come_first() -> None:
    vectors = np.tile(COMPASS[1], (100, 1))

    found = lists(nearest_neighbors(vectors, 3))

    assert found[0] == [(1, 1.0), (2, 1.0), (3, 1.0)]
    assert found[1] == [(0, 1.0), (2, 1.0), (3, 1.0)]
    assert found[99] == [(0, 1.0), (1, 1.0), (2, 1.0)]


def test_many_rows_that_differ_by_less_than_rounding_are_ordered_by_row() -> None:
    angles = philox(3).uniform(0, 1e-7, 300)
    vectors = np.column_stack([np.cos(angles), np.sin(angles)])

    found = lists(nearest_neighbors(vectors, 5))

    assert found[200] == [(row, 1.0) for row in range(5)]


def test_zero_rows_have_no_neighbours_and_are_nobodys() -> None:
    vectors = np.insert(COMPASS, 1, 0.0, axis=0)

    found = nearest_neighbors(vectors, 4)

    assert lists(found)[1] == []
    assert 1 not in found.indices
    assert found.zero_rows.tolist() == [1]


def test_zero_query_has_no_neighbours() -> None:
    found = nearest_neighbors(COMPASS, 2, queries=np.array([[0.0, 0.0], [1.0, 0.0]]))

    assert [len(row) for row in lists(found)] == [0, 2]
    assert found.zero_rows.tolist() == [0]


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_have_empty_lists(rows: int) -> None:
    assert lists(nearest_neighbors(COMPASS[:rows], 3)) == [[]] * rows
    assert lists(neighbors_above(COMPASS[:rows], 0.5)) == [[]] * rows


def test_rows_that_are_not_finite_are_named() -> None:
    vectors = COMPASS.copy()
    vectors[2, 1] = np.nan

    with pytest.raises(NonFiniteError, match="rows 2"):
        nearest_neighbors(vectors, 1)
    with pytest.raises(NonFiniteError, match="rows 2"):
        neighbors_above(vectors, 0.5)


def test_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        nearest_neighbors(COMPASS, -1)


def test_half_precision_and_memory_maps_are_read_as_they_are(tmp_path: Path) -> None:
    vectors = clustered(200, 8).astype(np.float16)
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")

    found = nearest_neighbors(mapped, 5)

    assert lists(found) == lists(nearest_neighbors(vectors.astype(np.float64), 5))


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.concatenate([clustered(500, 12), clustered(300, 12)])
    whole = nearest_neighbors(vectors, 9), neighbors_above(vectors, 0.8)
    for name in ("_QUERY_BLOCK", "_PAIR_BLOCK", "_PUT_BLOCK", "_EXPANSION_BLOCK"):
        monkeypatch.setattr(nearest, name, 37)

    cut = nearest_neighbors(vectors, 9), neighbors_above(vectors, 0.8)

    assert lists(cut[0]) == lists(whole[0])
    assert lists(cut[1]) == lists(whole[1])


def test_threads_do_not_change_the_result() -> None:
    script = (
        "import hashlib, numpy as np\n"
        "from assay.solvers.nearest import nearest_neighbors\n"
        "generator = np.random.Generator(np.random.Philox(4))\n"
        "vectors = generator.standard_normal((3000, 96)).astype(np.float32)\n"
        "found = nearest_neighbors(vectors, 20)\n"
        "print(hashlib.blake2b(b''.join(part.tobytes() for part in found)).hexdigest())\n"
    )

    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }

    assert len(digests) == 1


def test_clustered_search_finds_most_neighbours_at_exact_similarities() -> None:
    vectors = clustered(6000, 24)
    truth = nearest_neighbors(vectors, 10)

    found = nearest_neighbors(vectors, 10, method="approximate", effort=2000)

    assert recall(found, truth) > 0.9
    exact = dict(lists(nearest_neighbors(vectors, 6000, queries=vectors[17:18]))[0])
    assert all(exact[index] == similarity for index, similarity in lists(found)[17])


def test_clustered_search_of_every_cluster_finds_all() -> None:
    vectors = clustered(3000, 16)

    found = nearest_neighbors(vectors, 10, method="approximate", effort=3000)

    assert lists(found) == lists(nearest_neighbors(vectors, 10))


def test_clustered_search_repeats_itself() -> None:
    vectors = clustered(3000, 16)

    first = nearest_neighbors(vectors, 10, method="approximate", effort=500, seed=5)
    again = nearest_neighbors(vectors, 10, method="approximate", effort=500, seed=5)

    assert lists(first) == lists(again)


@pytest.mark.parametrize("threshold", [0.3, 0.6, 1.0])
def test_pairs_above_equal_brute_force(threshold: float) -> None:
    vectors = philox(6).integers(-2, 3, (60, 3)).astype(np.float64)

    found = lists(neighbors_above(vectors, threshold))

    truth = brute_force(vectors, None)
    assert found == [[pair for pair in row if pair[1] >= threshold] for row in truth]


@pytest.mark.parametrize("method", ["exact", "approximate"])
def test_pairs_above_are_found_in_both_directions(method: SearchMethod) -> None:
    found = lists(neighbors_above(clustered(3000, 16), 0.9, method=method, effort=1000))

    pairs = {(row, other) for row, near in enumerate(found) for other, _ in near}
    assert pairs
    assert pairs == {(other, row) for row, other in pairs}


def test_clustered_search_finds_nearly_all_pairs_above_a_high_threshold() -> None:
    vectors = clustered(6000, 24)
    truth = neighbors_above(vectors, 0.9)

    found = neighbors_above(vectors, 0.9, method="approximate", effort=2000)

    assert recall(found, truth) > 0.97


def test_more_pairs_than_the_limit_are_refused() -> None:
    with pytest.raises(DataError, match="more than 10 pairs"):
        neighbors_above(np.ones((20, 3)), 0.9, pair_limit=10)


@pytest.mark.parametrize("threshold", [0.0, -0.5, 1.5])
def test_threshold_outside_its_range_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        neighbors_above(COMPASS, threshold)
