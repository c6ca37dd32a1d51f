"""From trials to tables: the values of each arm and budget, ready to be compared.

Two runs are compared on the questions both answered. One that failed, or that diverged on a part of
the questions, would take these away from everyone; it is left out instead, and named.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from assay.compare.bootstrap import on_grid
from assay.compare.records import Comparison, Trial
from assay.samples import FloatArray

Cell = tuple[str, str]
"""Name of an arm, and a budget."""


@dataclass(frozen=True)
class ValueTable:
    """Values on one evaluation set.

    Attributes:
        questions: how many are compared.
        dropped: questions of the set that have no value.
        units: of each cell, shape (u, questions): one row per seed, or per random draw over its
            seeds; cells without a finished run are absent.
        runs: of each cell, mean of each run.
        trials: of each cell, the trials behind `runs`.
        faults: of each cell, why runs are missing, in words.
    """

    questions: int
    dropped: int
    units: Mapping[Cell, FloatArray]
    runs: Mapping[Cell, FloatArray]
    trials: Mapping[Cell, tuple[Trial, ...]]
    faults: Mapping[Cell, tuple[str, ...]]


def value_table(comparison: Comparison, name: str) -> ValueTable:
    """Return the values of a set in canonical order: questions by id, runs by draw and seed.

    A question counts if at least half of the finished runs have a value of it, and a run if it has
    a value of every such question.
    """
    ordered = sorted(comparison.trials, key=_place)
    faults: dict[Cell, list[str]] = defaultdict(list)
    scored = []
    for trial in ordered:
        if trial.status == "failed":
            faults[_cell(trial)].append(f"{run_words(trial)} failed: {trial.error}")
        elif not np.isfinite(trial.values.get(name, np.empty(0))).any():
            faults[_cell(trial)].append(f"{run_words(trial)} has no values of {name}")
        else:
            scored.append(trial)
    part = comparison.set(name)
    values = np.array([trial.values[name] for trial in scored]).reshape(len(scored), len(part))
    values = values[:, np.argsort(part.ids)]
    finite = np.isfinite(values)
    kept = 2 * finite.sum(axis=0) >= max(1, len(scored))
    whole = finite[:, kept].all(axis=1)
    for trial in np.array(scored, object)[~whole]:
        faults[_cell(trial)].append(f"{run_words(trial)} has no value on questions others answer")
    table = _Gathered()
    for trial, row in zip(np.array(scored, object)[whole], values[whole][:, kept], strict=True):
        table.add(trial, on_grid(row))
    _name_absent(comparison, table, faults)
    questions = int(kept.sum())
    return ValueTable(
        questions,
        len(part) - questions,
        {cell: _units(trials, table.values[cell]) for cell, trials in table.trials.items()},
        {cell: np.array([row.mean() for row in rows]) for cell, rows in table.values.items()},
        {cell: tuple(trials) for cell, trials in table.trials.items()},
        {cell: tuple(words) for cell, words in faults.items()},
    )


@dataclass
class _Gathered:
    trials: dict[Cell, list[Trial]] = field(default_factory=lambda: defaultdict(list))
    values: dict[Cell, list[FloatArray]] = field(default_factory=lambda: defaultdict(list))

    def add(self, trial: Trial, values: FloatArray) -> None:
        self.trials[_cell(trial)].append(trial)
        self.values[_cell(trial)].append(values)


def cells(comparison: Comparison) -> list[Cell]:
    """Return every arm and budget that was planned: budget by budget, then full and base."""
    with_budget = [arm.name for arm in comparison.arms if arm.kind not in ("full", "base")]
    without = [arm.name for arm in comparison.arms if arm.kind in ("full", "base")]
    planned = [(arm, budget) for budget in comparison.budgets for arm in with_budget]
    return planned + [(arm, "") for arm in without]


def run_words(trial: Trial) -> str:
    """Return which run of its arm a trial is."""
    return f"seed {trial.seed}" if trial.draw is None else f"draw {trial.draw}, seed {trial.seed}"


def _name_absent(comparison: Comparison, table: _Gathered, faults: dict[Cell, list[str]]) -> None:
    for arm, budget in cells(comparison):
        seeds = 1 if comparison.arm(arm).kind == "base" else comparison.tune_seeds
        absent = seeds - len(table.trials.get((arm, budget), ())) - len(faults[arm, budget])
        if absent > 0:
            faults[arm, budget].append(f"{absent} of {seeds} runs not done")
        if not faults[arm, budget]:
            del faults[arm, budget]


def _units(trials: Sequence[Trial], rows: Sequence[FloatArray]) -> FloatArray:
    """Return one row per seed; of random draws one per draw, which is the mean over its seeds."""
    groups: dict[tuple[int, int], list[FloatArray]] = defaultdict(list)
    for trial, row in zip(trials, rows, strict=True):
        groups[(0, trial.seed) if trial.draw is None else (1, trial.draw)].append(row)
    return np.array([on_grid(np.mean(group, axis=0)) for _, group in sorted(groups.items())])


def _cell(trial: Trial) -> Cell:
    return trial.arm, trial.budget


def _place(trial: Trial) -> tuple[str, str, int, int]:
    return trial.arm, trial.budget, -1 if trial.draw is None else trial.draw, trial.seed
