from pathlib import Path

import numpy as np
import pytest

from assay.methods.combinations.substance import Substance
from assay.methods.combinations.top_score import TopScore
from assay.samples import Reason, Scores
from tests.unit.methods.planted import chosen, planted_engine, scores_by_name

_BREAD = "How do I bake a loaf of bread at home?"
_GOOD = (
    "Mix flour, water, salt and yeast, knead the dough until it is smooth, and let it rise for an "
    "hour in a warm place. Shape a loaf, let it rise again, and bake it in a hot oven until the "
    "crust is brown and the bread sounds hollow when you knock on it. Let it cool before you cut."
)


def _scores(*values: float) -> Scores:
    return Scores(np.array(values), np.zeros(len(values), np.uint8))


def test_it_is_the_mean_of_three_ranks_and_equal_values_share_one() -> None:
    new, relevant, long = _scores(0.5, 0.9, 0.9), _scores(0.3, 0.1, 0.3), _scores(1, 2, 3)

    found = Substance(least_relevant=1).score(parts=[new, relevant, long])

    # Ranks as shares of three: 1, 2.5, 2.5; 2.5, 1, 2.5; 1, 2, 3.
    expected = [(1 + 2.5 + 1) / 9, (2.5 + 1 + 2) / 9, (2.5 + 2.5 + 3) / 9]
    assert found.tolist() == pytest.approx(expected)


def test_relevance_tells_apart_the_least_relevant_rows_alone() -> None:
    same = _scores(1, 1, 1, 1, 1)
    relevant = _scores(0.9, 0.1, 0.7, 0.2, 0.8)

    found = Substance(least_relevant=0.4).score(parts=[same, relevant, same])

    # Ranks as shares of five: the two lowest are 1 and 2, the three others share 4.
    expected = [(3 + share + 3) / 15 for share in (4, 1, 4, 2, 4)]
    assert found.tolist() == pytest.approx(expected)


def test_how_high_cosines_are_in_a_pool_does_not_matter() -> None:
    same = _scores(1, 1, 1, 1)
    low, high = _scores(0.01, 0.1, 0.2, 0.3), _scores(0.5, 0.6, 0.7, 0.8)

    one, other = (Substance().score(parts=[same, each, same]) for each in (low, high))

    assert one.tolist() == other.tolist()
    assert one[0] < one[1] == one[2] == one[3]


def test_a_row_that_one_of_the_three_cannot_judge_has_its_reason(tmp_path: Path) -> None:
    rows = [(_BREAD, _GOOD), ("Is bread baked?", "Yes"), ("And what else?", "")]
    found = scores_by_name(planted_engine(tmp_path, rows), Substance())

    assert found[_BREAD][1] == 0
    assert found["Is bread baked?"][1] == Reason.TOO_SHORT
    assert found["And what else?"][1] == Reason.EMPTY_RESPONSE


def test_answers_that_a_person_would_throw_away_come_after_a_good_one(tmp_path: Path) -> None:
    elsewhere = "The treaty of 1648 ended thirty years of war between the states of the empire."
    spoiled = {
        "copied": f"{_BREAD} " * 3,
        "repeated": "Mix flour, water, salt and yeast. " * 8,
        "elsewhere": elsewhere * 3,
        "short": "Use an oven, and some flour.",
        "none": "N/A",
    }
    rows = [(f"{_BREAD}", _GOOD), *((f"{name}: {_BREAD}", text) for name, text in spoiled.items())]
    engine = planted_engine(tmp_path, rows)

    assert chosen(engine, TopScore(by=Substance(), budget=1)) == [_BREAD]


def test_longer_than_enough_is_not_better(tmp_path: Path) -> None:
    longer = "Bread needs time as well, and the longer it rises the better the loaf tastes. "
    rows = [(f"first: {_BREAD}", _GOOD), (f"second: {_BREAD}", _GOOD + longer * 4)]
    (one, two) = scores_by_name(
        planted_engine(tmp_path, rows), Substance(enough_new=0.5, least_relevant=0)
    ).values()

    assert one[0] == two[0]
