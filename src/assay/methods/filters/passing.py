"""What a filter chooses: all rows that pass, and of the others why they do not."""

import numpy as np
from numpy.typing import NDArray

from assay.components.budget import Allowance
from assay.samples import Reason, Selection


def passing_rows(
    allowance: Allowance, passing: NDArray[np.bool_], reason: Reason = Reason.FILTERED
) -> Selection:
    """Return the rows that may be chosen and pass, in order of id. Gains are NaN.

    Args:
        allowance: what may be chosen; a budget takes the first of them.
        passing: shape (n,).
        reason: why those that do not pass are left out.
    """
    chosen, stop = allowance.take(np.flatnonzero(allowance.eligible & passing))
    rejected = {reason: np.flatnonzero(allowance.eligible & ~passing)}
    return Selection(
        chosen, np.full(len(chosen), np.nan), nested=True, stop=stop, rejected=rejected
    )
