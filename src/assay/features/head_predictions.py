"""What a fitted head says of every row."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import field_validator

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import AnyFeature
from assay.features.fitted_head import FittedHead, inputs_at
from assay.features.head_fit import HeadFit
from assay.features.head_inputs import Inputs
from assay.features.passes import PoolFeature
from assay.models.head import Shape
from assay.pool.pool import HashArray
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import Flag, IndexArray, Reason
from assay.values import Numbers
from assay.wording import number_of


class HeadPredictions(PoolFeature):
    """The number of each row, or the probability of each class, by a head that did not see it.

    A row whose text has a label has what the head says that was fitted without it; all others have
    the word of the head fitted on all labels. A number beyond those of the labelled rows, such as
    the length of a shorter answer, counts as the nearest of these, and the row is flagged. A row
    that lacks an input has nothing and the reason; one whose label is still to come has nothing
    until then.
    """

    name = "head_predictions"
    extra: ClassVar[str] = "models"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a head's numbers")
    stored: ClassVar[bool] = False
    tells: ClassVar[bool] = True

    by: AnyFeature
    """The head: a `fitted_head`."""

    @field_validator("by")
    @classmethod
    def _is_a_head(cls, by: Component) -> Component:
        if not isinstance(by, FittedHead):
            raise ValueError("is no fitted_head")
        return by

    @property
    def head(self) -> FittedHead:
        """The head as what it is."""
        assert isinstance(self.by, FittedHead)  # noqa: S101  narrows what was checked
        return self.by

    def requires(self) -> Mapping[str, Component | Sequence[Component]]:
        """Return the head, and its inputs for these rows."""
        return {"head": self.head, "inputs": inputs_at(self.head.inputs, self.dataset)}

    def operations(self, rows: int, runtime: Runtime) -> float:
        """Return the products with the head's weights."""
        return rows * self.head.operations_of_a_row(runtime)

    def compute(
        self, view: PoolView, runtime: Runtime, *, head: HeadFit, inputs: Sequence[object]
    ) -> Numbers:
        """Return a column called value, or one for each class. Shape (n,) each."""
        read = Inputs(self.head.inputs, inputs, view.positions)
        reader = runtime.head(self.head.head)
        hashes = view.pool.content_hashes[view.positions]
        shape = Shape(read.widths, len(head.classes))
        table = np.full((len(view), shape.classes or 1), np.nan)
        flags = np.zeros(len(view), np.uint16)
        with runtime.stages.task("reading by the head", len(view)) as task:
            for index, rows in read.blocks():
                table[index] = reader.predict(head.arrays, head.scale.of_rows(rows), shape)
                flags[index[head.scale.beyond(rows)]] = Flag.BEYOND_LABELS
                task.advance(len(index))
        known, places = _found(hashes, head.hashes)
        table[known] = head.held_out[places]
        waiting, _ = _found(hashes, head.waiting)
        reason = np.array(read.reason, np.uint8)
        reason[np.setdiff1d(waiting, known)] = Reason.TRANSIENT
        return Numbers.of_table(reason, flags, head.classes or ("value",), table)

    def told(self, value: Numbers) -> str:
        """Return how many rows are not like those that the head was fitted on."""
        count = int(np.count_nonzero(value.flags & Flag.BEYOND_LABELS))
        if not count:
            return ""
        return (
            f"{count:,} of {number_of(len(value), 'row')} have a length or another number beyond "
            "those of the labelled rows, which counts as the nearest of these"
        )


def _found(hashes: HashArray, among: HashArray) -> tuple[IndexArray, IndexArray]:
    """Return the rows whose hash is among ascending ones, and the first place of each there."""
    if not len(among):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    places = np.minimum(np.searchsorted(among, hashes), len(among) - 1)
    rows = np.flatnonzero(among[places] == hashes)
    return rows, places[rows]
