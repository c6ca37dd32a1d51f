"""Nearest neighbours by cosine, exact or approximate, and all pairs above a similarity."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.errors import DataError
from assay.progress import SILENT, Progress
from assay.samples import IndexArray
from assay.solvers.cover import rounding_error
from assay.solvers.distinct import DistinctVectors, distinct_vectors
from assay.solvers.similarity import (
    QUANTUM,
    AnyFloatArray,
    exact_unit_vectors,
    pair_similarities,
    row_similarities,
    zero_rows,
)
from assay.solvers.vector_search import (
    DEFAULT_EFFORT,
    ClusterSearch,
    SearchMethod,
    WholeSearch,
    is_exact,
)

# Found beyond the neighbours asked for, so that float32 rounding cannot push one out.
_SLACK = 16
_QUERY_BLOCK = 4096
_LEAST_QUERY_BLOCK = 512
_COMPARED_AT_ONCE = 1 << 28
_PAIR_BLOCK = 2048
_PUT_BLOCK = 16384
_EXPANSION_BLOCK = 1024
_INDEX_BITS = 31
_KEY_BITS = 53
_UNITS = round(1 / QUANTUM)
_NOTHING = np.iinfo(np.int64).max

_Search = WholeSearch | ClusterSearch


class Neighbors(NamedTuple):
    """Similar rows of each row, as compressed sparse rows, the most similar first.

    Attributes:
        indptr: shape (n + 1,), int64; row i owns positions `indptr[i]` to `indptr[i + 1]`.
        indices: shape (e,), int32, neighbours; within a row by falling similarity, ties by index.
        similarities: shape (e,), float32 cosines in [-1, 1], multiples of 2**-20.
        zero_rows: shape (z,), ascending rows of zero length: similar to nothing, not even to
            themselves, they have no neighbours and are nobody's.
    """

    indptr: IndexArray
    indices: NDArray[np.int32]
    similarities: NDArray[np.float32]
    zero_rows: IndexArray


def nearest_neighbors(
    vectors: AnyFloatArray,
    count: int,
    *,
    queries: AnyFloatArray | None = None,
    method: SearchMethod = "auto",
    effort: int = DEFAULT_EFFORT,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Neighbors:
    """Return the `count` most similar vectors of each row.

    The exact method returns the same bytes on any machine and with any number of threads. The
    approximate one compares each row with about `effort` others, taken from the clusters that
    lie nearest; its similarities are exact, but it may miss neighbours.

    Args:
        vectors: shape (n, d), any float dtype, memory-mapped or not.
        count: neighbours per row; fewer are returned where fewer exist.
        queries: shape (q, d), rows to find neighbours for; None searches for each of `vectors`
            and leaves the row itself out. Equal rows are neighbours at similarity 1.
        method: "auto" is exact up to 200,000 vectors.
        effort: vectors that each row is compared with by the approximate method.
        seed: of the clustering of the approximate method.
        progress: where to report how far it is.

    Raises:
        NonFiniteError: if a row holds NaN or infinity.
    """
    if count < 0:
        raise ValueError(f"count must not be negative: {count}")
    distinct = distinct_vectors(exact_unit_vectors(vectors))
    if queries is None:
        asked, empty, rows = distinct.vectors, distinct.zero_rows, distinct.rows
    else:
        units = exact_unit_vectors(queries)
        empty, rows = zero_rows(units), len(units)
        asked = np.delete(units, empty, axis=0)
    lists = _NeighborLists(rows, min(count, len(distinct.members)))
    if lists.width == 0:
        return lists.neighbors(empty)
    search: _Search = (
        WholeSearch(distinct.vectors)
        if is_exact(method, distinct.groups)
        else ClusterSearch(distinct.vectors, effort=effort, seed=seed)
    )
    wanted = lists.width + (queries is None)  # a row finds itself first
    places = np.setdiff1d(np.arange(rows), empty)
    step = _query_block(distinct.groups)
    with progress.task("nearest neighbours", len(asked)) as task:
        for first in range(0, len(asked), step):
            block = asked[first : first + step]
            keys = _expanded(_nearest_groups(search, distinct.vectors, block, wanted), distinct)
            if queries is None:
                _put_without_self(lists, keys, first + np.arange(len(block)), distinct)
            else:
                lists.put(places[first : first + step], keys)
            task.advance(len(block))
    return lists.neighbors(empty)


def _query_block(rows: int) -> int:
    """Return how many queries to search for at once: few among many rows, to tell of each soon."""
    return max(_LEAST_QUERY_BLOCK, min(_QUERY_BLOCK, _COMPARED_AT_ONCE // max(1, rows)))


def neighbors_above(
    vectors: AnyFloatArray,
    threshold: float,
    *,
    method: SearchMethod = "auto",
    effort: int = DEFAULT_EFFORT,
    seed: int = 0,
    pair_limit: int = 100_000_000,
    progress: Progress = SILENT,
) -> Neighbors:
    """Return, for each row, all rows with a cosine of at least `threshold`.

    Args:
        vectors: shape (n, d), any float dtype, memory-mapped or not.
        threshold: smallest similarity, in (0, 1].
        method: "auto" is exact up to 200,000 vectors; beyond it, only vectors of neighbouring
            clusters are compared, and pairs may be missed, the fewer the higher the threshold.
        effort: vectors that each row is compared with by the approximate method.
        seed: of the clustering of the approximate method.
        pair_limit: stop above this many pairs, at about 50 bytes each.
        progress: where to report how far it is.

    Returns:
        A symmetric relation: if i lists j then j lists i, at the same similarity.

    Raises:
        NonFiniteError: if a row holds NaN or infinity.
        DataError: if there are more pairs than `pair_limit`.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must lie in (0, 1]: {threshold}")
    units = exact_unit_vectors(vectors)
    empty = zero_rows(units)
    kept = np.setdiff1d(np.arange(len(units)), empty)
    units = units[kept] if len(empty) else units
    found: list[IndexArray] = []
    total = 0
    with progress.task("similar rows", len(units) ** 2 / 2, unit="pairs") as task:
        for pairs, compared in _pairs_above(
            units, threshold, method=method, effort=effort, seed=seed
        ):
            found.append(pairs)
            total += pairs.shape[1]
            if total > pair_limit:
                raise DataError(
                    f"more than {pair_limit:,} pairs of rows are at least {threshold} similar",
                    hint="remove exact duplicates first, or raise the threshold",
                )
            task.advance(compared)
    pairs = _distinct_pairs(found, len(units))
    similarities = pair_similarities(units, pairs[0], pairs[1])
    return _symmetric(kept[pairs], similarities, len(vectors), empty)


