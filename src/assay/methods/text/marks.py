"""Flags: how often a text shows what people filter by."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.components.component import Scorer
from assay.components.guide import NO_REFERENCE, Absent, Guide
from assay.features.text_marks import TextMarks
from assay.samples import FloatArray, Part
from assay.texts.marks import Marks
from assay.values import Numbers


class MarksOfText(Scorer):
    """How many refusals, stock phrases, HTML tags, addresses and phone numbers a text holds.

    The first column is the sum of the others. None is certain; see the page on filters.
    """

    name = "marks"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="common practice")
    guide: ClassVar[Guide | None] = Guide(
        formula="refusals + stock phrases + HTML tags + addresses + phone numbers",
        choose="To look at what a filter would take before it takes it: each count is a column.",
        avoid="To rank rows: a text about HTML is full of marks. To leave rows out, `where_text`.",
        compared=Absent(reason="what it finds in real rows was read instead"),
        differences=NO_REFERENCE,
    )
    prefer: ClassVar[Literal["high", "low"]] = "low"
    columns: ClassVar[tuple[str, ...]] = ("marks", *Marks._fields)

    part: Part = "response"
    """Text that is looked at."""

    def requires(self) -> dict[str, Any]:
        """Return the counts."""
        return {"marks": TextMarks(part=self.part)}

    def score(self, *, marks: Numbers) -> Mapping[str, FloatArray]:
        """Return the sum and each count. Shape (n,) each."""
        counts = {name: marks[name] for name in Marks._fields}
        return {"marks": np.sum(list(counts.values()), axis=0), **counts}
