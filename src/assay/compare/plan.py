"""The trainings of a comparison, what they would take, and why they cannot start, if so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from assay.compare.answers import writing
from assay.compare.division import Division
from assay.compare.experiment import Contender, Experiment
from assay.compare.ledger import cold_seconds
from assay.compare.questions import as_trained, scoring
from assay.compare.records import Arm, SetKind
from assay.components.base import Component
from assay.components.budget import Budget, TrainingReading
from assay.components.component import Chosen, Selector
from assay.components.references import is_endpoint
from assay.echo import Brief
from assay.engine.engine import Engine
from assay.engine.planning import plan as plan_components
from assay.engine.row_steps import Step
from assay.errors import AssayError, BudgetError, Words
from assay.features.duplicates import DuplicateGroups
from assay.models.recipe import Recipe
from assay.pool.view import PoolView
from assay.tuning.tuned_model import TunedModel
from assay.workspace.trainings import price
from assay.workspace.workspace import Workspace


@dataclass(frozen=True)
class Size:
    """A budget of the comparison.

    Attributes:
        words: as it was asked for.
        budget: as selectors take it.
        rows: that it is expected to hold; rows are taken to be of common length where it is in
            tokens.
    """

    words: str
    budget: Budget
    rows: float


@dataclass(frozen=True)
class Job:
    """One trial: an arm at a size, by a training seed.

    `selector` chooses its rows; where nobody set its seed, that is the draw's number, or else the
    training's. `tokens` are about those that are trained on, `seconds` what that and the questions
    take.
    """

    arm: Arm
    size: Size | None
    draw: int | None
    seed: int
    selector: Selector | None
    recipe: Recipe
    tokens: float = 0.0
    seconds: float = 0.0

    @property
    def budget(self) -> str:
        """The budget as the comparison spells it; empty where there is none."""
        return self.size.words if self.size else ""

    def __str__(self) -> str:
        """Return the trial in words, such as ``ifd at 5%, seed 0``."""
        where = f" at {self.budget}" if self.budget else ""
        run = f"draw {self.draw}" if self.draw is not None else f"seed {self.seed}"
        return f"{self.arm.name}{where}, {run}" if self.selector else self.arm.name


@dataclass(frozen=True, repr=False)
class ComparisonPlan(Brief):
    """What a comparison does.

    Attributes:
        contenders: the arms.
        sizes: the budgets, from the smallest to the largest.
        jobs: the trials, in the order in which they are run.
        steps: the scoring that is not at hand yet.
        refusals: why the work cannot start.
    """

    contenders: tuple[Contender, ...]
    sizes: tuple[Size, ...]
    jobs: tuple[Job, ...]
    steps: tuple[Step, ...]
    refusals: tuple[Words, ...]

    @property
    def trainings(self) -> int:
        """Number of trainings."""
        return sum(job.selector is not None for job in self.jobs)

    @property
    def tokens(self) -> float:
        """About how many tokens are trained on."""
        return sum(job.tokens for job in self.jobs)

    @property
    def training_seconds(self) -> float:
        """About how long trainings and questions take."""
        return sum(job.seconds for job in self.jobs)

    @property
    def seconds(self) -> float | None:
        """About how long all takes; None if a step is not known."""
        times = [step.seconds for step in self.steps]
        if None in times:
            return None
        return self.training_seconds + sum(time for time in times if time is not None)


def make_plan(
    project: Workspace,
    engine: Engine,
    experiment: Experiment,
    division: Division,
    sets: Sequence[tuple[str, SetKind, PoolView]],
) -> ComparisonPlan:
    """Return the plan of a comparison; some steps of training are timed on rows of the pool.

    Args:
        project: whose rows are compared.
        engine: over the rows of `division`.
        experiment: what is compared.
        division: which rows may be chosen.
        sets: questions, of which some may turn out to have no answer.
    """
    contenders = tuple(experiment.contenders())
    refusals: list[Words] = [
        f"{name}: {len(view)} rows to measure on, and a comparison needs two"
        for name, _, view in sets
        if len(view) < 2
    ]
    refusals += _unfit(division, experiment)
    if is_endpoint(experiment.base):
        refusals.append(f"{experiment.base} is behind HTTP, and cannot be trained")
    if refusals:
        return ComparisonPlan(contenders, (), (), (), tuple(refusals))
    sizes = _sizes(engine, experiment, division)
    jobs = _jobs(contenders, sizes, experiment)
    steps, found = _prices(engine, experiment, jobs)
    if not found:
        questions = sum(len(view) for _, _, view in sets)
        rates = _rates(project, engine, experiment)
        jobs = [_priced(job, rates, division, questions) for job in jobs]
        steps += _asking(engine, experiment, sets, rates)
    return ComparisonPlan(contenders, sizes, tuple(jobs), tuple(steps), tuple(found))


def _unfit(division: Division, experiment: Experiment) -> Iterator[str]:
    """Yield why a budget cannot be kept."""
    free = division.trainable
    if not free:
        yield "no row is left to train on"
    for budget in experiment.budgets:
        try:
            count = budget.count(pool=free, eligible=free)
        except BudgetError as error:
            yield error.message
            continue
        if budget.unit == "percent" and experiment.axis == "tokens":
            continue
        if count == 0:
            yield f"{budget} of {free:,} rows is no row at all"


def _sizes(engine: Engine, experiment: Experiment, division: Division) -> tuple[Size, ...]:
    free = ~division.pool.held_out
    sizes: dict[str, Size] = {}
    if experiment.axis != "tokens":
        for budget in experiment.budgets:
            count = budget.count(pool=division.trainable, eligible=division.trainable)
            sizes[str(budget)] = Size(str(budget), budget, float(count or 0))
        return tuple(sorted(sizes.values(), key=lambda size: size.rows))
    # What the trainer is given counts: what the limit cuts off is no training.
    counted = engine.resolve(as_trained(experiment.base, experiment.recipe))
    reading = TrainingReading(model=counted.model, rendering=counted.rendering, dtype=counted.dtype)
    everything = max(1.0, float(np.nansum(engine.value(counted)["total"][free])))
    for budget in experiment.budgets:
        tokens = budget.limit()
        if tokens is None:
            tokens = float(int(everything * float(budget.amount) / 100))
        taken = Budget(amount=str(int(tokens)), unit="tokens", as_trained=reading)
        rows = min(tokens / everything, 1.0) * division.trainable
        sizes[str(budget)] = Size(str(budget), taken, rows)
    return tuple(sorted(sizes.values(), key=lambda size: size.rows))


def _jobs(
    contenders: Sequence[Contender], sizes: Sequence[Size], experiment: Experiment
) -> list[Job]:
    """Return the trials, round by round, so that what an interrupted run has is balanced."""
    rounds: list[tuple[int, Job]] = []
    for contender in contenders:
        arm, selector = contender.arm, contender.selector
        if selector is None:
            rounds.append((-1, Job(arm, None, None, 0, None, experiment.recipe)))
            continue
        drawn = arm.kind == "random"
        own: Sequence[Size | None] = (None,) if arm.kind == "full" else sizes
        for number in range(experiment.draws if drawn else experiment.seeds):
            seed = number % experiment.seeds
            for size in own:
                rows = selector.model_copy(update={"budget": size.budget}) if size else selector
                recipe = _with_steps(experiment, size)
                draw = number if drawn else None
                rounds.append((number, Job(arm, size, draw, seed, rows, recipe)))
    return [job for _, job in sorted(rounds, key=lambda pair: pair[0])]


def _with_steps(experiment: Experiment, size: Size | None) -> Recipe:
    if experiment.axis != "steps" or size is None:
        return experiment.recipe
    steps = experiment.recipe.all_steps(int(size.rows))
    return experiment.recipe.model_copy(update={"steps": steps})


def _prices(
    engine: Engine, experiment: Experiment, jobs: Sequence[Job]
) -> tuple[list[Step], list[Words]]:
    """Return the steps before the trainings, and every reason why the work cannot start."""
    first = [job for job in jobs if job.selector is not None and job.seed == 0 and not job.draw]
    wanted: list[Component] = [job.selector for job in first if job.selector is not None]
    try:
        sample = TunedModel(
            base=experiment.base, recipe=experiment.recipe, dataset=Chosen(by=wanted[0])
        )
        planned = plan_components(engine, [*wanted, sample])
    except AssayError as error:
        return [], [error.sentence()]
    # Equal steps of several budgets are one line; how long training takes is told apart.
    steps: dict[tuple[str, str, int], Step] = {}
    for number, step in enumerate(planned.steps):
        if step.name == TunedModel.name:
            continue
        key = (step.name, step.note, number if step.price else -1)
        known = steps.get(key, step._replace(seconds=0.0)).seconds
        both = None if known is None or step.seconds is None else known + step.seconds
        steps[key] = step._replace(seconds=both)
    return list(steps.values()), planned.refusals


def _asking(
    engine: Engine,
    experiment: Experiment,
    sets: Sequence[tuple[str, SetKind, PoolView]],
    rates: "_Rates",
) -> list[Step]:
    """Return the work on the questions that comes before the trainings."""
    near = plan_components(engine.over_all_rows(), [DuplicateGroups(match="near")]).steps
    scored = engine.resolve(scoring(experiment.base, experiment.recipe))
    missing = sum(engine.missing_in(view, scored) for _, _, view in sets)
    questions = sum(len(view) for _, _, view in sets)
    asked = Step("base model's losses", questions, missing, missing * rates.scoring_seconds)
    steps = [*(step._replace(name="rows like questions") for step in near), asked]
    if experiment.answers is not None and experiment.untuned:
        feature = engine.resolve(writing(experiment.base, experiment.recipe, experiment.answers))
        missing = sum(engine.missing_in(view, feature) for _, _, view in sets)
        seconds = missing * rates.writing_seconds
        steps.append(Step("base model's answers", questions, missing, seconds))
    return steps


class _Rates(NamedTuple):
    """Tokens of a row, and the seconds that training on it, scoring and answering it take."""

    tokens: float
    training_seconds: float
    scoring_seconds: float
    writing_seconds: float


def _rates(project: Workspace, engine: Engine, experiment: Experiment) -> _Rates:
    plain = experiment.recipe.model_copy(update={"epochs": 1, "steps": None, "checkpoints": "last"})
    found = price(project.engine, TunedModel(base=experiment.base, recipe=plain))
    scored = engine.resolve(scoring(experiment.base, experiment.recipe))
    rows = max(len(engine.pool.unique[0]), 1)
    seconds, writing_seconds = cold_seconds(engine, scored) / rows, 0.0
    if experiment.answers is not None:
        feature = engine.resolve(writing(experiment.base, experiment.recipe, experiment.answers))
        writing_seconds = cold_seconds(engine, feature) / rows
    return _Rates(found.tokens / found.rows, found.seconds / found.rows, seconds, writing_seconds)


def _priced(job: Job, rates: _Rates, division: Division, questions: int) -> Job:
    if job.selector is None:
        return job
    recipe = job.recipe
    rows = job.size.rows if job.size else float(division.trainable)
    read = rows * recipe.epochs if recipe.steps is None else recipe.steps * recipe.batch_size
    asked = questions * (rates.scoring_seconds + rates.writing_seconds)
    seconds = read * rates.training_seconds + asked
    return replace(job, tokens=read * rates.tokens, seconds=seconds)
