"""Tags that mean one thing become one: by frequency, form, meaning and association, in that order.

A step says for every tag which one it becomes: its own number where it stays, -1 where it is left
out. Of tags that become one, the one that is in most rows stands for all, ties to the first name.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np

from assay.samples import IndexArray
from assay.solvers.duplicates import connected_groups, exact_groups, representatives
from assay.solvers.nearest import neighbors_above
from assay.solvers.similarity import AnyFloatArray
from assay.solvers.tag_sets import TagSets, entries_of, renamed


class MergedTags(NamedTuple):
    """What became of tags.

    Attributes:
        target: shape (tag_count,), the tag that each became, or -1.
        sizes: shape (5,), int64; how many tags there were, and how many each step left.
    """

    target: IndexArray
    sizes: IndexArray


class MergeOptions(NamedTuple):
    """When tags are left out, and when they are one.

    Attributes:
        least: rows that a tag must be in to stay.
        distance: largest cosine distance of two tags that are one, in [0, 1).
        support: rows that two tags must share for one to imply the other, at least 1.
        confidence: share of the rows of a tag that must have another for it to be implied, (0, 1].
    """

    least: int
    distance: float
    support: int
    confidence: float


def merge_tags(
    sets: TagSets,
    forms: Sequence[Hashable],
    vectors_of: Callable[[IndexArray], AnyFloatArray],
    options: MergeOptions,
) -> MergedTags:
    """Return what becomes of tags in four steps.

    1. Tags of few rows are left out.
    2. Tags of one form are one.
    3. Tags whose vectors are close are one, and so are those that a chain of such links.
    4. A tag that implies another becomes that one, the most frequent if it implies several; where
       such arrows go in a circle, its most frequent tag. This is done again with what came of it
       until nothing changes, so that all four steps change nothing that came of them.

    Args:
        sets: which tags each row has.
        forms: of each tag; equal forms are one. Length tag_count.
        vectors_of: returns the vectors of some tags, by number; those of length 0 are like no
            other. Called once, with tags that are left after the second step.
        options: when.

    Source:
        Lu et al. 2023, arXiv 2308.07074, for the steps; Ester et al. 1996 for the third, whose
        clusters are connected components where a single point makes one.
    """
    target = _frequent(sets, options.least)
    sizes = [np.count_nonzero(sets.frequencies), _count(target)]
    for step in (_of_one_form(forms), _close(vectors_of, options.distance)):
        left = renamed(sets, target)
        target = _then(target, step(left.frequencies))
        sizes.append(_count(target))
    while True:
        left = renamed(sets, target)
        step_target = implied_tags(left, support=options.support, confidence=options.confidence)
        if (step_target == np.arange(sets.tag_count)).all():
            break
        target = _then(target, step_target)
    return MergedTags(target, np.array([*sizes, _count(target)], np.int64))


def _then(first: IndexArray, second: IndexArray) -> IndexArray:
    """Return what tags become by one step after another."""
    return np.where(first >= 0, second[np.maximum(first, 0)], -1)


def _count(target: IndexArray) -> int:
    return len(np.unique(target[target >= 0]))


def _frequent(sets: TagSets, least: int) -> IndexArray:
    return np.where(sets.frequencies >= max(least, 1), np.arange(sets.tag_count), -1)


_Step = Callable[[IndexArray], IndexArray]
"""Takes the frequencies of tags, 0 for those that are left out, and says what each becomes."""


def _of_one_form(forms: Sequence[Hashable]) -> _Step:
    def step(frequencies: IndexArray) -> IndexArray:
        return _represented(exact_groups(forms), frequencies)

    return step


def _close(vectors_of: Callable[[IndexArray], AnyFloatArray], distance: float) -> _Step:
    def step(frequencies: IndexArray) -> IndexArray:
        left = np.flatnonzero(frequencies)
        groups = np.arange(len(frequencies))
        if len(left) > 1:
            graph = neighbors_above(vectors_of(left), 1.0 - distance)
            owners = np.repeat(np.arange(len(left)), np.diff(graph.indptr))
            pairs = np.column_stack([owners, graph.indices])
            groups[left] = left[connected_groups(len(left), pairs)]
        return _represented(groups, frequencies)

    return step


def _represented(groups: IndexArray, frequencies: IndexArray) -> IndexArray:
    """Return the tag that stands for each one's group: of the most frequent the first."""
    chosen = representatives(groups, frequencies.astype(np.float64))
    stands_for = np.zeros(int(groups.max(initial=0)) + 1, np.int64)
    stands_for[groups[chosen]] = chosen
    return stands_for[groups]


