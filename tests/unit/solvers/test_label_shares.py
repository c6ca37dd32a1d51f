"""Probability on labels: added up by label, shared out over what is one, never made up."""

import math

import pytest

from assay.solvers.label_shares import label_shares


def test_tokens_of_one_label_are_added_and_the_rest_is_not_covered() -> None:
    tokens = [("4", math.log(0.3)), (" 4", math.log(0.2)), ("▁5", math.log(0.25)),
              ("The", math.log(0.15)), ("44", math.log(0.1))]  # fmt: skip

    found = label_shares(tokens, ["4", "5", "6"])

    assert found.coverage == pytest.approx(0.75)
    assert found.shares == {"4": pytest.approx(2 / 3), "5": pytest.approx(1 / 3)}
    assert found.expectation({"4": 4, "5": 5, "6": 6}) == pytest.approx(13 / 3)


def test_no_label_among_the_tokens_has_no_expectation() -> None:
    found = label_shares([("a", -0.1), ("M", -1.0)], ["m"])

    assert found.shares == {}
    assert found.coverage == 0
    assert math.isnan(found.expectation({"m": 1}))


def test_improbable_labels_keep_their_odds() -> None:
    found = label_shares([("m", -700.0), ("M", -701.0)], ["m", "M"])

    assert found.shares["m"] == pytest.approx(1 / (1 + math.exp(-1)))
