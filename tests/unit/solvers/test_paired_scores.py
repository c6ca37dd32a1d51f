"""Sign test, intervals and errors of a score, against brute force and scipy."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.solvers.paired_scores import (
    resampled,
    score_interval,
    sign_test,
    smallest_effect,
    standard_error,
)

COUNTS = st.integers(0, 60)


def _exact_p(wins: int, losses: int) -> Fraction:
    tail = sum(math.comb(wins + losses, k) for k in range(min(wins, losses) + 1))
    return min(Fraction(1), Fraction(2 * tail, 2 ** (wins + losses)))


@given(COUNTS, COUNTS)
def test_the_sign_test_is_the_sum_of_a_binomial_s_tails(wins: int, losses: int) -> None:
    assert sign_test(wins, losses) == pytest.approx(float(_exact_p(wins, losses)), rel=1e-9)


def test_the_sign_test_is_scipy_s_also_where_two_to_the_minus_n_is_nothing() -> None:
    stats = pytest.importorskip("scipy.stats")
    for wins, losses in ((507, 225), (16, 6), (1, 173), (3000, 2900), (0, 0)):
        wanted = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
        assert sign_test(wins, losses) == pytest.approx(wanted, rel=1e-7)


def test_a_standard_error_of_items_on_their_own_is_that_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(size=50)

    found = standard_error(values, np.arange(50))

    assert found == pytest.approx(values.std(ddof=1) / math.sqrt(50), rel=1e-12)


def test_items_that_were_only_copied_make_nothing_surer() -> None:
    values = np.random.default_rng(1).normal(size=50)

    once = standard_error(values, np.arange(50))
    twice = standard_error(np.repeat(values, 2), np.repeat(np.arange(50), 2))

    assert twice == pytest.approx(once, rel=1e-12)
    assert math.isnan(standard_error(values, np.zeros(50, np.int64)))


def _distance(wins: int, losses: int, count: int, difference: float) -> float:
    """Return the score statistic, its variance by a search over all shares of losses."""
    shares = np.linspace(0, 1, 200_001)
    up, down = shares + difference, shares
    held = (up >= 0) & (up + down <= 1)
    up, down = up[held], down[held]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = (
            np.where(wins, wins * np.log(up), 0)
            + np.where(losses, losses * np.log(down), 0)
            + (count - wins - losses) * np.log(np.maximum(1 - up - down, 1e-300))
        )
    best = int(np.nanargmax(logs))
    variance = count * (up[best] + down[best] - difference**2)
    return abs(wins - losses - count * difference) / math.sqrt(variance)


@pytest.mark.parametrize(
    ("wins", "ties", "losses"), [(16, 58, 6), (5, 3, 2), (20, 10, 1), (40, 5, 35)]
)
def test_bounds_are_where_a_score_test_is_at_its_limit(wins: int, ties: int, losses: int) -> None:
    found = score_interval(wins, ties, losses)

    for bound in found[1:]:
        distance = _distance(wins, losses, wins + ties + losses, bound)
        assert distance == pytest.approx(1.96, abs=2e-3)


@given(COUNTS, COUNTS, COUNTS)
def test_an_interval_holds_its_value_and_turns_with_the_sides(
    wins: int, ties: int, losses: int
) -> None:
    found, other = score_interval(wins, ties, losses), score_interval(losses, ties, wins)

    if not wins + ties + losses:
        assert math.isnan(found.value)
        return
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert (found.low, found.high) == pytest.approx((-other.high, -other.low), abs=1e-9)


def test_twenty_wins_of_twenty_are_not_certain() -> None:
    found = score_interval(20, 0, 0)

    assert found.value == found.high == 1
    assert 0.6 < found.low < 0.75


def test_questions_are_drawn_within_their_set() -> None:
    sums = np.array([[1.0, 1.0]] * 3 + [[5.0, 1.0]] * 2)

    found = resampled(sums, np.array([0, 0, 0, 1, 1]), np.random.default_rng(0), resamples=50)

    # Questions of a set are alike here, so nothing can change unless sets are mixed.
    assert found.tolist() == [[13.0, 5.0]] * 50


def test_resampled_means_spread_as_the_standard_error_says() -> None:
    values = np.random.default_rng(2).normal(size=200)
    columns = np.stack([values, np.ones(200)], axis=1)

    drawn = resampled(columns, np.zeros(200, np.int64), np.random.default_rng(3))

    spread = (drawn[:, 0] / drawn[:, 1]).std()
    assert spread == pytest.approx(standard_error(values, np.arange(200)), rel=0.03)


def test_the_smallest_effect_is_2_8_standard_errors() -> None:
    assert smallest_effect(0.86 / math.sqrt(1030)) == pytest.approx(0.0751, abs=1e-4)
    assert smallest_effect(0.86 / math.sqrt(80)) == pytest.approx(0.27, abs=1e-2)
