"""A head that is fitted on labelled rows, from values that are at hand for all of them."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import (
    AnyDataset,
    AnyFeature,
    Chosen,
    Dataset,
    Given,
    Scorer,
)
from assay.components.row_values import AnyRowValue
from assay.errors import FeatureError
from assay.features.embeddings import Embeddings
from assay.features.head_fit import HeadFit
from assay.features.head_fitting import INNER_PARTS, Fitting, labelled
from assay.features.head_inputs import Inputs
from assay.features.neighbors import vector_width
from assay.features.passes import PoolFeature, RowFeature
from assay.features.row_labels import groups_of, labels_of
from assay.features.text import Lengths
from assay.models.head import HeadKind
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.solvers.rank_interval import FEWEST
from assay.stores.cache import PoolStore

_NUMBER_COLUMNS = 6
_USUAL_EPOCHS = 40.0
# In operations of a matrix product that takes as long.
_SLOWER = 4.0  # times the products: one thread
_DECOMPOSITION = 60.0  # times the cube of the columns
_LAYERS_OF_A_TOKEN = 2e5


class HeadParameters(BaseModel):
    """What a head is fitted on and how; shared by whatever names one."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    dataset: AnyDataset = Given()
    """Rows that it is fitted on: the project's own, or those of a file that carry labels."""
    labels: AnyRowValue
    """What is learned: a score, or a feature with a number or a word per row, such as a field of
    the records. Rows without are not learned from; labels of another file are a feature."""
    inputs: tuple[AnyRowValue, ...] = (Embeddings(), Lengths())
    """What it is learned from: vectors, numbers and, on the project's own rows, scores. Vectors are
    read as they are, counts of characters, words and tokens by the logarithm of one more, and all
    numbers at mean 0 and deviation 1 of the rows learned from."""
    head: HeadKind = "linear"
    """A weight per column, a network of one hidden layer, or a small transformer over inputs."""
    objective: Literal["number", "class"] = "number"
    """Whether labels are numbers, by least squares, or words, by their probabilities."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Parts that the labelled rows fall into; each is told by a head fitted on the others."""
    groups: AnyFeature | None = None
    """Words, groups or clusters whose rows are never in a part and out of it at once."""
    seed: int = 0
    """Seed of the parts and of every random choice."""

    @field_validator("inputs")
    @classmethod
    def _some(cls, inputs: tuple[Component, ...], info: ValidationInfo) -> tuple[Component, ...]:
        if not inputs:
            raise ValueError("needs at least one input")
        for each in inputs:
            _placed(each, info.data.get("dataset", Given()))
        return inputs

    @field_validator("labels", "groups")
    @classmethod
    def _of_the_rows(cls, value: Component | None, info: ValidationInfo) -> Component | None:
        return _placed(value, info.data.get("dataset", Given()))


def _placed(value: Any, dataset: Dataset) -> Any:
    """Return a feature as one of the rows of a dataset; a score is of the project's own."""
    if isinstance(value, Scorer):
        drawn = dataset.drawn_from if isinstance(dataset, Chosen) else dataset
        if not isinstance(drawn.beside, Given):
            raise ValueError(f"{value.name} is a score, and those are of the project's own rows")
        return value
    return value if value is None or value.dataset == dataset else value.at(dataset)