def _leeway(width: int) -> float:
    """Return how far a float32 product may lie from the rounded similarity, and some more."""
    return QUANTUM + 2 * rounding_error(width)


def _keys(similarities: NDArray[np.float32], rows: IndexArray) -> IndexArray:
    """Return integers whose order is falling similarity, then rising row."""
    units = np.rint(similarities.astype(np.float64) * _UNITS).astype(np.int64)
    keys: IndexArray = (_UNITS - units) << _INDEX_BITS | rows
    return keys


def _key_rows(keys: IndexArray) -> IndexArray:
    rows: IndexArray = keys & ((1 << _INDEX_BITS) - 1)
    return rows


def _key_similarities(keys: IndexArray) -> NDArray[np.float32]:
    return ((_UNITS - (keys >> _INDEX_BITS)) * QUANTUM).astype(np.float32)


def _nearest_groups(
    search: _Search, vectors: NDArray[np.float32], queries: NDArray[np.float32], wanted: int
) -> IndexArray:
    """Return the keys of the `wanted` nearest vectors of each query, padded with `_NOTHING`."""
    count = min(wanted + _SLACK, len(vectors))
    rough, found = search.nearest(queries, count)
    rows = np.maximum(found, 0)
    keys = _keys(row_similarities(vectors, queries, rows), rows)
    keys = np.sort(np.where(found < 0, _NOTHING, keys), axis=1)[:, :wanted]
    if search.exact and count < len(vectors):
        # What was not found is at most as similar as the last that was, give or take rounding.
        bound = rough[:, -1] + _leeway(vectors.shape[1])
        for query in np.flatnonzero(bound >= _key_similarities(keys[:, -1])):
            keys[query] = _nearest_of_all(vectors, queries[query], wanted)
    missing = wanted - keys.shape[1]
    return np.pad(keys, ((0, 0), (0, missing)), constant_values=_NOTHING) if missing else keys


def _nearest_of_all(
    vectors: NDArray[np.float32], query: NDArray[np.float32], wanted: int
) -> IndexArray:
    products = vectors @ query
    cut = np.partition(products, len(products) - wanted)[-wanted]
    near = np.flatnonzero(products >= cut - 2 * _leeway(len(query)))
    similarities = row_similarities(vectors, query[None], near[None])[0]
    return np.sort(_keys(similarities, near))[:wanted]


def _expanded(groups: IndexArray, distinct: DistinctVectors) -> IndexArray:
    """Return keys of rows in place of keys of groups of equal rows."""
    if distinct.groups == len(distinct.members):
        rows = np.where(groups == _NOTHING, 0, _key_rows(groups))
        moved = groups - rows + distinct.members[rows]
        return np.where(groups == _NOTHING, _NOTHING, moved)
    expanded = np.full(groups.shape, _NOTHING)
    for first in range(0, len(groups), _EXPANSION_BLOCK):
        block = groups[first : first + _EXPANSION_BLOCK]
        expanded[first : first + _EXPANSION_BLOCK] = _expanded_block(block, distinct)
    return expanded


