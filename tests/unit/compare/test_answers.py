"""Answers to the questions are those of the models themselves, and outlive them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from assay.compare.answers import FOLDER, SCHEMA
from assay.compare.experiment import answering
from assay.compare.questions import HELD_OUT
from assay.compare.record_files import read_comparison, write_comparison
from assay.compare.records import Trial
from assay.compare.runner import Runner, Step
from assay.components.component import Chosen
from assay.samples import Conversation, Message
from assay.tuning.tuned_model import TunedModel
from tests.causal_rows import PlainLoop, given_prompt
from tests.comparisons import (
    RECIPE,
    TRAINED,
    RunAlone,
    experiment,
    measured_in_no_time,
    project_of,
    runner_of,
    trained_in_no_time,
    trials_of,
)
from tests.unit.compare.synthetic import synthetic

TOKENS = 6
_TERMS: dict[str, Any] = {"full": False, "answers": answering(TOKENS)}


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    trained_in_no_time(monkeypatch)
    measured_in_no_time(monkeypatch)
    monkeypatch.setattr("tests.comparisons.nudge", _shaken)


def _shaken(folder: Path, factor: float) -> None:
    """Change what a model answers, by numbers that the factor decides."""
    from safetensors.numpy import load_file, save_file  # noqa: PLC0415

    weights = load_file(folder / "model.safetensors")
    noise = np.random.default_rng(int(factor * 1e9))
    for name in sorted(weights):
        weights[name] += noise.normal(0, 0.2, weights[name].shape).astype(np.float32)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def _written(loop: PlainLoop, row: Conversation) -> str:
    blank = Conversation((*row.messages[:-1], Message("assistant", "")))
    return loop.shown(loop.reply(given_prompt(loop, blank, 1 << 20).ids, TOKENS).ids)


def _folder(runner: Runner, trial: Trial) -> Path:
    job = next(j for j in runner.plan.jobs if (j.arm.name, j.draw) == (trial.arm, trial.draw))
    tuned = runner.engine.resolve(
        TunedModel(base=runner.experiment.base, recipe=RECIPE, seed=job.seed,
                   dataset=Chosen(by=runner.choices.of(job).selector))
    )  # fmt: skip
    return tuned.store(runner.engine.runtime.cache, runner.engine.view(tuned.dataset)).path


def test_every_model_writes_what_transformers_makes_of_its_weights(
    tmp_path: Path, llama_folder: Path
) -> None:
    runner = runner_of(tmp_path, llama_folder, keep_models=True, **_TERMS)
    made = runner.run()

    (base,) = trials_of(made, "base")
    tuned = trials_of(made, "random")[3]
    rows = list(runner.questions[0].view.conversations())
    texts = {}
    for trial, model in ((base, llama_folder), (tuned, _folder(runner, tuned) / "epoch-1")):
        loop = PlainLoop.open(model)
        texts[trial.arm] = trial.answers[HELD_OUT]["text"].to_list()
        assert texts[trial.arm] == [_written(loop, row) for row in rows]
        assert trial.answers[HELD_OUT].schema == SCHEMA
    assert texts["base"] != texts["random"]
    assert all(list(trial.answers) == [HELD_OUT] for trial in made.trials)


def test_answers_stay_when_the_models_go_and_nothing_is_trained_for_them_again(
    tmp_path: Path, llama_folder: Path
) -> None:
    first = runner_of(tmp_path, llama_folder, **_TERMS)
    made = first.run()
    models = list(tmp_path.rglob("model.safetensors"))
    TRAINED.clear()
    again = RunAlone(first.project, first.experiment).run()

    assert not models
    assert not TRAINED
    for one, other in zip(made.trials, again.trials, strict=True):
        assert one.answers[HELD_OUT].equals(other.answers[HELD_OUT])
    stored = read_comparison(first.records)
    for one, other in zip(made.trials, stored.trials, strict=True):
        assert one.answers[HELD_OUT].equals(other.answers[HELD_OUT])


def test_a_comparison_without_answers_is_trained_again_for_them(
    tmp_path: Path, llama_folder: Path
) -> None:
    plain = runner_of(tmp_path, llama_folder, full=False)
    without = plain.run()
    TRAINED.clear()
    runner = RunAlone(plain.project, replace(plain.experiment, answers=answering(TOKENS)))
    made = runner.run()

    assert not any(trial.answers for trial in without.trials)
    assert not (plain.records / "answers.parquet").exists()
    assert len(TRAINED) == len(made.trials) - 1
    assert runner.records != plain.records
    for one, other in zip(without.trials, made.trials, strict=True):
        assert np.array_equal(one.values[HELD_OUT], other.values[HELD_OUT])


def test_an_interrupted_run_ends_with_the_answers_of_an_undisturbed_one(
    tmp_path: Path, llama_folder: Path
) -> None:
    whole = runner_of(tmp_path / "whole", llama_folder, **_TERMS).run()

    def stop(step: Step) -> None:
        if step.number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner_of(tmp_path / "broken", llama_folder, **_TERMS).run(stop)
    project = project_of(tmp_path / "broken", tmp_path / "broken/rows.json")
    again = RunAlone(project, experiment(llama_folder, **_TERMS)).run()

    for one, other in zip(whole.trials, again.trials, strict=True):
        assert one.answers[HELD_OUT].equals(other.answers[HELD_OUT])


def test_a_damaged_file_of_answers_is_written_anew(
    tmp_path: Path, llama_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = runner_of(tmp_path, llama_folder, **_TERMS)
    made = first.run()
    TRAINED.clear()
    path = sorted((first.folder / FOLDER).glob("*.parquet"))[0]
    path.write_bytes(path.read_bytes()[:-7] + b"damaged")
    again = RunAlone(first.project, first.experiment).run()

    assert f"{path} is damaged" in caplog.text
    assert len(TRAINED) <= 1
    for one, other in zip(made.trials, again.trials, strict=True):
        assert one.answers[HELD_OUT].equals(other.answers[HELD_OUT])


def test_a_question_without_an_answer_comes_back_as_one(tmp_path: Path) -> None:
    made = synthetic(questions=3, others=(), seeds=1, draws=1)
    frame = pl.DataFrame({"text": ["yes", None, ""], "tokens": [1, None, 0],
                          "finish": ["stop", "", "empty"]}, schema=SCHEMA)  # fmt: skip
    trials = (replace(made.trials[0], answers={"held out": frame}), *made.trials[1:])
    write_comparison(tmp_path, replace(made, trials=trials))

    found = read_comparison(tmp_path)
    assert found.trials[0].answers["held out"].equals(frame)
    assert not any(trial.answers for trial in found.trials[1:])
    with pytest.raises(ValueError, match="not every question of 'held out' has an answer"):
        few = {"held out": frame.head(2)}
        replace(made, trials=(replace(made.trials[0], answers=few), *made.trials[1:]))


def test_the_plan_tells_how_long_answers_take(tmp_path: Path, llama_folder: Path) -> None:
    plain = runner_of(tmp_path, llama_folder, full=False).plan
    asked = runner_of(tmp_path, llama_folder, **_TERMS).plan

    names = [step.name for step in asked.steps]
    assert "base model's answers" in names
    assert "base model's answers" not in [step.name for step in plain.steps]
    assert asked.training_seconds > plain.training_seconds
