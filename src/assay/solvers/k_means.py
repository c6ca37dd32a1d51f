"""Spherical k-means: groups of rows that point the same way, the same on every machine.

Vectors lie on the grid of `exact_unit_vectors`, so their coordinates are multiples of 2**-26 in
[-1, 1]. A sum of fewer than 2**27 of them needs no more than 53 bits, so float64 holds the sum of
a cluster exactly, whatever the order of its rows; and taking a row out of it leaves exactly the
sum of the others. Rows go to the centroid of largest similarity, rounded to multiples of 2**-20,
ties to the lowest centroid. So neither block sizes nor threads can change a label.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.progress import SILENT, Progress, Task
from assay.samples import IndexArray
from assay.solvers.cover import rounding_error
from assay.solvers.distinct import distinct_vectors
from assay.solvers.similarity import (
    QUANTUM,
    AnyFloatArray,
    block_rows,
    exact_unit_vectors,
    quantised,
    row_similarities,
)

ROWS_PER_CENTROID = 256
"""Rows per centroid that centroids are fitted on unless told otherwise."""

ROUNDS = 50
"""Most rounds of assigning and averaging unless told otherwise; about half as many are usual."""

_START_ROWS_PER_CENTROID = 16
_FEWEST_START_ROWS = 4096
_FEWEST_TRIALS = 10
_PRODUCTS_AT_ONCE = 1 << 21


class Assignment(NamedTuple):
    """The nearest centroid of each row.

    Attributes:
        labels: shape (n,), int64, positions of centroids; -1 for a zero row.
        similarities: shape (n,), float32 cosines to that centroid, multiples of 2**-20 in [-1, 1];
            0 for a zero row.
    """

    labels: IndexArray
    similarities: NDArray[np.float32]


class Clustering(NamedTuple):
    """Clusters, none of them empty.

    Attributes:
        labels: shape (n,), int64, cluster of each row; -1 for a zero row, which is in none.
        similarities: shape (n,), float32 cosines to the centroid of the own cluster, multiples of
            2**-20 in [-1, 1]; 0 for a zero row.
        centroids: shape (k, d), float32 on the grid of `exact_unit_vectors`.
        fitted_rows: how many rows the centroids are means of; fewer than there are if they were
            sampled.
        rounds: how often rows were assigned and centroids averaged.
    """

    labels: IndexArray
    similarities: NDArray[np.float32]
    centroids: NDArray[np.float32]
    fitted_rows: int
    rounds: int


def usual_count(rows: int) -> int:
    """Return the square root of half the number of rows, a common rule of thumb; at least 1."""
    return max(1, round(math.sqrt(rows / 2)))


def k_means(
    vectors: AnyFloatArray,
    count: int,
    *,
    rng: np.random.Generator,
    rows_per_centroid: int = ROWS_PER_CENTROID,
    rounds: int = ROUNDS,
    tolerance: float = 1e-4,
    progress: Progress = SILENT,
) -> Clustering:
    """Divide rows into `count` clusters, each row in that of the most similar centroid.

    Centroids are fitted on a random sample of rows, from a start that greedy k-means++ finds on a
    smaller one; then every row is assigned. A centroid that loses all its rows while they are
    fitted is put on the row least similar to its own centroid; one that in the end has no row is
    left out. The result does not depend on block sizes or threads. It does depend on the order of
    the rows, from which samples and start are drawn, so rows should come in canonical order.

    Args:
        vectors: shape (n, d), any float dtype, memory-mapped or not, brought to unit length here.
            A zero row is in no cluster.
        count: clusters wanted; fewer are returned where rows differ in fewer ways, or where a
            centroid is nearest to no row.
        rng: draws the samples and the start.
        rows_per_centroid: rows to fit on, per cluster wanted.
        rounds: most rounds of assigning and averaging.
        tolerance: smallest relative fall, in one round, of the sum of distances (1 - cosine) to
            own centroids at which another round follows.
        progress: where to report how far it is.

    Raises:
        NonFiniteError: if a row holds NaN or infinity; the first ones are listed.

    Source:
        Dhillon & Modha 2001, Machine Learning 42; start: Arthur & Vassilvitskii 2007, SODA.
    """
    if min(count, rows_per_centroid, rounds) < 1:
        raise ValueError("count, rows_per_centroid and rounds must be at least 1")
    unit = exact_unit_vectors(vectors)
    rows = _sample(np.flatnonzero(unit.any(axis=1)), count * rows_per_centroid, rng)
    fitted = unit if len(rows) == len(unit) else unit[rows]
    start = fitted[_start_rows(fitted, count, rng, progress)]
    with progress.task("k-means: rounds", rounds, unit="rounds") as task:
        centroids, done = _fitted_centroids(fitted, start, rounds, tolerance, task)
    labels, similarities = _assign(unit, centroids, progress)
    used = np.bincount(labels[labels >= 0], minlength=len(centroids)) > 0
    # Numbers close up, so that no centroid changes place with another and ties stay as they are.
    closed_up = np.append(np.cumsum(used) - 1, -1)
    return Clustering(closed_up[labels], similarities, centroids[used], len(rows), done)


def assign(vectors: AnyFloatArray, centroids: NDArray[np.float32]) -> Assignment:
    """Return the most similar centroid of each row, ties to the lowest.

    A row's answer does not depend on the rows beside it, so a large pool may come in blocks.

    Args:
        vectors: shape (n, d), any float dtype, memory-mapped or not, brought to unit length here.
        centroids: shape (k, d), as `k_means` or `exact_unit_vectors` return them; k >= 1.

    Raises:
        NonFiniteError: if a row holds NaN or infinity; the first ones are listed.
    """
    if len(centroids) == 0:
        raise ValueError("there must be a centroid to assign rows to")
    return _assign(exact_unit_vectors(vectors), centroids, SILENT)


def _sample(rows: IndexArray, count: int, rng: np.random.Generator) -> IndexArray:
    """Return `count` of `rows`, ascending, or all of them if there are no more."""
    if len(rows) <= count:
        return rows
    return np.sort(rng.choice(rows, count, replace=False, shuffle=False))


# Start


def _start_rows(
    unit: NDArray[np.float32], count: int, rng: np.random.Generator, progress: Progress
) -> IndexArray:
    """Return rows far from each other; fewer than `count` if the others are copies of them."""
    size = max(_START_ROWS_PER_CENTROID * count, _FEWEST_START_ROWS)
    rows = _sample(np.arange(len(unit)), size, rng)
    with progress.task("k-means: first centroids", count, unit="centroids") as task:
        chosen = _far_apart(unit[rows], count, rng, task)
    if len(chosen) < count and len(rows) < len(unit):
        # The sample held too many copies; one row of each kind leaves none.
        distinct = distinct_vectors(unit)
        rows = _sample(distinct.members[distinct.starts[:-1]], size, rng)
        with progress.task("k-means: first centroids", count, unit="centroids") as task:
            chosen = _far_apart(unit[rows], count, rng, task)
    return rows[chosen]


def _far_apart(
    unit: NDArray[np.float32], count: int, rng: np.random.Generator, task: Task
) -> IndexArray:
    """Return places drawn in proportion to the distance from those already drawn.

    Of a few draws each time, the one that leaves the smallest sum of distances is kept.
    """
    if len(unit) == 0:
        return np.empty(0, dtype=np.int64)
    # Products of grid vectors and sums of rounded distances are both exact in float64.
    exact = unit.astype(np.float64)
    trials = max(_FEWEST_TRIALS, 2 + int(math.log(count)))
    chosen = [int(rng.integers(len(unit)))]
    distance = 1.0 - quantised(exact @ exact[chosen[0]])
    while len(chosen) < count:
        total = np.cumsum(distance)
        if total[-1] == 0:
            break
        draws = rng.integers(round(total[-1] / QUANTUM), size=trials) * QUANTUM
        drawn = np.searchsorted(total, draws, side="right")
        nearer = np.minimum(distance, 1.0 - quantised(exact[drawn] @ exact.T))
        best = int(nearer.sum(axis=1).argmin())
        chosen.append(int(drawn[best]))
        distance = nearer[best]
        task.advance(1)
    return np.array(chosen, dtype=np.int64)


# Rounds


def _fitted_centroids(
    unit: NDArray[np.float32],
    centroids: NDArray[np.float32],
    rounds: int,
    tolerance: float,
    task: Task,
) -> tuple[NDArray[np.float32], int]:
    """Return centroids after Lloyd's rounds, and how many rounds there were."""
    if len(centroids) == 0:
        return centroids, 0
    clusters = _Clusters(unit, len(centroids))
    spread = 2.0 * len(unit)
    done = 0
    while done < rounds:
        done += 1
        moved = clusters.move(_without_empty(_nearest(unit, centroids), unit, centroids))
        centroids = clusters.centroids(centroids)
        before, spread = spread, clusters.spread()
        task.advance(1)
        if moved == 0 or before - spread <= tolerance * before:
            break
    return centroids, done


