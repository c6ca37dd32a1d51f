"""What a feature author writes: row features and their passes, and pool features."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from assay.components.component import Chosen, Dataset, Feature
from assay.pool.pool import Attribute, HashArray, Pool, digest_of
from assay.runtime import Runtime
from assay.samples import Conversation, IdArray, IndexArray
from assay.stores.cache import FolderStore, PoolStore
from assay.values import RowValue

Reading = Callable[[Sequence[Conversation], Sequence["RowFeature"]], Sequence[RowValue]]
"""Reads some conversations once and returns the value of each feature, aligned with them."""


@runtime_checkable
class StagedReading(Protocol):
    """A reading in two steps, so that the next rows are prepared while these are computed."""

    def prepare(
        self, conversations: Sequence[Conversation], features: Sequence["RowFeature"]
    ) -> Any:
        """Return what `finish` takes; called from another thread."""

    def finish(
        self, prepared: Any, features: Sequence["RowFeature"], advance: Callable[[int], None]
    ) -> Sequence[RowValue]:
        """Return the value of each feature; calls `advance` with the rows done, as they are."""

    def __call__(
        self, conversations: Sequence[Conversation], features: Sequence["RowFeature"]
    ) -> Sequence[RowValue]:
        """Do both steps."""


class Pass(BaseModel):
    """One expensive reading of the rows, which fills every feature that declares an equal one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows_per_shard: ClassVar[int] = 8192
    """Rows between two commits to disk: what a kill can cost."""
    least_rows: ClassVar[int] = 256
    """Rows that are worth a commit, however small the pool."""
    parallel: ClassVar[bool] = True
    """Whether several processes may work on different shards."""
    sampled_rows: ClassVar[int] = 256
    """Rows that are read to tell how long all would take."""

    def devices(self, runtime: Runtime) -> Sequence[str]:
        """Return the devices that each take a process of their own; none by default."""
        return ()

    def producer(self, runtime: Runtime) -> Mapping[str, str]:
        """Return what else made its values: versions of libraries, the device."""
        return {}

    @contextlib.contextmanager
    def open(self, runtime: Runtime) -> Iterator[Reading]:
        """Yield the reader, with whatever model it needs held open meanwhile."""
        raise TypeError(f"{type(self).__name__} has no open()")
        yield

    def label(self) -> str:
        """Return what a progress bar calls it."""
        return type(self).__name__


class RowFeature(Feature):
    """A feature whose rows are computed apart from each other, and kept by content hash.

    Subclasses set `value` and write `compute`, or override `reading` to share a pass.
    """

    scope: ClassVar[Literal["row", "pool"]] = "row"
    value: ClassVar[type[RowValue]]

    @property
    def tolerance(self) -> float:
        """Largest difference at which a stored row counts as reproduced."""
        return 1e-5

    def reading(self) -> Pass:
        """Return the pass that fills this feature: one of its own by default."""
        plain: dict[str, Any] = {"dataset": Feature.model_fields["dataset"].default}
        return OwnPass(feature=self.model_copy(update=plain | {"chosen_by": None}))

    def prepare(self) -> None:
        """Load what the first row would otherwise wait for; called before the clock starts."""

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        """Return the value of each conversation; used by a feature with a pass of its own."""
        raise TypeError(f"{type(self).__name__} has no compute()")


class PlainPass(Pass):
    """A reading after which every feature computes for itself: only the text is shared."""

    @contextlib.contextmanager
    def open(self, runtime: Runtime) -> Iterator[Reading]:
        """Yield a reader that calls each feature's `compute`."""

        def read(
            conversations: Sequence[Conversation], features: Sequence[RowFeature]
        ) -> Sequence[RowValue]:
            return [feature.compute(conversations, runtime) for feature in features]

        yield read


class OwnPass(PlainPass):
    """The pass of a feature that shares with no other."""

    feature: RowFeature

    def label(self) -> str:
        """Return the feature's name."""
        return self.feature.name


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
        """16 hex digits over the ids."""
        return digest_of(self.ids)

    @cached_property
    def unique(self) -> tuple[HashArray, IndexArray, IndexArray]:
        """Distinct content hashes ascending, a view position of each, and each row's place."""
        if self.index is None:
            return self.pool.unique
        hashes = self.pool.content_hashes[self.index]
        distinct, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
        return distinct, first.astype(np.int64), inverse.astype(np.int64)

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


class PoolFeature(Feature):
    """A feature that needs all rows at once; kept by the digest of what it read.

    Rows of the project that are held out are neither in view nor in what it is handed.

    Subclasses write ``compute(self, view, runtime, *, <needs>)``, and `pack` and `unpack` if the
    value is to be kept on disk.
    """

    scope: ClassVar[Literal["row", "pool"]] = "pool"
    stored: ClassVar[bool] = True

    if TYPE_CHECKING:  # its keywords differ from feature to feature
        compute: ClassVar[Callable[..., Any]]

    @property
    def drawn_from(self) -> Dataset:
        """The rows that those in view were chosen from: what `PoolView.positions` are places in."""
        return self.dataset.of if isinstance(self.dataset, Chosen) else self.dataset

    def operations(self, rows: int, runtime: Runtime) -> float:
        """Return about how many floating-point operations `compute` takes; 0 if they are few."""
        return 0.0

    def memory(self, rows: int, runtime: Runtime) -> float:
        """Return about how many bytes of memory `compute` takes; 0 if they are few."""
        return 0.0

    def store(self, cache: Path, view: PoolView) -> PoolStore | FolderStore:
        """Return where the value for the rows in view is kept."""
        return PoolStore(cache / self.name / self.row_key, view.digest)

    def pack(self, value: Any) -> Any:
        """Return the arrays that are stored; for a NamedTuple or dataclass, its fields."""
        names = getattr(value, "_fields", None) or list(value.__dataclass_fields__)
        return {name: np.asarray(getattr(value, name)) for name in names}

    def unpack(self, arrays: Any) -> Any:
        """Return the value that `pack` took apart."""
        raise TypeError(f"{type(self).__name__} has no unpack()")
