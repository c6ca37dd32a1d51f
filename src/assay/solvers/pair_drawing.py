"""Which things are compared with which, so that all can be compared by way of others."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from assay.samples import FloatArray, IndexArray


def pairs_in_circles(rounds: Iterable[FloatArray], aside: NDArray[np.bool_]) -> IndexArray:
    """Return pairs of things, each once: in every round all lie in a circle, next to each other.

    So each is in two pairs of a round, and one round links all. Those that are set aside lie in no
    circle: each is paired with the two that it would lie between, and with no other set aside, so
    that pairs of the others are the same without it. One thing more changes one pair of a round.

    Args:
        rounds: of each circle where things lie in it, shape (n,), all different.
        aside: shape (n,).

    Returns:
        Shape (m, 2), int64: the lower place first, in ascending order.
    """
    among, others = np.flatnonzero(~aside), np.flatnonzero(aside)
    found = [np.empty((0, 2), np.int64)]
    for places in rounds:
        circle = among[np.argsort(places[among], kind="stable")]
        if len(circle) > 1:
            found.append(np.column_stack([circle, np.roll(circle, -1)]))
        if len(circle):
            after = np.searchsorted(places[circle], places[others]) % len(circle)
            for beside in (after, after - 1):
                found.append(np.column_stack([others, circle[beside]]))
    pairs: IndexArray = np.unique(np.sort(np.concatenate(found), axis=1), axis=0)
    return pairs
