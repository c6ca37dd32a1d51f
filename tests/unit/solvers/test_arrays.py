import numpy as np
import pytest

from assay.solvers.arrays import Candidates, checked_costs, checked_mask, checked_positions


def test_no_mask_stands_for_all_rows() -> None:
    assert checked_mask(None, 3).tolist() == [True, True, True]


@pytest.mark.parametrize("mask", [np.array([True]), np.array([1, 0, 1])])
def test_mask_of_another_length_or_type_is_refused(mask: np.ndarray) -> None:
    with pytest.raises(ValueError, match="boolean with 3 entries"):
        checked_mask(mask, 3)


def test_positions_keep_their_order() -> None:
    assert checked_positions(np.array([2, 0], dtype=np.int32), 3).tolist() == [2, 0]


def test_no_positions_are_an_empty_array() -> None:
    assert checked_positions(None, 3).tolist() == []
    assert checked_positions(np.array([]), 0).tolist() == []


@pytest.mark.parametrize(
    ("positions", "complaint"),
    [([-1], "lie in"), ([3], "lie in"), ([1, 1], "repeat"), ([0.5], "integers")],
)
def test_wrong_positions_are_refused(positions: list[float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        checked_positions(np.array(positions), 3)


def test_without_costs_nothing_is_limited() -> None:
    free = checked_costs(None, None, 2)
    assert free.each.tolist() == [0.0, 0.0]
    assert free.limit == np.inf


@pytest.mark.parametrize("costs", [[1.0], [1.0, -1.0], [1.0, np.nan], [1.0, np.inf]])
def test_wrong_costs_are_refused(costs: list[float]) -> None:
    with pytest.raises(ValueError, match="costs"):
        checked_costs(np.array(costs), 3.0, 2)


def test_costs_without_limit_and_limit_without_costs_are_refused() -> None:
    with pytest.raises(ValueError, match="together"):
        checked_costs(np.ones(2), None, 2)
    with pytest.raises(ValueError, match="together"):
        checked_costs(None, 3.0, 2)


def test_entrants_are_rows_that_may_be_chosen_and_rows_that_are() -> None:
    candidates = Candidates(
        2,
        allowed=np.array([True, False, True, False, False]),
        costs=np.array([1.0, 2.0, 3.0, 4.0, 5.0]),
        limit=9.0,
        start=np.array([4, 0, 3]),
    )

    found = candidates.entrants(5)

    assert found.rows.tolist() == [0, 2, 3, 4]
    assert found.allowed.tolist() == [True, True, False, False]
    assert found.start.tolist() == [3, 0]  # as many as are to be chosen
    assert found.costs.each.tolist() == [1.0, 3.0, 4.0, 5.0]
    assert (found.costs.limit, found.count) == (9.0, 2)


def test_without_a_count_all_may_be_chosen_and_a_negative_one_is_refused() -> None:
    assert Candidates(None).entrants(3).count == 3
    assert Candidates(7).entrants(3).count == 7
    with pytest.raises(ValueError, match="must not be negative"):
        Candidates(-1).entrants(3)


def test_candidates_among_some_rows_go_by_their_places() -> None:
    whole = Candidates(3, np.array([True, False, True]), costs=np.array([1.0, 2.0, 3.0]), limit=5.0)

    some, free = whole.among(np.array([2, 1])), whole.among(np.array([2, 0]))

    assert some.allowed is not None
    assert some.allowed.tolist() == [True, False]
    assert some.costs is not None
    assert some.costs.tolist() == [3.0, 2.0]
    assert (some.count, some.limit) == (3, 5.0)
    assert free.allowed is None  # all of them may be chosen
    with pytest.raises(ValueError, match="already chosen"):
        Candidates(3, start=np.array([0])).among(np.array([0]))
