from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.errors import NonFiniteError
from assay.samples import FloatArray
from assay.solvers import facility_opening, facility_sparse, similarity_columns
from assay.solvers.arrays import Candidates
from assay.solvers.facility_dense import dense_coverage, facility_location_dense
from assay.solvers.facility_sparse import facility_location_sparse
from assay.solvers.greedy import FacilityLocationOptions, FacilityLocationResult
from assay.solvers.nearest import Neighbors, nearest_neighbors

# Cosines to row 1: 0.8 from row 0, 0.6 from row 2; rows 0 and 2 share nothing; row 3 nothing
# with 0 and 2. Sums of each row: 1.8, 2.4, 1.6, 1.0.
FAN = np.array([[1.0, 0, 0], [0.8, 0.6, 0], [0, 1.0, 0], [0, 0, 1.0]])


def split(count: int, options: dict[str, Any]) -> tuple[Candidates, FacilityLocationOptions]:
    """Return what some settings say of the candidates, and of what they are worth."""
    names = {each.name for each in fields(Candidates)}
    own = {name: value for name, value in options.items() if name in names}
    rest = {name: value for name, value in options.items() if name not in names}
    return Candidates(count, **own), FacilityLocationOptions(**rest)


def solve_dense(vectors: FloatArray, count: int, **options: Any) -> FacilityLocationResult:
    candidates, rest = split(count, options)
    return facility_location_dense(vectors, candidates, options=rest)


def solve_sparse(vectors: FloatArray, count: int, **options: Any) -> FacilityLocationResult:
    neighbors = nearest_neighbors(vectors, len(vectors))
    candidates, rest = split(count, options)
    return facility_location_sparse(neighbors, candidates, options=rest)


def solve_opened(vectors: FloatArray, count: int, **options: Any) -> FacilityLocationResult:
    neighbors = nearest_neighbors(vectors, len(vectors))
    candidates, rest = split(count, options)
    return facility_location_sparse(neighbors, candidates, vectors=vectors, options=rest)


every_solver = pytest.mark.parametrize("solve", [solve_dense, solve_sparse, solve_opened])


