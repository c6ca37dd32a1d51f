"""Which of two answers was preferred, when a judge saw them in both orders.

A judge that sees two answers leans to a place as well as to an answer. Asked twice, with the
answers changing places, it either repeats itself or contradicts itself; the rule here counts a
contradiction as a tie.
"""

from typing import NamedTuple

import numpy as np

from assay.samples import FloatArray
from assay.solvers.proportions import Share, share_of

CONSISTENT = 0.7
"""Share of items judged alike in both orders below which a verdict is mostly one of places."""


def two_order_verdict(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the verdict on a candidate: the sign of what both orders say together.

    Better twice, or better once and equal once, is a win; the same for a loss; two ties and a
    contradiction are a tie.

    Args:
        first: sign of the candidate's lead where it was shown first. Shape (n,), NaN where the
            judge gave none.
        second: the same where it was shown second. Shape (n,).

    Returns:
        Shape (n,), -1, 0 or 1; NaN where either order has none.
    """
    return np.sign(first + second)


def win_score(verdicts: FloatArray) -> float:
    """Return (wins - losses) / items + 1: 1 is a draw, 2 wins all; NaN without an item.

    Args:
        verdicts: shape (n,), -1, 0 or 1; NaN where there is none.

    Source:
        arXiv:2402.05123, equation 10.
    """
    known = verdicts[~np.isnan(verdicts)]
    return float(known.mean() + 1) if len(known) else float("nan")


class Verdicts(NamedTuple):
    """What a judge said of many pairs.

    Attributes:
        wins: items that the candidate wins.
        ties: items without a winner.
        losses: items that it loses.
        without: items without a verdict.
        win_score: see `win_score`.
        both_orders: items that have an answer in both orders.
        consistency: of these, those of which the two orders do not contradict each other.
        first_place: of the answers that prefer a side, those that prefer what was shown first;
            one half without a lean.
        for_first: items of which both orders prefer what was shown first.
        for_second: items of which both orders prefer what was shown second.
    """

    wins: int
    ties: int
    losses: int
    without: int
    win_score: float
    both_orders: int
    consistency: Share
    first_place: Share
    for_first: int
    for_second: int


def summary(first: FloatArray, second: FloatArray, verdicts: FloatArray) -> Verdicts:
    """Return wins, consistency and the lean to a place.

    Args:
        first: sign of the candidate's lead where it was shown first. Shape (n,), NaN for none.
        second: the same where it was shown second. Shape (n,).
        verdicts: shape (n,), NaN for none; of one order, or of both.
    """
    asked = ~(np.isnan(first) | np.isnan(second))
    with np.errstate(invalid="ignore"):
        against = (first * second < 0) & asked
        to_first = np.count_nonzero(first > 0) + np.count_nonzero(second < 0)
        to_second = np.count_nonzero(first < 0) + np.count_nonzero(second > 0)
        wins, losses = (int(np.count_nonzero(side * verdicts > 0)) for side in (1, -1))
        for_first = int(np.count_nonzero(against & (first > 0)))
    both, contradictions = int(np.count_nonzero(asked)), int(np.count_nonzero(against))
    without = int(np.isnan(verdicts).sum())
    return Verdicts(
        wins, len(verdicts) - wins - losses - without, losses, without, win_score(verdicts),
        both, share_of(both - contradictions, both),
        share_of(int(to_first), int(to_first + to_second)), for_first, contradictions - for_first,
    )  # fmt: skip
