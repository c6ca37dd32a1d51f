"""What a feature author writes: row features and their passes, and pool features."""

import contextlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from pydantic import BaseModel, ConfigDict

from assay.components.component import Chosen, Dataset, Feature
from assay.errors import MissingExtraError
from assay.models.language_model import NOTHING_KEPT, Kept
from assay.models.service import Price
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import Conversation
from assay.stores.cache import FolderStore, PoolStore
from assay.values import RowValue


class Sampled(NamedTuple):
    """What some rows tell about the time that all take.

    Attributes:
        seconds_per_row: of what grows with the number of rows.
        alike: share of all pairs of rows that are alike, in [0, 1].
        seconds: of what takes as long for any number of rows.
    """

    seconds_per_row: float = 0.0
    alike: float = 0.0
    seconds: float = 0.0


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
        self,
        prepared: Any,
        features: Sequence["RowFeature"],
        advance: Callable[[int], None],
        kept: Kept = NOTHING_KEPT,
    ) -> Sequence[RowValue]:
        """Return the value of each feature.

        Calls `advance` with the rows done, as they are, and keeps in `kept` what a stopped run
        goes on from.
        """

    def __call__(
        self, conversations: Sequence[Conversation], features: Sequence["RowFeature"]
    ) -> Sequence[RowValue]:
        """Do both steps; a subclass need not write it."""
        return self.finish(self.prepare(conversations, features), features, lambda count: None)


class Pass(BaseModel):
    """One expensive reading of the rows, which fills every feature that declares an equal one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows_per_shard: ClassVar[int] = 8192
    """Rows between two commits to disk: what a kill can cost, unless the reading is staged and
    keeps what it has read of a shard."""
    least_rows: ClassVar[int] = 256
    """Rows that are worth a commit, however small the pool."""
    parallel: ClassVar[bool] = True
    """Whether several processes may work on different shards."""
    sampled_rows: ClassVar[int] = 256
    """Rows that are read to tell how long all would take."""
    priced_rows: ClassVar[int] = 20_000
    """Rows that requests to a service are counted for; of more, the others are taken as alike."""

    def trial(self) -> tuple["Pass", float]:
        """Return a pass that tells how long this one takes, and how many times as long that is."""
        return self, 1.0

    def price(
        self,
        conversations: Sequence[Conversation],
        features: Sequence["RowFeature"],
        runtime: Runtime,
    ) -> Price | None:
        """Return what a service would be asked for some rows; None where that is not known.

        Nothing is sent. A pass that asks a service and does not tell is never tried either.

        Args:
            conversations: that are read together, such as those of a shard.
            features: that share the pass.
            runtime: how to work.
        """
        return None

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

    def remark(self, runtime: Runtime) -> str:
        """Return what a progress bar shows beside the rows while it is open; "" for nothing."""
        return ""

    def why(self, conversation: Conversation, runtime: Runtime) -> str:
        """Return why a row cannot be read, in words; empty if its reason says it all."""
        return ""


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


class PoolFeature(Feature):
    """A feature that needs all rows at once; kept by the digest of what it read.

    Rows of the project that are held out are neither in view nor in what it is handed.

    Subclasses write ``compute(self, view, runtime, *, <needs>)``, and `pack` and `unpack` if the
    value is to be kept on disk.
    """

    scope: ClassVar[Literal["row", "pool"]] = "pool"
    stored: ClassVar[bool] = True
    tells: ClassVar[bool] = False
    """Whether a person should know something of its value, which `told` says."""

    if TYPE_CHECKING:  # its keywords differ from feature to feature
        compute: ClassVar[Callable[..., Any]]

    def modules(self) -> tuple[str, ...]:
        """Return the optional modules that `compute` cannot do without, whatever its model is."""
        return ()

    def check_modules(self) -> None:
        """Check that they are installed, before anything is paid for what is read.

        Raises:
            MissingExtraError: if one is missing.
        """
        if any(importlib.util.find_spec(module) is None for module in self.modules()):
            raise MissingExtraError(self.name, self.extra)

    @property
    def drawn_from(self) -> Dataset:
        """The rows that those in view were chosen from: what `PoolView.positions` are places in."""
        return self.dataset.drawn_from if isinstance(self.dataset, Chosen) else self.dataset

    def operations(self, rows: int, runtime: Runtime) -> float:
        """Return about how many floating-point operations `compute` takes; 0 if they are few."""
        return 0.0

    sampled_rows: ClassVar[int] = 0
    """Rows that `sample` is handed to tell how long all take; 0 if it tells nothing."""

    sampled_without: ClassVar[frozenset[str]] = frozenset()
    """Needs that `sample` can do without, where reading them would take long."""

    if TYPE_CHECKING:  # its keywords are those of `compute`
        sample: ClassVar[Callable[..., Sampled]]
    else:

        def sample(self, view: PoolView, runtime: Runtime, **needs: Any) -> Sampled:
            """Return what the rows in view, some drawn at random, tell about the time of all."""
            return Sampled()

    def work(self, rows: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return how long `compute` takes, in operations of a matrix product of the same time.

        What it does besides products counts as the products that take as long; by default that is
        nothing. `benchmarks/time_left.py` holds it within a factor of two of the truth.

        Args:
            rows: how many there are.
            runtime: how work is done.
            alike: share of all pairs of rows that `sample` found alike, 0 if that is not known.
        """
        return self.operations(rows, runtime)

    def price(self, view: PoolView, runtime: Runtime) -> Price | None:
        """Return what a service would still be asked for the rows in view; None if none is.

        Nothing is sent.
        """
        return None

    def memory(self, rows: int, runtime: Runtime) -> float:
        """Return about how many bytes of memory `compute` takes; 0 if they are few."""
        return 0.0

    def disk(self, rows: int, runtime: Runtime) -> float:
        """Return about how many bytes on disk the value takes; 0 if they are few."""
        return 0.0

    def store(self, cache: Path, view: PoolView) -> PoolStore | FolderStore:
        """Return where the value for the rows in view is kept."""
        return PoolStore(cache / self.name / self.row_key, view.digest)

    def told(self, value: Any) -> str:
        """Return what a person should know of a value, one sentence without a stop, or nothing."""
        return ""

    def pack(self, value: Any) -> Any:
        """Return the arrays that are stored; for a NamedTuple or dataclass, its fields."""
        names = getattr(value, "_fields", None) or list(value.__dataclass_fields__)
        return {name: np.asarray(getattr(value, name)) for name in names}

    def unpack(self, arrays: Any) -> Any:
        """Return the value that `pack` took apart."""
        raise TypeError(f"{type(self).__name__} has no unpack()")
