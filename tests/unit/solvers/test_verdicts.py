"""Verdicts of two orders: the rule, the lean to a place, and shares with intervals that cover."""

import itertools

import numpy as np
import pytest

from assay.solvers.proportions import share_of
from assay.solvers.verdicts import summary, two_order_verdict, win_score

NAN = float("nan")


def test_the_verdict_is_a_win_where_no_order_speaks_against_it() -> None:
    for first, second in itertools.product((-1, 0, 1), repeat=2):
        better, worse = (first, second).count(1), (first, second).count(-1)
        expected = 1 if better and not worse else -1 if worse and not better else 0
        found = two_order_verdict(np.array([float(first)]), np.array([float(second)]))
        assert found.tolist() == [expected]


def test_an_order_without_an_answer_gives_no_verdict() -> None:
    found = two_order_verdict(np.array([1.0, NAN, NAN]), np.array([NAN, 1.0, NAN]))

    assert np.isnan(found).all()


def test_a_win_score_counts_items_that_have_a_verdict() -> None:
    assert win_score(np.array([1.0, 1.0, 0.0, -1.0, NAN])) == 1.25
    assert np.isnan(win_score(np.array([NAN])))


@pytest.mark.parametrize(
    ("wins", "ties", "losses", "published"),
    [(41, 15, 24, 1.2125), (70, 44, 66, 1.0222), (83, 65, 70, 1.0596), (90, 86, 76, 1.0556),
     (42, 13, 25, 1.2125), (67, 49, 64, 1.0167), (96, 55, 67, 1.133), (88, 81, 83, 1.0198)],
)  # fmt: skip
def test_the_win_scores_of_alpagasus_are_those_published(
    wins: int, ties: int, losses: int, published: float
) -> None:
    verdicts = np.repeat([1.0, 0.0, -1.0], [wins, ties, losses])

    assert win_score(verdicts) == pytest.approx(published, abs=5.1e-5)


def test_a_judge_that_names_the_first_place_contradicts_itself() -> None:
    first, second = np.array([1.0, 1.0, 1.0, NAN]), np.array([-1.0, -1.0, 1.0, 1.0])

    found = summary(first, second, two_order_verdict(first, second))

    assert (found.wins, found.ties, found.losses, found.without) == (1, 2, 0, 1)
    assert (found.both_orders, found.for_first, found.for_second) == (3, 2, 0)
    assert found.consistency.value == pytest.approx(1 / 3)
    assert found.first_place.value == pytest.approx(5 / 7)


def test_a_share_has_the_interval_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for count, total in ((0, 5), (3, 10), (5, 5), (250, 1000)):
        theirs = stats.binomtest(count, total).proportion_ci(method="wilson")
        found = share_of(count, total)
        assert found.value == count / total
        assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert np.isnan(share_of(0, 0)).all()
