"""Log-determinant: rows whose similarity matrix spans the largest volume, one after the other."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assay.progress import Task
from assay.samples import FloatArray, IndexArray, Selection
from assay.solvers.arrays import Candidates, Costs, Entrants, checked_mask
from assay.solvers.residuals import GaussianResiduals, LinearResiduals, Residuals
from assay.solvers.similarity import AnyFloatArray, exact_unit_vectors, quantised

Kernel = Literal["cosine", "rbf"]

_GAIN_UNIT = "log determinant"
_STEP = 2.0**-20
_LEAST = 1e-10
# Sizes of a round only change how fast the answer comes.
_CANDIDATES = 512
_ENOUGH = 64
_UPDATES_PER_ROUND = 1 << 16
_SAMPLED_ROWS = 1000


@dataclass(frozen=True, kw_only=True)
class LogDetOptions:
    """What volume means, and what else counts.

    Attributes:
        kernel: "cosine", or "rbf": exp(-|x - y|^2 / (2 bandwidth^2)) of unit vectors.
        ridge: >= 0, added to the diagonal, whose entries are 1. With "cosine" and no ridge, only
            as many rows gain as the vectors have dimensions. Copies gain about log(2 ridge).
        bandwidth: of "rbf", > 0; see `median_distance`.
        quality: shape (n,), finite and > 0 where allowed; None for 1.
        fill: go on when all that is left has d^2 < 1e-10, by quality, then lowest row.
    """

    kernel: Kernel = "cosine"
    ridge: float = 1e-3
    bandwidth: float = 1.0
    quality: FloatArray | None = None
    fill: bool = False


def log_det(
    vectors: AnyFloatArray, candidates: Candidates, *, options: LogDetOptions | None = None
) -> Selection:
    """Take, again and again, the row that multiplies det(L_S) by most.

    L = diag(q) (K + ridge I) diag(q), K being the kernel and q the quality. A pick gains the log
    of what it multiplies the determinant by: that of d^2, the squared distance of its feature
    vector from the span of those taken, and 2 log q. The greedy of determinantal point processes.

    Gains are compared rounded to multiples of 2**-20, equal ones go to the lowest row. A row's
    d^2 is made by operations in an order that the picks and the row alone decide, so neither
    block sizes nor threads nor the order of the rows change it. It is not exact: with "cosine"
    its error is about 1e-15 per pick. Other processors may round exp and log differently in the
    last bit, which changes a pick only where two gains meet within that of a multiple of 2**-20.

    Args:
        vectors: shape (n, d), any float dtype, brought to unit length here. A zero row has
            similarity 0 to all others: with "cosine" it gains the ridge alone, with "rbf" it is
            1 to itself and its copies.
        candidates: the rows to choose from, and how many; as many as there are, or more, gives
            all of them if the limit pays for all, those without gain last.
        options: kernel, quality and the like.

    Returns:
        Picks in order. Gains are multiples of 2**-20, mostly negative; NaN for the start and for
        rows without gain. `stop` is "exhausted" when every allowed row is chosen, "budget" when
        the count is reached or no row fits the limit any more, "no_gain" when d^2 is below 1e-10
        for all rows left. Every prefix is the answer for its own length and, with costs, for its
        own cost. "cosine" keeps 16 d bytes per pick, "rbf" 8 n.

    Raises:
        NonFiniteError: if a row holds NaN or infinity; the first ones are listed.

    Source:
        Chen, Zhang & Zhou 2018, arXiv 1709.05135; with "cosine", what it keeps of each row is
        linear in the row's vector, so that only the coefficients are kept.
    """
    options = options or LogDetOptions()
    part = candidates.entrants(len(vectors))
    unit = exact_unit_vectors(vectors if len(part.rows) == len(vectors) else vectors[part.rows])
    search = _Search(
        _residuals(unit, min(part.count, len(unit)), options),
        part.allowed,
        _log_quality(options.quality, part, len(vectors)),
        part.costs,
    )
    total = part.costs.picks(part.count)
    with candidates.progress.task("log-determinant", total, unit="picks") as task:
        stop = search.run(part.start, part.count, task, fill=options.fill)
    chosen = part.rows[np.array(search.rows, dtype=np.int64)]
    return Selection(chosen, np.array(search.gains), True, stop, _GAIN_UNIT)


def _residuals(unit: NDArray[np.float32], most: int, options: LogDetOptions) -> Residuals:
    ridge, bandwidth = options.ridge, options.bandwidth
    if not (0 <= ridge < np.inf and 0 < bandwidth < np.inf):
        raise ValueError(f"ridge must be >= 0 and bandwidth > 0: {ridge}, {bandwidth}")
    if options.kernel == "cosine":
        return LinearResiduals(unit, most, ridge=ridge)
    return GaussianResiduals(unit, most, ridge=ridge, bandwidth=bandwidth)


def median_distance(
    vectors: AnyFloatArray, rng: np.random.Generator, *, allowed: NDArray[np.bool_] | None = None
) -> float:
    """Return the median Euclidean distance of unit vectors: the usual bandwidth of "rbf".

    Args:
        vectors: shape (n, d), any float dtype.
        rng: draws the 1,000 rows whose distances are looked at, if there are more.
        allowed: shape (n,), rows that are drawn from; None for all.

    Returns:
        In (0, 2]; 1 if there is no positive distance in the middle.
    """
    rows = np.flatnonzero(checked_mask(allowed, len(vectors)))
    if len(rows) > _SAMPLED_ROWS:
        rows = np.sort(rng.choice(rows, _SAMPLED_ROWS, replace=False))
    if len(rows) < 2:
        return 1.0
    unit = exact_unit_vectors(vectors[rows]).astype(np.float64)
    similarities = quantised(unit @ unit.T)[np.triu_indices(len(rows), 1)]
    return float(np.median(np.sqrt(2.0 - 2.0 * similarities))) or 1.0


def _log_quality(quality: FloatArray | None, part: Entrants, rows: int) -> FloatArray:
    """Return 2 log q of each entrant, 0 where there is none and where it does not matter."""
    result = np.zeros(len(part.rows))
    if quality is None:
        return result
    checked = np.asarray(quality, dtype=np.float64)
    if checked.shape != (rows,):
        raise ValueError(f"there must be {rows} qualities, not {checked.shape}")
    own = checked[part.rows[part.allowed]]
    if not (np.isfinite(own) & (own > 0)).all():
        raise ValueError("quality must be finite and above 0")
    result[part.allowed] = 2.0 * np.log(own)
    return result


class _Search:
    """The greedy in rounds, the same picks as one at a time.

    A round takes the rows whose gains are largest now and plays the greedy among them. As d^2
    only falls, no other row can come first while the best of them is above all others; then the
    next round begins. A row that never comes near the top is rarely brought up to date.
    """

    def __init__(
        self,
        residuals: Residuals,
        is_open: NDArray[np.bool_],
        log_quality: FloatArray,
        costs: Costs,
    ) -> None:
        self.rows: list[int] = []
        self.gains: list[float] = []
        self._residuals = residuals
        self._is_open = is_open.copy()
        self._log_quality = log_quality
        self._costs = costs.each
        self._left = costs.limit
        self._bounds = np.full(len(is_open), -np.inf)

    def run(
        self, given: IndexArray, count: int, task: Task, *, fill: bool
    ) -> Literal["budget", "exhausted", "no_gain"]:
        """Take the start and then what gains most; return why it ended. `task` hears of picks."""
        for row in given.tolist():
            self._residuals.refresh(np.array([row]))
            self._take(row, np.nan)
        task.advance(len(given))
        available = np.flatnonzero(self._is_open)
        self._score(available)
        whole = len(self.rows) + len(available) <= count
        fill = fill or (whole and float(self._costs[available].sum()) <= self._left)
        while len(self.rows) < count:
            self._bounds[self._costs > self._left] = -np.inf
            candidates, cut = self._largest()
            if len(candidates) == 0:
                break
            before = len(self.rows)
            self._play(candidates, cut, count)
            task.advance(len(self.rows) - before)
        if fill:
            self._fill(count)
        left = np.flatnonzero(self._is_open)
        if len(left) == 0:
            return "exhausted"
        affordable = bool((self._costs[left] <= self._left).any())
        return "no_gain" if len(self.rows) < count and affordable else "budget"

    def _score(self, rows: IndexArray) -> None:
        """Bring the gains of `rows` up to date, in steps; they bound what later ones can be."""
        self._residuals.refresh(rows)
        values = self._residuals.values[rows]
        gaining = rows[values >= _LEAST]
        self._bounds[rows] = -np.inf
        gains = np.log(self._residuals.values[gaining]) + self._log_quality[gaining]
        self._bounds[gaining] = np.rint(gains / _STEP)

    def _largest(self) -> tuple[IndexArray, float]:
        """Return the rows that gain most, ascending, and a bound on the gain of any other."""
        size = _CANDIDATES
        while size < np.count_nonzero(self._bounds > -np.inf):
            order = np.argpartition(self._bounds, len(self._bounds) - size)
            top, cut = order[-size:], float(self._bounds[order[:-size]].max())
            self._score(top)
            above = top[self._bounds[top] > cut]
            if len(above) >= min(_ENOUGH, size):
                return np.sort(above), cut
            size *= 2
        self._score(np.flatnonzero(self._bounds > -np.inf))
        return np.flatnonzero(self._bounds > -np.inf), -np.inf

    def _play(self, candidates: IndexArray, cut: float, count: int) -> None:
        picks = max(1, _UPDATES_PER_ROUND // len(candidates))
        for _ in range(min(picks, count - len(self.rows))):
            place = int(self._bounds[candidates].argmax())
            row = int(candidates[place])
            if self._bounds[row] <= cut:
                return
            self._take(row, float(self._bounds[row]) * _STEP)
            candidates = np.delete(candidates, place)
            candidates = candidates[self._costs[candidates] <= self._left]
            if len(candidates) == 0:
                return
            self._score(candidates)

    def _take(self, row: int, gain: float) -> None:
        if self._residuals.values[row] >= _LEAST:
            self._residuals.condition(row)
        self.rows.append(row)
        self.gains.append(gain)
        self._left -= float(self._costs[row])
        self._is_open[row] = False
        self._bounds[row] = -np.inf

    def _fill(self, count: int) -> None:
        left = np.flatnonzero(self._is_open)
        for row in left[np.argsort(-self._log_quality[left], kind="stable")].tolist():
            if len(self.rows) >= count:
                return
            if self._costs[row] <= self._left:
                self._take(row, np.nan)
