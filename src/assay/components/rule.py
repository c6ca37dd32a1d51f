"""A cut-off of a paper: which scores may be selected at all."""

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from assay.samples import FloatArray


class Rule(BaseModel):
    """A cut-off of a paper: which scores may be selected at all.

    Quantiles are taken over the rows that have a score. A number that exists is never erased by a
    rule; the row only becomes ineligible, with BELOW_RULE as its reason. Of a score with several
    columns it is about one: the main one, unless `column` names another.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    low_quantile: float | None = Field(default=None, ge=0, le=1)
    high_quantile: float | None = Field(default=None, ge=0, le=1)
    column: str = ""

    def admits(self, values: FloatArray) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return which values pass; NaN never does. Shape (n,), bool."""
        known = ~np.isnan(values)
        mask = known.copy()
        with np.errstate(invalid="ignore"):
            if self.above is not None:
                mask &= values > self.above
            if self.at_least is not None:
                mask &= values >= self.at_least
            if self.below is not None:
                mask &= values < self.below
            if self.at_most is not None:
                mask &= values <= self.at_most
        if (self.low_quantile is None and self.high_quantile is None) or not known.any():
            return mask
        # Band by rank, so that a run of equal values at a border is split by id and the
        # three thirds of a pool partition it.
        order = np.argsort(values, kind="stable")[: int(known.sum())]
        low = int(np.floor((self.low_quantile or 0.0) * len(order) + 1e-9))
        high_share = 1.0 if self.high_quantile is None else self.high_quantile
        high = int(np.floor(high_share * len(order) + 1e-9))
        inside = np.zeros(len(values), np.bool_)
        inside[order[low:high]] = True
        return mask & inside
