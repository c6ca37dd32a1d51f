"""Cells of a table that a spreadsheet would run instead of showing them."""

import re
from collections.abc import Iterable, Mapping

# A number may begin with a sign, and a list with a dash and a space; neither is a formula.
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d.,]+\s*$|\s)")


def formula_cells(rows: Iterable[Mapping[str, object]]) -> int:
    """Return how many cells begin as a formula does: ``=cmd``, ``@SUM``, ``+1+1``."""
    return sum(
        isinstance(cell, str) and _FORMULA.match(cell) is not None
        for row in rows
        for cell in row.values()
    )
