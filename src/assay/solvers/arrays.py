"""Checks of what callers hand to solvers: masks, positions and costs, one per row."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.samples import FloatArray, IndexArray


class Allowance(NamedTuple):
    """What rows cost and how much may be spent.

    Attributes:
        costs: shape (n,), finite and not negative; all 0 where nothing was priced.
        limit: most that all picks may cost together; infinite where nothing was priced.
    """

    costs: FloatArray
    limit: float

    def picks(self, count: int) -> int:
        """Return about how many rows will be picked, at most `count`, by what one costs on average.

        For telling how far the work is, and nothing else.
        """
        mean = float(self.costs.mean()) if len(self.costs) else 0.0
        return count if mean <= 0 else min(count, max(1, round(self.limit / mean)))


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


def checked_allowance(costs: FloatArray | None, limit: float | None, rows: int) -> Allowance:
    """Return costs and limit as one, without bound if neither is given.

    Raises:
        ValueError: if only one of them is given, or a cost is negative, NaN or infinite.
    """
    if (costs is None) != (limit is None):
        raise ValueError("costs and limit only make sense together")
    if costs is None or limit is None:
        return Allowance(np.zeros(rows), np.inf)
    checked = np.asarray(costs, dtype=np.float64)
    if checked.shape != (rows,):
        raise ValueError(f"there must be {rows} costs, not {checked.shape}")
    if not np.isfinite(checked).all() or (checked < 0).any():
        raise ValueError("costs must be finite and not negative")
    return Allowance(checked, float(limit))
