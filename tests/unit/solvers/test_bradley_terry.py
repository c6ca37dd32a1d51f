"""Strengths against closed forms, SciPy and what was planted; both orders of a judge by hand."""

import numpy as np
import pytest

from assay.solvers.bradley_terry import (
    Comparisons,
    bradley_terry,
    calibrated,
    strengths_against,
)


def _pairs(rows: list[tuple[int, int, float]]) -> Comparisons:
    first, second, probability = zip(*rows, strict=True)
    return Comparisons(np.array(first), np.array(second), np.array(probability))


def test_two_orders_are_averaged_and_a_liking_for_a_place_cancels() -> None:
    votes = np.full(4, 20)

    found = calibrated(
        np.array([1.0, 0.75, 1.0, 0.0]),  # for B, shown second
        np.array([0.0, 0.5, 1.0, 0.0]),  # for A, shown second
        forward_votes=votes,
        backward_votes=votes,
    )

    # The third judge always says the second place, the fourth always the first.
    assert found.tolist() == [1.0, 0.625, 0.5, 0.5]


def test_an_order_with_ten_votes_or_fewer_says_nothing() -> None:
    found = calibrated(
        np.full(3, 0.75),
        np.full(3, 0.25),
        forward_votes=np.array([10, 11, 20]),
        backward_votes=np.array([20, 11, 9]),
    )

    assert np.isnan(found).tolist() == [True, False, True]
    assert found[1] == 0.75


def test_the_strengths_of_two_are_the_log_odds() -> None:
    found = bradley_terry(_pairs([(0, 1, 0.8)]), 2, ridge=1e-9)

    assert found.values[1] - found.values[0] == pytest.approx(np.log(4.0), abs=1e-6)
    assert found.values.sum() == pytest.approx(0.0, abs=1e-9)


def test_a_round_robin_gives_the_strengths_that_made_it() -> None:
    rng = np.random.default_rng(0)
    planted = rng.normal(size=12)
    planted -= planted.mean()
    first, second = np.triu_indices(12, 1)
    ahead = planted[second] - planted[first]

    found = bradley_terry(Comparisons(first, second, 1 / (1 + np.exp(-ahead))), 12, ridge=1e-8)

    np.testing.assert_allclose(found.values, planted, atol=1e-5)
    assert found.converged


def test_votes_that_were_drawn_give_the_planted_strengths_within_their_errors() -> None:
    rng = np.random.default_rng(1)
    planted = np.linspace(-1.5, 1.5, 20)
    first, second = np.triu_indices(20, 1)
    chance = 1 / (1 + np.exp(planted[first] - planted[second]))
    votes = 200

    found = bradley_terry(
        Comparisons(first, second, rng.binomial(votes, chance) / votes), 20, ridge=1e-6
    )

    # Standard errors by the information matrix, in which a pair counts votes * p * (1 - p).
    information = np.zeros((20, 20))
    weight = votes * chance * (1 - chance)
    np.add.at(information, (first, first), weight)
    np.add.at(information, (second, second), weight)
    np.add.at(information, (first, second), -weight)
    np.add.at(information, (second, first), -weight)
    errors = np.sqrt(np.diag(np.linalg.pinv(information)))
    assert (np.abs(found.values - planted) < 3.5 * errors).all()


def test_it_is_the_minimum_that_scipy_finds() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(2)
    first = rng.integers(0, 30, 80)
    second = (first + rng.integers(1, 30, 80)) % 30
    probability = rng.choice([0.0, 0.25, 0.5, 1.0], 80)

    def loss(strengths: np.ndarray) -> float:
        win = 1 / (1 + np.exp(strengths[first] - strengths[second]))
        entropy = -probability * np.log(win) - (1 - probability) * np.log1p(-win)
        return float(entropy.sum() + 0.5e-2 * (strengths**2).sum())

    theirs = optimize.minimize(
        loss,
        np.zeros(30),
        method="L-BFGS-B",
        options={"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-8},
    )
    found = bradley_terry(Comparisons(first, second, probability), 30, ridge=1e-2)

    assert loss(np.nan_to_num(found.values)) <= theirs.fun + 1e-9
    np.testing.assert_allclose(np.nan_to_num(found.values), theirs.x, atol=2e-3)


def test_what_always_won_is_strong_and_finite() -> None:
    found = bradley_terry(_pairs([(0, 1, 1.0), (1, 2, 1.0)]), 3)

    assert np.isfinite(found.values).all()
    assert found.values[0] < found.values[1] < found.values[2]


def test_pairs_without_a_verdict_do_not_count_and_groups_are_told_apart() -> None:
    found = bradley_terry(
        _pairs([(4, 3, 0.9), (1, 2, 0.6), (2, 3, np.nan), (2, 6, 0.5), (0, 5, np.nan)]), 7
    )

    assert np.isnan(found.values).tolist() == [True, False, False, False, False, True, False]
    assert found.group.tolist() == [0, 1, 1, 3, 3, 5, 1]
    assert found.values[[3, 4]].sum() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([(0, 0, 0.5)], "with itself"),
        ([(0, 3, 0.5)], r"must lie in \[0, 3\)"),
        ([(0, 1, 1.5)], r"must lie in \[0, 1\]"),
    ],
)
def test_what_cannot_be_is_refused(pairs: list[tuple[int, int, float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bradley_terry(_pairs(pairs), 3)


def test_without_a_ridge_a_minimum_need_not_exist() -> None:
    with pytest.raises(ValueError, match="ridge must be above 0"):
        bradley_terry(_pairs([(0, 1, 1.0)]), 2, ridge=0.0)


def test_a_strength_against_known_ones_is_where_the_likelihood_is_highest() -> None:
    known = np.array([-1.0, 0.5, 2.0, np.nan])
    met = [(0, 0, 0.1), (0, 1, 0.4), (0, 2, 0.8), (1, 2, 0.0), (2, 3, 0.5), (3, 1, np.nan)]

    found = strengths_against(_pairs(met), known, 5, ridge=1e-3)

    grid = np.linspace(-10, 10, 2_000_001)
    loss = 1e-3 / 2 * grid**2
    for _, other, lost in met[:3]:
        ahead = grid - known[other]
        loss += np.logaddexp(0, ahead) - (1 - lost) * ahead
    assert found[0] == pytest.approx(grid[np.argmin(loss)], abs=1e-5)
    assert 5 < found[1] < 12, "what always won is strong and not infinitely so"
    assert np.isnan(found[2:]).all(), "nobody knows the other, or the reply"


def test_a_strength_against_known_ones_is_that_of_the_whole_fit_where_these_are_its_own() -> None:
    rng = np.random.default_rng(1)
    first, second = np.triu_indices(8, 1)
    chances = rng.uniform(0.1, 0.9, len(first))
    whole = bradley_terry(Comparisons(first, second, chances), 8)

    last = second == 7
    found = strengths_against(
        Comparisons(np.zeros(7, np.int64), first[last], 1.0 - chances[last]), whole.values, 1
    )

    assert found[0] == pytest.approx(whole.values[7], abs=1e-6)