class FittedHead(PoolFeature, HeadParameters):
    """A head fitted on labelled rows, and what it says of rows that it was not fitted on.

    Every labelled row belongs to one of a few parts, by its text and the seed alone, and is told by
    a head that saw none of its part; rows of one text are in one part. The last head is fitted on
    all of them. Results are the same for any order of the file and any number of threads; another
    processor or version of the libraries may round otherwise, by which a network may stop after
    another reading and the last digits of a linear head differ.
    """

    name = "fitted_head"
    tells: ClassVar[bool] = True
    extra: ClassVar[str] = "models"
    paper: ClassVar[Paper | NoPaper] = NoPaper(
        reason="common practice: stacked generalisation's held-out predictions of a small model"
    )

    def requires(self) -> Mapping[str, Component | Sequence[Component]]:
        """Return labels, inputs and groups of the rows that it is fitted on."""
        needs: dict[str, Component | Sequence[Component]] = {
            "labels": _placed(self.labels, self.dataset),
            "inputs": inputs_at(self.inputs, self.dataset),
        }
        if self.groups is not None:
            needs["groups"] = _placed(self.groups, self.dataset)
        return needs

    def modules(self) -> tuple[str, ...]:
        """Return what fits this kind of head."""
        return ("sklearn", "torch") if self.head == "attention" else ("sklearn",)

    def operations(self, rows: int, runtime: Runtime) -> float:
        """Return the products of all fits, as if every row had a label."""
        fits = self.folds + 1.0
        if self.head != "linear" or self.objective == "class":
            return fits * _USUAL_EPOCHS * 3.0 * rows * self.operations_of_a_row(runtime)
        width = self._width(runtime)
        smaller = min(rows, width)
        one = 2.0 * rows * width * smaller + _DECOMPOSITION * smaller**3
        return fits * (INNER_PARTS + 1.0) * one

    def operations_of_a_row(self, runtime: Runtime) -> float:
        """Return the products that tell one row."""
        units = {"linear": 1.0, "mlp": 64.0, "attention": 32.0}[self.head]
        layers = _LAYERS_OF_A_TOKEN * len(self.inputs) if self.head == "attention" else 0.0
        return 2.0 * self._width(runtime) * units + layers

    def work(self, rows: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of the products, in one thread."""
        return _SLOWER * self.operations(rows, runtime)

    def memory(self, rows: int, runtime: Runtime) -> float:
        """Return the bytes of the inputs of all rows, three times, as if each had a label."""
        return 24.0 * rows * self._width(runtime)

    def _width(self, runtime: Runtime) -> int:
        vectors = [
            each for each in self.inputs if isinstance(each, RowFeature) and each.value.matrix
        ]
        others = len(self.inputs) - len(vectors)
        return sum(vector_width(each, runtime) for each in vectors) + _NUMBER_COLUMNS * others

    def store(self, cache: Path, view: PoolView) -> "_HeadStore":
        """Return where the head is kept: by the rows in view, and all that labels may hang on.

        What lines of a file are matched to rows by is part of the file's pin, and so of the key.
        """
        state = hashlib.blake2b(f"{view.digest}/{view.pool.context}".encode(), digest_size=8)
        return _HeadStore(cache / self.name / self.key, state.hexdigest())

    def compute(
        self,
        view: PoolView,
        runtime: Runtime,
        *,
        labels: object,
        inputs: Sequence[object],
        groups: object = None,
    ) -> HeadFit:
        """Return the head that the labelled rows in view teach.

        Raises:
            FeatureError: if too few rows have a label, or all have the same.
            MissingExtraError: if what fits it is not installed.
        """
        places = view.positions
        read = Inputs(self.inputs, inputs, places)
        found = labels_of(self.labels, labels, places, as_words=self.objective == "class")
        hashes = view.pool.content_hashes[places]
        rows = np.flatnonzero(found.known & (read.reason == 0))
        _check_enough(int(found.known.sum()), len(rows))
        rows, targets, classes = found.taught(rows, hashes)
        own = groups_of(self.groups, groups, len(view))[rows]
        fitting = Fitting(
            head=runtime.head(self.head),
            rows=read.rows(rows),
            scaled=read.scaled,
            widths=read.widths,
            taught=labelled(hashes[rows], own, targets, classes),
            folds=self.folds,
            seed=self.seed,
        )
        waiting = np.unique(hashes[found.waiting])
        with runtime.stages.task("fitting heads", self.folds + 1, unit="heads") as task:
            return fitting.whole(waiting, task.advance)

    def pack(self, value: HeadFit) -> dict[str, NDArray[Any]]:
        """Return the arrays that are stored."""
        return value.packed()

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> HeadFit:
        """Return the head that was stored."""
        return HeadFit.unpacked(arrays)

    def told(self, value: HeadFit) -> str:
        """Return what a person should know of it."""
        return value.sentence()


def inputs_at(inputs: Sequence[Component], dataset: Dataset) -> tuple[Component, ...]:
    """Return inputs of the rows of a dataset; scores are of the project's own."""
    return tuple(_placed(each, dataset) for each in inputs)


def _check_enough(labelled_rows: int, readable: int) -> None:
    if readable >= FEWEST:
        return
    lacking = labelled_rows - readable
    rest = f", of which {lacking:,} lack an input" if lacking else ""
    raise FeatureError(
        f"{labelled_rows:,} rows have a label{rest}: a head is fitted on {FEWEST} at least",
        hint="label more rows",
    )


class _HeadStore(PoolStore):
    """Keeps a head unless labels are still to come, so that the next run learns from them."""

    def write(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Store arrays, whole or not at all."""
        if not len(arrays["waiting"]):
            super().write(arrays)
