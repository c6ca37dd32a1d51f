import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from assay.compare.questions import HELD_OUT, losses
from assay.compare.records import Trial
from assay.compare.runner import Step
from assay.components.base import NoPaper, Paper
from assay.components.component import Chosen, Scorer, Selector
from assay.components.rule import Rule
from assay.errors import ConfigError
from assay.features.identity import Identities, Identity
from assay.methods.chance.random_rows import RandomSample
from assay.methods.combinations.top_score import TopScore
from assay.methods.text.longest import LongestResponse
from assay.runtime import Runtime
from assay.samples import Conversation, FloatArray
from assay.tuning.tuned_model import TunedModel
from tests.causal_rows import PlainLoop, given_prompt
from tests.comparisons import (
    RECIPE,
    TRAINED,
    RunAlone,
    chosen_rows,
    experiment,
    measured_in_no_time,
    nudge,
    project_of,
    runner_of,
    trained_in_no_time,
    trials_of,
    write_rows,
)

pytest.importorskip("trl")


class Broken(Scorer):
    """A method that cannot be computed."""

    name = "broken_for_comparisons"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a toy for tests")

    def requires(self) -> dict[str, Any]:
        return {"identity": Identity()}

    def score(self, *, identity: Identities) -> FloatArray:
        raise ZeroDivisionError("it divides by nothing\nand has more to say")


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    trained_in_no_time(monkeypatch)
    measured_in_no_time(monkeypatch)