class _Clusters:
    """Which cluster each row is in, and the exact sum of each cluster's rows."""

    def __init__(self, unit: NDArray[np.float32], count: int) -> None:
        self._unit = unit
        self._labels = np.full(len(unit), -1, dtype=np.int64)
        self._sums = np.zeros((count, unit.shape[1]))

    def move(self, labels: IndexArray) -> int:
        """Give every row its label; return how many had another."""
        moved = np.flatnonzero(labels != self._labels)
        left = moved[self._labels[moved] >= 0]
        self._add(left, self._labels[left], -1.0)
        self._add(moved, labels[moved], 1.0)
        self._labels = labels
        return len(moved)

    def _add(self, rows: IndexArray, labels: IndexArray, sign: float) -> None:
        order = np.argsort(labels, kind="stable")
        step = block_rows(self._unit.shape[1])
        for first in range(0, len(rows), step):
            block = order[first : first + step]
            clusters, begins = np.unique(labels[block], return_index=True)
            parts = self._unit[rows[block]].astype(np.float64)
            self._sums[clusters] += sign * np.add.reduceat(parts, begins, axis=0)

    def centroids(self, previous: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean directions; where rows cancel out, the previous one stands."""
        means = exact_unit_vectors(self._sums)
        return np.where(means.any(axis=1, keepdims=True), means, previous)

    def spread(self) -> float:
        """Return the sum of distances of all rows to the mean direction of their cluster."""
        # The cosines of a cluster's rows to its mean direction add up to the length of their sum.
        lengths = np.sqrt((self._sums * self._sums).sum(axis=1))
        return len(self._unit) - float(lengths.sum())


def _without_empty(
    labels: IndexArray, unit: NDArray[np.float32], centroids: NDArray[np.float32]
) -> IndexArray:
    """Return labels where empty clusters hold the rows farthest from their own centroids."""
    sizes = np.bincount(labels, minlength=len(centroids))
    empty = np.flatnonzero(sizes == 0).tolist()
    if not empty:
        return labels
    mended = labels.copy()
    similarity = row_similarities(centroids, unit, labels[:, None])[:, 0]
    for row in np.argsort(similarity, kind="stable").tolist():
        if not empty or similarity[row] == 1:
            break
        if sizes[labels[row]] > 1:
            sizes[labels[row]] -= 1
            mended[row] = empty.pop(0)
    return mended


# Assignment


def _assign(
    unit: NDArray[np.float32], centroids: NDArray[np.float32], progress: Progress
) -> Assignment:
    labels = np.full(len(unit), -1, dtype=np.int64)
    similarities = np.zeros(len(unit), dtype=np.float32)
    step = block_rows(unit.shape[1])
    with progress.task("k-means: assigning", len(unit)) as task:
        for first in range(0, len(unit), step):
            rows = first + np.flatnonzero(unit[first : first + step].any(axis=1))
            if len(rows):
                block = unit[rows]
                labels[rows] = _nearest(block, centroids)
                found = row_similarities(centroids, block, labels[rows][:, None])
                similarities[rows] = found[:, 0]
            task.advance(min(step, len(unit) - first))
    return Assignment(labels, similarities)


def _nearest(unit: NDArray[np.float32], centroids: NDArray[np.float32]) -> IndexArray:
    """Return the centroid of largest rounded similarity of each row, ties to the lowest."""
    labels = np.empty(len(unit), dtype=np.int64)
    window = np.float32(QUANTUM + 2.0 * rounding_error(unit.shape[1]))
    exact = centroids.astype(np.float64)
    step = max(1, _PRODUCTS_AT_ONCE // len(centroids))
    for first in range(0, len(unit), step):
        block = unit[first : first + step]
        products = block @ centroids.T
        best = products.argmax(axis=1)
        places = np.arange(len(block))
        top = products[places, best]
        products[places, best] = -2.0
        # Float32 products depend on how the work is cut. Where the second is so near that their
        # rounding could have exchanged the two, products without rounding decide.
        close = np.flatnonzero(products.max(axis=1) >= top - window)
        best[close] = quantised(block[close].astype(np.float64) @ exact.T).argmax(axis=1)
        labels[first : first + step] = best
    return labels
