"""Rows that nearly repeat an earlier row of their own cluster."""

import numpy as np
from numpy.typing import NDArray

from assay.progress import SILENT, Progress, Task
from assay.samples import FloatArray, IndexArray
from assay.solvers.arrays import checked_positions
from assay.solvers.similarity import AnyFloatArray, exact_unit_vectors, quantised

_ROWS_AT_ONCE = 1024
_EARLIER_AT_ONCE = 4096


def repeats_in_clusters(
    vectors: AnyFloatArray,
    labels: IndexArray,
    order: IndexArray,
    *,
    threshold: float,
    greedy: bool = False,
    progress: Progress = SILENT,
) -> IndexArray:
    """Return the rows whose cosine to an earlier row of the same cluster is above `threshold`.

    Similarities are those of `assay.solvers.similarity`, so the answer does not depend on block
    sizes or threads. Time grows with the sum of the squares of the clusters' sizes, memory with
    the largest cluster.

    Args:
        vectors: shape (n, d), any float dtype, memory-mapped or not, brought to unit length here.
        labels: shape (n,), cluster of each row; a row below 0 is in none and repeats nothing.
        order: shape (m,), rows that take part; who comes first may stay.
        threshold: a pair repeats if its similarity is above it.
        greedy: compare only with earlier rows that are no repeats themselves. Otherwise a row
            repeats a repeat, too, and of a chain of rows, each like the one before, only the
            first stays.
        progress: where to report how far it is.

    Returns:
        Shape (r,), ascending.

    Raises:
        NonFiniteError: if a row that takes part holds NaN or infinity.

    Source:
        Abbas et al. 2023, arXiv 2303.09540.
    """
    rows = checked_positions(order, len(vectors))
    rows = rows[labels[rows] >= 0]
    rows = rows[np.argsort(labels[rows], kind="stable")]
    begins = np.flatnonzero(np.diff(labels[rows], prepend=-1))
    found = [np.empty(0, dtype=np.int64)]
    clusters = np.split(rows, begins[1:])
    total = sum(len(members) ** 2 for members in clusters) / 2
    with progress.task("pairs within clusters", total, unit="pairs") as task:
        for members in clusters:
            unit = exact_unit_vectors(vectors[members])
            found.append(members[_repeats(unit, threshold, task, greedy=greedy)])
    return np.sort(np.concatenate(found))


def _repeats(
    unit: NDArray[np.float32], threshold: float, task: Task, *, greedy: bool
) -> NDArray[np.bool_]:
    """Return which rows of one cluster, in order, are like an earlier one."""
    repeated = np.zeros(len(unit), dtype=np.bool_)
    for first in range(0, len(unit), _ROWS_AT_ONCE):
        block = unit[first : first + _ROWS_AT_ONCE].astype(np.float64)
        earlier = unit[:first][~repeated[:first]] if greedy else unit[:first]
        mine = quantised(_largest(block, earlier)) > threshold
        alike = np.tril(quantised(block @ block.T) > threshold, -1)
        if greedy:
            for row in np.flatnonzero(~mine & alike.any(axis=1)).tolist():
                mine[row] = bool((alike[row] & ~mine).any())
        else:
            mine |= alike.any(axis=1)
        repeated[first : first + _ROWS_AT_ONCE] = mine
        task.advance(len(block) * (first + len(block) / 2))
    return repeated


def _largest(block: FloatArray, earlier: NDArray[np.float32]) -> FloatArray:
    """Return the largest product of each row of `block` with one of `earlier`, -1 at least."""
    largest = np.full(len(block), -1.0)
    for first in range(0, len(earlier), _EARLIER_AT_ONCE):
        chunk = earlier[first : first + _EARLIER_AT_ONCE].astype(np.float64)
        np.maximum(largest, (block @ chunk.T).max(axis=1), out=largest)
    return largest
