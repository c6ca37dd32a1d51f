"""All rows of a pool, or some of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from assay.pool.pool import HashArray, Pool, distinct_hashes
from assay.samples import Attribute, Conversation, IdArray, IndexArray


@dataclass(frozen=True)
class PoolView:
    """All rows of a pool, or those that a selector chose.

    `index` holds ascending positions in the pool; every array of the view is in that order.
    """

    pool: Pool
    index: IndexArray | None = None

    def __len__(self) -> int:
        """Return the number of rows in view."""
        return len(self.pool) if self.index is None else len(self.index)

    @property
    def positions(self) -> IndexArray:
        """Positions in the pool. Shape (n,)."""
        return np.arange(len(self.pool)) if self.index is None else self.index

    @cached_property
    def ids(self) -> IdArray:
        """Ids, ascending. Shape (n,)."""
        return self.pool.ids if self.index is None else self.pool.ids[self.index]

    @cached_property
    def digest(self) -> str:
        """16 hex digits that name the rows."""
        return self.pool.digest_at(self.index)

    @cached_property
    def unique(self) -> tuple[HashArray, IndexArray, IndexArray]:
        """Distinct content hashes ascending, a view position of each, and each row's place."""
        if self.index is None:
            return self.pool.unique
        return distinct_hashes(self.pool.content_hashes[self.index])

    def conversations(self, places: IndexArray | None = None) -> list[Conversation]:
        """Return the conversations at view positions `places`, in that order; all by default."""
        if places is None:
            return self.pool.conversations(self.positions)
        order = np.argsort(places, kind="stable")
        rows = places[order] if self.index is None else self.index[places[order]]
        found = self.pool.conversations(rows)
        result: list[Conversation] = [found[0]] * len(found) if found else []
        for place, conversation in zip(order.tolist(), found, strict=True):
            result[place] = conversation
        return result

    def blocks(self, size: int = 8192) -> Iterator[tuple[int, list[Conversation]]]:
        """Yield the view position of each block's first row, and the block's conversations."""
        for start in range(0, len(self), size):
            places = np.arange(start, min(start + size, len(self)))
            yield start, self.conversations(places)

    def column(self, name: Attribute | str) -> pl.Series:
        """Return a stored column of the rows in view."""
        column = self.pool.column(name)
        return column if self.index is None else column[self.index]
