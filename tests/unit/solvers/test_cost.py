import math

import numpy as np
import pytest

from assay.solvers.cost import data_efficiency, pareto_front

SIZES, LOSSES = [100.0, 1_000.0, 10_000.0], [3.0, 2.0, 1.0]


def test_an_arm_as_good_as_ten_times_the_random_rows_is_worth_ten() -> None:
    assert data_efficiency(2.0, 100.0, SIZES, LOSSES) == pytest.approx(10.0)


def test_between_budgets_the_loss_is_linear_in_the_logarithm() -> None:
    assert data_efficiency(2.5, 100.0, SIZES, LOSSES) == pytest.approx(math.sqrt(10))


def test_an_arm_worse_than_random_is_worth_less_than_one() -> None:
    assert data_efficiency(2.5, 1_000.0, SIZES, LOSSES) == pytest.approx(10**-0.5)


@pytest.mark.parametrize("loss", [3.1, 0.9])
def test_outside_what_was_run_nothing_is_said(loss: float) -> None:
    assert data_efficiency(loss, 1_000.0, SIZES, LOSSES) is None


def test_without_random_rows_nothing_is_said() -> None:
    assert data_efficiency(1.0, 100.0, [], []) is None


def test_a_curve_that_turns_back_counts_where_it_first_reaches_the_loss() -> None:
    assert data_efficiency(2.0, 100.0, SIZES, [3.0, 2.0, 2.5]) == pytest.approx(10.0)


def test_the_smallest_budget_reaches_its_own_loss() -> None:
    assert data_efficiency(3.0, 100.0, SIZES, LOSSES) == pytest.approx(1.0)


def test_front_by_hand() -> None:
    costs, losses = [1.0, 2.0, 2.0, 3.0, 4.0], np.array([5.0, 4.0, 4.5, 4.0, 1.0])

    assert pareto_front(costs, losses).tolist() == [True, True, False, False, True]


def test_equal_points_are_on_the_front_together() -> None:
    assert pareto_front([1.0, 1.0], np.array([2.0, 2.0])).all()


def test_an_unknown_cost_is_not_on_the_front_and_beats_nobody() -> None:
    front = pareto_front([math.nan, 2.0], np.array([1.0, 5.0]))

    assert front.tolist() == [False, True]


def test_front_agrees_with_its_definition() -> None:
    rng = np.random.default_rng(0)
    costs, losses = rng.integers(0, 8, 60).astype(float), rng.integers(0, 8, 60).astype(float)
    points = list(zip(costs, losses, strict=True))

    expected = [
        not any(c <= cost and s <= loss and (c, s) != (cost, loss) for c, s in points)
        for cost, loss in points
    ]
    assert pareto_front(costs, losses).tolist() == expected
