"""Ties at a cut: the published histogram of AlpaGasus, and counting by hand."""

import numpy as np
import pytest

from assay.components.rule import Rule
from assay.solvers.ties import TiesAtCut, ties_at_cut

# Ratings of 52,002 rows by accuracy; 171 have none.
ALPAGASUS = np.repeat([2.5, 3.0, 3.5, 4.0, 4.5, 5.0, np.nan],
                      [1, 1550, 10811, 30240, 9218, 11, 171])  # fmt: skip


def test_the_best_thousand_of_alpagasus_are_eleven_and_ties() -> None:
    assert ties_at_cut(ALPAGASUS, 1000) == TiesAtCut(4.5, 11, 9218, 989)
    assert ties_at_cut(ALPAGASUS, 11) == TiesAtCut(5.0, 0, 11, 11)


@pytest.mark.parametrize(
    ("rule", "kept"),
    [(Rule(at_least=4.5), 9229), (Rule(at_least=4.0), 39469), (Rule(above=4.5), 11)],
)
def test_a_threshold_that_takes_its_own_value_is_another(rule: Rule, kept: int) -> None:
    assert rule.admits(ALPAGASUS).sum() == kept


def test_ties_are_counted_by_hand_in_either_direction() -> None:
    values = np.array([3.0, 1.0, 2.0, 2.0, np.nan, 2.0, 5.0])

    assert ties_at_cut(values, 3) == TiesAtCut(2.0, 2, 3, 1)
    assert ties_at_cut(values, 3, sign=-1.0) == TiesAtCut(2.0, 1, 3, 2)
    assert ties_at_cut(values, 99) == TiesAtCut(1.0, 5, 1, 1)
    assert ties_at_cut(values, 0)[1:] == (0, 0, 0)
    assert np.isnan(ties_at_cut(np.array([np.nan]), 1).value)
