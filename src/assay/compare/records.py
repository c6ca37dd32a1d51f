"""What a comparison measured: plain records, from which every number and report can be rebuilt.

A trial is one tuned model, or the base model as it is. Its values are kept per question, so the
statistics need neither the models nor the data. `record_files` keeps them on disk.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar, get_args

import numpy as np
import polars as pl

from assay.compare.measure import LOSS, Better, Measure
from assay.echo import Brief, card
from assay.html import Column
from assay.samples import FloatArray, IdArray, IndexArray
from assay.wording import NOTHING, listed, nats, number_of

SetKind = Literal["held_out", "other_source"]
ArmKind = Literal["method", "random", "longest_response", "longest_instruction", "full", "base"]
BudgetAxis = Literal["samples", "tokens", "steps"]

_T = TypeVar("_T")

BUDGETLESS: tuple[ArmKind, ...] = ("full", "base")
"""Arms that have no budget and are therefore never compared at one."""


@dataclass(frozen=True, eq=False, repr=False)
class EvaluationSet(Brief):
    """An endpoint: questions, and what is measured of each answer.

    Attributes:
        name: unique in a comparison.
        kind: whether the questions were held out of the pool, or come from another source.
        ids: shape (q,), uint64; no id twice.
        tokens: shape (q,), int64; scored tokens of each answer, 0 where none is scored.
        measure: what a value is called: "loss", "accuracy", "win rate".
        better: whether low or high values are better.
        unit: of a value; empty where it has none.
        bounds: the least and the most that a value can be, such as 0 and 1; None without limits.
    """

    name: str
    kind: SetKind
    ids: IdArray
    tokens: IndexArray
    measure: str = LOSS.name
    better: Better = LOSS.better
    unit: str = LOSS.unit
    bounds: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.tokens):
            raise ValueError(f"{self.name}: {len(self.ids)} ids, {len(self.tokens)} token counts")
        if len(set(self.ids.tolist())) != len(self.ids):
            raise ValueError(f"{self.name}: an id occurs twice")
        if self.better not in get_args(Better):
            raise ValueError(f"{self.name}: {self.better!r} is not better, but low or high may be")
        if self.bounds is not None and not self.bounds[0] < self.bounds[1]:
            raise ValueError(f"{self.name}: no value lies between {self.bounds[0]} and "
                             f"{self.bounds[1]}")  # fmt: skip

    @property
    def measured(self) -> Measure:
        """Name, direction and unit of the measure."""
        return Measure(self.measure, self.better, self.unit)

    def __len__(self) -> int:
        """Return the number of questions."""
        return len(self.ids)


@dataclass(frozen=True)
class Arm:
    """One way to choose rows; `words` is its label with its parameters."""

    name: str
    kind: ArmKind
    words: str


@dataclass(frozen=True, eq=False, repr=False)
class Trial(Brief):
    """One model of an arm: what it was tuned on, what it cost, and how well it answers.

    Attributes:
        arm: name of the arm.
        budget: as the comparison spells it; empty for the full data and the base model.
        rows: rows chosen.
        tokens: training tokens, over all epochs.
        chosen_tokens: tokens of the rows chosen, rendered, before the recipe's limit cuts them.
        read_tokens: tokens of these rows that the training reads in one epoch: every one of the
            sequences that the trainer is given, prompts included. Both are 0 where they were not
            counted.
        cut_rows: rows of which the recipe's limit cuts something off.
        steps: optimiser steps of the training; 0 where they were not counted.
        draw: number of the random draw; None for arms that choose one subset.
        seed: of the training.
        status: a failed trial has an error and enters no average.
        error: why it failed.
        values: of each evaluation set, shape (q,), as its measure says; NaN where a question has
            no value. A loss is the mean negative log-likelihood per scored token, in nats.
        base: name of the base model; empty where a comparison has one alone.
        answers: to each evaluation set, if models wrote any: q rows of text, tokens and finish, as
            `assay.compare.answers` has them.
        selection_seconds: wall time of choosing.
        selection_flops: arithmetic of choosing; NaN if unknown.
        training_seconds: wall time of training.
        training_flops: arithmetic of training; NaN if unknown.
        subset: digest of the chosen ids.
        base: name of the base model; empty where a comparison has one alone.
    """

    arm: str
    budget: str
    rows: int
    tokens: int
    draw: int | None
    seed: int
    status: Literal["done", "failed"]
    error: str | None = None
    values: Mapping[str, FloatArray] = field(default_factory=dict)
    selection_seconds: float = 0.0
    selection_flops: float = 0.0
    training_seconds: float = 0.0
    training_flops: float = 0.0
    subset: str = ""
    chosen_tokens: int = 0
    read_tokens: int = 0
    cut_rows: int = 0
    steps: int = 0
    base: str = ""
    answers: Mapping[str, pl.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class PowerCheck:
    """The smallest difference a comparison is able to show; made before anything is trained.

    Attributes:
        set: name of the primary set.
        questions: questions with a value.
        seeds: tuned models per arm.
        draws: random draws they are compared with.
        claims: arm-by-budget claims that Holm's correction will count.
        question_sd: standard deviation over questions of the difference of two models, in the
            unit of the measure.
        paired: whether it was measured on pairs; else it is a bound, from one model's values.
        seed_sd: standard deviation of an arm's mean between seeds; None if not known, and
            then the numbers below are question noise only.
        level: two-sided.
        power: probability of showing a difference of that size.
        detectable: in the unit of the measure, of one claim alone.
        detectable_first: the same, of the claim that Holm tests first, at `level / claims`.
        measure: what is measured.
        better: whether low or high values are better.
        unit: of the values.
        bounds: between which they lie, if they do.
    """

    set: str
    questions: int
    seeds: int
    draws: int
    claims: int
    question_sd: float
    paired: bool
    seed_sd: float | None
    level: float
    power: float
    detectable: float
    detectable_first: float
    measure: str = LOSS.name
    better: Better = LOSS.better
    unit: str = LOSS.unit
    bounds: tuple[float, float] | None = None

    @property
    def measured(self) -> Measure:
        """Name, direction and unit of the measure."""
        return Measure(self.measure, self.better, self.unit)


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Arms x budgets x seeds x base models on one pool.

    Attributes:
        title: headline of the report.
        bases: the base models, with their revisions.
        pool: what the rows are.
        pool_rows: how many of them could be chosen.
        budgets: from the smallest to the largest, as they were asked for.
        budget_axis: what is equal between arms of one budget.
        tune_seeds: tuned models per arm and budget.
        recipe: how they were tuned, in words; equal for all arms.
        sets: the questions; `primary` names the one set on which claims are made.
        primary: name of a set.
        arms: in the order of the report.
        trials: all of them, failed ones too.
        models: what made the scores: the name of a model, and what it is.
        assay_version: of the program.
        powers: the power checks, one per base model; empty if there were none.
        rebuild: the command that makes it again; empty where nobody said.
    """

    title: str
    bases: tuple[str, ...]
    pool: str
    pool_rows: int
    budgets: tuple[str, ...]
    budget_axis: BudgetAxis
    tune_seeds: int
    recipe: str
    sets: tuple[EvaluationSet, ...]
    primary: str
    arms: tuple[Arm, ...]
    trials: tuple[Trial, ...]
    models: Mapping[str, str]
    assay_version: str
    powers: tuple[PowerCheck, ...] = ()
    rebuild: str = ""

    def __post_init__(self) -> None:
        _unique("arms", [arm.name for arm in self.arms])
        _unique("evaluation sets", [part.name for part in self.sets])
        _unique("budgets", list(self.budgets))
        _unique("base models", list(self.bases))
        if len(self.powers) not in (0, len(self.bases)):
            raise ValueError(f"{len(self.powers)} power checks, {len(self.bases)} base models")
        if self.primary not in {part.name for part in self.sets}:
            raise ValueError(f"the primary set {self.primary!r} is not among the evaluation sets")
        for trial in self.trials:
            self._check(trial)

    def __repr__(self) -> str:
        return (
            f"Comparison({self.title!r}, {number_of(len(self.arms), 'arm')} at "
            f"{', '.join(self.budgets)}, {number_of(len(self.trials), 'training')} of "
            f"{listed(list(self.bases))})"
        )

    def _repr_html_(self) -> str:
        facts = [
            ("base", listed(list(self.bases))),
            ("pool", f"{self.pool}, {self.pool_rows:,} rows"),
            ("measured on", f"{self.primary}, {len(self.set(self.primary)):,} questions"),
            ("trained", self.recipe),
        ]
        rows = []
        for part in map(self.of_base, self.base_axis):
            for arm in self.arms:
                for budget in ("",) if arm.kind in BUDGETLESS else self.budgets:
                    values = part.mean_values(arm.name, budget)
                    mean = nats(float(np.mean(values))) if values else NOTHING
                    on = [part.bases[0]] if len(self.bases) > 1 else []
                    rows.append((*on, arm.name, budget, len(values), mean))
        measured = f"mean {self.set(self.primary).measure}"
        own: tuple[Column, ...] = ("arm", "budget", ("models", "right"), (measured, "right"))
        columns: tuple[Column, ...] = ("base", *own) if len(self.bases) > 1 else own
        return card(self.title or "Comparison", facts, columns, rows)

    def mean_values(self, arm: str, budget: str = "") -> list[float]:
        """Return of each finished trial the mean on the primary set, in the unit of its measure."""
        found = (trial.values.get(self.primary) for trial in self.trials_of(arm, budget))
        known = [values[np.isfinite(values)] for values in found if values is not None]
        return [float(values.mean()) for values in known if len(values)]

    @property
    def base_axis(self) -> tuple[str, ...]:
        """What trials say of their base model: its name, or nothing where there is but one."""
        return self.bases if len(self.bases) > 1 else ("",)

    @property
    def power(self) -> PowerCheck | None:
        """The power check of the first base model; None if there was none."""
        return self.powers[0] if self.powers else None

    def of_base(self, base: str) -> "Comparison":
        """Return what was compared on one base model, as a comparison of that alone.

        Args:
            base: one of `base_axis`.
        """
        if len(self.bases) == 1:
            return self
        place = self.bases.index(base)
        own = (replace(trial, base="") for trial in self.trials if trial.base == base)
        return replace(
            self, bases=(base,), trials=tuple(own), powers=self.powers[place : place + 1]
        )

    def _check(self, trial: Trial) -> None:
        if trial.base not in self.base_axis:
            raise ValueError(f"{trial.arm}: {trial.base!r} is not one of {self.base_axis}")
        kind = self.arm(trial.arm).kind
        known = ("",) if kind in BUDGETLESS else self.budgets
        if trial.budget not in known:
            raise ValueError(f"{trial.arm}: {trial.budget!r} is not one of the budgets {known}")
        if (trial.status == "failed") != (trial.error is not None):
            raise ValueError(f"{trial.arm}: a trial has an error if, and only if, it failed")
        for name, values in trial.values.items():
            part = self.set(name)
            if values.shape != (len(part),):
                raise ValueError(f"{trial.arm}: values of {name!r} have shape {values.shape}")
            found = values[np.isfinite(values)]
            if len(trial.answers.get(name, values)) != len(part):
                raise ValueError(f"{trial.arm}: not every question of {name!r} has an answer")
            if part.bounds and ((found < part.bounds[0]) | (found > part.bounds[1])).any():
                raise ValueError(f"{trial.arm}: values of {name!r} lie outside {part.bounds}")

    def arm(self, name: str) -> Arm:
        """Return the arm of that name."""
        return _named(name, {arm.name: arm for arm in self.arms}, "arm")

    def set(self, name: str) -> EvaluationSet:
        """Return the evaluation set of that name."""
        return _named(name, {part.name: part for part in self.sets}, "evaluation set")

    def of_kind(self, kind: ArmKind) -> Arm | None:
        """Return the first arm of a kind, None if there is none."""
        return next((arm for arm in self.arms if arm.kind == kind), None)

    def trials_of(self, arm: str, budget: str = "") -> tuple[Trial, ...]:
        """Return the trials of one arm at one budget, failed ones too."""
        return tuple(t for t in self.trials if t.arm == arm and t.budget == budget)


def _unique(what: str, names: list[str]) -> None:
    if len(set(names)) != len(names):
        raise ValueError(f"{what} must have different names: {', '.join(names)}")


def _named(name: str, known: Mapping[str, _T], what: str) -> _T:
    if name not in known:
        raise ValueError(f"no {what} is called {name!r}; there are {', '.join(known)}")
    return known[name]