def _expanded_block(groups: IndexArray, distinct: DistinctVectors) -> IndexArray:
    wanted = groups.shape[1]
    query, column = np.nonzero(groups != _NOTHING)
    keys = groups[query, column]
    group = _key_rows(keys)
    # The lowest `wanted` members of a group are all that a list can hold.
    sizes = np.minimum(np.diff(distinct.starts)[group], wanted)
    owner = np.repeat(np.arange(len(keys)), sizes)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    members = distinct.members[distinct.starts[group][owner] + within]
    packed = np.sort(query[owner] << _KEY_BITS | (keys - group)[owner] | members)
    owners = packed >> _KEY_BITS
    place = np.arange(len(packed)) - np.searchsorted(owners, np.arange(len(groups)))[owners]
    kept = place < wanted
    expanded = np.full(groups.shape, _NOTHING)
    expanded[owners[kept], place[kept]] = packed[kept] & ((1 << _KEY_BITS) - 1)
    return expanded


class _NeighborLists:
    """Lists of equal width while they are being found, filled in any order."""

    def __init__(self, rows: int, width: int) -> None:
        self.width = width
        self._indices = np.full((rows, width), -1, dtype=np.int32)
        self._similarities = np.zeros((rows, width), dtype=np.float32)

    def put(self, rows: IndexArray, keys: IndexArray) -> None:
        present = keys != _NOTHING
        self._indices[rows] = np.where(present, _key_rows(keys), -1)
        self._similarities[rows] = np.where(present, _key_similarities(keys), 0)

    def neighbors(self, empty: IndexArray) -> Neighbors:
        present = self._indices >= 0
        indptr = np.zeros(len(present) + 1, dtype=np.int64)
        np.cumsum(present.sum(axis=1), out=indptr[1:])
        if present.all():
            return Neighbors(indptr, self._indices.ravel(), self._similarities.ravel(), empty)
        return Neighbors(indptr, self._indices[present], self._similarities[present], empty)


def _put_without_self(
    lists: _NeighborLists, keys: IndexArray, groups: IndexArray, distinct: DistinctVectors
) -> None:
    """Give each member of each group the group's list without the member itself."""
    sizes = distinct.starts[groups + 1] - distinct.starts[groups]
    owner = np.repeat(np.arange(len(groups)), sizes)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    rows = distinct.members[distinct.starts[groups][owner] + within]
    columns = np.arange(lists.width)
    for first in range(0, len(rows), _PUT_BLOCK):
        block = rows[first : first + _PUT_BLOCK]
        own = keys[owner[first : first + _PUT_BLOCK]]
        is_self = _key_rows(own) == block[:, None]
        # A row that its own list does not reach gives up the last place instead.
        gone = np.where(is_self.any(axis=1), is_self.argmax(axis=1), lists.width)
        kept = columns + (columns >= gone[:, None])
        lists.put(block, np.take_along_axis(own, kept, axis=1))


def _pairs_above(
    units: NDArray[np.float32],
    threshold: float,
    *,
    method: SearchMethod,
    effort: int,
    seed: int,
) -> Iterator[tuple[IndexArray, float]]:
    """Yield pairs (2, p) with the lower row first, and how many pairs were told apart for them.

    A clustered search may repeat a pair.
    """
    bound = threshold - _leeway(units.shape[1])
    search = (
        None if is_exact(method, len(units)) else ClusterSearch(units, effort=effort, seed=seed)
    )
    for first in range(0, len(units), _PAIR_BLOCK):
        queries = units[first : first + _PAIR_BLOCK]
        if search is None:
            # Every pair is met from its lower row; the other half of the product is not needed.
            query, row = np.nonzero(queries @ units[first:].T >= bound)
            row += first
        else:
            query, row = search.above(queries, bound)
        query += first
        left, right = np.minimum(query, row), np.maximum(query, row)
        different = left < right
        left, right = left[different], right[different]
        above = pair_similarities(units, left, right) >= threshold
        # As if every row met half of the others: what a clustered search does not look at counts.
        met = len(queries) * (len(units) - first - len(queries) / 2 if search is None
                              else len(units) / 2)  # fmt: skip
        yield np.stack([left[above], right[above]]), met


def _distinct_pairs(found: list[IndexArray], rows: int) -> IndexArray:
    """Return the pairs (2, p) of several blocks, each once, ascending."""
    if not found:
        return np.empty((2, 0), dtype=np.int64)
    pairs = np.concatenate(found, axis=1)
    return np.stack(np.divmod(np.unique(pairs[0] * rows + pairs[1]), rows))


def _symmetric(
    pairs: IndexArray, similarities: NDArray[np.float32], rows: int, empty: IndexArray
) -> Neighbors:
    left = np.concatenate([pairs[0], pairs[1]])
    right = np.concatenate([pairs[1], pairs[0]])
    both = np.concatenate([similarities, similarities])
    order = np.lexsort((right, -both, left))
    indptr = np.zeros(rows + 1, dtype=np.int64)
    np.cumsum(np.bincount(left, minlength=rows), out=indptr[1:])
    return Neighbors(indptr, right[order].astype(np.int32), both[order], empty)
