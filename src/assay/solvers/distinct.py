"""Equal vectors taken as one, so that a thousand copies cost and crowd no more than one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.samples import IndexArray
from assay.solvers.similarity import block_rows, blocks, zero_rows


class DistinctVectors(NamedTuple):
    """Groups of equal, non-zero vectors, numbered in the order of their lowest rows.

    Attributes:
        vectors: shape (g, d), one vector per group.
        members: shape (m,), rows of all groups one after the other, ascending within a group.
        starts: shape (g + 1,), where each group begins in `members`.
        zero_rows: shape (z,), ascending rows of zero length, in no group.
    """

    vectors: NDArray[np.float32]
    members: IndexArray
    starts: IndexArray
    zero_rows: IndexArray

    @property
    def groups(self) -> int:
        """Return how many different vectors there are."""
        return len(self.vectors)

    @property
    def rows(self) -> int:
        """Return how many rows there are, zero rows included."""
        return len(self.members) + len(self.zero_rows)


def distinct_vectors(vectors: NDArray[np.float32]) -> DistinctVectors:
    """Return the different vectors among `vectors`, and which rows hold each.

    Args:
        vectors: shape (n, d), float32 without -0.0, as from `exact_unit_vectors`.
    """
    empty = zero_rows(vectors)
    kept = np.setdiff1d(np.arange(len(vectors)), empty)
    by_bytes = _sorted_by_bytes(vectors, kept)
    is_first = _differs_from_previous(vectors, by_bytes)
    lowest = by_bytes[is_first]
    rank = np.empty(len(lowest), dtype=np.int64)
    rank[np.argsort(lowest)] = np.arange(len(lowest))
    group = rank[np.cumsum(is_first) - 1]
    members = by_bytes[np.lexsort((by_bytes, group))]
    starts = np.zeros(len(lowest) + 1, dtype=np.int64)
    np.cumsum(np.bincount(group, minlength=len(lowest)), out=starts[1:])
    single = len(lowest) == len(vectors)
    return DistinctVectors(vectors if single else vectors[np.sort(lowest)], members, starts, empty)


def _sorted_by_bytes(vectors: NDArray[np.float32], kept: IndexArray) -> IndexArray:
    if len(kept) == 0:
        return kept
    whole = np.ascontiguousarray(vectors if len(kept) == len(vectors) else vectors[kept])
    as_bytes = whole.view(np.dtype((np.void, whole.dtype.itemsize * whole.shape[1])))[:, 0]
    order: IndexArray = kept[np.argsort(as_bytes, kind="stable")]
    return order


def _differs_from_previous(vectors: NDArray[np.float32], order: IndexArray) -> NDArray[np.bool_]:
    differs = np.ones(len(order), dtype=np.bool_)
    step = block_rows(vectors.shape[1])
    for first in blocks(len(order), vectors.shape[1]):
        stop = min(first + step, len(order))
        low = max(first, 1)
        here, before = order[low:stop], order[low - 1 : stop - 1]
        differs[low:stop] = (vectors[here] != vectors[before]).any(axis=1)
    return differs
