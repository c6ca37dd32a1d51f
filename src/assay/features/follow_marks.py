"""Which of FollowBench's constraints recorded answers satisfy."""

import re
from typing import ClassVar, Literal

from assay.components.base import NoPaper, Paper
from assay.features.recorded_fields import Fields
from assay.features.rule_marks import Marked, MarkedByRule
from assay.samples import Conversation
from assay.texts.checks import followbench

FOLLOWBENCH = Paper(
    title="FollowBench: A Multi-level Fine-grained Constraints Following Benchmark for Large "
    "Language Models",
    authors="Jiang, Wang, Zeng and others",
    year=2024,
    arxiv="2310.20410",
    code="https://github.com/YJiangcm/FollowBench",
)
_han = re.compile("[\u4e00-\u9fa5]").search


class FollowMarks(MarkedByRule):
    """Whether each answer satisfies every constraint, and which share, where rules can tell."""

    name = "follow_marks"
    paper: ClassVar[Paper | NoPaper] = FOLLOWBENCH
    wanted: ClassVar[tuple[str, ...]] = followbench.FIELDS
    columns: ClassVar[tuple[str, ...]] = ("satisfied", "share")

    language: Literal["auto", "en", "zh"] = "auto"
    """Language of questions and answers; `auto` takes an instruction with Han characters for
    Chinese."""

    def mark(self, conversation: Conversation, fields: Fields) -> Marked:
        """Return whether all is satisfied, 1 or 0, and the share; none where a judge is asked."""
        tongue = self.language
        if tongue == "auto":
            tongue = "zh" if _han(conversation.prompt) else "en"
        verdict = followbench.check(conversation.response, fields, tongue)
        if verdict is None:
            return Marked(dict.fromkeys(self.columns), {})
        facts = {
            "group": verdict.group,
            "level": fields["level"],
            "question": f"{tongue} {fields.get('source')} {fields.get('example_id')}",
        }
        return Marked({"satisfied": float(verdict.all_met), "share": verdict.share}, facts)
