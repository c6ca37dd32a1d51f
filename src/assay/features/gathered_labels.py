"""Labels that were asked for in several parts, as one."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.component import AnyScorer
from assay.features.passes import PoolFeature
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import Reason, Scores
from assay.values import Numbers


class GatheredLabels(PoolFeature):
    """The number of each row by the first of several scores that has one, in a column `value`.

    A row that none asked about is NOT_ASKED; one that was asked about in vain has the reason.
    """

    name = "gathered_labels"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="scores of different rows, put together")
    stored: ClassVar[bool] = False

    of: Annotated[tuple[AnyScorer, ...], Field(min_length=1)]
    """Scores of different rows, such as `scored_among`."""

    def compute(self, view: PoolView, runtime: Runtime, *, of: Sequence[Scores]) -> Numbers:
        """Return the numbers. Shape (n,)."""
        values = np.full(len(view), np.nan)
        reason = np.full(len(view), Reason.NOT_ASKED, np.uint8)
        flags = np.zeros(len(view), np.uint16)
        for part in of:
            told = part.reason[view.positions]
            open_rows = (reason != 0) & (told != Reason.NOT_ASKED)
            reason[open_rows] = told[open_rows]
            values[open_rows] = part.values[view.positions][open_rows]
            if part.flags is not None:
                flags |= np.where(told == Reason.NOT_ASKED, 0, part.flags[view.positions])
        values[reason != 0] = np.nan
        return Numbers(reason, flags, {"value": values})
