"""How well recorded answers meet CELLO's criteria."""

from typing import ClassVar, Literal

from assay.components.base import NoPaper, Paper
from assay.features.recorded_fields import Fields
from assay.features.rule_marks import Marked, MarkedByRule
from assay.samples import Conversation
from assay.texts.checks import cello

CELLO = Paper(
    title="Can Large Language Models Understand Real-World Complex Instructions?",
    authors="He, Zeng, Huang and others",
    year=2024,
    arxiv="2309.09150",
    code="https://github.com/Abbey4799/CELLO",
)


class CelloMarks(MarkedByRule):
    """How well each answer meets what its question demands: four criteria and their mean."""

    name = "cello_marks"
    paper: ClassVar[Paper | NoPaper] = CELLO
    wanted: ClassVar[tuple[str, ...]] = (
        *cello.FIELDS, "input_text", "lang", "histories", "task_category",
    )  # fmt: skip
    own: ClassVar[tuple[str, ...]] = ("input_text", "histories")
    columns: ClassVar[tuple[str, ...]] = ("cello", *cello.Marks._fields)

    key_field: str = "Instruction_id"
    """Field of rows and file that says which question is whose; empty for the text of the
    instruction."""
    rules: Literal["published", "mended"] = "published"
    """The published scorer's reading of the criteria, or what they say."""

    def mark(self, conversation: Conversation, fields: Fields) -> Marked:
        """Return the marks of the last answer; none where nothing is demanded."""
        found = cello.marks(conversation.response, fields, mended=self.rules == "mended")
        return Marked(
            {"cello": found.mean, **found._asdict()}, {"task": str(fields.get("task_category", ""))}
        )