def implied_tags(sets: TagSets, *, support: int, confidence: float) -> IndexArray:
    """Return the tag that each implies in the end, its own number where it implies none.

    Of several it goes on to the most frequent, ties to the first name; in a circle all become that
    one of it.

    Args:
        sets: which tags each row has.
        support: as for `implications`.
        confidence: as for `implications`.

    Returns:
        Shape (tag_count,).
    """
    before, behind = implications(sets, support=support, confidence=confidence)
    rank = np.empty(sets.tag_count, np.int64)
    rank[np.lexsort((np.arange(sets.tag_count), -sets.frequencies))] = np.arange(sets.tag_count)
    order = np.lexsort((rank[behind], before))
    implying, places = np.unique(before[order], return_index=True)
    arrow = np.arange(sets.tag_count)
    arrow[implying] = behind[order][places]
    _break_circles(arrow, rank)
    while (arrow[arrow] != arrow).any():
        arrow = arrow[arrow]
    return arrow


def implications(
    sets: TagSets, *, support: int, confidence: float
) -> tuple[IndexArray, IndexArray]:
    """Return all pairs of tags of which the first implies the second, in no order.

    That is so if they share at least `support` rows, which are at least a share of `confidence` of
    the rows of the first.

    Args:
        sets: which tags each row has.
        support: rows, at least 1.
        confidence: share, in (0, 1].

    Returns:
        The tags before the arrows, and those behind them. Shape (r,) each.

    Source:
        Agrawal, Imieliński & Swami 1993, Mining association rules between sets of items, with one
        tag on either side, for which counts of pairs are enough.
    """
    frequencies = sets.frequencies
    left = renamed(sets, np.where(frequencies >= support, np.arange(sets.tag_count), -1))
    # Rows of each tag, one tag after the other: what they have is counted without a pair in memory.
    rows_of = left.owners[np.argsort(left.indices, kind="stable")]
    ends = np.cumsum(left.frequencies)
    before, behind = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for tag in np.flatnonzero(left.frequencies).tolist():
        rows = rows_of[ends[tag] - frequencies[tag] : ends[tag]]
        _, places = entries_of(left.indptr, rows)
        shared = np.bincount(left.indices[places], minlength=sets.tag_count)
        shared[tag] = 0
        # A division of whole numbers is rounded once, so a share of exactly 0.99 is 0.99.
        holds = (shared >= support) & (shared / frequencies[tag] >= confidence)
        implied = np.flatnonzero(holds)
        behind.append(implied)
        before.append(np.full(len(implied), tag, np.int64))
    return np.concatenate(before), np.concatenate(behind)


def _break_circles(arrow: IndexArray, rank: IndexArray) -> None:
    """Let the first by rank of each circle of arrows point to itself, in place."""
    walk_of = np.zeros(len(arrow), np.int64)
    for start in np.flatnonzero(arrow != np.arange(len(arrow))).tolist():
        path, tag = [], start
        while not walk_of[tag]:
            walk_of[tag] = start + 1
            path.append(tag)
            tag = int(arrow[tag])
        if walk_of[tag] == start + 1 and arrow[tag] != tag:
            circle = path[path.index(tag) :]
            chosen = min(circle, key=rank.__getitem__)
            arrow[chosen] = chosen
