"""How many constraints an instruction has: recorded ones, and those that its words show."""

from typing import Any, ClassVar

from assay.components.base import NoPaper, Paper
from assay.features.recorded_fields import Fields
from assay.features.rule_marks import Marked, MarkedByRule
from assay.samples import Conversation
from assay.texts.checks import cello
from assay.texts.checks.criteria import CriteriaError
from assay.texts.checks.demands import count_demands

_LISTS = ("constraints", "instruction_id_list")


class ConstraintCounts(MarkedByRule):
    """How many constraints the record of a row sets, and how many its instruction shows.

    Column `recorded`: CELLO's criteria, FollowBench's level, or the length of a list `constraints`
    or `instruction_id_list`, whichever a record has. Column `read`: demands in
    what the system prompt and the user say, without the context of a turn.
    """

    name = "constraint_counts"
    version: ClassVar[int] = 3
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a count of what records and words say")
    wanted: ClassVar[tuple[str, ...]] = (*cello.FIELDS, "level", "example_id", *_LISTS)
    columns: ClassVar[tuple[str, ...]] = ("recorded", "read")
    needs_record: ClassVar[bool] = False

    def mark(self, conversation: Conversation, fields: Fields) -> Marked:
        """Return both counts; none recorded where the record sets nothing that is known."""
        asked = "\n".join(m.content for m in conversation.messages if m.role in ("system", "user"))
        return Marked({"recorded": _recorded(fields), "read": float(count_demands(asked))}, {})


def _recorded(fields: Fields) -> float | None:
    if any(name in fields for name in cello.FIELDS):
        return float(cello.demands(fields))
    if "example_id" in fields and "level" in fields:
        return float(_level(fields["level"]))
    for name in _LISTS:
        if isinstance(fields.get(name), list):
            return float(len(fields[name]))
    return None


def _level(level: Any) -> int:
    if isinstance(level, bool) or not isinstance(level, int) or level < 0:
        raise CriteriaError(f"a level is a whole number, not {level!r}"[:100])
    return level
