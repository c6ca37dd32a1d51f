"""Test and retest: what a judge says of the same row when it is asked again."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from assay.agreement.judge_replies import Replies
from assay.features.judgments import Judgments
from assay.judging.verdicts import Verdict
from assay.pool.view import PoolView
from assay.random_numbers import generator
from assay.samples import FloatArray, IndexArray
from assay.solvers.proportions import Share, share_of
from assay.solvers.rank_interval import spearman_interval
from assay.solvers.ranks import spearman

MOST_READ = 5_000
"""Rows that are read again; ids are drawn from the text, so those of the first are any."""


class Retest(NamedTuple):
    """How far a judge repeats itself.

    Attributes:
        answers: that have two numbers at least, of the first two of which the measures are.
        equal: share that got the same number twice.
        spearman: rank correlation of both, with its 95 % interval.
        difference: mean of what lies between both, without its sign.
    """

    answers: int
    equal: Share
    spearman: Share
    difference: float


def retest_of(replies: Replies, view: PoolView) -> Retest | None:
    """Return how far the first two samplings agree; None where each was asked once.

    Args:
        replies: of a feature.
        view: its rows.
    """
    feature = replies.feature
    if not isinstance(feature, Judgments) or feature.repeats < 2:
        return None
    name = feature.names[0]
    places: IndexArray = np.arange(min(len(view), MOST_READ))
    pairs = [
        pair
        for conversation in view.conversations(places)
        for group in getattr(replies.concluded(conversation).finding, "verdicts", ())
        for pair in _pair(group, name)
    ]
    numbers: FloatArray = np.array(pairs, np.float64).reshape(-1, 2)
    first, second = numbers[:, 0], numbers[:, 1]
    rng = generator(seed=0, purpose="bootstrap of a rank correlation")
    return Retest(
        len(numbers),
        share_of(int(np.count_nonzero(first == second)), len(numbers)),
        Share(spearman(first, second), *spearman_interval(first, second, rng)),
        float(np.mean(np.abs(first - second))) if len(numbers) else float("nan"),
    )


def _pair(group: "list[Verdict]", name: str) -> Iterator[tuple[float, float]]:
    """Yield the numbers of the first two samplings, where both have one."""
    found = []
    for verdict in group[:2]:
        value = None if verdict.values is None else verdict.values.get(name)
        if isinstance(value, str) and verdict.distribution is not None:
            value = verdict.distribution.probabilities[value]
        if isinstance(value, (int, float)):
            found.append(float(value))
    if len(found) == 2:
        yield found[0], found[1]
