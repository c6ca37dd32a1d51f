"""Answers that rules look at: what every such feature reads, and what it gives."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from assay.components.references import FileRef
from assay.echo import Brief
from assay.features.passes import PoolFeature
from assay.features.recorded_fields import CARRIED, Fields, Recorded, RecordedFields
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import Conversation, FloatArray, Reason, ReasonArray, Scores
from assay.texts.checks.criteria import CriteriaError
from assay.texts.checks.parseable import TooLongError

_AT_ONCE = 1024
"""Rows between two reports of how far it is."""


class Marked(NamedTuple):
    """What rules say of one row.

    Attributes:
        marks: by column; None where no rule says anything.
        facts: what rows are gathered by.
    """

    marks: Mapping[str, float | None]
    facts: Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class RuleMarks(Brief):
    """What rules say of every row.

    Attributes:
        columns: marks; a row without one has the reason. Shape (n,) each.
        facts: what rows are gathered by; empty for rows that could not be read. Shape (n,).
    """

    columns: Mapping[str, Scores]
    facts: Sequence[Mapping[str, Any]]


class MarkedByRule(PoolFeature):
    """A feature that gives each row marks by rules, from its answer and what is recorded of it.

    A row whose criteria cannot be read is PARSE_FAILED, one that is too long to be read TOO_LONG;
    a mark that no rule gives is NO_RULE.
    """

    stored: ClassVar[bool] = False
    wanted: ClassVar[tuple[str, ...]]
    """Fields that are read."""
    columns: ClassVar[tuple[str, ...]]
    own: ClassVar[tuple[str, ...]] = ()
    """Fields in which a row comes before the file."""
    needs_record: ClassVar[bool] = True
    """Has a row that the file says nothing of no marks?"""

    criteria: FileRef = ""
    """File of the questions, whose records say what is demanded; empty if the rows do."""
    key_field: str = ""
    """Field of rows and file that says which question is whose; empty for the text of the
    instruction."""

    @property
    def matched_by(self) -> tuple[str, ...]:
        """What of the rows besides their text is read."""
        return CARRIED

    def requires(self) -> dict[str, Any]:
        """Return the fields."""
        return {
            "recorded": RecordedFields(
                fields=self.wanted,
                file=self.criteria,
                key_field=self.key_field,
                own=self.own,
                dataset=self.dataset,
            )
        }

    def compute(self, view: PoolView, runtime: Runtime, *, recorded: Recorded) -> RuleMarks:
        """Return the marks of every row in view."""
        reason = recorded.reason.copy()
        if not self.needs_record:
            reason[:] = Reason.OK
        table = np.full((len(view), len(self.columns)), np.nan)
        facts: list[Mapping[str, Any]] = [{}] * len(view)
        with runtime.stages.task("checking answers", len(view)) as task:
            for start, block in view.blocks(_AT_ONCE):
                for place, conversation in enumerate(block, start):
                    if reason[place]:
                        continue
                    marked = self._marked(conversation, recorded.rows[place])
                    if isinstance(marked, Reason):
                        reason[place] = marked
                    else:
                        facts[place] = marked.facts
                        marks = [marked.marks[column] for column in self.columns]
                        table[place] = [np.nan if mark is None else mark for mark in marks]
                task.advance(len(block))
        columns = zip(self.columns, table.T, strict=True)
        return RuleMarks({name: _scores(column, reason) for name, column in columns}, facts)

    def _marked(self, conversation: Conversation, fields: Fields) -> Marked | Reason:
        try:
            return self.mark(conversation, fields)
        except CriteriaError:
            return Reason.PARSE_FAILED
        except TooLongError:
            return Reason.TOO_LONG

    @abstractmethod
    def mark(self, conversation: Conversation, fields: Fields) -> Marked:
        """Return the marks of one row.

        Raises:
            CriteriaError: if what is demanded cannot be read.
            TooLongError: if a text is too long to be read.
        """


def _scores(column: FloatArray, reason: ReasonArray) -> Scores:
    unruled = np.isnan(column) & (reason == 0)
    return Scores(column, np.where(unruled, np.uint8(Reason.NO_RULE), reason))
