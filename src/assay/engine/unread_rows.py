"""What stands in the way of reading a row, in words."""

from collections.abc import Iterable

import numpy as np

from assay.components.base import Component
from assay.components.component import Given
from assay.errors import AssayError
from assay.features.passes import RowFeature
from assay.pool.pool import Pool, format_id
from assay.runtime import Runtime


def why_unread(parts: Iterable[Component], pool: Pool, place: int, runtime: Runtime) -> str:
    """Return why a row could not be read, with its id; empty if no pass has more than a reason.

    Args:
        parts: what was to be computed, with all that it requires.
        pool: the rows.
        place: of the row.
        runtime: how to work.
    """
    (conversation,) = pool.conversations(np.array([place]))
    for part in parts:
        if isinstance(part, RowFeature) and isinstance(part.dataset, Given):
            try:
                why = part.reading().why(conversation, runtime)
            except AssayError:  # it is asked on the way to another error, which must be told
                why = ""
            if why:
                return f"of the first, {format_id(int(pool.ids[place]))[:8]}, {why}"
    return ""
