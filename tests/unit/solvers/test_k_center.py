import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.errors import NonFiniteError
from assay.samples import FloatArray
from assay.solvers import cover
from assay.solvers import k_center as module
from assay.solvers.arrays import Candidates
from assay.solvers.k_center import k_center

AXES = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-1.0, 0.0], [0.6, 0.8]])


def random_vectors(rows: int, width: int, seed: int = 0) -> FloatArray:
    generator = np.random.Generator(np.random.Philox(seed))
    vectors = generator.standard_normal((rows, width))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def clustered(rows: int, width: int, seed: int = 0) -> FloatArray:
    generator = np.random.Generator(np.random.Philox(seed))
    members = generator.integers(0, 60, rows)
    noise = generator.standard_normal((rows, width)) * generator.uniform(0.2, 1.0, (rows, 1))
    return random_vectors(60, width, seed)[members] * np.sqrt(width) + noise


def corners(rows: int) -> NDArray[np.int64]:
    """Rows of twelve signs: most distances are exactly tied, many rows are copies."""
    return np.random.Generator(np.random.Philox(5)).integers(0, 2, (rows, 12)) * 2 - 1


def naive(vectors: FloatArray, count: int, first: int) -> list[int]:
    """The textbook greedy: one product per pick, all distances kept, argmax."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    picks = [first]
    nearest = 1.0 - unit @ unit[first]
    while len(picks) < count:
        nearest[picks] = -1.0
        picks.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, 1.0 - unit @ unit[picks[-1]])
    return picks


def naive_on_corners(signs: NDArray[np.int64], first: int) -> list[int]:
    """The textbook greedy in whole numbers, until all that is left are copies."""
    picks = [first]
    nearest = 12 - signs @ signs[first]
    while nearest.max() > 0:
        picks.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, 12 - signs @ signs[picks[-1]])
    return picks


def test_each_pick_is_the_farthest_row() -> None:
    selection = k_center(AXES, Candidates(4), first=0)
    assert selection.indices.tolist() == [0, 3, 2, 1]
    assert selection.gains[1:] == pytest.approx([2.0, 1.0, 0.2], abs=1e-6)
    assert np.isnan(selection.gains[0])
    assert (selection.stop, selection.nested) == ("budget", True)
    assert selection.gain_unit == "cosine distance"


@pytest.mark.parametrize("seed", range(8))
def test_picks_equal_the_naive_greedy_on_small_pools(seed: int) -> None:
    vectors = random_vectors(12, 3, seed)
    picks = k_center(vectors, Candidates(11), first=5).indices.tolist()
    assert picks == naive(vectors, 11, 5)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("count", [2, 3, 4])
def test_radius_is_at_most_twice_the_best_of_all_subsets(seed: int, count: int) -> None:
    vectors = random_vectors(11, 3, seed)
    lengths = np.sqrt(np.maximum(2.0 - 2.0 * vectors @ vectors.T, 0.0))
    best = min(
        lengths[:, list(subset)].min(axis=1).max()
        for subset in itertools.combinations(range(11), count)
    )
    picks = k_center(vectors, Candidates(count)).indices
    assert lengths[:, picks].min(axis=1).max() <= 2.0 * best + 1e-6


def test_picks_equal_one_product_per_pick_on_a_large_pool() -> None:
    vectors = clustered(3000, 32)
    picks = k_center(vectors.astype(np.float32), Candidates(1200), first=17).indices.tolist()
    assert picks == naive(vectors.astype(np.float32).astype(np.float64), 1200, 17)


def test_exact_ties_go_to_the_lowest_row() -> None:
    signs = corners(1500)
    selection = k_center(signs.astype(np.float32), Candidates(1499), first=3)
    assert selection.indices.tolist() == naive_on_corners(signs, 3)
    assert selection.stop == "no_gain"


def test_gains_are_distances_to_the_nearest_earlier_pick() -> None:
    vectors = clustered(800, 16)
    selection = k_center(vectors, Candidates(600))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distances = 1.0 - unit[selection.indices] @ unit[selection.indices].T
    expected = [distances[place, :place].min() for place in range(1, 600)]
    assert selection.gains[1:] == pytest.approx(expected, abs=1.5e-6)
    assert (np.diff(selection.gains[1:]) <= 0).all()


@pytest.mark.parametrize("size", [3, 100, 10_000])
def test_picks_and_gains_do_not_depend_on_how_the_work_is_cut(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Distances of a step of 1e-7 apart, far below what a float32 product can tell.
    vectors = np.concatenate(
        [clustered(500, 40), clustered(500, 40) + 1e-4, corners(90) @ np.eye(12, 40)]
    )
    expected = k_center(vectors, Candidates(700))
    for name in ("_FIRST_CANDIDATES", "_LEAST_CANDIDATES", "_MOST_CANDIDATES", "_LOOK_AHEAD"):
        monkeypatch.setattr(module, name, size)
    monkeypatch.setattr(module, "_LONG_LAG", size)
    for name in ("_ROWS_AT_ONCE", "_CENTERS_AT_ONCE", "_PRODUCTS_AT_ONCE"):
        monkeypatch.setattr(cover, name, size)
    selection = k_center(vectors, Candidates(700))
    assert selection.indices.tolist() == expected.indices.tolist()
    assert selection.gains.tobytes() == expected.gains.tobytes()


SCRIPT = """
import hashlib, numpy
from assay.solvers.arrays import Candidates
from assay.solvers.k_center import k_center
vectors = numpy.random.Generator(numpy.random.Philox(1)).standard_normal((3000, 100))
chosen = k_center(vectors.astype(numpy.float16), Candidates(900))
print(hashlib.sha256(chosen.indices.tobytes() + chosen.gains.tobytes()).hexdigest())
"""


def test_picks_and_gains_do_not_depend_on_the_number_of_threads() -> None:
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


def test_medoid_comes_first_unless_a_row_is_named() -> None:
    vectors = np.array([[0.0, 1.0], [1.0, 0.2], [1.0, 0.3], [1.0, -1.0]])
    assert k_center(vectors, Candidates(1)).indices.tolist() == [2]
    assert k_center(vectors, Candidates(1), first=3).indices.tolist() == [3]


def test_medoid_of_a_tie_is_the_lowest_row() -> None:
    assert (
        k_center(np.array([[1.0, 0], [0, 1.0], [-1.0, 0], [0, -1.0]]), Candidates(1)).indices[0]
        == 0
    )
    assert k_center(np.array([[1.0, 0], [0, 1.0], [0, 1.0]]), Candidates(1)).indices[0] == 1


def test_medoid_is_that_of_the_allowed_rows_alone() -> None:
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.3, 1.0], [1.0, 0.1], [1.0, -0.1]])
    allowed = np.array([False, True, True, False, True])
    assert k_center(vectors, Candidates(1, allowed=allowed)).indices.tolist() == [2]


def test_start_comes_first_in_its_own_order_without_gains() -> None:
    selection = k_center(AXES, Candidates(4, start=np.array([4, 0])))
    assert selection.indices.tolist() == [4, 0, 3, 2]
    assert np.isnan(selection.gains[:2]).all()
    assert selection.gains[2:] == pytest.approx([1.6, 0.2], abs=1e-6)


def test_start_longer_than_count_is_cut_to_count() -> None:
    assert k_center(AXES, Candidates(1, start=np.array([4, 0]))).indices.tolist() == [4]


def test_start_need_not_be_allowed_but_covers() -> None:
    allowed = np.array([False, True, True, True, False])
    selection = k_center(AXES, Candidates(9, allowed=allowed, start=np.array([0])))
    assert selection.indices.tolist() == [0, 3, 2, 1]
    assert selection.stop == "exhausted"


def test_start_is_found_behind_rows_that_take_no_part() -> None:
    allowed = np.array([False, False, True, True, True])
    selection = k_center(AXES, Candidates(2, allowed=allowed, start=np.array([2])))
    assert selection.indices.tolist() == [2, 3]


def test_copies_have_no_gain_and_end_the_search() -> None:
    vectors = np.array([[0.0, 2.0], [1.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 1.0]])
    selection = k_center(vectors, Candidates(3), first=2)
    assert selection.indices.tolist() == [2, 1]
    assert selection.stop == "no_gain"


def test_fill_adds_copies_by_lowest_row_with_gain_zero() -> None:
    vectors = np.array([[0.0, 2.0], [1.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 1.0]])
    selection = k_center(vectors, Candidates(4), first=2, fill=True)
    assert selection.indices.tolist() == [2, 1, 0, 3]
    assert selection.gains[1:].tolist() == [1.0, 0.0, 0.0]
    assert selection.stop == "budget"


@pytest.mark.parametrize("count", [5, 6, 1000])
def test_asking_for_all_rows_or_more_gives_all(count: int) -> None:
    vectors = np.array([[0.0, 2.0], [1.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 1.0]])
    selection = k_center(vectors, Candidates(count), first=2)
    assert selection.indices.tolist() == [2, 1, 0, 3, 4]
    assert selection.stop == "exhausted"


def test_nothing_from_nothing() -> None:
    empty = k_center(np.empty((0, 3)), Candidates(4))
    none = k_center(AXES, Candidates(0))
    assert (len(empty.indices), len(empty.gains), empty.stop) == (0, 0, "exhausted")
    assert (len(none.indices), len(none.gains), none.stop) == (0, 0, "budget")


def test_no_allowed_row_gives_nothing() -> None:
    selection = k_center(AXES, Candidates(2, allowed=np.zeros(5, dtype=np.bool_)))
    assert (len(selection.indices), selection.stop) == (0, "exhausted")


def test_zero_rows_are_at_distance_one_and_copies_of_each_other() -> None:
    vectors = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.9, 0.1], [0.0, 0.0]])
    selection = k_center(vectors, Candidates(4), first=1)
    assert selection.indices.tolist() == [1, 0, 3]
    assert selection.gains[1] == 1.0
    assert selection.stop == "no_gain"


def test_only_zero_rows_give_one_pick() -> None:
    selection = k_center(np.zeros((4, 3)), Candidates(2))
    assert selection.indices.tolist() == [0]


def test_only_zero_rows_are_filled_without_nan() -> None:
    selection = k_center(np.zeros((4, 3)), Candidates(3), fill=True)
    assert selection.indices.tolist() == [0, 1, 2]
    assert selection.gains[1:].tolist() == [0.0, 0.0]


def test_opposite_rows_are_at_distance_two() -> None:
    selection = k_center(np.array([[3.0, 4.0], [-3.0, -4.0]]), Candidates(2), first=1)
    assert selection.gains[1] == 2.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_are_named(bad: float) -> None:
    vectors = AXES.copy()
    vectors[3, 1] = bad
    with pytest.raises(NonFiniteError, match="rows 3"):
        k_center(vectors, Candidates(2))


def test_rows_that_take_no_part_may_hold_anything() -> None:
    vectors = AXES.copy()
    vectors[3, 1] = np.nan
    allowed = np.array([True, True, True, False, True])
    assert k_center(vectors, Candidates(3, allowed=allowed), first=0).indices.tolist() == [0, 2, 1]


def test_a_row_that_does_not_fit_is_passed_over() -> None:
    costs = np.array([1.0, 2.0, 1.0, 9.0, 1.0])
    selection = k_center(AXES, Candidates(5, costs=costs, limit=4.0), first=0)
    assert selection.indices.tolist() == [0, 2, 1]
    assert selection.stop == "budget"


def test_first_pick_fits_the_limit() -> None:
    vectors = np.array([[0.0, 1.0], [1.0, 0.2], [1.0, 0.3], [1.0, -1.0]])
    costs = np.array([1.0, 5.0, 2.0, 2.0])
    assert k_center(vectors, Candidates(4, costs=costs, limit=2.5)).indices.tolist() == [2]
    assert len(k_center(vectors, Candidates(4, costs=costs, limit=0.5)).indices) == 0


def test_start_is_paid_for() -> None:
    costs = np.array([3.0, 1.0, 1.0, 1.0, 1.0])
    start = np.array([0])
    for limit, chosen in ((4.0, [0, 3]), (2.0, [0])):
        candidates = Candidates(5, costs=costs, limit=limit, start=start)
        assert k_center(AXES, candidates).indices.tolist() == chosen


def test_every_prefix_is_the_answer_for_its_own_cost() -> None:
    vectors = clustered(400, 8)
    costs = np.random.Generator(np.random.Philox(2)).integers(1, 40, 400).astype(np.float64)
    whole = k_center(vectors, Candidates(400, costs=costs, limit=900.0), first=3).indices
    assert costs[whole].sum() <= 900.0
    for length in (1, 2, 10, len(whole) - 1):
        limit = float(costs[whole[:length]].sum())
        part = k_center(vectors, Candidates(400, costs=costs, limit=limit), first=3).indices
        assert part.tolist() == whole[:length].tolist()


def test_fill_stays_inside_the_limit() -> None:
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    costs = np.array([1.0, 5.0, 2.0, 1.0])
    selection = k_center(vectors, Candidates(3, costs=costs, limit=3.0), first=0, fill=True)
    assert selection.indices.tolist() == [0, 2]
    assert selection.stop == "budget"


def test_copies_too_dear_to_be_filled_in_are_a_matter_of_budget() -> None:
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    costs = np.array([1.0, 4.0, 1.0])
    dear = k_center(vectors, Candidates(3, costs=costs, limit=5.0), first=0)
    cheap = k_center(vectors, Candidates(3, costs=costs, limit=6.0), first=0)
    assert (dear.indices.tolist(), dear.stop) == ([0, 2], "budget")
    assert (cheap.indices.tolist(), cheap.stop) == ([0, 2, 1], "exhausted")


def test_copies_are_not_bought_unasked_when_not_all_rows_fit() -> None:
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    selection = k_center(vectors, Candidates(4, costs=np.ones(4), limit=3.0), first=0)
    assert (selection.indices.tolist(), selection.stop) == ([0, 3], "no_gain")


def test_float16_on_disk_gives_the_picks_of_its_float32_values(tmp_path: Path) -> None:
    halves = clustered(500, 24).astype(np.float16)
    np.save(tmp_path / "vectors.npy", halves)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    expected = naive(halves.astype(np.float64), 200, 2)
    assert k_center(mapped, Candidates(200), first=2).indices.tolist() == expected


def test_length_of_a_vector_does_not_matter() -> None:
    vectors = clustered(300, 8)
    scaled = vectors * np.geomspace(1e-30, 1e30, 300)[:, None]
    assert (
        k_center(scaled, Candidates(200)).indices.tolist()
        == k_center(vectors, Candidates(200)).indices.tolist()
    )


def test_input_is_left_as_it_was() -> None:
    vectors = clustered(50, 8).astype(np.float32)
    before = vectors.copy()
    k_center(vectors, Candidates(20))
    assert (vectors == before).all()


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="count"):
        k_center(AXES, Candidates(-1))
    with pytest.raises(ValueError, match="cannot come first"):
        k_center(AXES, Candidates(2), first=5)
    with pytest.raises(ValueError, match="cannot come first"):
        k_center(AXES, Candidates(2, allowed=np.array([True, False, True, True, True])), first=1)
    with pytest.raises(ValueError, match="cannot come first"):
        k_center(AXES, Candidates(2, costs=np.full(5, 3.0), limit=2.0), first=1)


def test_the_radius_is_within_twice_the_best_by_length_and_within_four_times_by_cosine() -> None:
    # Most rows lie at one end, so the one nearest to the mean does; the middle would be best.
    angles = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.2])
    vectors = np.column_stack([np.cos(angles), np.sin(angles)])

    pick = int(k_center(vectors, Candidates(1)).indices[0])

    cosine = 1.0 - vectors @ vectors.T
    length = np.sqrt(2.0 * np.maximum(cosine, 0.0))
    reached, best = cosine[pick].max(), cosine.max(axis=1).min()
    assert (reached, best) == pytest.approx((0.01993, 0.004996), rel=1e-3)
    assert 2.0 < reached / best <= 4.0
    assert length[pick].max() <= 2.0 * length.max(axis=1).min()
