"""What is usual and what more data gives: differences beside those to random rows."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from assay.compare.contrasts import Contrast, against_usual, more_data
from assay.compare.records import Comparison
from assay.compare.study import merged
from tests.unit.compare.synthetic import failing, synthetic, turned, without

EFFECTS = {"ifd": -0.05, "k_center": 0.0, "longest_response": 0.02}
PLANTED = synthetic(EFFECTS, questions=300, seeds=3)


def _units(comparison: Comparison, arm: str, budget: str) -> np.ndarray:
    """Return the mean of an arm's runs on every question, by a plain loop."""
    runs = [trial.values["held out"] for trial in comparison.trials_of(arm, budget)]
    return np.mean(runs, axis=0)


def _told(found: Sequence[Contrast]) -> dict[tuple[str, str, str, str], Contrast]:
    return {(c.arm, c.budget, c.other_arm, c.other_budget): c for c in found}


def test_methods_are_set_beside_the_longest_rows_of_their_budget_and_all_rows() -> None:
    found = _told(against_usual(PLANTED))

    assert len(found) == 2 * 3 * 2  # methods, budgets, and one longest arm and all rows
    for (arm, budget, other, other_budget), contrast in found.items():
        expected = (_units(PLANTED, arm, budget) - _units(PLANTED, other, other_budget)).mean()
        assert contrast.estimate.value == pytest.approx(expected, abs=1e-6)
        assert other_budget == ("" if other == "full" else budget)
    apart = found["ifd", "5%", "longest_response", "5%"]
    assert apart.estimate.low < -0.07 < apart.estimate.high
    assert apart.is_told_apart
    assert apart.gain > 0


def test_more_data_is_told_step_by_step() -> None:
    found = _told(more_data(PLANTED))

    assert len(found) == (1 + 3) * 3  # random rows and three arms: two steps, and all rows
    for (arm, budget, other, other_budget), contrast in found.items():
        expected = (_units(PLANTED, arm, budget) - _units(PLANTED, other, other_budget)).mean()
        assert contrast.estimate.value == pytest.approx(expected, abs=1e-6)
    helped = found["random", "5%", "random", "1%"]
    assert helped.is_told_apart
    assert helped.gain > 0
    assert ("full", "", "ifd", "25%") in found


def test_equal_sizes_of_equal_rows_do_not_help() -> None:
    base = synthetic({"ifd": 0.0}, questions=200, seeds=5, budgets=("5%",))
    again = [replace(trial, budget="10%") for trial in base.trials if trial.budget]
    made = replace(base, budgets=("5%", "10%"), trials=(*base.trials, *again))
    same = _told(more_data(made))["ifd", "10%", "ifd", "5%"]

    assert same.estimate.value == 0
    assert not same.is_told_apart


def test_where_high_is_better_gains_are_the_same() -> None:
    for function in (against_usual, more_data):
        low, high = _told(function(PLANTED)), _told(function(turned(PLANTED)))
        assert {key: each.gain for key, each in low.items()} == {
            key: each.gain for key, each in high.items()
        }


def test_every_base_model_has_its_own() -> None:
    one = replace(PLANTED, bases=("one@1",))
    other = replace(synthetic(EFFECTS, questions=300, seeds=3, seed=4), bases=("two@1",))
    found = against_usual(merged([one, other]))

    alone = [*against_usual(one), *against_usual(other)]
    assert [each.base for each in found] == ["one@1"] * 12 + ["two@1"] * 12
    assert [each.estimate for each in found] == [each.estimate for each in alone]


def test_what_has_no_run_has_no_contrast() -> None:
    broken = failing(synthetic({"ifd": 0.0}, seeds=1), "ifd", "5%", "no memory")

    assert not [each for each in against_usual(broken) if each.budget == "5%"]
    assert not against_usual(without(PLANTED, "ifd", "k_center"))
    assert against_usual(replace(PLANTED, trials=())) == []