def clustered(rows: int, width: int, seed: int = 0) -> FloatArray:
    generator = np.random.Generator(np.random.Philox(seed))
    centers = generator.standard_normal((max(1, rows // 40), width))
    noise = generator.standard_normal((rows, width)) * generator.uniform(0.2, 1.0, (rows, 1))
    return centers[generator.integers(0, len(centers), rows)] + noise


def picks(result: FacilityLocationResult) -> list[int]:
    return result.selection.indices.tolist()


@every_solver
def test_picks_cover_most_first_and_gains_are_what_they_add(solve: Any) -> None:
    result = solve(FAN, 3)

    assert picks(result) == [1, 3, 2]
    assert result.selection.gains.tolist() == pytest.approx([2.4, 1.0, 0.4], abs=1e-5)
    assert result.objective == result.coverage == pytest.approx(3.8, abs=1e-5)
    assert result.selection.stop == "budget"
    assert result.selection.gain_unit == "similarity"
    assert result.selection.nested


@every_solver
def test_negative_similarities_count_as_nothing(solve: Any) -> None:
    result = solve(np.array([[1.0, 0], [-1.0, 0], [-1.0, 0]]), 1)

    assert picks(result) == [1]
    assert result.objective == 2.0


@every_solver
@pytest.mark.parametrize("count", [4, 5, 1000])
def test_as_many_as_there_are_are_all_of_them(solve: Any, count: int) -> None:
    result = solve(FAN, count)

    assert picks(result) == [1, 3, 2, 0]
    assert result.selection.stop == "exhausted"
    assert result.objective == pytest.approx(4.0)


@every_solver
def test_none_asked_for_is_an_empty_answer(solve: Any) -> None:
    result = solve(FAN, 0)

    assert picks(result) == []
    assert result.objective == 0.0
    assert result.selection.stop == "budget"


@every_solver
def test_an_empty_pool_is_an_empty_answer(solve: Any) -> None:
    result = solve(np.empty((0, 3)), 5)

    assert picks(result) == []
    assert result.selection.stop == "exhausted"


@every_solver
def test_one_row_is_chosen_from_a_pool_of_one(solve: Any) -> None:
    assert picks(solve(FAN[:1], 1)) == [0]


@every_solver
def test_copies_add_nothing_and_end_the_selection(solve: Any) -> None:
    result = solve(FAN[[0, 0, 0, 3]], 3)

    assert picks(result) == [0, 3]
    assert result.selection.stop == "no_gain"


@every_solver
def test_fill_goes_on_with_the_lowest_rows(solve: Any) -> None:
    result = solve(FAN[[3, 0, 0, 0, 0]], 4, fill=True)

    assert picks(result) == [1, 0, 2, 3]
    assert result.selection.gains.tolist()[2:] == [0.0, 0.0]
    assert result.selection.stop == "budget"


@every_solver
def test_fill_goes_on_with_the_highest_quality(solve: Any) -> None:
    quality = np.array([0.0, 0.1, 0.2, 0.9])

    result = solve(FAN[[0, 0, 0, 0]], 3, fill=True, quality=quality)

    assert picks(result) == [0, 3, 2]


@every_solver
def test_zero_rows_are_not_picked_for_gain_and_come_last(solve: Any) -> None:
    vectors = np.insert(FAN, 0, 0.0, axis=0)

    assert picks(solve(vectors, 4)) == [2, 4, 3, 1]
    assert picks(solve(vectors, 5)) == [2, 4, 3, 1, 0]
    assert solve(vectors, 5).objective == pytest.approx(4.0)


@every_solver
def test_start_comes_first_without_gains_and_counts(solve: Any) -> None:
    result = solve(FAN, 3, start=np.array([3, 0]))

    assert picks(result) == [3, 0, 2]
    assert np.isnan(result.selection.gains[:2]).all()
    # Row 2 brings itself from 0 to 1; row 1 already has 0.8.
    assert result.selection.gains[2] == pytest.approx(1.0)
    assert result.objective == pytest.approx(3.8, abs=1e-5)


@every_solver
def test_a_start_as_long_as_the_count_is_the_answer(solve: Any) -> None:
    assert picks(solve(FAN, 2, start=np.array([3, 0, 1]))) == [3, 0]


@every_solver
def test_rows_not_allowed_are_neither_picked_nor_covered(solve: Any) -> None:
    allowed = np.array([True, False, True, True])

    result = solve(FAN, 10, allowed=allowed)

    assert picks(result) == [0, 2, 3]
    assert result.objective == pytest.approx(3.0)
    assert result.selection.stop == "exhausted"


@every_solver
def test_a_start_that_is_not_allowed_still_covers(solve: Any) -> None:
    allowed = np.array([True, False, True, True])

    result = solve(FAN, 2, allowed=allowed, start=np.array([1]))

    assert picks(result) == [1, 3]
    assert result.coverage == pytest.approx(2.4, abs=1e-5)


@every_solver
def test_weights_count_rows_several_times(solve: Any) -> None:
    weights = np.array([1, 1, 1, 5])

    result = solve(FAN, 2, weights=weights)

    assert picks(result) == [3, 1]
    assert result.selection.gains.tolist() == pytest.approx([5.0, 2.4], abs=1e-5)


@every_solver
def test_quality_is_weighed_against_coverage_relative_to_the_first_gain(solve: Any) -> None:
    quality = np.array([0.0, 0.0, 0.0, 1.0])

    result = solve(FAN, 2, quality=quality, trade_off=0.5)

    # Row 3: 0.5 * 1 / 2.4 + 0.5 * 1; row 1: 0.5 * 2.4 / 2.4.
    assert picks(result) == [3, 1]
    assert result.selection.gains.tolist() == pytest.approx([0.70833, 0.5], abs=1e-5)
    assert result.objective == pytest.approx(0.5 * 3.4 / 2.4 + 0.5, abs=1e-5)
    assert result.scale == pytest.approx(2.4, abs=1e-5)
    assert result.coverage_range == pytest.approx((0.5 / 2.4, 0.5), abs=1e-5)
    assert result.quality_range == (0.0, 0.5)
    assert result.selection.gain_unit == "objective"


@every_solver
def test_coverage_can_be_balanced_by_the_number_of_rows_or_a_number(solve: Any) -> None:
    quality = np.array([0.0, 0.0, 0.0, 1.0])

    by_rows = solve(FAN, 1, quality=quality, trade_off=0.2, balance="rows")
    plain = solve(FAN, 1, quality=quality, trade_off=0.2, balance=1.0)

    assert by_rows.scale == 4.0
    assert by_rows.objective == pytest.approx(0.8 * 2.4 / 4, abs=1e-5)
    assert plain.objective == pytest.approx(0.8 * 2.4, abs=1e-5)


@every_solver
def test_quality_alone_is_the_rows_of_highest_quality(solve: Any) -> None:
    quality = np.array([0.3, 0.1, 0.3, 0.2])

    assert picks(solve(FAN, 3, quality=quality, trade_off=1.0)) == [0, 2, 3]


@every_solver
def test_a_copy_adds_its_quality_and_nothing_else(solve: Any) -> None:
    quality = np.array([0.0, 0.8, 0.5, 0.0])

    result = solve(FAN[[0, 0, 0, 3]], 3, quality=quality, trade_off=0.5, balance=10.0)

    assert picks(result) == [1, 2, 3]
    assert result.selection.gains.tolist() == pytest.approx([0.55, 0.25, 0.05])


@every_solver
def test_equal_quality_changes_nothing(solve: Any) -> None:
    assert picks(solve(FAN, 3, quality=np.full(4, 0.5), trade_off=0.5)) == [1, 3, 2]


@every_solver
def test_rows_that_do_not_fit_the_limit_are_passed_over(solve: Any) -> None:
    costs = np.array([2.0, 5.0, 2.0, 3.0])

    result = solve(FAN, 4, costs=costs, limit=4.5)

    assert picks(result) == [0, 2]
    assert result.selection.stop == "budget"


@every_solver
def test_a_cost_ratio_takes_the_best_gain_per_cost(solve: Any) -> None:
    costs = np.array([1.0, 4.0, 1.0, 0.5])

    result = solve(FAN, 2, costs=costs, limit=10.0, cost_ratio=True)

    # Gains per cost: 1.8, 0.6, 1.6, 2.0; then 1.8, 0.6, 1.6.
    assert picks(result) == [3, 0]
    assert result.selection.gains.tolist() == pytest.approx([1.0, 1.8], abs=1e-5)


@every_solver
def test_ties_go_to_the_lowest_row(solve: Any) -> None:
    vectors = np.eye(6)[[5, 4, 3, 2, 1, 0]]

    assert picks(solve(vectors, 3)) == [0, 1, 2]


@every_solver
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quality": np.array([0.1, np.nan, 0.2, 0.3])}, "quality"),
        ({"quality": np.array([0.1, -1.0, 0.2, 0.3])}, "quality"),
        ({"quality": np.ones(3)}, "quality"),
        ({"trade_off": 0.5}, "needs quality"),
        ({"quality": np.ones(4), "trade_off": 1.5}, "trade_off"),
        ({"quality": np.ones(4), "balance": 0.0}, "balance"),
        ({"weights": np.array([1, 1, -1, 1])}, "weights"),
        ({"weights": np.ones(4)}, "weights"),
        ({"cost_ratio": True}, "cost ratio"),
        ({"cost_ratio": True, "costs": np.zeros(4), "limit": 1.0}, "cost ratio"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    solve: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        solve(FAN, 2, **options)


@every_solver
def test_negative_count_is_refused(solve: Any) -> None:
    with pytest.raises(ValueError, match="negative"):
        solve(FAN, -1)


def test_rows_that_are_not_finite_are_named() -> None:
    with pytest.raises(NonFiniteError, match="rows 1"):
        facility_location_dense(np.array([[1.0, 0], [np.inf, 0]]), Candidates(1))


def test_neither_cache_nor_blocks_change_a_dense_pick(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clustered(300, 8)
    whole = facility_location_dense(vectors, Candidates(150)).selection
    monkeypatch.setattr(similarity_columns, "_TILE", 41)
    monkeypatch.setattr(similarity_columns, "_LARGEST_BATCH", 5)
    monkeypatch.setattr(similarity_columns, "_ADDED_VALUES", 1)

    for cache_bytes in (0, 300 * 4 * 7, 300 * 4 * 300):
        cut = facility_location_dense(vectors, Candidates(150), cache_bytes=cache_bytes).selection
        assert cut.indices.tolist() == whole.indices.tolist()
        assert cut.gains.tolist() == whole.gains.tolist()


def test_blocks_do_not_change_a_sparse_pick(monkeypatch: pytest.MonkeyPatch) -> None:
    neighbors = nearest_neighbors(clustered(300, 8), 12)
    whole = facility_location_sparse(neighbors, Candidates(150)).selection
    monkeypatch.setattr(facility_sparse, "_BLOCK_ROWS", 23)
    monkeypatch.setattr(facility_sparse, "_BLOCK_EDGES", 31)

    cut = facility_location_sparse(neighbors, Candidates(150)).selection

    assert cut.indices.tolist() == whole.indices.tolist()
    assert cut.gains.tolist() == whole.gains.tolist()


def test_an_edge_counts_in_both_directions_at_its_larger_similarity() -> None:
    neighbors = Neighbors(
        indptr=np.array([0, 1, 2, 2]),
        indices=np.array([2, 2], dtype=np.int32),
        similarities=np.array([0.5, 0.25], dtype=np.float32),
        zero_rows=np.empty(0, dtype=np.int64),
    )

    result = facility_location_sparse(neighbors, Candidates(3))

    assert picks(result) == [2, 1, 0]
    assert result.selection.gains.tolist() == [1.75, 0.75, 0.5]


def test_sparse_objective_is_at_most_the_dense_value_of_its_picks() -> None:
    vectors = clustered(600, 8)

    result = facility_location_sparse(nearest_neighbors(vectors, 10), Candidates(40))

    value = dense_coverage(vectors, result.selection.indices).sum()
    assert 0.5 * value < result.objective < value


def test_sparse_with_an_opening_reaches_the_dense_value() -> None:
    vectors = clustered(3000, 16)
    neighbors = nearest_neighbors(vectors, 32)
    dense = facility_location_dense(vectors, Candidates(150))

    sparse = facility_location_sparse(neighbors, Candidates(150), vectors=vectors)

    value = dense_coverage(vectors, sparse.selection.indices).sum()
    assert value > 0.995 * dense.coverage


def test_an_opening_from_a_sample_counts_what_it_covers_of_all_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(facility_opening, "SAMPLE_ROWS", 100)
    vectors = clustered(1000, 8)
    neighbors = nearest_neighbors(vectors, 20)

    result = facility_location_sparse(neighbors, Candidates(20), vectors=vectors)

    covered = dense_coverage(vectors, result.selection.indices).sum()
    assert result.coverage == pytest.approx(covered)
    assert np.sum(result.selection.gains) == pytest.approx(covered)


def test_dense_coverage_is_the_similarity_to_the_nearest_choice() -> None:
    covered = dense_coverage(FAN, np.array([1, 3]))

    assert covered.tolist() == pytest.approx([0.8, 1.0, 0.6, 1.0], abs=1e-6)
    assert dense_coverage(FAN, np.empty(0, dtype=np.int64)).tolist() == [0.0] * 4


def test_euclidean_kernel_falls_with_distance_over_dimension() -> None:
    covered = dense_coverage(FAN, np.array([0]), kernel="submod-euclidean")

    distances = np.array([0.0, np.sqrt(0.4), np.sqrt(2), np.sqrt(2)])
    np.testing.assert_allclose(covered, np.exp(-distances / 3), atol=1e-7)


def test_zero_rows_are_not_covered_under_the_euclidean_kernel() -> None:
    vectors: NDArray[np.float64] = np.array([[0.0, 0.0], [1.0, 0.0]])

    assert dense_coverage(vectors, np.array([0, 1]), kernel="submod-euclidean").tolist() == [0, 1]


def _plain_greedy(vectors: FloatArray, costs: FloatArray, limit: float) -> list[int]:
    """Look at every row that can be paid for, at every step, and stop when none adds anything."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    kernel = np.maximum(unit @ unit.T, 0.0)
    chosen: list[int] = []
    covered = np.zeros(len(vectors))
    while True:
        gains = np.maximum(kernel - covered, 0.0).sum(axis=1)
        gains[costs > limit - costs[chosen].sum()] = 0.0
        best = int(np.argmax(np.round(gains, 4)))
        if gains[best] < 1e-3:
            return chosen
        chosen.append(best)
        covered = np.maximum(covered, kernel[best])


@every_solver
@pytest.mark.parametrize("limit", [60.0, 400.0, 900.0])
def test_under_a_limit_it_ends_where_the_plain_greedy_has_nothing_to_gain(
    solve: Any, limit: float
) -> None:
    generator = np.random.Generator(np.random.Philox(5))
    vectors = np.repeat(generator.standard_normal((15, 6)), 4, axis=0)
    costs = generator.integers(5, 40, 60).astype(np.float64)

    result = solve(vectors, 60, costs=costs, limit=limit)

    assert picks(result) == _plain_greedy(vectors, costs, limit)
    assert result.selection.stop == ("budget" if limit == 60.0 else "no_gain")


@every_solver
def test_a_limit_that_pays_for_all_rows_gives_all_of_them(solve: Any) -> None:
    vectors, costs = FAN[[0, 0, 3, 3]], np.array([1.0, 2.0, 3.0, 4.0])

    assert picks(solve(vectors, 4, costs=costs, limit=9.5)) == [0, 2]
    assert picks(solve(vectors, 4, costs=costs, limit=10.0)) == [0, 2, 1, 3]
    assert picks(solve(vectors, 3, costs=costs, limit=10.0)) == [0, 2]


def test_under_a_limit_one_costly_row_may_keep_out_many_that_add_more() -> None:
    # Eleven copies of one axis at 90 each, ten of each of nine others at 10 each.
    axes = np.concatenate([np.zeros(11, np.int64), np.repeat(np.arange(1, 10), 10)])
    vectors, costs = np.eye(10)[axes], np.where(axes == 0, 90.0, 10.0)

    found = facility_location_dense(vectors, Candidates(101, costs=costs, limit=90.0))

    assert found.coverage == pytest.approx(11)
    assert found.coverage < (1 - 1 / np.e) * 90
    assert facility_location_dense(vectors, Candidates(9)).coverage >= (1 - 1 / np.e) * 91
