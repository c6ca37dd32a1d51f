from dataclasses import replace

import pytest

from assay.cli.spelling import on_command_line
from assay.compare.power import power_check
from assay.compare.records import Comparison
from assay.compare.remarks import LEAST_STEPS, few_steps
from assay.compare.statistics import summary
from assay.compare.verdict import verdict
from assay.errors import spelled
from assay.models.recipe import Recipe
from tests.unit.compare.synthetic import endpoint, synthetic, without

_NO_BREAK = "\N{NO-BREAK SPACE}"


def _changed(comparison: Comparison, arm: str, **fields: int) -> Comparison:
    return replace(
        comparison,
        trials=tuple(
            replace(trial, **fields) if trial.arm == arm else trial  # type: ignore[arg-type]
            for trial in comparison.trials
        ),
    )


def _notes(comparison: Comparison) -> str:
    return " | ".join(verdict(comparison).caveats).replace(_NO_BREAK, " ")


def test_what_the_limit_cuts_off_is_told_of_every_arm_the_most_first() -> None:
    made = synthetic({"ifd": -0.05, "longest_response": 0.01})
    made = _changed(made, "longest_response", chosen_tokens=200_000, read_tokens=120_000,
                    cut_rows=500)  # fmt: skip
    made = _changed(made, "random", chosen_tokens=100_000, read_tokens=99_000, cut_rows=12)
    made = _changed(made, "ifd", chosen_tokens=80_000, read_tokens=80_000)

    notes = _notes(made)

    assert "where the limit on its length cuts it off: 40 % of the tokens of longest" in notes
    assert "(500 of 520 rows) and 1 % of the tokens of random at 1% (12 of 520 rows)" in notes
    assert "tokens of ifd" not in notes


def test_where_nothing_is_cut_off_nothing_is_said_of_it() -> None:
    made = _changed(synthetic(), "ifd", chosen_tokens=80_000, read_tokens=79_900, cut_rows=1)

    assert "--max-length" not in _notes(made)


def test_few_steps_are_told_with_what_makes_more() -> None:
    made = synthetic()
    for arm in ("random", "ifd", "k_center", "longest_response"):
        made = replace(
            made,
            trials=tuple(
                replace(trial, steps=6) if trial.arm == arm and trial.budget == "1%" else trial
                for trial in made.trials
            ),
        )

    notes = _notes(made)

    assert "A training had 6 optimiser steps at 1%: fewer than 30" in notes
    assert "batch or more epochs make more of them" in notes


@pytest.mark.parametrize(
    ("rows", "recipe", "words"),
    [
        (200, Recipe(), "6 optimiser steps at 5%"),
        (1, Recipe(epochs=1), "1 optimiser step at 5%"),
        (200, Recipe(steps=29), "29 optimiser steps at 5%"),
    ],
)
def test_few_steps_are_told_beforehand(rows: int, recipe: Recipe, words: str) -> None:
    told = few_steps(recipe, [("5%", recipe.all_steps(rows)), ("50%", 400)])

    assert words in str(told)
    assert "50%" not in str(told)


def test_the_batch_that_is_too_large_is_named() -> None:
    told = few_steps(Recipe(), [("5%", Recipe().all_steps(200))])

    assert "a smaller Recipe(batch_size=...) (now 128) or more Recipe(epochs=...)" in str(told)
    assert "a smaller --batch-size (now 128) or more --epochs" in spelled(told, on_command_line)


def test_enough_steps_are_not_worth_a_word() -> None:
    assert few_steps(Recipe(), [("5%", LEAST_STEPS)]) == ""


def test_a_difference_is_told_beside_what_more_random_rows_give() -> None:
    made = synthetic({"ifd": -0.05}, seeds=5, budgets=("1%", "5%"))
    rows = summary(made)
    few, more = (
        row.mean.value for row in rows if row.arm == "random" and row.mean is not None
    )  # fmt: skip
    (found,) = [row for row in rows if row.label == f"ifd at {verdict(made).budget}"]
    assert found.difference is not None

    notes = _notes(made)

    assert found.budget == "5%"  # nothing larger was drawn at random but all rows
    assert "all rows in place of 5% random rows" in notes or "More data does not help" in notes
    single = _notes(_only(made, "1%"))
    assert few > more
    assert "all rows in place of 1% random rows lower the loss by" in single
    assert "the difference of ifd at 1% is" in single


def _only(comparison: Comparison, budget: str) -> Comparison:
    return replace(
        comparison,
        budgets=(budget,),
        trials=tuple(trial for trial in comparison.trials if trial.budget in ("", budget)),
    )


def test_the_next_larger_draw_of_random_rows_comes_before_all_rows() -> None:
    made = synthetic({"ifd": 0.0}, budgets=("1%", "5%"))
    made = replace(made, trials=tuple(
        trial for trial in made.trials if trial.arm != "ifd" or trial.budget == "1%"
    ))  # fmt: skip

    assert "5% of them in place of 1% random rows" in _notes(made)


def test_without_more_data_there_is_nothing_to_set_a_difference_beside() -> None:
    made = without(_only(synthetic({"ifd": -0.05}, seeds=5), "1%"), "full")

    assert "in place of" not in _notes(made)


def test_power_by_some_questions_is_that_of_all() -> None:
    losses = synthetic().trials[0].values["held out"]

    all_of_them = power_check(endpoint("held out"), losses, seeds=3, draws=5, claims=4)
    by_some = power_check(
        endpoint("held out"), losses[:40], seeds=3, draws=5, claims=4, questions=200
    )

    assert by_some.questions == 200
    assert by_some.detectable == pytest.approx(all_of_them.detectable, rel=0.4)
