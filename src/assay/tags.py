"""Tags of many rows: a value of features, as `assay.values` has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.samples import FlagArray, ReasonArray
from assay.solvers.tag_sets import TagSets
from assay.values import RowValue

_LISTS = pl.List(pl.String)


@dataclass(frozen=True, repr=False)
class Tags(RowValue):
    """Tags per row, each once; none where `reason` is not 0, and of a row that has none.

    `values` shape (n,), lists of text.
    """

    values: pl.Series

    @classmethod
    def of(
        cls,
        lists: Sequence[Sequence[str]],
        reason: ReasonArray | None = None,
        flags: FlagArray | None = None,
    ) -> Self:
        """Return the tags of some rows.

        Args:
            lists: of each row, without repeats. Length n.
            reason: shape (n,), 0 for all if left out.
            flags: shape (n,), 0 for all if left out.
        """
        count = len(lists)
        reason = np.zeros(count, np.uint8) if reason is None else reason
        flags = np.zeros(count, np.uint16) if flags is None else flags
        return cls(reason, flags, pl.Series("tags", [list(each) for each in lists], dtype=_LISTS))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All tags that a row has, in alphabetical order."""
        return tuple(self._flat.unique().sort().to_list())

    @cached_property
    def sets(self) -> TagSets:
        """Which of `names` each row has, by their places."""
        place = {name: at for at, name in enumerate(self.names)}
        indices = np.array([place[name] for name in self._flat.to_list()], np.int64)
        indptr = np.zeros(len(self) + 1, np.int64)
        np.cumsum(self.values.list.len().to_numpy(), out=indptr[1:])
        return TagSets(indptr, indices, len(place))

    @property
    def _flat(self) -> pl.Series:
        # A row without tags is a null among the tags of all, which are never null themselves.
        return self.values.explode().drop_nulls()

    def renamed(self, sets: TagSets) -> "Tags":
        """Return rows with other sets of the same `names`, and the same reasons and flags."""
        flat = np.array(self.names, dtype=object)[sets.indices].tolist()
        lists = [flat[first:last] for first, last in pairwise(sets.indptr.tolist())]
        return Tags.of(lists, self.reason, self.flags)

    def frame(self) -> pl.DataFrame:
        """Return the single column "tags"."""
        return self.values.rename("tags").to_frame()

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, reason: ReasonArray, flags: FlagArray) -> Self:
        """Return the value that `frame` made."""
        return cls(reason, flags, frame["tags"].cast(_LISTS))

    def blank(self, count: int) -> pl.DataFrame:
        """Return `count` rows without tags."""
        return pl.DataFrame({"tags": pl.Series([[]] * count, dtype=_LISTS)})

    def difference(self, other: Self) -> float:
        """Return the share of rows that have other tags, another order or reason, in [0, 1]."""
        pairs = zip(self.values.to_list(), other.values.to_list(), strict=True)
        alike = np.array([one == another for one, another in pairs], np.bool_)
        return float(np.mean(~(alike & (self.reason == other.reason)))) if len(self) else 0.0

    def pack(self) -> dict[str, NDArray[Any]]:
        """Return arrays that `unpack` takes: of a value of all rows, which is kept as arrays."""
        encoded = [name.encode() for name in self.names]
        return {
            "reason": self.reason,
            "flags": self.flags,
            "names": np.frombuffer(b"".join(encoded), np.uint8),
            "name_ends": np.cumsum([len(name) for name in encoded], dtype=np.int64),
            "indptr": self.sets.indptr,
            "indices": self.sets.indices,
        }

    @classmethod
    def unpack(cls, arrays: Mapping[str, NDArray[Any]]) -> "Tags":
        """Return the tags that `pack` took apart."""
        whole, ends = arrays["names"].tobytes(), arrays["name_ends"].tolist()
        names = [whole[first:last].decode() for first, last in pairwise([0, *ends])]
        flat = [names[place] for place in arrays["indices"].tolist()]
        lists = [flat[first:last] for first, last in pairwise(arrays["indptr"].tolist())]
        return Tags.of(lists, arrays["reason"].astype(np.uint8), arrays["flags"].astype(np.uint16))
