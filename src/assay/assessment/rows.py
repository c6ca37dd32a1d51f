"""Datasets as rows of pools: their names, their identity and their random samples.

Nothing here depends on the place of a row in its file, on the pool that it lies in, or on the other
datasets: rows are known by their text and, among equal ones, by an ordinal.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from assay.pool.pool import HashArray
from assay.pool.view import PoolView
from assay.random_numbers import row_uniform
from assay.samples import IdArray, IndexArray

_PURPOSE = "assessment"


@dataclass(frozen=True)
class Rows:
    """One dataset.

    Attributes:
        name: unlike those of the others.
        source: what was named.
        view: its rows; None if there is none.
        set_aside: records that could not be read, by reason.
        notes: what its reader said.
    """

    name: str
    source: str
    view: PoolView | None
    set_aside: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def __len__(self) -> int:
        """Return the number of rows."""
        return 0 if self.view is None else len(self.view)

    @cached_property
    def hashes(self) -> HashArray:
        """Content hash of each row. Shape (n,)."""
        if self.view is None:
            return np.empty(0, dtype="S16")
        whole = self.view.pool.content_hashes
        return whole if self.view.index is None else whole[self.view.index]

    @cached_property
    def draw(self) -> IndexArray:
        """All rows in the order in which a random sample takes them. Shape (n,)."""
        ids = content_ids(self.hashes)
        order = np.lexsort((ids, row_uniform(ids, seed=0, purpose=_PURPOSE)))
        return order.astype(np.int64)

    def sample(self, count: int) -> PoolView:
        """Return the first `count` rows of the draw, in the pool's order."""
        if self.view is None:
            raise ValueError(f"{self.name} has no rows")
        return PoolView(self.view.pool, np.sort(self.view.positions[self.draw[:count]]))


def content_ids(hashes: HashArray) -> IdArray:
    """Return a number per row that its text and its ordinal among equal texts fix.

    Args:
        hashes: shape (n,), content hashes in any order.

    Returns:
        Shape (n,), uint64. Rows of equal text are interchangeable, so who is the first of them
        does not matter.
    """
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    first = np.ones(len(hashes), np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(first)
    ordinal = np.arange(len(hashes)) - np.repeat(starts, np.diff([*starts, len(hashes)]))
    leading = ordered.view(">u8").reshape(-1, 2)[:, 0].astype(np.uint64)
    for place in np.flatnonzero(ordinal).tolist():
        text = ordered[place : place + 1].tobytes() + int(ordinal[place]).to_bytes(8, "little")
        leading[place] = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
    ids = np.empty(len(hashes), np.uint64)
    ids[order] = leading
    return ids


def content_digest(hashes: HashArray) -> str:
    """Return 16 hex digits over some rows' texts, whatever their order."""
    packed = np.ascontiguousarray(np.sort(hashes)).tobytes()
    return hashlib.blake2b(packed, digest_size=8).hexdigest()


def distinct_names(names: Sequence[str], places: Sequence[str]) -> list[str]:
    """Return names none of which comes twice: with the folder where that tells, else numbered.

    Args:
        names: as they were given, or the stems of files.
        places: what stands for a name that comes twice, such as a path.
    """
    found = [
        place if names.count(name) > 1 and place else name
        for name, place in zip(names, places, strict=True)
    ]
    seen: dict[str, int] = {}
    taken = set(found)
    result = []
    for name in found:
        seen[name] = seen.get(name, 0) + 1
        shown = name
        while seen[name] > 1 and shown in taken:
            shown = f"{name} ({seen[name]})"
            seen[name] += shown in taken
        taken.add(shown)
        result.append(shown)
    return result
