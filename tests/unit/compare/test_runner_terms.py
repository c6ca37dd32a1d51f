import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.compare.experiment import Experiment
from assay.compare.questions import HELD_OUT
from assay.compare.runner import recipe_words
from assay.compare.statistics import summary
from assay.compare.study import compare
from assay.components.budget import Budget
from assay.errors import ConfigError, PlanError
from assay.methods.combinations.top_score import TopScore
from assay.methods.text.longest import LongestResponse
from assay.models.recipe import Recipe
from assay.pool.pool import digest_of
from tests.comparisons import (
    RECIPE,
    TRAINED,
    RunAlone,
    chosen_rows,
    experiment,
    measured_in_no_time,
    project_of,
    runner_of,
    trained_in_no_time,
    write_rows,
)

pytest.importorskip("trl")


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    trained_in_no_time(monkeypatch)
    measured_in_no_time(monkeypatch)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"draws": 4}, "4 random draws"),
        ({"seeds": 0}, "at least one seed"),
        ({"axis": "rows"}, "'rows' is not known"),
        ({"primary": "dolly.jsonl"}, "claims are to be made on 'dolly.jsonl', which is not"),
        ({"axis": "steps", "recipe": Recipe(steps=3)}, "leave them out"),
    ],
)
def test_terms_that_cannot_be_kept_are_refused(
    tmp_path: Path, llama_folder: Path, terms: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        experiment(llama_folder, **terms)


def test_a_method_with_the_name_of_another_arm_gets_a_number(llama_folder: Path) -> None:
    words = TopScore(by=LongestResponse(unit_of_length="words"))
    same = TopScore(by=LongestResponse(), budget="3%")

    terms = experiment(llama_folder, methods={"longest_response": words, "mine": same})

    named = {arm.name: arm.kind for arm, _ in terms.contenders()}
    assert named["longest_response-2"] == "method"
    assert named["longest_response"] == "longest_response"
    assert "mine" not in named


@pytest.mark.parametrize(
    ("budgets", "axis", "message"),
    [
        (("500 tokens",), "samples", "is in tokens"),
        (("50",), "tokens", "is in rows"),
        ((), "samples", "needs a budget"),
    ],
)
def test_a_budget_that_does_not_fit_the_axis_is_refused(
    budgets: tuple[str, ...], axis: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Experiment(("x",), tuple(map(Budget.model_validate, budgets)), axis=axis)  # type: ignore[arg-type]


def test_every_reason_why_it_cannot_start_is_told_at_once(
    tmp_path: Path, llama_folder: Path
) -> None:
    runner = runner_of(tmp_path, llama_folder, "1%", "59", "100")

    with pytest.raises(PlanError) as told:
        runner.run()

    for words in ("1% of 49 rows is no row", "asks for 59 samples, the pool has 49", "for 100"):
        assert words in told.value.message
    assert TRAINED == []


def test_questions_of_another_file_are_measured_and_not_trained_on(
    tmp_path: Path, llama_folder: Path
) -> None:
    project = project_of(tmp_path, write_rows(tmp_path))
    other = tmp_path / "other.json"
    pairs = [("How many apples are there?", "Two."), ("And now?", "Three."), ("Nothing", "")]
    other.write_text(json.dumps([{"instruction": q, "output": a} for q, a in pairs]))

    made = RunAlone(project, experiment(llama_folder, others=(str(other),), full=False)).run()

    asked = made.set("other.json")
    assert (asked.kind, len(asked)) == ("other_source", 2)
    assert all(trial.values["other.json"].shape == (2,) for trial in made.trials)
    assert made.primary == HELD_OUT


def test_claims_are_made_on_the_file_that_is_named(tmp_path: Path, llama_folder: Path) -> None:
    project = project_of(tmp_path, write_rows(tmp_path))
    files = []
    for name, count in (("small.json", 3), ("large.json", 7)):
        rows = [{"instruction": f"How many of {name} are {n}?", "output": f"{n} are."}
                for n in range(count)]  # fmt: skip
        (tmp_path / name).write_text(json.dumps(rows))
        files.append(str(tmp_path / name))
    terms = {"others": tuple(files), "full": False}
    usual = RunAlone(project, experiment(llama_folder, **terms))
    named = RunAlone(project, experiment(llama_folder, primary=files[1], **terms))
    foretold = named.foretold_power
    made = named.run()

    assert made.primary == "large.json"
    assert (named.power.set, named.power.questions) == ("large.json", 7)
    assert foretold is not None
    assert foretold.set == "large.json"
    assert named.records != usual.records
    claims = {part.name: [row.p_holm is not None for row in summary(made, part.name)
                          if row.is_claim] for part in made.sets}  # fmt: skip
    assert claims == {HELD_OUT: [False] * 2, "small.json": [False] * 2, "large.json": [True] * 2}


def test_rows_that_repeat_a_question_of_another_source_are_no_arm_s(
    tmp_path: Path, llama_folder: Path
) -> None:
    project = project_of(tmp_path, write_rows(tmp_path))
    free = RunAlone(project, experiment(llama_folder)).division
    place = int(np.flatnonzero(~free.pool.held_out)[5])
    known = next(project.pool.samples(np.array([place]))).conversation
    other = tmp_path / "other.json"
    rows = [
        {"instruction": known.instruction, "output": "Something else."},
        {"instruction": "A question that nobody else asks, is it not?", "output": "It is."},
    ]
    other.write_text(json.dumps(rows))  # fmt: skip

    runner = RunAlone(project, experiment(llama_folder, others=(str(other),)))

    assert runner.division.repeated == {str(other): 1}
    assert place not in chosen_rows(runner, "full")
    assert place not in runner.division.held_out


def test_a_set_of_questions_is_a_random_part_of_a_large_one(
    tmp_path: Path, llama_folder: Path
) -> None:
    few = runner_of(tmp_path, llama_folder, hold_out=0.5, questions=8).questions[0]
    more = runner_of(tmp_path, llama_folder, hold_out=0.5, questions=16).questions[0]

    assert (len(few.record), len(more.record)) == (8, 16)
    assert set(few.record.ids.tolist()) < set(more.record.ids.tolist())


def test_the_power_check_is_made_of_the_base_model_s_losses_and_counts_the_claims(
    tmp_path: Path, llama_folder: Path
) -> None:
    runner = runner_of(
        tmp_path, llama_folder, "10%", "20%", seeds=2,
        methods={"words": TopScore(by=LongestResponse(unit_of_length="words"))},
    )  # fmt: skip

    power = runner.power

    assert TRAINED == []
    assert (power.claims, power.seeds, power.draws) == (2 * 3, 2, 5)
    expected = np.sqrt(2) * runner.questions[0].base.std(ddof=1)
    assert power.question_sd == pytest.approx(expected)


def test_the_plan_prices_every_training(tmp_path: Path, llama_folder: Path) -> None:
    plan = runner_of(tmp_path, llama_folder, "10%", "20%", seeds=2).plan

    assert plan.trainings == 2 * 5 + 2 * 2 * 2 + 2
    by_size = {job.budget: job.tokens for job in plan.jobs if job.draw == 0}
    assert by_size["20%"] / by_size["10%"] == pytest.approx(9 / 4)  # of 49 rows, 11 being asked
    assert plan.seconds is not None
    assert plan.seconds >= plan.training_seconds > 0


def test_a_project_compares_selections_that_were_made(tmp_path: Path, llama_folder: Path) -> None:
    project = project_of(tmp_path, write_rows(tmp_path))
    best = project.select("longest_response", budget="20%", unit_of_length="words")
    chance = project.select("random", budget="20%", seeds=2)

    made = compare(
        project, [best, chance, "ttr"], base=str(llama_folder), seeds=1, recipe=RECIPE,
        full=False, untuned=False,
    )  # fmt: skip

    assert [arm.name for arm in made.arms] == [
        "longest_response-unit_of_length-words", "ttr", "random", "longest_response",
        "longest_instruction",
    ]  # fmt: skip
    assert made.budgets == ("20%",)


def test_results_of_the_project_itself_are_left_alone(tmp_path: Path, llama_folder: Path) -> None:
    project = project_of(tmp_path, write_rows(tmp_path))
    before = project.select("longest_response", budget="20%")

    RunAlone(project, experiment(llama_folder)).run()

    again = project_of(tmp_path, tmp_path / "rows.json").select("longest_response", budget="20%")
    assert digest_of(np.sort(before.ids)) == digest_of(np.sort(again.ids))
    assert list(project.results.names()) == ["longest_response", "longest_response-20pct"]


def test_a_recipe_is_told_in_words() -> None:
    assert recipe_words(Recipe()) == (
        "LoRA of rank 16, 3 epochs, batches of 128, learning rate 0.0002 (cosine), at most 1,024 "
        "tokens, template alpaca, float32"
    )
    assert "as many steps for every arm" in recipe_words(Recipe(weights="full"), equal_steps=True)