@pytest.fixture
def _measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tuned models are asked after all."""
    monkeypatch.setattr("assay.compare.trials.losses", losses)


def _equal(one: Sequence[Trial], other: Sequence[Trial]) -> bool:
    """Whether trials are equal, losses and costs included."""
    return [(t.arm, t.budget, t.draw, t.seed, t.rows, t.tokens, t.status, t.subset,
             t.selection_seconds, t.training_seconds, t.training_flops) for t in one] == [
            (t.arm, t.budget, t.draw, t.seed, t.rows, t.tokens, t.status, t.subset,
             t.selection_seconds, t.training_seconds, t.training_flops) for t in other] and all(
        np.array_equal(a.values[name], b.values[name])
        for a, b in zip(one, other, strict=True) for name in a.values)  # fmt: skip


def test_every_arm_that_is_asked_for_has_its_trials(tmp_path: Path, llama_folder: Path) -> None:
    runner = runner_of(
        tmp_path, llama_folder, "10%", "20%", seeds=2,
        methods={"shortest": TopScore(by=LongestResponse(unit_of_length="words"))},
    )  # fmt: skip

    made = runner.run()

    runs = {arm.name: [(t.budget, t.draw, t.seed) for t in trials_of(made, arm.name)]
            for arm in made.arms}  # fmt: skip
    both = [("10%", None, 0), ("20%", None, 0), ("10%", None, 1), ("20%", None, 1)]
    assert [arm.kind for arm in made.arms] == [
        "method", "random", "longest_response", "longest_instruction", "full", "base"
    ]  # fmt: skip
    assert runs["shortest"] == runs["longest_response"] == runs["longest_instruction"] == both
    assert sorted(runs["random"]) == [
        (budget, draw, draw % 2) for budget in ("10%", "20%") for draw in range(5)
    ]
    assert runs["full"] == [("", None, 0), ("", None, 1)]
    assert runs["base"] == [("", None, 0)]
    assert all(trial.status == "done" for trial in made.trials)
    assert [trial.rows for trial in trials_of(made, "full")] == [made.pool_rows] * 2


def test_arms_that_are_not_wanted_are_left_out(tmp_path: Path, llama_folder: Path) -> None:
    made = runner_of(tmp_path, llama_folder, full=False, untuned=False).run()

    assert [arm.name for arm in made.arms] == ["random", "longest_response", "longest_instruction"]


def test_held_out_rows_are_questions_and_nobody_trains_on_them(
    tmp_path: Path, llama_folder: Path
) -> None:
    runner = runner_of(tmp_path, llama_folder, hold_out=0.3)
    made = runner.run()

    asked = set(runner.division.held_out.tolist())
    trained = chosen_rows(runner, "full")
    hashes = runner.engine.pool.content_hashes
    assert trained | asked == set(range(60))
    assert not trained & asked
    assert not set(hashes[list(trained)].tolist()) & set(hashes[list(asked)].tolist())
    assert set(made.set(HELD_OUT).ids.tolist()) <= set(runner.engine.pool.ids[list(asked)].tolist())
    assert "held out by the comparison" in made.pool


def test_what_a_project_holds_out_is_what_is_asked(tmp_path: Path, llama_folder: Path) -> None:
    project = project_of(tmp_path, write_rows(tmp_path), hold_out=0.25)
    runner = RunAlone(project, experiment(llama_folder))

    assert np.array_equal(runner.division.held_out, np.flatnonzero(project.pool.held_out))
    assert runner.division.pool.context == project.pool.context
    with pytest.raises(ConfigError, match=r"holds out \d+ rows already"):
        RunAlone(project, experiment(llama_folder, hold_out=0.2))


@pytest.mark.usefixtures("_measured")
def test_losses_are_those_of_a_plain_loop_over_the_tuned_weights(
    tmp_path: Path, llama_folder: Path
) -> None:
    runner = runner_of(tmp_path, llama_folder, full=False, keep_models=True)

    made = runner.run()

    job = next(job for job in runner.plan.jobs if job.draw == 2)
    choice = runner.choices.of(job)
    (trial,) = [t for t in trials_of(made, "random") if t.draw == 2]
    tuned = runner.engine.resolve(_feature(job.seed, choice.selector, llama_folder))
    folder = tuned.store(runner.engine.runtime.cache, runner.engine.view(tuned.dataset)).path
    (asked,) = runner.questions
    for name, model, found in (
        ("base", llama_folder, asked.base),
        ("random", folder / "epoch-1", trial.values[HELD_OUT]),
    ):
        loop = PlainLoop.open(model)
        scored = [given_prompt(loop, each, 256) for each in asked.view.conversations()]
        expected = [-loop.scored([each]).mean() for each in scored]
        assert np.abs(np.array(expected) - found).max() < 1e-5, name
        assert asked.record.tokens.tolist() == [len(each.places) for each in scored]


def _feature(seed: int, selector: Selector, base: Path) -> TunedModel:
    return TunedModel(base=str(base), recipe=RECIPE, seed=seed, dataset=Chosen(by=selector))


def test_the_base_arm_has_the_losses_of_the_untuned_model(
    tmp_path: Path, llama_folder: Path
) -> None:
    runner = runner_of(tmp_path, llama_folder, full=False)
    made = runner.run()

    (base,) = trials_of(made, "base")
    assert np.array_equal(base.values[HELD_OUT], runner.questions[0].base)
    assert (base.rows, base.tokens, base.training_seconds) == (0, 0, 0.0)


def test_a_second_run_trains_nothing_and_tells_the_same_costs(
    tmp_path: Path, llama_folder: Path
) -> None:
    first = runner_of(tmp_path, llama_folder).run()
    trainings = len(TRAINED)
    steps: list[Step] = []

    again = RunAlone(project_of(tmp_path, tmp_path / "rows.json"), experiment(llama_folder))
    second = again.run(steps.append)

    assert trainings == 5 + 1 + 1 + 1
    assert len(TRAINED) == trainings
    assert all(step.reused for step in steps)
    assert _equal(first.trials, second.trials)
    assert all(t.selection_seconds > 0 and t.training_seconds > 0 for t in second.trials[1:])


def test_what_lies_in_the_cache_costs_what_it_would_cost_anew(
    tmp_path: Path, llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = runner_of(tmp_path, llama_folder, full=False).run()
    shutil.rmtree(tmp_path / "project/comparisons")
    monkeypatch.setattr("assay.compare.ledger.cold_seconds", lambda engine, part: 70.0)

    again = RunAlone(project_of(tmp_path, tmp_path / "rows.json"), experiment(llama_folder)).run()

    before, after = (
        {trial.arm: trial.selection_seconds for trial in made.trials} for made in (first, again)
    )
    assert before["longest_response"] < 70 <= after["longest_response"]
    assert after["random"] < 70  # it reads nothing that is kept


def test_an_interrupted_run_goes_on_and_ends_as_an_undisturbed_one(
    tmp_path: Path, llama_folder: Path
) -> None:
    whole = runner_of(tmp_path / "whole", llama_folder).run()
    TRAINED.clear()

    def stop(step: Step) -> None:
        if step.number == 4:
            raise KeyboardInterrupt

    broken = runner_of(tmp_path / "broken", llama_folder)
    with pytest.raises(KeyboardInterrupt):
        broken.run(stop)
    done = len(TRAINED)
    again = RunAlone(project_of(tmp_path / "broken", tmp_path / "broken/rows.json"),
                   experiment(llama_folder)).run()  # fmt: skip

    assert done == 3
    assert len(TRAINED) == 8
    assert len(set(TRAINED)) == len(TRAINED)
    for mine, other in zip(again.trials, whole.trials, strict=True):
        assert (mine.arm, mine.draw, mine.seed, mine.subset) == (
            other.arm, other.draw, other.seed, other.subset
        )  # fmt: skip
        assert np.array_equal(mine.values[HELD_OUT], other.values[HELD_OUT])


def test_the_order_of_the_rows_in_the_file_does_not_matter(
    tmp_path: Path, llama_folder: Path
) -> None:
    made = []
    order = np.random.Generator(np.random.Philox(3)).permutation(60).tolist()
    for name, places in (("one", None), ("other", order)):
        data = write_rows(tmp_path / name, order=places)
        made.append(RunAlone(project_of(tmp_path / name, data), experiment(llama_folder)).run())

    one, other = made
    for mine, theirs in zip(one.trials, other.trials, strict=True):
        assert (mine.arm, mine.subset) == (theirs.arm, theirs.subset)
        assert np.abs(mine.values[HELD_OUT] - theirs.values[HELD_OUT]).max() < 1e-5
    assert np.array_equal(one.set(HELD_OUT).ids, other.set(HELD_OUT).ids)


def test_a_method_that_fails_is_shown_as_failed_and_the_others_go_on(
    tmp_path: Path, llama_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runner = runner_of(
        tmp_path, llama_folder, "10%", "20%", methods={"broken": TopScore(by=Broken())}
    )
    with caplog.at_level(logging.WARNING):
        made = runner.run()

    failed = [trial for trial in made.trials if trial.status == "failed"]
    assert [(trial.arm, trial.budget, trial.error) for trial in failed] == [
        ("broken", "10%", "ZeroDivisionError: it divides by nothing"),
        ("broken", "20%", "ZeroDivisionError: it divides by nothing"),
    ]
    assert "broken at 10%, seed 0 failed" in caplog.text
    assert len(made.trials) == 2 + 10 + 4 + 2


@pytest.mark.usefixtures("_measured")
def test_losses_that_are_not_finite_fail_the_trial(
    tmp_path: Path, llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nudged = TunedModel.compute

    def diverged(self: TunedModel, view: Any, runtime: Runtime) -> Any:
        tuned = nudged(self, view, runtime)
        if len(TRAINED) == 2:
            nudge(tuned.last, np.nan)
        return tuned

    monkeypatch.setattr(TunedModel, "compute", diverged)
    made = runner_of(tmp_path, llama_folder, full=False, untuned=False).run()

    (failed,) = [trial for trial in made.trials if trial.status == "failed"]
    assert "no finite loss" in str(failed.error)


def test_tuned_models_go_once_they_are_measured_unless_they_are_to_stay(
    tmp_path: Path, llama_folder: Path
) -> None:
    runner_of(tmp_path, llama_folder, full=False).run()
    left = list((tmp_path / "cache/tuned_model").rglob("model.safetensors"))
    leftovers = [path for path in (tmp_path / "project/comparisons/trials").iterdir()
                 if path.suffix != ".parquet"]  # fmt: skip

    kept = runner_of(tmp_path / "kept", llama_folder, full=False, keep_models=True).run()

    assert left == []
    assert leftovers == []
    models = list((tmp_path / "kept/cache/tuned_model").rglob("model.safetensors"))
    assert len(models) == len(kept.trials) - 1


def test_what_a_kill_leaves_of_a_trial_that_is_written_down_goes_with_the_next_run(
    tmp_path: Path, llama_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("assay.compare.trials.Bench._clear", killed)
        runner_of(tmp_path, llama_folder, full=False, untuned=False).run()
    left = list((tmp_path / "cache/tuned_model").rglob("model.safetensors"))

    RunAlone(project_of(tmp_path, tmp_path / "rows.json"),
           experiment(llama_folder, full=False, untuned=False)).run()  # fmt: skip

    assert len(left) == 1
    assert len(TRAINED) == 7
    assert not list((tmp_path / "cache/tuned_model").rglob("model.safetensors"))


def test_a_model_that_was_there_before_stays(tmp_path: Path, llama_folder: Path) -> None:
    project = project_of(tmp_path, write_rows(tmp_path))
    runner = RunAlone(project, experiment(llama_folder, full=False))
    job = next(job for job in runner.plan.jobs if job.draw == 0)
    own = runner.engine.value(_feature(job.seed, runner.choices.of(job).selector, llama_folder))

    runner.run()

    assert own.last.is_dir()
    assert len(list((tmp_path / "cache/tuned_model").rglob("model.safetensors"))) == 1


def test_a_chance_that_changes_nothing_is_taken_once_and_one_that_does_every_time(
    tmp_path: Path, llama_folder: Path
) -> None:
    drawn = RandomSample(within=TopScore(by=LongestResponse(), budget="50%"))
    runner = runner_of(
        tmp_path, llama_folder, seeds=3, methods={"drawn": drawn}, full=False, untuned=False
    )

    runner.run()

    draws = [chosen_rows(runner, "drawn", number) for number in range(3)]
    same = [chosen_rows(runner, "longest_response", number) for number in range(3)]
    assert len({frozenset(draw) for draw in draws}) == 3
    assert same[0] == same[1] == same[2]
    jobs = [job for job in runner.plan.jobs if job.arm.name == "longest_response"]
    assert len({runner.choices.of(job).selector.key for job in jobs}) == 1


def test_a_budget_in_tokens_gives_every_arm_as_many(tmp_path: Path, llama_folder: Path) -> None:
    limit = 110  # below many rows, above others
    recipe = RECIPE.model_copy(update={"max_length": limit})
    runner = runner_of(tmp_path, llama_folder, "25%", "800 tokens", axis="tokens", recipe=recipe)
    made = runner.run()

    loop = PlainLoop.open(llama_folder)
    rows = runner.engine.pool.conversations(np.arange(60))
    trained = np.array([_trained_tokens(loop, row, limit) for row in rows])
    whole = np.array([_trained_tokens(loop, row, 1 << 20) for row in rows])
    free = ~runner.division.pool.held_out
    budgets = {"25%": 0.25 * trained[free].sum(), "800 tokens": 800}
    cut = whole - 2 > limit - 1  # all but the tokens before and after it, and one before it
    assert 10 < cut.sum() < 50
    jobs = zip(runner.plan.jobs, made.trials, strict=True)
    for job, trial in jobs:
        if job.selector is None:
            assert (trial.read_tokens, trial.chosen_tokens) == (0, 0)
            continue
        chosen = runner.choices.of(job).record.selection.indices
        spent = trained[chosen].sum()
        assert trial.read_tokens == spent
        assert trial.chosen_tokens == np.where(cut, whole - 2, trained)[chosen].sum()
        if job.size is not None:
            limited = budgets[job.budget]
            assert limited - trained[free].max() < spent <= limited, job
    longest, chance = trials_of(made, "longest_response")[0], trials_of(made, "random")[0]
    assert longest.rows < chance.rows
    assert made.budget_axis == "tokens"


def _trained_tokens(loop: PlainLoop, row: Conversation, limit: int) -> int:
    """Tokens of a row of one exchange as it is trained on: with EOS, if there is room for it."""
    ids, places = given_prompt(loop, row, limit)
    answered = row.responses
    whole_answer = len(places) == len(loop.plain(answered))
    return len(ids) + (whole_answer and len(ids) < limit)


def test_on_the_axis_of_steps_all_arms_of_a_budget_take_those_of_random_rows(
    tmp_path: Path, llama_folder: Path
) -> None:
    few = TopScore(by=LongestResponse(), rule=Rule(high_quantile=0.1))
    runner = runner_of(tmp_path, llama_folder, "10%", "40%", axis="steps", methods={"few": few})
    made = runner.run()

    steps = {(job.arm.name, job.budget): job.recipe.steps for job in runner.plan.jobs}
    rows = {(trial.arm, trial.budget): trial.rows for trial in made.trials}
    # 49 of 60 rows are to be chosen from: 4 and 19 of them, in batches of 4.
    assert {steps[arm, "10%"] for arm in ("few", "random", "longest_response")} == {1}
    assert {steps[arm, "40%"] for arm in ("few", "random", "longest_response")} == {5}
    assert steps["full", ""] is None
    assert rows["few", "40%"] < rows["random", "40%"] == 19
    tokens = {trial.tokens for trial in made.trials if trial.budget == "40%"}
    assert len(tokens) == 1
