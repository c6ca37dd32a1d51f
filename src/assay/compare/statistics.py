"""What a comparison says: one row per arm and budget, with its error, its claim and its cost."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from assay.compare.bootstrap import Estimate, mean
from assay.compare.measure import LOSS, Measure
from assay.compare.power import LEVEL, detectable
from assay.compare.records import ArmKind, Comparison, Trial
from assay.compare.sides import random_arm, sides_of, to_random
from assay.compare.value_table import Cell, ValueTable, cells, value_table
from assay.components.references import short_name
from assay.echo import Brief
from assay.random_numbers import generator
from assay.solvers.cost import data_efficiency, pareto_front
from assay.solvers.multiplicity import holm


@dataclass(frozen=True, repr=False)
class Row(Brief):
    """An arm at a budget, on one evaluation set.

    Attributes:
        set: name of the evaluation set.
        arm: name of the arm.
        kind: of the arm.
        words: how the arm chose.
        budget: empty for the full data and the base model.
        size: place on the budget axis, equal for all arms of a budget; NaN if no run was finished.
        rows: mean rows chosen; NaN if no run was finished, as all means below.
        tokens: mean training tokens, over all epochs.
        chosen_tokens: mean tokens of the rows chosen, before the recipe's limit cuts them; 0 here
            and below where they were not counted.
        read_tokens: mean tokens of these rows that the training reads in one epoch.
        runs: mean value of each finished run, by draw and seed.
        mean: over the runs; None if no run was finished.
        difference: to random rows of the same budget; None for random itself and where there is
            nothing to compare.
        p_holm: p-value of the difference after Holm's correction; on the primary set only.
        efficiency: budget at which random rows do as well, divided by this budget; None if that
            lies outside what was run.
        selection_seconds: mean wall time of choosing.
        selection_flops: mean arithmetic of choosing.
        training_seconds: mean wall time of one training.
        training_flops: mean arithmetic of one training.
        pareto: whether no other arm does as well for as little arithmetic.
        faults: why runs are missing, in words.
        cut_rows: mean rows of which the recipe's limit cuts something off.
        steps: mean optimiser steps of a training; 0 where they were not counted.
        measure: what the values are, and which way is better.
        claims: how many claims Holm's correction counted, on the primary set.
        base: name of the base model; empty where a comparison has one alone.
    """

    set: str
    arm: str
    kind: ArmKind
    words: str
    budget: str
    size: float
    rows: float
    tokens: float
    chosen_tokens: float
    read_tokens: float
    runs: tuple[float, ...]
    mean: Estimate | None
    difference: Estimate | None
    p_holm: float | None
    efficiency: float | None
    selection_seconds: float
    selection_flops: float
    training_seconds: float
    training_flops: float
    pareto: bool
    faults: tuple[str, ...]
    cut_rows: float = 0.0
    steps: float = 0.0
    measure: Measure = LOSS
    claims: int = 0
    base: str = ""

    @property
    def as_loss(self) -> float:
        """Mean, turned so that low is better; infinite if no run was finished."""
        return math.inf if self.mean is None else self.measure.sign * self.mean.value

    @property
    def gain(self) -> float:
        """By how much it is better than random rows, negative if it is worse.

        Raises:
            ValueError: if it was not compared.
        """
        if self.difference is None:
            raise ValueError(f"{self.label} was not compared")
        return -self.measure.sign * self.difference.value

    @property
    def is_claim(self) -> bool:
        """Whether the row is one of the claims that Holm's correction counts."""
        return self.kind not in ("random", "full", "base")

    @property
    def total_seconds(self) -> float:
        """Wall time of choosing and one training."""
        return self.selection_seconds + self.training_seconds

    @property
    def total_flops(self) -> float:
        """Arithmetic of choosing and one training."""
        return self.selection_flops + self.training_flops

    @property
    def significant(self) -> bool:
        """Whether the difference to random is a claim that stands."""
        return self.p_holm is not None and self.p_holm < LEVEL

    @property
    def detectable(self) -> float:
        """Difference that this row, as it turned out, shows with a probability of 80 %."""
        if self.difference is None:
            return math.nan
        return detectable(self.difference.standard_error, self.difference.freedom)

    @property
    def label(self) -> str:
        """Arm and budget, for people, and the base model where there are several."""
        words = f"{self.arm} at {self.budget}" if self.budget else self.arm
        return f"{words} with {short_name(self.base)}" if self.base else words


def summary(comparison: Comparison, set_name: str | None = None) -> list[Row]:
    """Return one row per arm and budget that was planned: by budget, then full data and base.

    Arms are compared with random rows of the same budget and base model only. Claims are made on
    the primary set only, and Holm's correction counts every one that was planned: an arm without a
    result counts, with a p-value of 1. The result depends on the values alone, not on the order of
    trials.

    Args:
        comparison: finished or not.
        set_name: an evaluation set; None for the primary one.
    """
    name = set_name or comparison.primary
    rows = [
        replace(row, base=base)
        for base in comparison.base_axis
        for row in _of_one_base(comparison.of_base(base), name)
    ]
    return _with_holm(rows) if name == comparison.primary else rows


