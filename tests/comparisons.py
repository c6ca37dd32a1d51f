"""Small comparisons: rows, terms, and trainings that take no time."""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.backends.held import HeldModels
from assay.compare.experiment import Experiment
from assay.compare.questions import QuestionSet
from assay.compare.records import Comparison, Trial
from assay.compare.runner import Runner, Step
from assay.compare.study import Study
from assay.components.budget import Budget
from assay.engine.engine import Engine
from assay.features.made_models import model_name
from assay.models.recipe import RECORD, Recipe, Tuned, training_flops
from assay.pool.view import PoolView
from assay.project import Project
from assay.runtime import Runtime
from assay.samples import FloatArray
from assay.tuning.timing import Timing
from assay.tuning.tuned_model import TunedModel
from assay.workspace.trainings import Price
from tests.causal_rows import ordinary_rows, set_budget

RECIPE = Recipe(epochs=1, batch_size=4, device_batch=4, max_length=256, learning_rate=1e-3)
TRAINED: list[str] = []
"""Digests of the rows of the trainings that were done in place of real ones, in order."""
_HELD = HeldModels()
_PRICE = Price(rows=10, steps=3, tokens=500, flops=1e6, seconds=0.2)


def write_rows(folder: Path, count: int = 60, *, order: Sequence[int] | None = None) -> Path:
    """Write rows in Alpaca's layout, two of them equal, in some order."""
    rows = [
        {"instruction": question, "input": given, "output": answer}
        for question, given, answer in ordinary_rows(count - 1)
    ]
    rows.append(dict(rows[3]))
    path = folder / "rows.json"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([rows[place] for place in order or range(count)]))
    return path


def project_of(folder: Path, data: Path, *, cache: Path | None = None, **settings: Any) -> Project:
    """Return a project on the processor; models that were opened once stay open."""
    runtime = Runtime(
        cache=cache or folder / "cache", workers=1, device="cpu", offline=True, models=_HELD
    )
    return Project(folder / "project", data=data, runtime=runtime, **settings)


def experiment(base: Path, *budgets: str, **terms: Any) -> Experiment:
    """Return terms that take as few trainings as there can be."""
    given: dict[str, Any] = {"seeds": 1, "recipe": RECIPE, **terms}
    return Experiment(
        (str(base),), tuple(Budget.model_validate(each) for each in budgets or ("20%",)), **given
    )


class RunAlone(Runner):
    """What a comparison does with its one base model, which carries out the comparison itself."""

    def run(self, tell: Callable[[Step], None] | None = None) -> Comparison:
        """Return the records of the comparison."""
        study = Study(self.project, self.experiment)
        study.runners = (self,)
        return study.run(tell)


def runner_of(folder: Path, base: Path, *budgets: str, **terms: Any) -> RunAlone:
    """Return a comparison of made-up rows."""
    project = project_of(folder, write_rows(folder))
    set_budget(project.runtime, base, 2048)
    return RunAlone(project, experiment(base, *budgets, **terms))


def trained_in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace training by a nudge to the weights, which rows, recipe and seed decide."""
    TRAINED.clear()
    monkeypatch.setattr(TunedModel, "compute", _nudged)
    monkeypatch.setattr("assay.compare.plan.price", lambda project, feature: _PRICE)
    monkeypatch.setattr(
        "assay.tuning.tuned_model.timing", lambda *given: Timing(1.0, 50.0, 1e-3, 9)
    )


def measured_in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the losses of tuned models by numbers that rows, recipe and seed decide."""
    monkeypatch.setattr("assay.compare.trials.losses", _made_up)


def _made_up(
    model: Path, questions: QuestionSet, experiment: Experiment, engine: Engine, *, cache: Path
) -> FloatArray:
    key = int.from_bytes(hashlib.blake2b("/".join(model.parts[-3:]).encode()).digest()[:8])
    noise = np.random.Generator(np.random.Philox(key)).normal(0, 0.1, len(questions.record))
    assert (model / "model.safetensors").is_file()
    return questions.base + noise


def _nudged(self: TunedModel, view: PoolView, runtime: Runtime) -> Tuned:
    store = self.store(runtime.cache, view)
    TRAINED.append(view.digest)
    base = Path(model_name(self.base).rpartition("@")[0])
    state = hashlib.blake2b(f"{store.path.name}/{self.row_key}".encode(), digest_size=4)
    with store.filling() as work:
        epoch = work / "epoch-1"
        shutil.copytree(base, epoch, dirs_exist_ok=True)
        nudge(epoch, 1 - int.from_bytes(state.digest()[:1]) / 2560)
        (work / RECORD).write_text(_record(self, view, work).model_dump_json())
    return Tuned.read(store.path)


def nudge(folder: Path, factor: float) -> None:
    """Multiply the weights of a model's last normalisation."""
    from safetensors.numpy import load_file, save_file  # noqa: PLC0415

    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"] *= np.float32(factor)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def _record(feature: TunedModel, view: PoolView, folder: Path) -> Tuned:
    rows = len(view)
    steps = feature.recipe.all_steps(rows)
    tokens = 10 * (rows * feature.recipe.epochs if feature.recipe.steps is None else steps * 4)
    return Tuned(
        folder=folder, base=feature.base, recipe=feature.recipe, seed=feature.seed, epochs=(1,),
        rows=rows, sequences=rows, left_out={}, noted={}, steps=steps, losses=(1.0,) * steps,
        learning_rates=(1e-3,), tokens=tokens, scored_tokens=tokens // 2, parameters=1000,
        trained_parameters=10, flops=training_flops(feature.recipe.weights, 1000, tokens),
        seconds=0.5, producer={},
    )  # fmt: skip


def trials_of(comparison: Comparison, arm: str) -> list[Trial]:
    """Return the trials of an arm."""
    return [trial for trial in comparison.trials if trial.arm == arm]


def chosen_rows(runner: Runner, arm: str, number: int = 0) -> set[int]:
    """Return the rows that a trial of an arm trains on."""
    jobs = [job for job in runner.plan.jobs if job.arm.name == arm]
    return set(runner.choices.of(jobs[number]).record.selection.indices.tolist())
