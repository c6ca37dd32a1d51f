"""The sides of estimates: what every arm at every budget measured, with questions drawn anew."""

from collections.abc import Mapping

import numpy as np

from assay.compare.bootstrap import (
    ENOUGH_SEEDS,
    RESAMPLES,
    Estimate,
    Seeds,
    Side,
    difference,
    question_resamples,
    seeds_of,
)
from assay.compare.power import LEVEL
from assay.compare.records import Comparison
from assay.compare.value_table import Cell, ValueTable
from assay.random_numbers import generator


def random_arm(comparison: Comparison) -> str | None:
    """Return the name of the arm that all others are compared with, None if there is none."""
    arm = comparison.of_kind("random")
    return arm.name if arm else None


def sides_of(comparison: Comparison, name: str, table: ValueTable) -> dict[Cell, Side]:
    """Return the arms at their budgets, all with the same draws of questions.

    Args:
        comparison: of one base model.
        name: of an evaluation set.
        table: its values.
    """
    if table.questions < 2 or not table.units:
        return {}
    draws = generator(seed=0, purpose=f"compare: questions of {name}")
    stacked = np.concatenate(list(table.units.values()))
    resampled = question_resamples(stacked, resamples=RESAMPLES, generator=draws)
    ends = np.cumsum([len(units) for units in table.units.values()])
    parts = np.split(resampled, ends[:-1], axis=1)
    chance = random_arm(comparison)
    return {
        cell: Side(units, part, _seeds(cell, table, chance))
        for (cell, units), part in zip(table.units.items(), parts, strict=True)
    }


def _seeds(cell: Cell, table: ValueTable, chance: str | None) -> Seeds | None:
    """Return how far the runs of a cell vary; None where its own tell it.

    Fewer than three seeds hardly do. Runs of random rows, which vary by the draw besides, then
    stand in with them: what one arm has shows nothing of another's.
    """
    arm, budget = cell
    random = table.units.get((chance or "", budget))
    own = table.units[cell]
    if arm == chance or not budget or random is None or len(own) >= ENOUGH_SEEDS:
        return None
    return seeds_of([own, random])


def to_random(sides: Mapping[Cell, Side], cell: Cell, chance: str, purpose: str) -> Estimate | None:
    """Return how a cell differs from random rows of its budget; None if one of them is absent.

    Args:
        sides: all of them.
        cell: an arm and a budget.
        chance: name of the arm of random rows.
        purpose: of the random numbers, by which another arm changes no number of this one.
    """
    side, other = sides.get(cell), sides.get((chance, cell[1]))
    if side is None or other is None:
        return None
    if side.seeds is not None:  # of both sides together, and so of either
        other = other._replace(seeds=side.seeds)
    return difference(side, other, generator=generator(seed=0, purpose=purpose), level=LEVEL)
