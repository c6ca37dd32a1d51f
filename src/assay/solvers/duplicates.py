"""Groups of rows that say the same: equal texts, connected pairs, and whom to keep of a group."""

import unicodedata
from collections.abc import Hashable, Sequence

import numpy as np

from assay.samples import FloatArray, IndexArray


def normalised_text(text: str) -> str:
    """Return the form in which two texts that read alike are equal.

    Compatibility forms (NFKC), case and white space are levelled; punctuation and accents stay.
    """
    if not text.isascii():
        # Folding can undo the normal form, so it is restored.
        folded = unicodedata.normalize("NFKC", text).casefold()
        return " ".join(unicodedata.normalize("NFKC", folded).split())
    return " ".join(text.lower().split())


def exact_groups(keys: Sequence[Hashable]) -> IndexArray:
    """Return for each row the first row with an equal key.

    Args:
        keys: n keys, such as texts after `normalised_text`.

    Returns:
        Shape (n,), the lowest index of the row's group; its own index for a row without equals.
    """
    first: dict[Hashable, int] = {}
    labels = (first.setdefault(key, row) for row, key in enumerate(keys))
    return np.fromiter(labels, dtype=np.int64, count=len(keys))


def connected_groups(count: int, pairs: IndexArray) -> IndexArray:
    """Return the connected component of each row, named by its lowest member.

    Args:
        count: how many rows there are, n.
        pairs: shape (m, 2), rows that belong together, in any order.

    Returns:
        Shape (n,), the lowest index of the row's group; its own index for a row in no pair.
    """
    parent = np.arange(count, dtype=np.int64)
    links = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    while len(links):
        roots = parent[links]
        apart = roots[:, 0] != roots[:, 1]
        links, roots = links[apart], roots[apart]
        # Every root hooks to its lowest neighbour: parents only ever fall, so no cycle can form.
        np.minimum.at(parent, roots.max(axis=1), roots.min(axis=1))
        grandparent = parent[parent]
        while not np.array_equal(grandparent, parent):
            parent, grandparent = grandparent, grandparent[grandparent]
    return parent


def representatives(groups: IndexArray, prefer: FloatArray | None = None) -> IndexArray:
    """Return the row to keep of each group, in ascending order.

    Args:
        groups: shape (n,), equal numbers for rows of one group.
        prefer: shape (n,), the highest is kept; NaN is below every number. Without it, and among
            equals, the lowest index is kept.

    Returns:
        Shape (g,), one index per group.
    """
    groups = np.asarray(groups)
    if prefer is None:
        return np.sort(np.unique(groups, return_index=True)[1])
    worst_first = np.where(np.isnan(prefer), -np.inf, prefer)
    # NaN and minus infinity differ: a row without a number loses against any row that has one.
    order = np.lexsort((np.isnan(prefer), -worst_first, groups))
    ordered = groups[order]
    is_first = np.ones(len(groups), dtype=bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return np.sort(order[is_first])
