"""Where heads that saw different labels disagree: what is still to be learned."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.components.base import Component, NoPaper, Paper
from assay.components.row_values import AnyRowValue
from assay.features.embeddings import Embeddings
from assay.features.fitted_head import inputs_at
from assay.features.head_fitting import Fitting, labelled
from assay.features.head_inputs import Inputs
from assay.features.passes import PoolFeature
from assay.features.row_labels import labels_of
from assay.features.text import Lengths
from assay.models.head import Shape
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import FloatArray
from assay.values import Numbers


class HeadDoubt(PoolFeature):
    """How far linear heads disagree on each row, each fitted without one part of the labelled rows.

    A column `value`: the standard deviation of what they say, in the unit of the labels. It is 0
    everywhere where fewer than ten rows have a label, or all have the same.
    """

    name = "head_doubt"
    extra: ClassVar[str] = "models"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="common practice: query by committee")
    stored: ClassVar[bool] = False

    labels: AnyRowValue
    """What is learned: a number per row, of some rows."""
    inputs: tuple[AnyRowValue, ...] = (Embeddings(), Lengths())
    """What it is learned from, as in `fitted_head`."""
    members: Annotated[int, Field(ge=2)] = 5
    """Heads that are asked."""
    seed: int = 0
    """Seed of the parts."""

    def requires(self) -> Mapping[str, Component | Sequence[Component]]:
        """Return the labels and the inputs."""
        return {"labels": self.labels, "inputs": inputs_at(self.inputs, self.dataset)}

    def modules(self) -> tuple[str, ...]:
        """Return what fits them."""
        return ("sklearn",)

    def compute(
        self, view: PoolView, runtime: Runtime, *, labels: object, inputs: Sequence[object]
    ) -> Numbers:
        """Return the deviation. Shape (n,)."""
        places = view.positions
        read = Inputs(self.inputs, inputs, places)
        found = labels_of(self.labels, labels, places, as_words=False)
        hashes = view.pool.content_hashes[places]
        rows, targets, _ = found.taught(np.flatnonzero(found.known & (read.reason == 0)), hashes)
        doubt = np.full(len(view), np.nan)
        doubt[read.reason == 0] = 0.0
        if len(rows) >= _FEWEST and np.ptp(targets) > 0:
            none = np.full(len(rows), -1, np.int64)
            fitting = Fitting(
                head=runtime.head("linear"),
                rows=read.rows(rows),
                scaled=read.scaled,
                widths=read.widths,
                taught=labelled(hashes[rows], none, targets, ()),
                folds=self.members,
                seed=self.seed,
            )
            self._tell(doubt, fitting, read)
        reason = np.array(read.reason, np.uint8)
        return Numbers(reason, np.zeros(len(view), np.uint16), {"value": doubt})

    def _tell(self, doubt: FloatArray, fitting: Fitting, read: Inputs) -> None:
        shape = Shape(read.widths)
        heads = list(fitting.parts())
        for index, rows in read.blocks():
            told = [
                fitting.head.predict(one.arrays, scale.of_rows(rows), shape)[:, 0]
                for scale, one in heads
            ]
            doubt[index] = np.std(told, axis=0)


_FEWEST = 10
