"""What dense and sparse facility location share: options, scores, and when to stop."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from assay.progress import Task
from assay.samples import FloatArray, IndexArray, Selection
from assay.solvers.arrays import Candidates, checked_mask, checked_positions


@dataclass(frozen=True, kw_only=True)
class FacilityLocationOptions:
    """What rows are worth, and when to go on.

    Attributes:
        weights: shape (n,), integers >= 0, how many rows each row stands for when covered; None
            for 1 each.
        quality: shape (n,), finite, >= 0, best normalised to [0, 1]; added to what a pick covers.
        trade_off: share of quality in the objective, in [0, 1]: 0 is coverage alone, 1 the rows
            of highest quality.
        balance: what coverage is divided by before it is weighed against quality. "first_gain"
            is the largest coverage of a single pick, so that both terms begin at most at 1;
            "rows" is the number of rows covered; a number divides by itself (1 is the plain sum).
        cost_ratio: take the best gain per cost instead of the best gain; costs are then > 0.
        fill: go on when nothing left adds anything, by highest quality, then lowest row.
    """

    weights: IndexArray | None = None
    quality: FloatArray | None = None
    trade_off: float = 0.0
    balance: Literal["first_gain", "rows"] | float = "first_gain"
    cost_ratio: bool = False
    fill: bool = False


class FacilityLocationResult(NamedTuple):
    """A selection and what it is worth.

    Attributes:
        selection: picks in order; gains are what each added to `objective`, NaN for the start.
        objective: (1 - trade_off) * coverage / scale + trade_off * sum of quality.
        coverage: sum over covered rows of weight times the similarity to the nearest pick.
        scale: what coverage was divided by; 1 without quality.
        coverage_range: smallest and largest coverage part of one pick's gain, the start left out.
        quality_range: smallest and largest quality part of one pick's gain, the start left out.
    """

    selection: Selection
    objective: float
    coverage: float
    scale: float
    coverage_range: tuple[float, float]
    quality_range: tuple[float, float]


class Greedy:
    """Scores of candidates and the picks so far; coverage comes in whole units from outside.

    Coverage gains are integers, so sums do not depend on their order and equal rows tie exactly.

    Attributes:
        start: rows already chosen, to be covered before the first pick.
        weights: shape (n,), int64; 0 for rows that are not to be covered.
        is_open: shape (n,), True for rows that may still be picked.
        progress: where to report how far the work is.
    """

    def __init__(
        self, candidates: Candidates, options: FacilityLocationOptions, rows: int, *, units: float
    ) -> None:
        self._options = options
        self._units = units
        self._count = candidates.checked_count(rows)
        self._costs = candidates.checked_costs(rows)
        if options.cost_ratio and (self._costs.each <= 0).any():
            raise ValueError("a cost ratio needs costs above 0")
        self.progress = candidates.progress
        self.start = checked_positions(candidates.start, rows)[: self._count]
        allowed = checked_mask(candidates.allowed, rows)
        self.weights = np.where(allowed, _checked_weights(options.weights, rows), 0)
        self.is_open = allowed.copy()
        self.is_open[self.start] = False
        self._quality = _checked_quality(options, rows)
        self._scale = 1.0
        self._spent = float(self._costs.each[self.start].sum())
        self._takes_all = self._everything_fits()
        self._rows: list[int] = []
        self._coverage_gains: list[float] = []
        self._task: Task | None = None

    @contextlib.contextmanager
    def reported(self, label: str) -> Iterator[None]:
        """Report picks, under a label, while the context is open."""
        total = self._costs.picks(self._count) - self.size
        with self.progress.task(label, max(total, 1), unit="picks") as self._task:
            yield
        self._task = None

    def set_scale(self, gains: FloatArray) -> None:
        """Fix what coverage is divided by, given what candidates would cover as first picks."""
        balance = self._options.balance
        if self._options.quality is None:
            return
        if balance == "first_gain":
            self._scale = float(gains.max(initial=0)) / self._units or 1.0
        elif balance == "rows":
            self._scale = float(self.weights.sum()) or 1.0
        else:
            self._scale = float(balance)

    def scores(self, gains: FloatArray, rows: IndexArray | slice) -> FloatArray:
        """Return the order of preference of `rows` given their coverage gains in units."""
        scores = self._coverage_part(gains) + self._quality[rows]
        return scores / self._costs.each[rows] if self._options.cost_ratio else scores

    @property
    def size(self) -> int:
        """How many rows are chosen by now, the start included."""
        return len(self.start) + len(self._rows)

    def wants_more(self) -> bool:
        """Return whether the count is not reached yet."""
        return self.size < self._count

    def fits(self, row: int) -> bool:
        """Return whether `row` can still be paid for; if not, it never will."""
        return bool(self._spent + self._costs.each[row] <= self._costs.limit)

    def pick(self, row: int, gain: float) -> None:
        """Choose `row`, which adds `gain` units of coverage."""
        self._rows.append(row)
        self._coverage_gains.append(gain)
        self._spent += float(self._costs.each[row])
        self.is_open[row] = False
        if self._task is not None:
            self._task.advance(1)

    def result(self, covered: float) -> FacilityLocationResult:
        """Fill up if asked to, and return all picks, given the units covered in the end."""
        stalled = self.wants_more() and self._any_fits()
        if stalled and (self._options.fill or self._takes_all):
            self._fill()
        rows = np.array(self._rows, dtype=np.int64)
        coverage = self._coverage_part(np.array(self._coverage_gains))
        quality = self._quality[rows]
        gains = np.concatenate([np.full(len(self.start), np.nan), coverage + quality])
        indices = np.concatenate([self.start, rows])
        total = self._coverage_part(np.array([covered]))[0] + self._quality[indices].sum()
        unit = "similarity" if self._options.quality is None else "objective"
        return FacilityLocationResult(
            Selection(indices, gains, True, self._stop(), unit),
            objective=float(total),
            coverage=covered / self._units,
            scale=self._scale,
            coverage_range=_range(coverage),
            quality_range=_range(quality),
        )

    def _coverage_part(self, gains: FloatArray) -> FloatArray:
        share = 1.0 if self._options.quality is None else 1.0 - self._options.trade_off
        return gains * (share / (self._scale * self._units))

    def _everything_fits(self) -> bool:
        """Return whether count and limit leave room for all rows, so that there is no choice."""
        total = self._spent + float(self._costs.each[self.is_open].sum())
        rows = len(self.start) + int(self.is_open.sum())
        return rows <= self._count and total <= self._costs.limit

    def _any_fits(self) -> bool:
        open_costs = self._costs.each[self.is_open]
        return bool((self._spent + open_costs <= self._costs.limit).any())

    def _fill(self) -> None:
        quality = self._options.quality
        left = np.flatnonzero(self.is_open)
        order = left if quality is None else left[np.argsort(-quality[left], kind="stable")]
        for row in order.tolist():
            if not self.wants_more():
                return
            if self.fits(row):
                self.pick(row, 0.0)

    def _stop(self) -> Literal["budget", "exhausted", "no_gain"]:
        if not self.is_open.any():
            return "exhausted"
        return "no_gain" if self.wants_more() and self._any_fits() else "budget"


def _range(values: FloatArray) -> tuple[float, float]:
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)


def _checked_weights(weights: IndexArray | None, rows: int) -> IndexArray:
    if weights is None:
        return np.ones(rows, dtype=np.int64)
    checked = np.asarray(weights)
    if checked.shape != (rows,) or not np.issubdtype(checked.dtype, np.integer):
        raise ValueError(f"there must be {rows} integer weights")
    if (checked < 0).any():
        raise ValueError("weights must not be negative")
    return checked.astype(np.int64)


def _checked_quality(options: FacilityLocationOptions, rows: int) -> FloatArray:
    """Return each row's quality times its share in the objective."""
    if not 0 <= options.trade_off <= 1:
        raise ValueError(f"trade_off must lie in [0, 1]: {options.trade_off}")
    if not isinstance(options.balance, str) and not 0 < options.balance < np.inf:
        raise ValueError(f"balance must be positive and finite: {options.balance}")
    if options.quality is None:
        if options.trade_off:
            raise ValueError("a trade-off needs quality")
        return np.zeros(rows)
    quality = np.asarray(options.quality, dtype=np.float64)
    if quality.shape != (rows,) or not np.isfinite(quality).all() or (quality < 0).any():
        raise ValueError(f"quality must be {rows} finite values, none negative")
    return quality * options.trade_off


