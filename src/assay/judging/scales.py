"""What a judge may answer with: a number of a scale, or one of some words."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from assay.samples import Reason

ValueType = TypeVar("ValueType")
_MOST_STEPS = 200
_ROUNDING = 1e-9


class Parsed(NamedTuple, Generic[ValueType]):
    """What a reply says, or why it says nothing: a value exactly where the reason is OK."""

    value: ValueType | None
    reason: Reason


@dataclass(frozen=True)
class Scale:
    """Numbers that a judge may give.

    Attributes:
        low: the lowest.
        high: the highest.
        step: between neighbours, counted from `low`; None where any number between will do.
    """

    low: float
    high: float
    step: float | None = 1.0

    def __post_init__(self) -> None:
        """Refuse a scale without numbers, which is a mistake of the caller."""
        ends = math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high
        if not ends or not (self.step is None or 0 < self.step <= self.high - self.low):
            raise ValueError(f"no scale: {self}")

    def holds(self, number: float) -> bool:
        """Return whether a number is one of the scale; NaN is of none."""
        if not self.low <= number <= self.high:
            return False
        if self.step is None:
            return True
        steps = (number - self.low) / self.step
        return abs(steps - round(steps)) < _ROUNDING

    def parsed(self, number: float) -> Parsed[float]:
        """Return a number, or that it is outside of the scale."""
        if self.holds(number):
            return Parsed(number, Reason.OK)
        return Parsed(None, Reason.OUT_OF_RANGE)

    def numbers(self) -> tuple[float, ...]:
        """Return all numbers of the scale, whole ones as int; none where they have no steps."""
        if self.step is None:
            return ()
        count = math.floor((self.high - self.low) / self.step + _ROUNDING) + 1
        found = (round(self.low + place * self.step, 9) for place in range(count))
        return tuple(int(number) if number == int(number) else number for number in found)

    def labels(self) -> tuple[str, ...]:
        """Return its whole numbers as words; none unless each is a single digit.

        Of a number of two digits, a vocabulary may hold both together or each apart, and then it
        begins like another label.
        """
        lowest, highest = math.ceil(self.low), math.floor(self.high)
        if lowest < 0 or highest > 9 or highest <= lowest:
            return ()
        return tuple(str(number) for number in range(lowest, highest + 1))

    @property
    def countable(self) -> bool:
        """Whether it has few enough numbers to be listed."""
        return self.step is not None and (self.high - self.low) / self.step < _MOST_STEPS


Spellings = Mapping[str, tuple[str, ...]]
"""Labels that a judge may choose from, each with the ways to write it; case does not count."""
