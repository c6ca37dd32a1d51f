"""What further rows cost lies within the interval that is told of it."""

import math

import numpy as np
import pytest

from assay.agreement.pilot import spread


def test_the_interval_is_students_of_a_sum_to_come() -> None:
    low, high = spread(np.array([1.0, 2.0, 3.0]), 6)

    # Mean 2, deviation 1; 6 rows: 12 +- t(2) * sqrt(36 / 3 + 6).
    assert (low + high) / 2 == pytest.approx(12) or low == 0.0
    assert high == pytest.approx(12 + 4.303 * math.sqrt(18), rel=0.02)


def test_one_row_tells_no_spread_and_equal_rows_none_at_all() -> None:
    assert np.isnan(spread(np.array([1.0]), 6)).all()
    assert spread(np.array([2.0, 2.0]), 6) == (12.0, 12.0)


def test_the_sum_of_rows_to_come_is_held_in_about_95_of_100_pilots() -> None:
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(1000):
        costs = rng.gamma(4.0, 50.0, 550)
        low, high = spread(costs[:50], 500)
        held += low <= costs[50:].sum() <= high

    assert 0.93 <= held / 1000 <= 0.97
