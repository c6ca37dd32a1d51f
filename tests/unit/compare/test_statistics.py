import math
from dataclasses import replace

import numpy as np
import pytest

from assay.compare.records import Comparison
from assay.compare.statistics import Row, find, summary
from tests.unit.compare.synthetic import failing, synthetic, turned, without

EFFECTS = {"ifd": -0.02, "k_center": 0.0, "longest_response": 0.02}
PLANTED = synthetic(EFFECTS, questions=300, seeds=5)
ROWS = summary(PLANTED)


def _row(rows: list[Row], arm: str, budget: str) -> Row:
    found = find(rows, arm, budget)
    assert found is not None
    return found


def _numbers(rows: list[Row]) -> dict[tuple[str, str], object]:
    return {(row.arm, row.budget): (row.mean, row.difference, row.tokens) for row in rows}


@pytest.mark.parametrize("budget", ["1%", "5%", "25%"])
@pytest.mark.parametrize("arm", EFFECTS)
def test_intervals_hold_the_planted_differences(arm: str, budget: str) -> None:
    found = _row(ROWS, arm, budget).difference

    assert found is not None
    assert found.low < EFFECTS[arm] < found.high
    assert found.high - found.low < 0.03


def test_losses_and_costs_are_means_over_finished_runs() -> None:
    row = _row(ROWS, "ifd", "5%")

    trials = PLANTED.trials_of("ifd", "5%")
    runs = [trial.values["held out"].mean() for trial in trials]
    assert row.mean is not None
    assert row.mean.value == pytest.approx(np.mean(runs), abs=1e-6)
    assert row.runs == pytest.approx(runs, abs=1e-6)
    assert row.total_flops == trials[0].selection_flops + trials[0].training_flops
    assert row.total_seconds == trials[0].selection_seconds + trials[0].training_seconds
    assert (row.rows, row.size) == (2_600, 2_600)


def test_difference_is_the_one_to_random_rows_of_the_same_budget() -> None:
    for row in ROWS:
        chance = find(ROWS, "random", row.budget)
        if row.difference and row.mean and chance and chance.mean:
            expected = row.mean.value - chance.mean.value
            assert row.difference.value == pytest.approx(expected, abs=1e-9)


def test_random_full_and_base_are_no_claims() -> None:
    plain = [row for row in ROWS if row.kind in ("random", "full", "base")]

    assert len(plain) == 5
    assert all(row.difference is None and row.p_holm is None for row in plain)


def test_holm_counts_every_claim_that_was_planned() -> None:
    broken = replace(
        PLANTED,
        trials=tuple(t for t in PLANTED.trials if (t.arm, t.budget) != ("k_center", "1%")),
    )
    rows = summary(broken)

    p = sorted(row.difference.p for row in rows if row.difference)
    smallest = min((row for row in rows if row.difference), key=lambda row: row.p_holm or 0)
    assert len(p) == 8
    assert smallest.p_holm == pytest.approx(min(1.0, 9 * p[0]))
    assert _row(rows, "k_center", "1%").p_holm is None


def test_only_the_primary_set_makes_claims() -> None:
    rows = summary(PLANTED, "dolly")

    assert all(row.p_holm is None and not row.significant for row in rows)
    assert _row(rows, "ifd", "5%").difference is not None


def test_another_arm_changes_no_number_of_the_others() -> None:
    fewer = _numbers(summary(without(PLANTED, "k_center", "full")))
    whole = _numbers(ROWS)

    assert fewer == {cell: whole[cell] for cell in fewer}


def test_order_of_trials_changes_nothing() -> None:
    assert summary(replace(PLANTED, trials=PLANTED.trials[::-1])) == ROWS


def test_a_failed_run_is_left_out_and_named() -> None:
    row = _row(summary(failing(PLANTED, "ifd", "5%", "boom")), "ifd", "5%")

    assert len(row.runs) == 4
    assert row.faults == ("seed 0 failed: boom",)


def test_an_arm_without_a_run_has_a_row_without_numbers() -> None:
    short = replace(PLANTED, trials=tuple(t for t in PLANTED.trials if t.arm != "ifd"))
    row = _row(summary(short), "ifd", "5%")

    assert row.mean is None
    assert row.difference is None
    assert math.isnan(row.total_flops)
    assert row.size == 2_600
    assert row.faults == ("5 of 5 runs not done",)


def test_one_seed_is_question_noise_only() -> None:
    rows = summary(synthetic({"ifd": 0.0}, seeds=1))

    found = _row(rows, "ifd", "5%").difference
    assert found is not None
    assert found.noise == "seeds as random rows"


def test_an_arm_that_needs_half_the_data_is_worth_two() -> None:
    # Synthetic losses fall by 0.03 nats per natural logarithm of the rows.
    rows = summary(synthetic({"ifd": -0.03 * math.log(2)}, questions=400, seeds=8, draws=16))

    assert _row(rows, "ifd", "5%").efficiency == pytest.approx(2.0, rel=0.15)
    assert _row(rows, "random", "5%").efficiency is None


def test_the_front_is_made_of_arms_that_nothing_cheaper_matches() -> None:
    chosen = {row.label for row in ROWS if row.pareto}

    assert {"random at 1%", "ifd at 1%", "full"} <= chosen
    assert not any("longest" in label or label == "base" for label in chosen)


def test_the_axis_of_tokens_is_that_of_training_tokens() -> None:
    rows = summary(replace(PLANTED, budget_axis="tokens"))

    assert _row(rows, "longest_response", "5%").size == 2_600 * 3 * 120


@pytest.mark.parametrize("trials", [0, 1])
def test_an_unfinished_comparison_has_all_its_rows(trials: int) -> None:
    begun = replace(PLANTED, trials=PLANTED.trials[:trials])

    assert [row.label for row in summary(begun)] == [row.label for row in ROWS]


def test_a_set_of_one_question_has_no_estimates() -> None:
    tiny: Comparison = synthetic({"ifd": 0.0}, questions=1, others=())

    assert all(row.mean is None for row in summary(tiny))


def test_where_high_is_better_all_is_the_same_but_the_signs() -> None:
    for low, high in zip(ROWS, summary(turned(PLANTED)), strict=True):
        assert (low.label, low.p_holm, low.significant, low.pareto, low.efficiency) == (
            high.label, high.p_holm, high.significant, high.pareto, high.efficiency
        )  # fmt: skip
        assert low.as_loss == high.as_loss
        if low.difference and high.difference:
            assert low.gain == high.gain
            assert high.difference.value == -low.difference.value
            assert high.difference.low == pytest.approx(-low.difference.high, abs=1e-9)
            assert high.difference.high == pytest.approx(-low.difference.low, abs=1e-9)


def test_the_better_arm_has_the_higher_value_where_high_is_better() -> None:
    row = _row(summary(turned(PLANTED)), "ifd", "25%")

    assert row.difference is not None
    assert row.difference.value > 0
    assert row.gain > 0
    assert row.significant