def _of_one_base(comparison: Comparison, name: str) -> list[Row]:
    table = value_table(comparison, name)
    found = _estimates(comparison, name, table)
    return _with_cost([_row(comparison, name, cell, table, found) for cell in cells(comparison)])


def find(rows: list[Row], arm: str, budget: str) -> Row | None:
    """Return the row of an arm and a budget, None if there is none."""
    return next((row for row in rows if row.arm == arm and row.budget == budget), None)


@dataclass(frozen=True)
class _Estimates:
    means: Mapping[Cell, Estimate]
    differences: Mapping[Cell, Estimate]


def _estimates(comparison: Comparison, name: str, table: ValueTable) -> _Estimates:
    chance = random_arm(comparison)
    sides = sides_of(comparison, name, table)
    # Each cell has draws of its own: another arm more or less changes no other number.
    means, differences = {}, {}
    for cell, side in sides.items():
        purpose = f"{name}, {cell[0]}, {cell[1]}"
        own = generator(seed=0, purpose=f"compare: mean of {purpose}")
        means[cell] = mean(side, generator=own, level=LEVEL)
        if cell[1] and chance is not None and cell[0] != chance:
            found = to_random(sides, cell, chance, f"compare: difference of {purpose}")
            if found is not None:
                differences[cell] = found
    return _Estimates(means, differences)


def _row(
    comparison: Comparison, name: str, cell: Cell, table: ValueTable, found: _Estimates
) -> Row:
    arm = comparison.arm(cell[0])
    trials = table.trials.get(cell, ())
    return Row(
        set=name,
        arm=arm.name,
        kind=arm.kind,
        words=arm.words,
        budget=cell[1],
        size=_size(comparison, cell, table),
        rows=_mean([trial.rows for trial in trials]),
        tokens=_mean([trial.tokens for trial in trials]),
        chosen_tokens=_mean([trial.chosen_tokens for trial in trials]),
        read_tokens=_mean([trial.read_tokens for trial in trials]),
        cut_rows=_mean([trial.cut_rows for trial in trials]),
        steps=_mean([trial.steps for trial in trials]),
        runs=tuple(float(run) for run in table.runs.get(cell, ())),
        mean=found.means.get(cell),
        difference=found.differences.get(cell),
        p_holm=None,
        efficiency=None,
        selection_seconds=_mean([trial.selection_seconds for trial in trials]),
        selection_flops=_mean([trial.selection_flops for trial in trials]),
        training_seconds=_mean([trial.training_seconds for trial in trials]),
        training_flops=_mean([trial.training_flops for trial in trials]),
        pareto=False,
        faults=table.faults.get(cell, ()),
        measure=comparison.set(name).measured,
    )


def _size(comparison: Comparison, cell: Cell, table: ValueTable) -> float:
    """Return the place of a budget on the axis: that of random rows, or the mean of all arms."""
    chance = (random_arm(comparison) or "", cell[1])
    same = [
        trial for other, trials in table.trials.items() if other[1] == cell[1] for trial in trials
    ]
    trials: list[Trial] = list(table.trials.get(chance if cell[1] else cell, ())) or same
    if comparison.budget_axis == "tokens":
        return _mean([trial.tokens for trial in trials])
    return _mean([trial.rows for trial in trials])


def _with_cost(rows: list[Row]) -> list[Row]:
    curve = sorted(
        (row.size, row.as_loss)
        for row in rows
        if row.kind in ("random", "full") and row.mean and row.size > 0
    )
    sizes, losses = [size for size, _ in curve], [loss for _, loss in curve]
    trained = [row.as_loss if row.mean and row.kind != "base" else math.nan for row in rows]
    front = pareto_front([row.total_flops for row in rows], np.array(trained))
    changed = []
    for row, best in zip(rows, front, strict=True):
        ratio = None
        if row.is_claim and row.mean and row.size > 0:
            ratio = data_efficiency(row.as_loss, row.size, sizes, losses)
        changed.append(replace(row, efficiency=ratio, pareto=bool(best)))
    return changed


def _with_holm(rows: list[Row]) -> list[Row]:
    claims = [place for place, row in enumerate(rows) if row.is_claim]
    p = [found.p if (found := rows[place].difference) else 1.0 for place in claims]
    changed = [replace(row, claims=len(claims)) for row in rows]
    for place, adjusted in zip(claims, holm(p), strict=True):
        if rows[place].difference is not None:
            changed[place] = replace(changed[place], p_holm=float(adjusted))
    return changed


def _mean(values: list[int] | list[float]) -> float:
    return float(np.mean(values)) if values else math.nan
