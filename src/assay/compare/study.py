"""A comparison on several base models: the same arms, budgets and seeds on each of them."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assay.compare.experiment import Experiment, selector_of
from assay.compare.record_files import write_comparison
from assay.compare.records import Comparison, EvaluationSet, Trial
from assay.compare.runner import Runner, Step
from assay.components.base import Component
from assay.components.budget import Budget
from assay.components.component import Selector, build
from assay.components.references import short_name
from assay.components.result_names import DIGITS, derived_name
from assay.errors import PlanError, Words, joined
from assay.progress import Progress, Silent
from assay.samples import FloatArray, IndexArray
from assay.wording import listed
from assay.workspace.named_selection import NamedSelection
from assay.workspace.workspace import BudgetLike, Method, Workspace


class Study:
    """What an experiment compares, one base model after another.

    Args:
        project: whose rows are compared.
        experiment: what is compared.
    """

    def __init__(self, project: Workspace, experiment: Experiment) -> None:
        self.project = project
        self.experiment = experiment
        self.rebuild = ""
        """The command that makes the comparison again, which is kept with its records."""
        self.runners = tuple(
            Runner(project, replace(experiment, bases=(base,)), bases=len(experiment.bases))
            for base in experiment.bases
        )

    @property
    def first(self) -> Runner:
        """What is done with the base model that is named first."""
        return self.runners[0]

    @property
    def notes(self) -> tuple[Words, ...]:
        """What a person should know about the files and the models that are read."""
        every = (*self.first.division.notes(), *(n for each in self.runners for n in each.notes))
        return tuple(dict.fromkeys(every))

    def check(self) -> None:
        """Check that the comparison can start on every base model.

        Raises:
            PlanError: with every reason why it cannot.
        """
        refusals = dict.fromkeys(words for each in self.runners for words in each.plan.refusals)
        if refusals:
            raise PlanError(joined(list(refusals)))

    def run(self, tell: Callable[[Step], None] | None = None) -> Comparison:
        """Do what is not done yet, write the records, and return them.

        Args:
            tell: called after every trial, in place of the progress of all.

        Raises:
            PlanError: if the comparison cannot start.
        """
        self.check()
        count = sum(len(each.plan.jobs) for each in self.runners)
        progress: Progress = self.project.runtime.progress if tell is None else Silent()
        with progress.task("trials", count, unit="trials") as task:
            for step in self._steps(count):
                task.advance(1)
                if tell is not None:
                    tell(step)
        return self.write()

    def _steps(self, count: int) -> Iterator[Step]:
        """Yield the trials of all base models, counted together."""
        before = 0
        for place, runner in enumerate(self.runners):
            later = sum(each.plan.training_seconds for each in self.runners[place + 1 :])
            on = short_name(runner.experiment.base) if len(self.runners) > 1 else ""
            for step in runner.steps():
                left = None if step.seconds_left is None else step.seconds_left + later
                yield step._replace(number=before + step.number, of=count, seconds_left=left, on=on)
            before += len(runner.plan.jobs)

    def has_trials(self) -> bool:
        """Return whether any trial has ended."""
        return any(each.trials for each in self.runners)

    def comparison(self) -> Comparison:
        """Return what is known so far, of the base models that were begun."""
        begun = [each for each in self.runners if each.trials] or [self.first]
        made = merged([each.comparison() for each in begun])
        if self.experiment.title or len(begun) == 1:
            return made
        names = listed([short_name(base) for base in made.bases])
        return replace(made, title=f"What {names} learn from {self.first.pool_name}")

    def write(self) -> Comparison:
        """Write what is known so far to the project, and return it."""
        made = replace(self.comparison(), rebuild=self.rebuild)
        write_comparison(self.records, made)
        return made

    @property
    def records(self) -> Path:
        """Folder of this comparison's records, named by all that it compares."""
        if len(self.runners) == 1:
            return self.first.records
        names = "/".join(each.records.name for each in self.runners)
        digest = hashlib.blake2b(names.encode(), digest_size=4).hexdigest()
        return self.first.folder / f"comparison-{digest}"


