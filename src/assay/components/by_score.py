"""What selections by one score have in common: the score, and which of its columns counts."""

from collections.abc import Sequence
from typing import Self

from pydantic import model_validator

from assay.components.component import AnyScorer, Scorer, Selector
from assay.components.rule import Rule


class ByScore(Selector):
    """Base: rows by the numbers of a score, or of one of its columns.

    A rule of one's own is about the same column; the score's own is about its main one.
    """

    by: AnyScorer
    """Score to rank by."""
    column: str = ""
    """Column of the score, where it has several; by default the main one."""

    @model_validator(mode="after")
    def _is_a_column(self) -> Self:
        self.by.check_column(self.column)
        return self

    def column_of(self, need: str) -> str:
        """Return the column that is ranked by."""
        return self.column

    def ruled(self) -> Sequence[tuple[Scorer, Rule]]:
        """Return the rules that bind, one of one's own about the column that is ranked by."""
        pairs = super().ruled()
        if not isinstance(self.rule, Rule) or self.rule.column:
            return pairs
        return [(scorer, rule.model_copy(update={"column": self.column})) for scorer, rule in pairs]
