"""Rows whose tags tell most that the tags of rows taken before have not told."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from assay.samples import FloatArray, IndexArray, Selection
from assay.solvers.arrays import Candidates
from assay.solvers.greedy import FacilityLocationOptions, Greedy, lazy_greedy
from assay.solvers.nearest import Neighbors
from assay.solvers.tag_sets import TagSets, entries_of

_BATCH = 4096


@dataclass(frozen=True, kw_only=True)
class InformationOptions:
    """How tags share what they tell, and how soon more of a tag tells little.

    Attributes:
        propagation: weight of the similarity of two tags against that of a tag with itself, >= 0.
        growth: "power" is (x + offset) ** exponent; "exponential" is 1 - exp(-x).
        offset: of the power, > 0.
        exponent: of the power, in (0, 1].
        divided: whether a row's weight is divided among its tags, instead of each having all.
    """

    propagation: float = 1.0
    growth: Literal["power", "exponential"] = "power"
    offset: float = 1e-6
    exponent: float = 0.8
    divided: bool = False


def information_gain(
    sets: TagSets,
    graph: Neighbors,
    candidates: Candidates,
    *,
    weights: FloatArray | None = None,
    options: InformationOptions | None = None,
) -> Selection:
    """Take, again and again, the row that adds most to what the tags of rows taken tell.

    A row gives its weight to each of its tags, and these pass it on to tags like them; what a tag
    has of all rows taken counts by a growth that flattens. The gain of a row is what it gives times
    the slope of that growth where it stands, which is how the published code has it, rather than
    the difference of what all tell before and after. Slopes never rise, so candidates are looked at
    lazily, with the picks of the plain greedy, ties to the lowest row.

    Args:
        sets: which tags each row has.
        graph: tags like each tag, as from `neighbors_above`.
        candidates: the rows to choose from, and how many, without a start; as many as there are, or
            more, gives all of them if the limit pays for all, those without gain last.
        weights: shape (n,), finite and not negative; None for 1 each.
        options: how.

    Returns:
        Picks in order with their gains. `stop` is "exhausted" when every allowed row is chosen,
        "budget" when the count is reached or no row fits the limit any more, "no_gain" when
        no row left adds anything. Every prefix is the answer for its own length and, with costs,
        for its own cost.

    Raises:
        ValueError: if a weight or an option is not as it should be.

    Source:
        Chen et al. 2025, arXiv 2504.13835, for tags, propagation and growth; Minoux 1978 for
        looking at few candidates.
    """
    options = options or InformationOptions()
    told = _Told(sets, graph, _checked_weights(weights, sets.rows), options)
    greedy = Greedy(candidates, FacilityLocationOptions(), sets.rows, units=1.0)
    everything = np.arange(sets.rows)
    with greedy.reported("information gain"):
        first = told.gains(everything)
        lazy_greedy(told, greedy, first, picks=sets.rows, candidates=everything)
    return replace(greedy.result(0.0).selection, gain_unit="information")


def _checked_weights(weights: FloatArray | None, rows: int) -> FloatArray:
    if weights is None:
        return np.ones(rows)
    checked = np.asarray(weights, np.float64)
    if checked.shape != (rows,) or not np.isfinite(checked).all() or (checked < 0).any():
        raise ValueError(f"weights must be {rows} finite values, none negative")
    return checked


def slope(options: InformationOptions) -> Callable[[FloatArray], FloatArray]:
    """Return the derivative of the growth, which falls from x = 0 on.

    Raises:
        ValueError: if an option is not as it should be.
    """
    if options.growth == "exponential":
        return lambda x: np.exp(-x)
    if not (options.offset > 0 and 0 < options.exponent <= 1):
        raise ValueError("the offset must be above 0, and the exponent in (0, 1]")
    return lambda x: options.exponent * (x + options.offset) ** (options.exponent - 1.0)


class _Passing:
    """What a tag passes on to each tag like it, itself included: shares of what that one gets.

    Shares of each receiving tag add up to 1.
    """

    def __init__(self, graph: Neighbors, weight: float) -> None:
        if not 0 <= weight < np.inf:
            raise ValueError(f"the weight of propagation must not be negative: {weight}")
        count = len(graph.indptr) - 1
        sizes = np.diff(graph.indptr) + 1
        self._indptr = np.concatenate([[0], np.cumsum(sizes)])
        self._indices = np.empty(int(self._indptr[-1]), np.int64)
        self._shares = np.empty(len(self._indices))
        own = self._indptr[1:] - 1
        others = np.ones(len(self._indices), np.bool_)
        others[own] = False
        self._indices[own], self._shares[own] = np.arange(count), 1.0
        self._indices[others] = graph.indices
        self._shares[others] = weight * graph.similarities.astype(np.float64)
        received = np.bincount(self._indices, weights=self._shares, minlength=count)
        self._shares /= received[self._indices]

    def of(self, tags: IndexArray) -> tuple[IndexArray, IndexArray, FloatArray]:
        """Return the place of the giver in `tags`, the receiver, and the share, of each edge."""
        givers, edges = entries_of(self._indptr, tags)
        return givers, self._indices[edges], self._shares[edges]

    def like(self, tags: IndexArray) -> IndexArray:
        """Return all tags that pass on to one of some, which is as symmetric as likeness is."""
        return np.unique(self.of(tags)[1])


class _Told:
    """What all tags have been told so far, for the lazy greedy.

    A sum is always taken in one order, entry by entry, and its parts never rise: so a bound from
    earlier is one to the last bit, and equal rows tie exactly.
    """

    def __init__(
        self, sets: TagSets, graph: Neighbors, weights: FloatArray, options: InformationOptions
    ) -> None:
        self.batch = _BATCH
        self._sets = sets
        self._each = weights / np.maximum(sets.sizes, 1) if options.divided else weights
        self._passing = _Passing(graph, options.propagation)
        self._slope = slope(options)
        self._told = np.zeros(sets.tag_count)
        self._slopes = self._slope(self._told)
        self._worth = np.empty(sets.tag_count)
        self._appraise(np.arange(sets.tag_count))

    def gains(self, candidates: IndexArray) -> FloatArray:
        """Return what each row would add."""
        result = np.empty(len(candidates))
        for first in range(0, len(candidates), _BATCH):
            rows = candidates[first : first + _BATCH]
            owners, places = entries_of(self._sets.indptr, rows)
            worth = self._worth[self._sets.indices[places]]
            sums = np.bincount(owners, weights=worth, minlength=len(rows))
            result[first : first + _BATCH] = sums * self._each[rows]
        return result

    def pick(self, row: int) -> float:
        """Tell what a row has to tell, and return what it added."""
        gain = float(self.gains(np.array([row]))[0])
        tags = self._sets.indices[self._sets.indptr[row] : self._sets.indptr[row + 1]]
        _, receivers, shares = self._passing.of(tags)
        np.add.at(self._told, receivers, shares * self._each[row])
        told = np.unique(receivers)
        # Rounding must not let a slope rise where next to nothing was added.
        self._slopes[told] = np.minimum(self._slopes[told], self._slope(self._told[told]))
        self._appraise(self._passing.like(told))
        return gain

    def _appraise(self, tags: IndexArray) -> None:
        """Set what one unit that is given to each of some tags adds to it and those like it."""
        givers, receivers, shares = self._passing.of(tags)
        parts = shares * self._slopes[receivers]
        self._worth[tags] = np.bincount(givers, weights=parts, minlength=len(tags))
