from dataclasses import replace

import pytest

from assay.compare.statistics import summary
from assay.compare.verdict import verdict
from tests.unit.compare.synthetic import failing, synthetic, turned, without


def test_the_arm_that_beats_random_with_the_lowest_loss_wins() -> None:
    comparison = synthetic({"ifd": -0.05, "k_center": -0.03}, seeds=5)
    found = verdict(comparison)

    assert (found.outcome, found.arm, found.budget) == ("better", "ifd", "25%")
    assert found.headline == "ifd beats random rows at 25%"
    row = next(r for r in summary(comparison) if r.label == "ifd at 25%")
    assert row.mean is not None
    assert row.difference is not None
    assert f"{row.mean.value:.4f} nats per token" in found.claim
    assert f"{abs(row.difference.value):.4f} nats (95\N{NO-BREAK SPACE}% interval" in found.claim
    assert "over 6 claims" in found.claim
    assert any("no claim is made" in note for note in found.caveats)


def test_without_a_difference_it_is_random_the_cheapest() -> None:
    found = verdict(synthetic({"ifd": 0.0, "k_center": 0.0}))

    assert (found.outcome, found.arm, found.budget) == ("undecided", "random", "25%")
    assert found.headline == "Nothing here is distinguishable from random"
    assert "no arm can be told from random" in found.claim
    assert "Random rows are the cheapest arm" in found.claim


def test_when_random_beats_the_arms_it_wins() -> None:
    found = verdict(synthetic({"longest_response": 0.05}, seeds=5))

    assert (found.outcome, found.arm, found.budget) == ("random", "random", "25%")
    assert found.headline == "Random rows win"
    assert "longest_response is worse" in found.claim


def test_an_arm_lost_to_random_is_named_beside_the_winner() -> None:
    found = verdict(synthetic({"ifd": -0.05, "longest_response": 0.05}, seeds=5))

    assert found.arm == "ifd"
    assert any(n.startswith("Worse than random rows: longest_response") for n in found.caveats)


def test_a_lower_loss_of_more_data_is_told() -> None:
    found = verdict(synthetic({"ifd": -0.02}, seeds=5, questions=400))

    assert found.outcome == "better"
    assert any(note.startswith("More data has a lower loss still") for note in found.caveats)


def test_more_tokens_at_equal_samples_are_told() -> None:
    found = verdict(synthetic({"longest_response": -0.05}, seeds=5))

    assert any("trains on 1.5 times the tokens of random rows" in note for note in found.caveats)


def test_one_seed_is_told_in_the_headline_and_the_claim() -> None:
    found = verdict(synthetic({"ifd": -0.05}, seeds=1))

    assert found.headline.endswith("as far as one seed shows")
    assert "one seed: seeds as random rows" in found.claim
    assert any("question noise only" in note for note in found.caveats)
    assert any("one seed" in note for note in found.caveats)


def test_few_draws_are_told() -> None:
    found = verdict(synthetic({"ifd": -0.05}, draws=2))

    assert any("Random rows have 2 runs" in note for note in found.caveats)


def test_missing_runs_are_told() -> None:
    found = verdict(failing(synthetic({"ifd": -0.05}), "ifd", "1%", "boom"))

    assert any("enter no average: ifd at 1%" in note for note in found.caveats)


def test_without_random_rows_there_is_no_verdict() -> None:
    found = verdict(without(synthetic(), "random"))

    assert (found.outcome, found.arm) == ("nothing", None)
    assert "No random arm" in found.claim


def test_without_any_run_there_is_no_verdict() -> None:
    found = verdict(replace(synthetic(), trials=()))

    assert found.outcome == "nothing"
    assert any("not done" in note for note in found.caveats)


def test_without_another_arm_there_is_no_verdict() -> None:
    found = verdict(without(synthetic(), "ifd", "k_center", "longest_response"))

    assert found.outcome == "nothing"
    assert "No arm besides random rows" in found.claim


def test_a_difference_that_does_not_survive_holm_is_no_win() -> None:
    # One arm is a little better; many others take its claim away.
    effects = {"ifd": -0.006} | {f"arm{number}": 0.0 for number in range(12)}
    crowd = synthetic(effects, budgets=("5%",), seeds=5)
    alone = without(crowd, *(f"arm{number}" for number in range(12)))

    assert verdict(alone).outcome == "better"
    assert verdict(crowd).outcome == "undecided"


def test_tuning_that_only_harms_is_told() -> None:
    comparison = synthetic({"ifd": 0.0})
    harmed = replace(
        comparison,
        trials=tuple(
            replace(trial, values={name: one + 5.0 for name, one in trial.values.items()})
            if trial.arm != "base"
            else trial
            for trial in comparison.trials
        ),
    )

    assert any("worse than the base model" in note for note in verdict(harmed).caveats)
    assert not any("worse than the base model" in note for note in verdict(comparison).caveats)


@pytest.mark.parametrize(
    "effects",
    [{"ifd": -0.05, "k_center": -0.03}, {"ifd": 0.0, "k_center": 0.0}, {"longest_response": 0.05}],
)
def test_where_high_is_better_the_conclusion_is_the_same(effects: dict[str, float]) -> None:
    low = verdict(synthetic(effects, seeds=5))
    high = verdict(turned(synthetic(effects, seeds=5)))

    assert (low.outcome, low.arm, low.budget, low.headline) == (
        high.outcome, high.arm, high.budget, high.headline
    )  # fmt: skip
    assert len(low.caveats) == len(high.caveats)
    assert "nats" not in f"{high.claim} {high.caveats}"
    assert "loss" not in f"{high.claim} {high.caveats}"


def test_an_accuracy_is_told_as_one() -> None:
    found = verdict(turned(synthetic({"ifd": -0.02}, seeds=5, questions=400)))

    assert "the accuracy on held out is " in found.claim
    assert "a difference of +0.0" in found.claim
    assert any(note.startswith("More data has a higher accuracy still") for note in found.caveats)
