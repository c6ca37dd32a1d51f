"""What a score says of all rows together, such as the averages that a benchmark publishes."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

from assay.samples import Scores

Totals: TypeAlias = Mapping[str, Mapping[str, float]]
"""Numbers by name, in tables that have names, too."""


@runtime_checkable
class HasTotals(Protocol):
    """A scorer that sums its rows up."""

    def totals(self, columns: Mapping[str, Scores], **needs: Any) -> Totals:
        """Return numbers of all rows together; one that rests on no row is left out.

        Args:
            columns: what it scored, of the rows that methods see. Shape (n,) each.
            needs: what `score` was handed.
        """
