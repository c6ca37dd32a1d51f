"""Passes in which a model reads every row, whatever it makes of them."""

import contextlib
import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from assay.components.references import DType, is_endpoint, name_of, short_name
from assay.errors import ConfigError, Parameter, Phrase
from assay.features.passes import Pass, Reading, RowFeature, StagedReading
from assay.models.language_model import Unsteady, at_work
from assay.models.service import Price, Unasked
from assay.runtime import Runtime
from assay.samples import Conversation
from assay.values import RowValue

_EPOCH = re.compile(r"epoch-(\d+)")


class Producer(Protocol):
    """A model of any kind."""

    def producer(self) -> Mapping[str, str]:
        """Return the versions and the device that make its numbers."""


ModelType = TypeVar("ModelType", bound=Producer)


class ModelPass(Pass):
    """One run of a model over every row. Subclasses write `opened` and `reader`."""

    rows_per_shard: ClassVar[int] = 1024
    least_rows: ClassVar[int] = 512
    parallel: ClassVar[bool] = False  # a model uses all cores of its device by itself
    sampled_rows: ClassVar[int] = 32

    model: str

    @abstractmethod
    def opened(self, runtime: Runtime) -> Producer:
        """Return the model, opened once for all that reads with it."""

    @abstractmethod
    def reader(self, model: Any) -> Reading:
        """Return what reads rows with the model that `opened` returned."""

    def price(
        self,
        conversations: Sequence[Conversation],
        features: Sequence[RowFeature],
        runtime: Runtime,
    ) -> Price | None:
        """Return what a server would be asked for some rows; None for a model on this machine."""
        model = runtime.unasked(self.model)
        return None if model is None else self.asked_of(model, conversations, features)

    def asked_of(
        self,
        model: Unasked,
        conversations: Sequence[Conversation],
        features: Sequence[RowFeature],
    ) -> Price | None:
        """Return what a model behind HTTP would be asked for some rows; by default unknown."""
        return None

    @contextlib.contextmanager
    def open(self, runtime: Runtime) -> Iterator[Reading]:
        """Yield a reader that holds the model."""
        model = self.opened(runtime)
        with at_work(model):
            yield self.reader(model)
        _settle(model)  # what was read is stored by now

    def devices(self, runtime: Runtime) -> Sequence[str]:
        """Return the devices at hand; what is behind HTTP needs none."""
        return () if is_endpoint(self.model) else runtime.devices()

    def producer(self, runtime: Runtime) -> Mapping[str, str]:
        """Return the versions and the device of the model."""
        return self.opened(runtime).producer()


class ModelReading(StagedReading, Generic[ModelType]):
    """Reads rows with a model. Subclasses write the two steps, `prepare` and `finish`.

    Args:
        model: what reads.
    """

    def __init__(self, model: ModelType) -> None:
        self._model = model

    def __call__(
        self, conversations: Sequence[Conversation], features: Sequence[RowFeature]
    ) -> Sequence[RowValue]:
        """Do both steps.

        Raises:
            UnfinishedError: if a row could not be read in this run.
        """
        values = super().__call__(conversations, features)
        _settle(self._model)
        return values


def _settle(model: object) -> None:
    if isinstance(model, Unsteady):
        model.settle()


def called(pinned: str) -> str:
    """Return what a progress bar calls a model: one that is tuned on the way by its epoch."""
    name = short_name(pinned)
    epoch = _EPOCH.fullmatch(name)
    return f"tuned, epoch {epoch[1]}" if epoch else name


def check_number_format(model: str, dtype: DType) -> None:
    """Check that a model can be had in a number format.

    Raises:
        ConfigError: if it is behind HTTP, and the format is not the default.
    """
    if is_endpoint(model) and dtype != "float32":
        raise ConfigError(
            f"the number format of {name_of(model)} is its server's own",
            hint=Phrase("leave {} away", Parameter("dtype")),
        )
