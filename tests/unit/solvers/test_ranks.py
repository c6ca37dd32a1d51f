import numpy as np
import pytest

from assay.solvers.ranks import best_first, jaccard, rank_share, spearman
from tests.unit.methods.planted import given

_NAN = float("nan")


def test_best_first_breaks_ties_by_lowest_position_and_puts_missing_last() -> None:
    scores = given(1.0, 3.0, _NAN, 3.0, 2.0)

    assert best_first(scores, 1.0).tolist() == [1, 3, 4, 0, 2]
    assert best_first(scores, -1.0).tolist() == [0, 4, 1, 3, 2]


def test_rank_shares_of_equal_values_are_the_mean_of_their_ranks() -> None:
    values = np.array([5.0, 1.0, 5.0, _NAN, 9.0])

    assert rank_share(values, 1.0).tolist() == pytest.approx(
        [2.5 / 4, 1 / 4, 2.5 / 4, _NAN, 4 / 4], nan_ok=True
    )
    assert rank_share(values, -1.0).tolist() == pytest.approx(
        [2.5 / 4, 4 / 4, 2.5 / 4, _NAN, 1 / 4], nan_ok=True
    )
    assert np.isnan(rank_share(np.full(3, _NAN), 1.0)).all()


def test_rank_correlation_of_a_textbook_example() -> None:
    # Intelligence quotient against hours of television, a common worked example: rho = -29/165.
    quotient = np.array([106, 100, 86, 101, 99, 103, 97, 113, 112, 110], float)
    hours = np.array([7, 27, 2, 50, 28, 29, 20, 12, 6, 17], float)

    assert spearman(quotient, hours) == pytest.approx(-29 / 165)


def test_rank_correlation_shares_ranks_and_skips_rows_without_a_number() -> None:
    first = np.array([1, 2, 2, 3, np.nan, 9], float)
    second = np.array([10, 20, 20, 30, 5, np.nan], float)

    assert spearman(first, second) == pytest.approx(1.0)


def test_too_few_or_equal_numbers_have_no_correlation() -> None:
    assert np.isnan(spearman(np.array([1.0, 2.0]), np.array([1.0, 2.0])))
    assert np.isnan(spearman(np.ones(5), np.arange(5.0)))


def test_jaccard_of_overlapping_selections() -> None:
    assert jaccard([1, 2, 3], [2, 3, 4]) == pytest.approx(2 / 4)
    assert np.isnan(jaccard([], []))
