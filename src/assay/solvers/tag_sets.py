"""Rows that have some of many tags each, as numbers: how often each is, and under other names."""

from typing import NamedTuple

import numpy as np

from assay.samples import IndexArray


class TagSets(NamedTuple):
    """Which tags each row has, as compressed sparse rows.

    Attributes:
        indptr: shape (n + 1,), int64; row i owns positions `indptr[i]` to `indptr[i + 1]`.
        indices: shape (e,), int64, numbers of tags, each once within a row.
        tag_count: how many tags there are; they are numbered in the order of their names.
    """

    indptr: IndexArray
    indices: IndexArray
    tag_count: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.indptr) - 1

    @property
    def sizes(self) -> IndexArray:
        """How many tags each row has. Shape (n,)."""
        return np.diff(self.indptr)

    @property
    def owners(self) -> IndexArray:
        """The row of each entry. Shape (e,)."""
        return np.repeat(np.arange(self.rows), self.sizes)

    @property
    def frequencies(self) -> IndexArray:
        """In how many rows each tag is. Shape (tag_count,)."""
        return np.bincount(self.indices, minlength=self.tag_count).astype(np.int64)


def renamed(sets: TagSets, target: IndexArray) -> TagSets:
    """Return the rows with other tags in place of theirs, each once and ascending in its row.

    Args:
        sets: the rows.
        target: shape (tag_count,), the tag that each becomes; -1 for one that is left out.
    """
    owners, new = sets.owners, target[sets.indices]
    kept = new >= 0
    pairs = np.sort(owners[kept] * max(sets.tag_count, 1) + new[kept])
    # Sorting is several times as fast as `np.unique`, which looks integers up.
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    owners, indices = np.divmod(pairs, max(sets.tag_count, 1))
    indptr = np.zeros(sets.rows + 1, np.int64)
    np.cumsum(np.bincount(owners, minlength=sets.rows), out=indptr[1:])
    return TagSets(indptr, indices, sets.tag_count)


def entries_of(indptr: IndexArray, rows: IndexArray) -> tuple[IndexArray, IndexArray]:
    """Return the place in `rows` of each entry of some rows, and where that entry lies.

    Args:
        indptr: shape (n + 1,), where each row's entries begin.
        rows: shape (m,).
    """
    sizes = indptr[rows + 1] - indptr[rows]
    owners = np.repeat(np.arange(len(rows)), sizes)
    places = np.arange(len(owners)) + np.repeat(indptr[rows] - np.cumsum(sizes) + sizes, sizes)
    return owners, places
