"""Shares of a budget: groups spend in proportion, and what one cannot spend goes to the others."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from assay.samples import FloatArray, IndexArray, Selection

_ROUNDING = 1e-6
_DIGITS = 6
"""Decimals of a part that count; costs are whole rows or tokens."""


def proportional(total: float, weights: FloatArray, capacity: FloatArray) -> FloatArray:
    """Divide an amount in proportion to weights; what a part cannot take goes to the others.

    Args:
        total: what to divide.
        weights: shape (g,), not negative.
        capacity: shape (g,), the most that each part can take.

    Returns:
        Shape (g,), not negative; the sum is `total`, or what parts with a weight can take.
    """
    parts = np.zeros(len(weights))
    left = float(total)
    is_open = (weights > 0) & (capacity > 0)
    while is_open.any():
        ideal = np.where(is_open, weights, 0.0) / weights[is_open].sum() * left
        full = is_open & (ideal >= capacity)
        if not full.any():
            return parts + ideal
        parts[full] = capacity[full]
        left -= float(capacity[full].sum())
        is_open &= ~full
    return parts


def largest_remainder(total: int, weights: FloatArray, capacity: IndexArray) -> IndexArray:
    """Divide a whole number in proportion to weights, so that the parts add up.

    Args:
        total: what to divide; at most the sum of `capacity`, else everything is given.
        weights: shape (g,), not negative.
        capacity: shape (g,), the most that each part can take; what it cannot take goes to the
            others in proportion.

    Returns:
        Shape (g,), whole numbers that add up to ``min(total, capacity.sum())`` (or less if all
        weights left are 0). Equal remainders go to the lower index.
    """
    ideal = proportional(min(total, int(capacity.sum())), weights, capacity.astype(np.float64))
    whole = np.floor(ideal + _ROUNDING).astype(np.int64)
    rest = round(float(ideal.sum())) - int(whole.sum())
    # Rounded, so that remainders that are equal but for the last digits are equal.
    remainder = np.where((weights > 0) & (whole < capacity), np.round(ideal - whole, _DIGITS), -1.0)
    whole[np.argsort(-remainder, kind="stable")[:rest]] += 1
    return whole


class Taken(NamedTuple):
    """What a group chose with its part.

    Attributes:
        selection: the picks.
        spent: what they cost together, at most the part.
        next_cost: the least that one more row costs; infinite if the group wants no more.
    """

    selection: Selection
    spent: float
    next_cost: float


Take = Callable[[int, float], Taken]
"""Returns what a group, by its place, chooses with such a part."""


def spend_in_shares(
    total: float, weights: FloatArray, capacity: FloatArray, take: Take, *, whole: bool
) -> dict[int, Selection]:
    """Let every group choose with its part of `total`, until nothing more can be spent.

    Parts are in proportion to the weights. A group that wants less than its part, or of which no
    row fits what is left in all, keeps what it took; the rest is divided between the others in
    the same proportion. While every other group could have one more row, the one with most of its
    part unspent gets it. Where all rows cost the same, that is largest remainder.

    Args:
        total: what to spend at most.
        weights: shape (g,), not negative; groups of weight 0 get no part.
        capacity: shape (g,), what all rows of a group cost; groups of capacity 0 get no part.
        take: called at least once for each group with a part.
        whole: parts are whole numbers by largest remainder, as for rows.

    Returns:
        The selection of each group that has a part, by its place.
    """
    spending = _Spending(total, take)
    is_open = (weights > 0) & (capacity > 0)
    parts = _parts(total, weights, capacity, whole=whole)
    while is_open.any():
        groups = np.flatnonzero(is_open)
        for group in _largest_first(groups, parts[groups] - spending.of(groups)):
            spending.up_to(group, parts[group])
        ended = [group for group in groups.tolist() if spending.is_over(group)]
        if not ended:
            neediest = _largest_first(groups, parts[groups] - spending.of(groups))[0]
            ended = [] if spending.one_more(neediest) else [neediest]
        is_open[ended] = False
        rest = total - spending.of(np.flatnonzero(~is_open)).sum()
        parts = _parts(rest, np.where(is_open, weights, 0.0), capacity, whole=whole)
    return {group: found.selection for group, found in sorted(spending.taken.items())}


def _parts(total: float, weights: FloatArray, capacity: FloatArray, *, whole: bool) -> FloatArray:
    if whole:
        return largest_remainder(int(total), weights, capacity.astype(np.int64)).astype(np.float64)
    # Rounded, as the last digits may lack the token that makes a row fit.
    return np.round(proportional(total, weights, capacity), _DIGITS)


def _largest_first(groups: IndexArray, rests: FloatArray) -> list[int]:
    """Return groups by falling rest, equal ones in their order."""
    return groups[np.argsort(-np.round(rests, _DIGITS), kind="stable")].tolist()


class _Spending:
    """What groups have taken so far, and what is left of the total."""

    def __init__(self, total: float, take: Take) -> None:
        self.taken: dict[int, Taken] = {}
        self._left = total
        self._take = take

    def of(self, groups: IndexArray) -> FloatArray:
        """Return what each of `groups` has spent."""
        spent = [self.taken[group].spent if group in self.taken else 0.0 for group in groups]
        return np.array(spent, dtype=np.float64)

    def up_to(self, group: int, part: float) -> None:
        """Let a group choose with a part, unless it has spent too much of it for another row."""
        before = self.taken.get(group)
        if before is None:
            self._accept(group, self._take(group, min(part, self._left)))
        elif before.next_cost <= part - before.spent:
            self._more(group, min(part, before.spent + self._left))

    def one_more(self, group: int) -> bool:
        """Let a group have its cheapest row besides; return whether it took more."""
        before = self.taken[group]
        return self._more(group, before.spent + before.next_cost)

    def is_over(self, group: int) -> bool:
        """Return whether a group wants no more, or has no row that fits what is left."""
        return self.taken[group].next_cost > self._left

    def _more(self, group: int, part: float) -> bool:
        before, after = self.taken[group], self._take(group, part)
        grew = after.spent > before.spent
        self._accept(group, after if grew else before)
        return grew

    def _accept(self, group: int, found: Taken) -> None:
        before = self.taken.get(group)
        self._left -= found.spent - (before.spent if before else 0.0)
        self.taken[group] = found
