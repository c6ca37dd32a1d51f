import numpy as np
import pytest

from assay.errors import NonFiniteError
from assay.samples import FloatArray, Selection
from assay.solvers.arrays import Candidates
from assay.solvers.facility_euclidean import facility_location_euclidean


def clustered(rows: int, width: int, seed: int = 0) -> FloatArray:
    generator = np.random.Generator(np.random.Philox(seed))
    centers = generator.standard_normal((max(1, rows // 12), width))
    noise = generator.standard_normal((rows, width)) * generator.uniform(0.2, 1.0, (rows, 1))
    return centers[generator.integers(0, len(centers), rows)] + noise


def kernel(vectors: FloatArray) -> FloatArray:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distances = np.linalg.norm(unit[:, None] - unit[None], axis=2)
    between: FloatArray = np.exp(-distances / vectors.shape[1])
    return between


def with_neighbours_alone(between: FloatArray, width: int, count: int) -> FloatArray:
    """The kernel with every pair at the floor of which neither is near to the other."""
    others = between - 2 * np.eye(len(between))
    nearest = np.argsort(-others, axis=1, kind="stable")[:, :count]
    is_edge = np.eye(len(between), dtype=bool)
    is_edge[np.arange(len(between))[:, None], nearest] = True
    return np.where(is_edge | is_edge.T, between, np.exp(-2 / width))


def naive(between: FloatArray, count: int) -> tuple[list[int], list[float]]:
    """The plain greedy, the whole sum taken anew for every candidate at every step."""
    picks: list[int] = []
    reached = [0.0]
    for _ in range(count):
        totals = [
            between[:, [*picks, row]].max(axis=1).sum() if row not in picks else -np.inf
            for row in range(len(between))
        ]
        # Two rows that stand for each other alone gain the same; sums of floats tell them apart.
        picks.append(int(np.argmax(np.array(totals) > max(totals) - 1e-6)))
        reached.append(float(max(totals)))
    return picks, np.diff(reached).tolist()


def answer(found: Selection) -> list[int]:
    return found.indices.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_all_pairs_give_the_plain_greedy(seed: int) -> None:
    vectors = clustered(60, 8, seed)
    picks, gains = naive(kernel(vectors), 20)

    found = facility_location_euclidean(vectors, Candidates(20))

    assert answer(found) == picks
    assert found.gains.tolist() == pytest.approx(gains, abs=1e-5)
    assert (found.nested, found.stop, found.gain_unit) == (True, "budget", "similarity")


@pytest.mark.parametrize("seed", range(3))
def test_a_graph_of_all_pairs_gives_the_plain_greedy_too(seed: int) -> None:
    vectors = clustered(60, 8, seed)
    picks, gains = naive(kernel(vectors), 20)

    found = facility_location_euclidean(vectors, Candidates(20), dense_rows=0, neighbors=59)

    assert answer(found) == picks
    assert found.gains.tolist() == pytest.approx(gains, abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_pairs_that_are_no_neighbours_count_as_the_farthest_possible(seed: int) -> None:
    vectors = clustered(60, 8, seed)
    picks, gains = naive(with_neighbours_alone(kernel(vectors), 8, 6), 20)

    found = facility_location_euclidean(vectors, Candidates(20), dense_rows=0, neighbors=6)

    assert answer(found) == picks
    assert answer(found) != naive(kernel(vectors), 20)[0]
    assert found.gains.tolist() == pytest.approx(gains, abs=1e-3)


def test_few_rows_are_looked_at_whole_and_more_than_that_by_neighbours() -> None:
    vectors = clustered(60, 8)
    dense, sparse = (
        facility_location_euclidean(vectors, Candidates(20), dense_rows=rows, neighbors=6)
        for rows in (60, 59)
    )

    assert answer(dense) == naive(kernel(vectors), 20)[0]
    assert answer(sparse) != answer(dense)


@pytest.mark.parametrize("dense_rows", [0, 100])
def test_copies_end_the_selection_unless_it_is_to_be_filled(dense_rows: int) -> None:
    vectors = np.array([[1.0, 0.0], [0.0, 1.0]])[[0, 0, 1, 1, 0]]

    ended = facility_location_euclidean(vectors, Candidates(4), dense_rows=dense_rows)
    filled = facility_location_euclidean(vectors, Candidates(4), fill=True, dense_rows=dense_rows)

    assert (answer(ended), ended.stop) == ([0, 2], "no_gain")
    assert (answer(filled), filled.stop) == ([0, 2, 1, 3], "budget")
    assert filled.gains.tolist()[2:] == [0.0, 0.0]


@pytest.mark.parametrize("dense_rows", [0, 100])
def test_zero_rows_are_like_nothing_and_come_last(dense_rows: int) -> None:
    vectors = np.array([[0.0, 0.0], [1.0, 0.0], [0.8, 0.6], [0.0, 0.0]])

    found = facility_location_euclidean(vectors, Candidates(4), dense_rows=dense_rows)

    near = np.exp(-np.sqrt(0.4) / 2)
    assert answer(found) == [1, 2, 0, 3]
    assert found.gains.tolist() == pytest.approx([1 + near, 1 - near, 0.0, 0.0], abs=1e-3)


@pytest.mark.parametrize("dense_rows", [0, 100])
def test_a_row_that_does_not_fit_is_passed_over(dense_rows: int) -> None:
    vectors = clustered(30, 8)
    first = naive(kernel(vectors), 1)[0][0]
    costs = np.ones(30)
    costs[first] = 9.0

    found = facility_location_euclidean(
        vectors, Candidates(30, costs=costs, limit=5.0), dense_rows=dense_rows, neighbors=29
    )

    assert len(found.indices) == 5
    assert first not in answer(found)


@pytest.mark.parametrize("dense_rows", [0, 100])
@pytest.mark.parametrize(("rows", "count", "stop"), [(0, 3, "exhausted"), (5, 0, "budget")])
def test_nothing_from_nothing_is_an_empty_answer(
    dense_rows: int, rows: int, count: int, stop: str
) -> None:
    found = facility_location_euclidean(
        clustered(5, 4)[:rows], Candidates(count), dense_rows=dense_rows
    )

    assert (answer(found), found.stop) == ([], stop)


@pytest.mark.parametrize("dense_rows", [0, 100])
def test_a_row_with_nan_is_refused(dense_rows: int) -> None:
    with pytest.raises(NonFiniteError):
        facility_location_euclidean(
            np.array([[1.0], [np.nan]]), Candidates(1), dense_rows=dense_rows
        )


@pytest.mark.parametrize(
    "candidates", [Candidates(2, np.ones(5, np.bool_)), Candidates(2, start=np.array([0]))]
)
def test_rows_that_are_not_to_be_chosen_are_not_taken(candidates: Candidates) -> None:
    with pytest.raises(ValueError, match="hand in no others"):
        facility_location_euclidean(clustered(5, 4), candidates)