_FIRST_BATCH = 4


class Coverage(Protocol):
    """What picks cover so far, and what more of them would add; gains never grow."""

    batch: int

    def gains(self, candidates: IndexArray) -> FloatArray:
        """Return what each candidate, by its position, would add now, in units."""
        ...

    def pick(self, row: int) -> float:
        """Add `row` to what is covered and return what it added, in units."""
        ...


def lazy_greedy(
    coverage: Coverage,
    greedy: Greedy,
    first_gains: FloatArray,
    *,
    picks: int,
    candidates: IndexArray,
) -> None:
    """Pick until `greedy` has `picks` rows, its start included, or nothing is left to gain.

    The picks are those of the plain greedy, ties to the lowest row, if gains are exact.

    Args:
        coverage: what is covered by the start.
        greedy: takes the picks; its scale is set here.
        first_gains: shape (c,), what each candidate would add, in units.
        picks: how many rows to have in the end.
        candidates: shape (c,), ascending rows to pick from.

    Source:
        Minoux 1978, Accelerated greedy algorithms for maximizing submodular set functions.
    """
    is_open = greedy.is_open[candidates]
    greedy.set_scale(first_gains[is_open])
    bounds = np.where(is_open, greedy.scores(first_gains, candidates), -np.inf)
    fresh = np.ones(len(bounds), dtype=np.bool_)
    batch = _FIRST_BATCH
    while len(bounds) and greedy.size < picks and greedy.wants_more():
        best = int(np.argmax(bounds))
        row = int(candidates[best])
        if not bounds[best] > 0:
            return
        if not greedy.fits(row):
            bounds[best] = -np.inf
        elif fresh[best]:
            # The largest bound, the lowest row among equals, and exact: nothing can beat it.
            greedy.pick(row, coverage.pick(row))
            bounds[best] = -np.inf
            fresh[:] = False
            batch = _FIRST_BATCH
        else:
            stale = _largest_stale(bounds, fresh, batch)
            bounds[stale] = greedy.scores(coverage.gains(stale), candidates[stale])
            fresh[stale] = True
            batch = min(2 * batch, coverage.batch)


def _largest_stale(bounds: FloatArray, fresh: NDArray[np.bool_], batch: int) -> IndexArray:
    stale = np.where(fresh, -np.inf, bounds)
    needed = bounds[fresh].max(initial=0.0)
    if batch >= len(stale):
        rows = np.arange(len(stale))
    else:
        rows = np.argpartition(stale, len(stale) - batch)[-batch:]
    return rows[stale[rows] >= needed]
