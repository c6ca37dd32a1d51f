"""Three rules, written out for every pair of signs; a failure is never a tie."""

import itertools

import numpy as np
import pytest

from assay.evaluation.outcomes import RULES, Games, Rule, outcomes
from assay.samples import FloatArray

NAN = float("nan")
SIGNS = (1, 0, -1)
WANTED: dict[Rule, dict[tuple[int, int], int]] = {
    "sum-sign": {
        (1, 1): 1, (1, 0): 1, (0, 1): 1, (0, 0): 0, (1, -1): 0, (-1, 1): 0, (0, -1): -1,
        (-1, 0): -1, (-1, -1): -1,
    },
    "agree-else-tie": {
        (1, 1): 1, (1, 0): 0, (0, 1): 0, (0, 0): 0, (1, -1): 0, (-1, 1): 0, (0, -1): 0, (-1, 0): 0,
        (-1, -1): -1,
    },
}  # fmt: skip


def games(own: object, other: object, *, scored: bool = True) -> Games:
    """Return games of two orders a row; NaN for an order that was asked and says nothing."""
    mine, theirs = np.array(own, np.float64), np.array(other, np.float64)
    count = len(mine)
    return Games(mine, theirs, np.ones((count, 2), np.bool_), np.full(count, NAN),
                 np.zeros(count, np.bool_), scored)  # fmt: skip


def preferred(shares: list[float]) -> Games:
    """Return judgments of which the order is not known."""
    none = np.full((len(shares), 2), NAN)
    return Games(none, none, np.zeros((len(shares), 2), np.bool_), np.array(shares),
                 np.ones(len(shares), np.bool_), scored=False)  # fmt: skip


@pytest.mark.parametrize("rule", ["sum-sign", "agree-else-tie"])
def test_each_pair_of_signs_has_its_outcome(rule: Rule) -> None:
    pairs = list(itertools.product(SIGNS, SIGNS))
    own: FloatArray = 5.0 + np.array(pairs)

    found = outcomes(games(own, np.full((9, 2), 5.0)), rule).values

    assert found.tolist() == [WANTED[rule][pair] for pair in pairs]


def test_the_mean_score_may_go_against_the_signs() -> None:
    # A point ahead in one order, three behind in the other.
    found = [outcomes(games([[8, 5]], [[7, 8]]), rule).values[0] for rule in RULES]

    assert dict(zip(RULES, found, strict=True)) == {
        "sum-sign": 0, "agree-else-tie": 0, "mean-score": -1,
    }  # fmt: skip


def test_decimal_scores_that_add_up_alike_are_a_tie() -> None:
    assert outcomes(games([[0.1, 0.7]], [[0.5, 0.3]]), "mean-score").values[0] == 0


@pytest.mark.parametrize("rule", RULES)
def test_a_reply_that_says_nothing_is_a_failure_and_no_tie(rule: Rule) -> None:
    found = outcomes(games([[8, NAN], [8, 8]], [[7, NAN], [7, 7]]), rule)

    assert np.isnan(found.values[0])
    assert found.values[1] == 1
    assert found.unparsed.tolist() == [True, False]
    assert not found.incomplete.any()


def test_one_order_decides_only_where_no_pair_has_two() -> None:
    asked = np.array([[True, False], [True, True]])
    given = games([[8, NAN], [8, 8]], [[7, NAN], [7, 7]])
    mixed = Games(given.own, given.other, asked, given.preference, given.preferred, scored=True)

    alone, both = outcomes(mixed.part(np.array([True, False]))), outcomes(mixed)

    assert alone.values.tolist() == [1]
    assert np.isnan(both.values[0])
    assert both.incomplete.tolist() == [True, False]
    assert not both.unparsed.any()


def test_scores_are_needed_for_their_mean() -> None:
    assert np.isnan(outcomes(games([[1, 1]], [[0, 0]], scored=False), "mean-score").values).all()


def test_a_preference_of_one_half_is_a_tie_and_none_a_failure() -> None:
    found = outcomes(preferred([0.9, 0.5, 0.1, NAN]))

    assert found.values[:3].tolist() == [1, 0, -1]
    assert np.isnan(found.values[3])
    assert found.unparsed.tolist() == [False, False, False, True]
