"""Rows that are shown side by side: a pool, and what was chosen of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.reports.svg import COLOURS
from assay.samples import IndexArray

GREY = COLOURS
"""Number of the colour of what others are compared with."""


@dataclass(frozen=True)
class Group:
    """Some rows of a pool under a name.

    Attributes:
        name: as it stands beside pictures.
        rows: positions in the pool, in any order.
        colour: its number.
    """

    name: str
    rows: IndexArray
    colour: int


Groups = Sequence[Group]
