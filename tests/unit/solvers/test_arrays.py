import numpy as np
import pytest

from assay.solvers.arrays import checked_allowance, checked_mask, checked_positions


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
    allowance = checked_allowance(None, None, 2)
    assert allowance.costs.tolist() == [0.0, 0.0]
    assert allowance.limit == np.inf


@pytest.mark.parametrize("costs", [[1.0], [1.0, -1.0], [1.0, np.nan], [1.0, np.inf]])
def test_wrong_costs_are_refused(costs: list[float]) -> None:
    with pytest.raises(ValueError, match="costs"):
        checked_allowance(np.array(costs), 3.0, 2)


def test_costs_without_limit_and_limit_without_costs_are_refused() -> None:
    with pytest.raises(ValueError, match="together"):
        checked_allowance(np.ones(2), None, 2)
    with pytest.raises(ValueError, match="together"):
        checked_allowance(None, 3.0, 2)
