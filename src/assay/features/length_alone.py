"""How much of some labels the length of the answer tells by itself."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from assay.components.base import Component, NoPaper, Paper
from assay.components.row_values import AnyRowValue
from assay.features.passes import PoolFeature
from assay.features.row_labels import labels_of
from assay.features.text import Lengths
from assay.pool.view import PoolView
from assay.random_numbers import generator
from assay.runtime import Runtime
from assay.samples import FloatArray
from assay.solvers.rank_interval import FEWEST, spearman_interval
from assay.solvers.ranks import spearman
from assay.values import Numbers
from assay.wording import bounds


class LengthAlone(PoolFeature):
    """Spearman's correlation of labels with the characters of the answer, and its 95 % interval.

    Three numbers: the correlation and the ends of the interval, NaN below 30 labelled rows. A head
    that tells held-out rows no better has learned the length.
    """

    name = "length_alone"
    tells: ClassVar[bool] = True
    stored: ClassVar[bool] = False
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a check on what was learned")

    labels: AnyRowValue
    """What is learned: a number per row, of some rows."""

    def requires(self) -> Mapping[str, Component]:
        """Return the labels and the lengths."""
        return {"labels": self.labels, "lengths": Lengths(dataset=self.dataset)}

    def compute(
        self, view: PoolView, runtime: Runtime, *, labels: object, lengths: Numbers
    ) -> FloatArray:
        """Return correlation, lower and upper end. Shape (3,)."""
        found = labels_of(self.labels, labels, view.positions, as_words=False)
        rows = np.flatnonzero(found.known)
        if len(rows) < FEWEST:
            return np.full(3, np.nan)
        sizes, targets = lengths["response_characters"][rows], found.targets[rows]
        rng = generator(seed=0, purpose="interval of the length's correlation")
        return np.array([spearman(sizes, targets), *spearman_interval(sizes, targets, rng)])

    def told(self, value: FloatArray) -> str:
        """Return it as a sentence."""
        if np.isnan(value).any():
            return ""
        return (
            f"the length of the answer alone has Spearman {value[0]:.2f} "
            f"{bounds(value[1], value[2])} with these labels: what is told no better by far than "
            "that is the length"
        )
