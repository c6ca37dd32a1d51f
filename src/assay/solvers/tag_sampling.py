"""Rows of many tags first, each pass over them taking those that bring a tag new to the pass."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.samples import FloatArray, IndexArray
from assay.solvers.tag_sets import TagSets


class TagOrder(NamedTuple):
    """The order in which rows are taken.

    Attributes:
        rows: shape (k,); those without tags are never taken.
        gains: shape (k,), tags that were new to the pass.
    """

    rows: IndexArray
    gains: FloatArray


def diverse_order(sets: TagSets, allowed: NDArray[np.bool_]) -> TagOrder:
    """Return the order of complexity-first diverse sampling, to the last row that has tags.

    Rows are walked through by falling number of tags, ties by lowest row. A pass takes each that
    has a tag which no row taken in this pass has; the next pass goes through the rest anew. Every
    prefix is the sample of its size.

    Args:
        sets: which tags each row has.
        allowed: shape (n,), the rows that may be taken.

    Source:
        Lu et al. 2023, arXiv 2308.07074.
    """
    rows = np.flatnonzero(allowed & (sets.sizes > 0))
    rows = rows[np.argsort(-sets.sizes[rows], kind="stable")]
    # A row is taken in the first pass that lacks one of its tags. The passes that have a tag are
    # always the first ones: whoever brings a tag to a pass was too late for those before, where
    # all of its tags were. So one number per tag tells them, and one walk is enough for all.
    passes_with = [0] * sets.tag_count
    indptr, indices = sets.indptr.tolist(), sets.indices.tolist()
    passes, gains = np.empty(len(rows), np.int64), np.empty(len(rows))
    for place, row in enumerate(rows.tolist()):
        tags = indices[indptr[row] : indptr[row + 1]]
        number = min(passes_with[tag] for tag in tags)
        new = [tag for tag in tags if passes_with[tag] == number]
        for tag in new:
            passes_with[tag] = number + 1
        passes[place], gains[place] = number, len(new)
    order = np.argsort(passes, kind="stable")
    return TagOrder(rows[order], gains[order])
