"""Runs a comparison: questions, plan and power check first, then trial after trial."""

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from assay.compare.division import Division, divide
from assay.compare.experiment import Experiment
from assay.compare.ledger import Ledger
from assay.compare.plan import ComparisonPlan, Job, make_plan
from assay.compare.power import power_check
from assay.compare.questions import QuestionSet, ask_base, candidates, scoring
from assay.compare.records import BUDGETLESS, Comparison, PowerCheck, SetKind, Trial
from assay.compare.remarks import few_steps
from assay.compare.trials import Bench, Choices
from assay.components.references import (
    MODEL_KINDS,
    name_of,
    pinned_fields,
    shared_name,
    short_name,
)
from assay.components.walk import walk
from assay.engine.engine import Engine
from assay.engine.read_files import file_notes
from assay.errors import AssayError, DataError, Words
from assay.features.duplicates import evaluation_file
from assay.features.made_models import model_name
from assay.models.recipe import Recipe
from assay.pool.view import PoolView
from assay.progress import seconds_left
from assay.stores.results import Results
from assay.version import __version__
from assay.wording import listed
from assay.workspace.workspace import Workspace

FOLDER = "comparisons"
_FORETELLING_QUESTIONS = 16
_log = logging.getLogger("assay.compare")


class Step(NamedTuple):
    """A trial that ended: its place among all, counted from 1, and about how long the rest takes.

    `reused` says that it was at hand; `seconds_left` is None where nothing tells. `on` names the
    base model where there are several.
    """

    number: int
    of: int
    job: Job
    trial: Trial
    reused: bool
    seconds_left: float | None
    on: str = ""


