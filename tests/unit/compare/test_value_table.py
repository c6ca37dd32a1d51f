from dataclasses import replace

import numpy as np
import pytest

from assay.compare.records import Comparison, Trial
from assay.compare.value_table import cells, value_table
from assay.samples import FloatArray
from tests.unit.compare.synthetic import failing, synthetic

SMALL = synthetic(questions=6, seeds=2, draws=3, budgets=("5%",), others=())
SET = SMALL.primary


def _with_losses(comparison: Comparison, place: int, losses: FloatArray) -> Comparison:
    trials = list(comparison.trials)
    trials[place] = replace(trials[place], values={SET: losses})
    return replace(comparison, trials=tuple(trials))


def _place(arm: str, seed: int = 0) -> int:
    wanted = (arm, seed)
    return next(i for i, trial in enumerate(SMALL.trials) if (trial.arm, trial.seed) == wanted)


def test_questions_are_in_order_of_their_ids() -> None:
    table = value_table(SMALL, SET)

    order = np.argsort(SMALL.set(SET).ids)
    expected = [trial.values[SET][order] for trial in SMALL.trials_of("ifd", "5%")]
    np.testing.assert_allclose(table.units["ifd", "5%"], expected, atol=1e-7)


def test_order_of_trials_and_questions_changes_nothing() -> None:
    order = np.array([3, 0, 5, 1, 4, 2])
    part = SMALL.set(SET)
    moved = replace(part, ids=part.ids[order], tokens=part.tokens[order])
    trials = [replace(t, values={SET: t.values[SET][order]}) for t in SMALL.trials[::-1]]
    turned = replace(SMALL, sets=(moved,), trials=tuple(trials))

    one, other = value_table(SMALL, SET), value_table(turned, SET)

    assert list(one.units) == list(other.units)
    for cell, units in one.units.items():
        np.testing.assert_array_equal(units, other.units[cell])


def test_a_draw_is_one_unit_whatever_its_seeds() -> None:
    extra = [replace(trial, seed=trial.seed + 10) for trial in SMALL.trials_of("random", "5%")]
    table = value_table(replace(SMALL, trials=SMALL.trials + tuple(extra)), SET)

    np.testing.assert_allclose(
        table.units["random", "5%"], value_table(SMALL, SET).units["random", "5%"], atol=1e-7
    )
    assert len(table.runs["random", "5%"]) == 6


def test_a_failed_trial_enters_no_average_and_is_named() -> None:
    table = value_table(failing(SMALL, "ifd", "5%", "out of memory"), SET)

    assert len(table.units["ifd", "5%"]) == 1
    assert table.faults == {("ifd", "5%"): ("seed 0 failed: out of memory",)}


def test_a_question_without_score_is_left_out_for_all() -> None:
    trials = [
        replace(trial, values={SET: np.where(np.arange(6) == 2, np.nan, trial.values[SET])})
        for trial in SMALL.trials
    ]

    table = value_table(replace(SMALL, trials=tuple(trials)), SET)

    assert (table.questions, table.dropped, table.faults) == (5, 1, {})
    assert {units.shape[1] for units in table.units.values()} == {5}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_run_that_diverged_on_a_part_takes_no_question_from_others(value: float) -> None:
    place = _place("ifd")
    losses = SMALL.trials[place].values[SET].copy()
    losses[:3] = value

    table = value_table(_with_losses(SMALL, place, losses), SET)

    assert (table.questions, table.dropped) == (6, 0)
    assert table.faults["ifd", "5%"] == ("seed 0 has no value on questions others answer",)
    assert len(table.units["ifd", "5%"]) == 1


def test_a_run_without_any_loss_is_named() -> None:
    table = value_table(_with_losses(SMALL, _place("full"), np.full(6, np.nan)), SET)

    assert table.faults["full", ""] == (f"seed 0 has no values of {SET}",)


def test_runs_that_were_not_done_are_named() -> None:
    def is_there(trial: Trial) -> bool:
        return (trial.arm, trial.seed) != ("k_center", 1) and trial.arm != "full"

    short = replace(SMALL, trials=tuple(filter(is_there, SMALL.trials)))

    assert value_table(short, SET).faults == {
        ("k_center", "5%"): ("1 of 2 runs not done",),
        ("full", ""): ("2 of 2 runs not done",),
    }


def test_a_comparison_without_trials_has_an_empty_table() -> None:
    table = value_table(replace(SMALL, trials=()), SET)

    assert (table.questions, table.units) == (0, {})
    assert len(table.faults) == len(cells(SMALL))


def test_cells_go_budget_by_budget_and_end_with_full_and_base() -> None:
    both = synthetic({"ifd": 0.0}, questions=4, budgets=("1%", "5%"))

    assert cells(both) == [
        ("random", "1%"),
        ("ifd", "1%"),
        ("random", "5%"),
        ("ifd", "5%"),
        ("full", ""),
        ("base", ""),
    ]
