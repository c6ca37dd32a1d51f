"""The questions of the survey that random rows alone do not answer.

Does a selection beat what is usually done, and does more data help? These differences are for
looking: claims are made against random rows alone, and nothing here is corrected for.

Source:
    The questions: arXiv:2402.05123, section 4.4.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from assay.compare.bootstrap import Estimate, Side, difference
from assay.compare.measure import Measure
from assay.compare.power import LEVEL
from assay.compare.records import ArmKind, Comparison
from assay.compare.sides import sides_of
from assay.compare.value_table import Cell, value_table
from assay.random_numbers import generator

USUAL: tuple[ArmKind, ...] = ("longest_response", "longest_instruction", "full")
"""What is usually done besides random rows."""


@dataclass(frozen=True)
class Contrast:
    """How an arm at a budget differs from another arm, or from itself at another budget.

    Attributes:
        base: the base model; empty where a comparison has one alone.
        arm: name of the arm.
        budget: of the arm.
        other_arm: name of the arm that it is compared with.
        other_budget: of that arm; empty for all rows.
        estimate: values of the arm less those of the other, paired by question.
        measure: what the values are.
    """

    base: str
    arm: str
    budget: str
    other_arm: str
    other_budget: str
    estimate: Estimate
    measure: Measure

    @property
    def gain(self) -> float:
        """By how much the arm is better; negative if it is worse."""
        return -self.measure.sign * self.estimate.value

    @property
    def is_told_apart(self) -> bool:
        """Whether the interval leaves out 0."""
        return not self.estimate.low <= 0 <= self.estimate.high


def against_usual(comparison: Comparison, set_name: str | None = None) -> list[Contrast]:
    """Return how every method differs from what is usually done, at each of its budgets.

    Args:
        comparison: finished or not.
        set_name: an evaluation set; None for the primary one.
    """
    name = set_name or comparison.primary
    found: list[Contrast] = []
    for part, base, sides in _by_base(comparison, name):
        usual = [arm for kind in USUAL if (arm := part.of_kind(kind)) is not None]
        methods = [arm.name for arm in part.arms if arm.kind == "method"]
        for budget in part.budgets:
            for method in methods:
                others = [(arm.name, "" if arm.kind == "full" else budget) for arm in usual]
                pairs = [((method, budget), other) for other in others]
                found += _contrasts(part, base, sides, pairs, name)
    return found


def more_data(comparison: Comparison, set_name: str | None = None) -> list[Contrast]:
    """Return what every arm gains by its next larger budget, and by all rows after the largest.

    Args:
        comparison: finished or not.
        set_name: an evaluation set; None for the primary one.
    """
    name = set_name or comparison.primary
    found: list[Contrast] = []
    for part, base, sides in _by_base(comparison, name):
        full = part.of_kind("full")
        for arm in part.arms:
            if arm.kind in ("full", "base"):
                continue
            steps: list[Cell] = [(arm.name, budget) for budget in part.budgets]
            if full is not None:
                steps.append((full.name, ""))
            pairs = list(zip(steps[1:], steps, strict=False))
            found += _contrasts(part, base, sides, pairs, name)
    return found


@lru_cache(maxsize=1)
def _by_base(
    comparison: Comparison, name: str
) -> tuple[tuple[Comparison, str, Mapping[Cell, Side]], ...]:
    """Return what is compared on each base model; both questions are asked of one drawing."""
    parts = [(comparison.of_base(base), base) for base in comparison.base_axis]
    return tuple(
        (part, base, sides_of(part, name, value_table(part, name))) for part, base in parts
    )


def _contrasts(
    comparison: Comparison,
    base: str,
    sides: Mapping[Cell, Side],
    pairs: list[tuple[Cell, Cell]],
    name: str,
) -> Iterator[Contrast]:
    for cell, other in pairs:
        if cell in sides and other in sides:
            purpose = f"compare: contrast of {name}, {cell[0]}, {cell[1]}, {other[0]}, {other[1]}"
            draws = generator(seed=0, purpose=purpose)
            estimate = difference(sides[cell], sides[other], generator=draws, level=LEVEL)
            yield Contrast(base, *cell, *other, estimate, comparison.set(name).measured)
