"""Many claims at once."""

from collections.abc import Sequence

import numpy as np

from assay.samples import FloatArray


def holm(p: Sequence[float] | FloatArray) -> FloatArray:
    """Return p-values adjusted so that the chance of any false claim stays below the level.

    The smallest of m is multiplied by m, the next by m - 1, and so on; none falls below an earlier
    one, and none exceeds 1.

    Args:
        p: shape (m,), in [0, 1]; every comparison that was run, whether it is reported or not.

    Returns:
        Shape (m,), in the order given.

    Source:
        Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    values = np.asarray(p, np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("p-values lie between 0 and 1")
    order = np.argsort(values, kind="stable")
    factors = np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return adjusted