class Runner:
    """A comparison of a project's rows on one base model, from its plan to its records.

    Selections, costs and trials are kept in the project's folder ``comparisons``: a trial is done
    once, whatever comparison it is part of, and an interrupted comparison goes on.

    Args:
        project: whose rows are compared; its own scores and selections are left alone.
        experiment: what is compared, with one base model.
        bases: base models whose claims are counted together, this one among them.
    """

    def __init__(self, project: Workspace, experiment: Experiment, *, bases: int = 1) -> None:
        self.project = project
        self._bases = bases
        self.experiment = experiment
        self.folder = project.folder / FOLDER
        self.division: Division = divide(project.engine, experiment)
        own = project.engine
        self.engine = Engine(
            self.division.pool,
            project.runtime,
            results=Results(self.folder),
            open_file=lambda dataset: own.view(own.resolve(dataset)).pool,
        )
        self.trials: list[Trial] = []

    @cached_property
    def _candidates(self) -> Any:
        return candidates(self.engine, self.division, self.experiment)

    @cached_property
    def plan(self) -> ComparisonPlan:
        """What would be done, and why it cannot be, if so."""
        return make_plan(
            self.project, self.engine, self.experiment, self.division, self._candidates
        )

    @cached_property
    def notes(self) -> tuple[Words, ...]:
        """What a person should know about the other files and the models that are read."""
        arms = [each.selector for each in self.plan.contenders if each.selector is not None]
        others = [evaluation_file(file) for file in self.experiment.others]
        files = self.engine.read_files([*others, *arms])
        read = [*arms, scoring(self.experiment.base, self.experiment.recipe)]
        own = few_steps(self.experiment.recipe, self._steps_of_budgets())
        reported = (*file_notes(file.facts() for file in files), *self.project.advice(read))
        return (*reported, own) if own else reported

    def _steps_of_budgets(self) -> list[tuple[str, int]]:
        """Return the budgets in words, with the optimiser steps of a training of so many rows."""
        recipe = self.experiment.recipe
        return [(size.words, recipe.all_steps(max(1, int(size.rows)))) for size in self.plan.sizes]

    @cached_property
    def questions(self) -> Sequence[QuestionSet]:
        """The sets of questions, with the losses of the base model."""
        return ask_base(self._candidates, self.experiment, self.engine)

    @cached_property
    def near_duplicates(self) -> int:
        """How many rows that may be chosen are nearly equal to a question held out."""
        return self.division.near_duplicates(self.engine)

    @cached_property
    def power(self) -> PowerCheck:
        """What difference the comparison is able to show on the set that claims are made on."""
        return self._power(self.questions[self.experiment.place_of_primary])

    @cached_property
    def foretold_power(self) -> PowerCheck | None:
        """About that difference, by the answers to a few questions; None if those tell nothing."""
        name, kind, view = self._candidates[self.experiment.place_of_primary]
        places = np.linspace(0, len(view) - 1, min(_FORETELLING_QUESTIONS, len(view)))
        few = PoolView(view.pool, view.positions[np.unique(places.astype(np.int64))])
        try:
            [asked] = ask_base([(name, kind, few)], self.experiment, self.engine)
        except DataError:  # too few of these have an answer; of all, enough may
            return None
        return self._power(asked, questions=len(view))

    def _power(self, primary: QuestionSet, questions: int | None = None) -> PowerCheck:
        claims = (
            self._bases
            * len(self.plan.sizes)
            * sum(each.arm.kind not in ("random", *BUDGETLESS) for each in self.plan.contenders)
        )
        return power_check(
            primary.record,
            primary.base,
            seeds=self.experiment.seeds,
            draws=self.experiment.draws,
            claims=claims,
            questions=questions,
        )

    @property
    def asked(self) -> Sequence[tuple[str, SetKind, int]]:
        """Name, kind and number of the questions of every set, some of which may go unanswered."""
        return [(name, kind, len(view)) for name, kind, view in self._candidates]

    @property
    def primary(self) -> str:
        """Name of the set that claims are made on."""
        name: str = self._candidates[self.experiment.place_of_primary][0]
        return name

    @cached_property
    def choices(self) -> Choices:
        """The rows of the arms."""
        ledger = Ledger(self.engine, self.folder / "costs")
        return Choices(self.engine, ledger, self.plan.jobs)

    def steps(self) -> Iterator[Step]:
        """Do what is not done yet, a trial at a time."""
        bench = Bench(self.engine, self.experiment, self.choices, self.questions, self.folder)
        jobs = self.plan.jobs
        done = spent = 0.0
        self.trials = []
        for place, job in enumerate(jobs):
            started = time.perf_counter()
            trial, reused = _tried(bench, job)
            if not reused:
                spent += time.perf_counter() - started
                done += job.seconds
            self.trials.append(trial)
            left = seconds_left(
                done, done + sum(later.seconds for later in jobs[place + 1 :]), spent
            )
            yield Step(place + 1, len(jobs), job, trial, reused, left)

    def comparison(self) -> Comparison:
        """Return what is known so far."""
        experiment, base = self.experiment, self._base
        return Comparison(
            title=experiment.title or f"What {short_name(base)} learns from {self.pool_name}",
            bases=(base,),
            pool=self._pool_words(),
            pool_rows=self.division.trainable,
            budgets=tuple(size.words for size in self.plan.sizes),
            budget_axis=experiment.axis,
            tune_seeds=experiment.seeds,
            recipe=recipe_words(experiment.recipe, equal_steps=experiment.axis == "steps"),
            sets=tuple(asked.record for asked in self.questions),
            primary=self.primary,
            arms=tuple(each.arm for each in self.plan.contenders),
            trials=tuple(self.trials),
            models=self._models(),
            assay_version=__version__,
            powers=(self.power,),
        )

    @property
    def records(self) -> Path:
        """Folder of this comparison's records, named by all that it compares."""
        terms = {
            "pool": self.division.pool.context,
            "base": self._base,
            "recipe": self.experiment.recipe.model_dump(mode="json"),
            "axis": self.experiment.axis,
            "sizes": [size.words for size in self.plan.sizes],
            "arms": [
                [each.arm.name, each.selector.key if each.selector else ""]
                for each in self.plan.contenders
            ],
            "runs": [self.experiment.seeds, self.experiment.draws],
            "sets": [asked.digest for asked in self.questions],
        }
        # What is usual is left out, so that a comparison of an earlier version keeps its folder.
        if self.experiment.primary:
            terms["primary"] = self.questions[self.experiment.place_of_primary].digest
        if self.experiment.answers is not None:
            terms["answers"] = self.experiment.answers.model_dump(mode="json")
        text = json.dumps(terms, sort_keys=True).encode()
        return self.folder / f"comparison-{hashlib.blake2b(text, digest_size=4).hexdigest()}"

    @cached_property
    def _base(self) -> str:
        scored = self.engine.resolve(scoring(self.experiment.base, self.experiment.recipe))
        return model_name(scored.model)

    @property
    def pool_name(self) -> str:
        """Names of the files that rows are chosen from."""
        return " + ".join(Path(spec["location"]).name for spec in self.project.load_record.specs)

    def _pool_words(self) -> str:
        division = self.division
        asked = f"{len(division.held_out):,} of {len(division.pool):,} rows held out"
        by = "" if division.share is None else " by the comparison"
        reported = [f"{self.pool_name} ({self.project.pool.digest})", asked + by]
        if self.near_duplicates:
            reported.append(f"{self.near_duplicates:,} others nearly equal to one of these")
        reported += [
            f"{rows:,} that repeat questions of {Path(file).name} left out"
            for file, rows in division.repeated.items()
            if rows
        ]
        return ", ".join(reported)

    def _models(self) -> dict[str, str]:
        """Return the models that the methods read, and which methods these are."""
        readers: dict[str, list[str]] = {}
        for contender in self.plan.contenders:
            selector = contender.selector
            for part in walk([] if selector is None else [self.engine.resolve(selector)]):
                for name, kind in pinned_fields(type(part)).items():
                    named = getattr(part, name)
                    if kind in MODEL_KINDS and named and isinstance(named, str):
                        model = f"{kind.replace('_', ' ')} {shared_name(named)}"
                        readers.setdefault(model, []).append(contender.arm.name)
        return {
            model: f"read by {listed(list(dict.fromkeys(names)))}"
            for model, names in readers.items()
        }


def _tried(bench: Bench, job: Job) -> tuple[Trial, bool]:
    """Return the trial of a job, a failed one with its reason: the others go on."""
    try:
        return bench.run(job)
    except Exception as error:  # a method of a plugin may raise anything
        first = (str(error).strip() or "no reason given").partition("\n")[0]
        reported = first if isinstance(error, AssayError) else f"{type(error).__name__}: {first}"
        _log.warning("%s failed: %s", job, reported)
        _log.debug("%s", job, exc_info=error)
        return Trial(job.arm.name, job.budget, 0, 0, job.draw, job.seed, "failed", reported), False


def recipe_words(recipe: Recipe, *, equal_steps: bool = False) -> str:
    """Return a recipe for people."""
    length = f"{recipe.epochs} epoch{'s' * (recipe.epochs > 1)}"
    if equal_steps:
        length = f"as many steps for every arm as random rows take in {length}"
    elif recipe.steps is not None:
        length = f"{recipe.steps:,} steps"
    weights = f"LoRA of rank {recipe.lora_rank}" if recipe.weights == "lora" else "all weights"
    return (
        f"{weights}, {length}, batches of {recipe.batch_size}, learning rate {recipe.rate:g} "
        f"({recipe.schedule}), at most {recipe.max_length:,} tokens, template "
        f"{name_of(recipe.template)}, {recipe.dtype}"
    )
