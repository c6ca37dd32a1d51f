"""Rows that a selection begins with."""

import numpy as np

from assay.components.budget import Allowance
from assay.errors import ConfigError
from assay.outcomes import SelectionRecord
from assay.samples import IndexArray


def start_rows(start: SelectionRecord | None, allowance: Allowance) -> IndexArray | None:
    """Return the rows already chosen, in their order, or None if there is no start. Shape (s,).

    Raises:
        ConfigError: if one of them may not be chosen here, as it would count as chosen.
    """
    if start is None:
        return None
    rows = start.selection.indices
    barred = int(np.count_nonzero(~allowance.eligible[rows]))
    if barred:
        raise ConfigError(
            f"{barred:,} {'row' if barred == 1 else 'rows'} of `start` may not be chosen",
            hint="choose the start within the same rows: give it the same `within`",
        )
    return rows
