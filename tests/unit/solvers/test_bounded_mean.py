"""Bounds of a mean hold it as often as they say, for labels of any spread."""

import numpy as np
import pytest

from assay.solvers.bounded_mean import bounded_mean
from assay.solvers.calibration import calibration

_SAMPLES = 400
# What a normal interval of such labels holds in far fewer than 95 of 100 samples.
_SPREADS = {
    "almost all alike": ([0.0, 1.0], [0.97, 0.03]),
    "halves": ([0.0, 1.0], [0.5, 0.5]),
    "marks of people": ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.01, 0.02, 0.05, 0.1, 0.32, 0.5]),
}


@pytest.mark.parametrize("rows", [8, 30, 120])
@pytest.mark.parametrize("spread", list(_SPREADS))
def test_bounds_hold_the_mean_in_at_least_95_of_100_samples(spread: str, rows: int) -> None:
    values, shares = (np.array(each) for each in _SPREADS[spread])
    truth = float(values @ shares)
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(_SAMPLES):
        drawn = rng.choice(values, rows, p=shares)
        found = bounded_mean(1 + 4 * drawn, 1.0, 5.0)
        held += found.low <= 1 + 4 * truth <= found.high

    # Three deviations of a count below what is said.
    assert held / _SAMPLES >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / _SAMPLES)


def test_a_normal_interval_would_not_hold_it() -> None:
    """That the spreads above are hard is what makes the test before worth anything."""
    values, shares = (np.array(each) for each in _SPREADS["almost all alike"])
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(_SAMPLES):
        drawn = rng.choice(values, 30, p=shares)
        half = 1.96 * drawn.std(ddof=1) / np.sqrt(30)
        held += abs(drawn.mean() - 0.03) <= half

    assert held / _SAMPLES < 0.7


def test_more_rows_make_bounds_closer_and_they_hold_the_sample_mean() -> None:
    rng = np.random.default_rng(3)
    few, many = (bounded_mean(rng.random(rows), 0.0, 1.0) for rows in (40, 1000))

    for each in (few, many):
        assert 0 <= each.low <= each.value <= each.high <= 1
    assert many.high - many.low < 0.3 * (few.high - few.low)


def test_no_number_has_no_mean() -> None:
    assert np.isnan(bounded_mean(np.array([]), 0.0, 1.0)).all()


def test_each_number_of_a_judge_has_the_mean_label_of_its_rows() -> None:
    numbers = np.array([1.0, 2.0, 1.0, 2.0, np.nan, 2.0])
    labels = np.array([0.0, 1.0, 1.0, 1.0, 1.0, np.nan])

    low, high = calibration(numbers, labels)

    assert (low.low, low.high, low.rows, low.label.value) == (1.0, 1.0, 2, 0.5)
    assert (high.low, high.high, high.rows, high.label.value) == (2.0, 2.0, 2, 1.0)


def test_many_numbers_are_ten_steps_and_equal_ones_stay_together() -> None:
    numbers = np.repeat(np.arange(40.0), 3)
    steps = calibration(numbers, numbers)

    assert len(steps) == 10
    assert [step.rows for step in steps] == [12] * 10
    assert steps[0].high < steps[1].low


def test_labels_that_are_all_alike_tell_nothing() -> None:
    assert calibration(np.array([1.0, 2.0]), np.array([3.0, 3.0])) == []