def compare(
    project: Workspace,
    methods: Sequence[Method | NamedSelection | Sequence[NamedSelection]],
    *,
    base: str | Sequence[str],
    budgets: Sequence[BudgetLike] | BudgetLike | None = None,
    **terms: Any,
) -> Comparison:
    """Tune a model on what each method chooses, and return how well the models answer.

    Args:
        project: whose rows are compared.
        methods: selections that were made, or methods by name, description or object. Random rows
            and the longest ones are compared in any case.
        base: model that is tuned, or several.
        budgets: how much each may choose; by default what the selections chose.
        **terms: other terms of an `Experiment`.
    """
    arms: dict[str, Selector] = {}
    own: list[Budget] = []
    for method in methods:
        for each in method if isinstance(method, (list, tuple)) else [method]:
            name, selector = _named(project, each)
            if selector.budget is not None:
                own.append(selector.budget)
            plain = selector.model_copy(update={"budget": None})
            if arms.setdefault(name, plain) != plain:
                arms[f"{name}-{plain.key[:DIGITS]}"] = plain
    wanted = own if budgets is None else _budgets(budgets)
    bases = (base,) if isinstance(base, str) else tuple(base)
    return Study(
        project, Experiment(bases, tuple(dict.fromkeys(wanted)), methods=arms, **terms)
    ).run()


def _budgets(budgets: Sequence[BudgetLike] | BudgetLike) -> list[Budget]:
    several = [budgets] if isinstance(budgets, (Budget, str, int)) else budgets
    return [Budget.model_validate(budget) for budget in several]


def _named(project: Workspace, method: Any) -> tuple[str, Selector]:
    if isinstance(method, NamedSelection):
        return derived_name(method.selector.model_copy(update={"budget": None})), method.selector
    if isinstance(method, Component):
        selector = selector_of(method)
    else:
        with project.names():
            selector = selector_of(build(method, "selector"))
    return derived_name(selector.model_copy(update={"budget": None})), selector


def merged(parts: Sequence[Comparison]) -> Comparison:
    """Return comparisons of one base model each, on equal terms, as one of all of them.

    A question that some base model gives no value has none in its trials.

    Args:
        parts: one or more, with the same arms, budgets and names of sets.

    Raises:
        ValueError: if their terms differ.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    for part in parts[1:]:
        terms = ("pool", "pool_rows", "budgets", "budget_axis", "tune_seeds", "recipe", "arms")
        differ = [name for name in terms if getattr(part, name) != getattr(first, name)]
        if differ or part.primary != first.primary:
            raise ValueError(f"comparisons differ in {', '.join(differ or ['primary'])}")
    sets = tuple(_union([part.set(known.name) for part in parts]) for known in first.sets)
    trials = [_laid_out(trial, part, sets) for part in parts for trial in part.trials]
    powers = [part.powers for part in parts]
    return replace(
        first,
        bases=tuple(base for part in parts for base in part.bases),
        sets=sets,
        trials=tuple(trials),
        models={name: words for part in parts for name, words in part.models.items()},
        powers=tuple(check for each in powers for check in each) if all(powers) else (),
    )


def _union(sets: Sequence[EvaluationSet]) -> EvaluationSet:
    """Return the questions of all sets of one name, each once; tokens are those of the first."""
    tokens: dict[int, int] = {}
    for part in sets:
        for number, count in zip(part.ids.tolist(), part.tokens.tolist(), strict=True):
            tokens.setdefault(number, count)
    ids = np.array(list(tokens), np.uint64)
    return replace(sets[0], ids=ids, tokens=np.array(list(tokens.values()), np.int64))


def _laid_out(trial: Trial, part: Comparison, sets: Sequence[EvaluationSet]) -> Trial:
    """Return a trial of one base model with a place for every question of all."""
    values: dict[str, FloatArray] = {}
    answers: dict[str, pl.DataFrame] = {}
    for whole in sets:
        place = {number: at for at, number in enumerate(whole.ids.tolist())}
        places = np.array([place[number] for number in part.set(whole.name).ids.tolist()], np.int64)
        if whole.name in trial.values:
            values[whole.name] = np.full(len(whole), np.nan)
            values[whole.name][places] = trial.values[whole.name]
        if whole.name in trial.answers:
            answers[whole.name] = _spread(trial.answers[whole.name], places, len(whole))
    return replace(trial, base=part.bases[0], values=values, answers=answers)


def _spread(frame: pl.DataFrame, places: IndexArray, count: int) -> pl.DataFrame:
    at = pl.DataFrame({"at": np.arange(count)})
    own = frame.with_columns(pl.Series("at", places))
    return at.join(own, on="at", how="left", maintain_order="left").drop("at")
