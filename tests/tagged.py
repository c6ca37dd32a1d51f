"""Rows with tags, for tests."""

from collections.abc import Collection, Sequence

import numpy as np

from assay.solvers.tag_sets import TagSets


def sets_of(tags: Sequence[Collection[int]], count: int) -> TagSets:
    """Return rows that have some of `count` tags, by number."""
    indptr = np.cumsum([0, *map(len, tags)])
    return TagSets(indptr, np.array([tag for row in tags for tag in sorted(row)], np.int64), count)
