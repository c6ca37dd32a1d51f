"""Ids as people meet them: 16 hex digits. The numbers that they spell stay inside."""

import re

import numpy as np
from numpy.typing import NDArray

from assay.pool.pool import format_id
from assay.samples import IdArray

DIGITS = 16
LEAST_DIGITS = 6
"""As much of an id as is taken for the beginning of one."""
_BEGINNING = re.compile(rf"[0-9a-fA-F]{{{LEAST_DIGITS},{DIGITS}}}")


def spelled_ids(ids: IdArray) -> NDArray[np.str_]:
    """Return ids as 16 hex digits each, in the same order. Shape (n,)."""
    return np.array([format_id(row_id) for row_id in ids.tolist()], dtype=f"<U{DIGITS}")


def is_beginning(text: str) -> bool:
    """Tell whether a text can be an id, or the beginning of one."""
    return _BEGINNING.fullmatch(text) is not None


def ids_that_begin(ids: IdArray, text: str) -> IdArray:
    """Return the ids that begin with some hex digits.

    Args:
        ids: ascending.
        text: hex digits, `DIGITS` at most.
    """
    bounds = [int(text.ljust(DIGITS, end), 16) for end in "0f"]
    first = np.searchsorted(ids, np.uint64(bounds[0]), "left")
    return ids[first : np.searchsorted(ids, np.uint64(bounds[1]), "right")]
