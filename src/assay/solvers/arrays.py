"""What callers hand to solvers, one entry per row, and its checks."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.progress import SILENT, Progress
from assay.samples import FloatArray, IndexArray


class Costs(NamedTuple):
    """What rows cost and how much may be spent.

    Attributes:
        each: shape (n,), finite and not negative; all 0 where nothing was priced.
        limit: most that all picks may cost together; infinite where nothing was priced.
    """

    each: FloatArray
    limit: float

    def of(self, rows: IndexArray) -> "Costs":
        """Return what some rows cost; as much may be spent."""
        return Costs(self.each[rows], self.limit)

    def picks(self, count: int) -> int:
        """Return about how many rows will be picked, at most `count`, by what one costs on average.

        For telling how far the work is, and nothing else.
        """
        mean = float(self.each.mean()) if len(self.each) else 0.0
        return count if mean <= 0 else min(count, max(1, round(self.limit / mean)))


@dataclass(frozen=True)
class Entrants:
    """The rows that have a part in a choice: those that may be chosen, and those that are.

    Attributes:
        rows: shape (m,), ascending.
        allowed: shape (m,), True for those that may be chosen.
        start: shape (s,), places in `rows` of those chosen already, in order, at most `count`.
        costs: of each.
        count: how many to choose in all.
    """

    rows: IndexArray
    allowed: NDArray[np.bool_]
    start: IndexArray
    costs: Costs
    count: int


@dataclass(frozen=True)
class Candidates:
    """What a solver chooses from, how much of it, and what it begins with.

    Attributes:
        count: how many to choose in all, `start` included; None for as many as there are.
        allowed: shape (n,), True for the rows to choose from; None for all.
        costs: shape (n,), what each row costs; rows of `start` are paid for, too. A row that no
            longer fits is passed over for the next best that does.
        limit: most that all picks may cost together; None, with `costs`, for no limit.
        start: shape (s,), rows already chosen, allowed or not; they come first in the result.
        progress: where to report how far the choice is.
    """

    count: int | None
    allowed: NDArray[np.bool_] | None = None
    costs: FloatArray | None = None
    limit: float | None = None
    start: IndexArray | None = None
    progress: Progress = SILENT

    def among(self, rows: IndexArray) -> "Candidates":
        """Return the same of some rows alone, each named by its place among them.

        Args:
            rows: shape (m,).

        Raises:
            ValueError: if there is a start.
        """
        if self.start is not None:
            raise ValueError("rows already chosen may not be among the others")
        allowed = None if self.allowed is None else self.allowed[rows]
        return replace(
            self,
            allowed=None if allowed is None or allowed.all() else allowed,
            costs=None if self.costs is None else self.costs[rows],
        )

    def checked_count(self, rows: int) -> int:
        """Return how many to choose of some number of rows; raises as `entrants`."""
        if self.count is not None and self.count < 0:
            raise ValueError(f"count must not be negative, not {self.count}")
        return rows if self.count is None else self.count

    def checked_costs(self, rows: int) -> Costs:
        """Return what each of so many rows costs; raises as `entrants`."""
        return checked_costs(self.costs, self.limit, rows)

    def entrants(self, rows: int) -> Entrants:
        """Return which of so many rows have a part in the choice.

        Raises:
            ValueError: if the count is negative, or an array is not as it should be.
        """
        count = self.checked_count(rows)
        allowed = checked_mask(self.allowed, rows)
        start = checked_positions(self.start, rows)
        costs = self.checked_costs(rows)
        taking_part = allowed.copy()
        taking_part[start] = True
        places = np.flatnonzero(taking_part)
        start = np.searchsorted(places, start[:count])
        return Entrants(places, allowed[places], start, costs.of(places), count)


def checked_mask(mask: NDArray[np.bool_] | None, rows: int) -> NDArray[np.bool_]:
    """Return `mask`, or one that is True everywhere, as an array of shape (rows,).

    Raises:
        ValueError: if it is not boolean or not of that length.
    """
    if mask is None:
        return np.ones(rows, dtype=np.bool_)
    checked = np.asarray(mask)
    if checked.dtype != np.bool_ or checked.shape != (rows,):
        raise ValueError(
            f"a mask must be boolean with {rows} entries, not {checked.dtype} {checked.shape}"
        )
    return checked


def checked_positions(positions: IndexArray | None, rows: int) -> IndexArray:
    """Return `positions` as int64 in the order given; none at all stand for an empty array.

    Raises:
        ValueError: if one is no integer, lies outside [0, rows) or comes twice.
    """
    if positions is None or len(positions) == 0:
        return np.empty(0, dtype=np.int64)
    checked = np.asarray(positions)
    if checked.ndim != 1 or not np.issubdtype(checked.dtype, np.integer):
        raise ValueError(f"positions must be a row of integers, not {checked.dtype}")
    if int(checked.min()) < 0 or int(checked.max()) >= rows:
        raise ValueError(f"positions must lie in [0, {rows})")
    if len(np.unique(checked)) < len(checked):
        raise ValueError("positions must not repeat")
    return checked.astype(np.int64)


def checked_costs(costs: FloatArray | None, limit: float | None, rows: int) -> Costs:
    """Return costs and limit as one, without bound if neither is given.

    Raises:
        ValueError: if only one of them is given, or a cost is negative, NaN or infinite.
    """
    if (costs is None) != (limit is None):
        raise ValueError("costs and limit only make sense together")
    if costs is None or limit is None:
        return Costs(np.zeros(rows), np.inf)
    checked = np.asarray(costs, dtype=np.float64)
    if checked.shape != (rows,):
        raise ValueError(f"there must be {rows} costs, not {checked.shape}")
    if not np.isfinite(checked).all() or (checked < 0).any():
        raise ValueError("costs must be finite and not negative")
    return Costs(checked, float(limit))
