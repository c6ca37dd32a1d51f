"""Dataset Quantization: a pool divided into bins, the first the most like the whole of it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from assay.progress import SILENT, Progress, Task
from assay.samples import IndexArray
from assay.solvers.graph_cut import graph_cut_order
from assay.solvers.similarity import AnyFloatArray, exact_unit_vectors


class Bins(NamedTuple):
    """A division of rows into bins, and the order in which each was filled.

    Attributes:
        labels: shape (n,), the bin of each row, from 0; -1 for a row that was left out.
        ranks: shape (n,), the place of the row in its bin's order, from 0; -1 likewise.
        sizes: shape (b,), how many rows division gives each bin. What remains follows in the last
            bin, at ranks from its size on.
    """

    labels: IndexArray
    ranks: IndexArray
    sizes: IndexArray


def quantization_bins(
    vectors: AnyFloatArray,
    bins: int,
    *,
    trade_off: float = 1.0,
    parts: Sequence[IndexArray] | None = None,
    progress: Progress = SILENT,
) -> Bins:
    """Fill bins one after the other, each with the greedy graph cut of the rows that remain.

    The work grows with the square of the rows; the bins do not depend on block sizes or threads.

    Args:
        vectors: shape (n, d), any float dtype, memory-mapped or not; brought to unit length, as
            only then the graph cut is the paper's sum of distances.
        bins: how many, of n // bins rows each; n of one row each if there are fewer rows.
        trade_off: as for `graph_cut`.
        parts: rows, ascending, of parts of the pool that are divided each on its own, without a
            row in common; bins are numbered on from part to part. None for all rows as one part;
            rows in no part are left out.
        progress: where to report how far it is.

    Raises:
        NonFiniteError: if a row holds NaN or infinity.

    Source:
        Zhou et al. 2023, arXiv 2308.10524; the parts are ours.
    """
    if bins < 1:
        raise ValueError(f"there must be at least one bin: {bins}")
    rows = len(vectors)
    labels, ranks = np.full(rows, -1, dtype=np.int64), np.full(rows, -1, dtype=np.int64)
    sizes: list[int] = []
    with progress.task("bins", rows) as task:
        for part in [np.arange(rows)] if parts is None else parts:
            whole = len(part) == rows
            orders = _orders(vectors if whole else vectors[part], bins, trade_off, task)
            for number, order in enumerate(orders):
                labels[part[order]] = len(sizes) + number
                ranks[part[order]] = np.arange(len(order))
            sizes += [len(part) // max(1, len(orders))] * len(orders)
    return Bins(labels, ranks, np.array(sizes, dtype=np.int64))


def _orders(vectors: AnyFloatArray, bins: int, trade_off: float, task: Task) -> list[IndexArray]:
    """Return the rows of each bin, in the order in which they were taken."""
    unit = exact_unit_vectors(vectors)
    remaining = np.arange(len(unit))
    bins = min(bins, len(unit))
    orders: list[IndexArray] = []
    for number in range(bins):
        is_last = number == bins - 1
        count = len(remaining) if is_last else len(vectors) // bins
        order = graph_cut_order(unit, count, task, trade_off=trade_off)
        orders.append(remaining[order])
        kept = np.ones(len(remaining), dtype=np.bool_)
        kept[order] = False
        remaining, unit = remaining[kept], unit[kept]
    return orders
