"""Decontamination: leave out rows that give away evaluation questions."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.components.base import Component, NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import Selector
from assay.components.guide import Comparison, Guide
from assay.components.references import FileRef
from assay.features.duplicates import Contamination, evaluation_file
from assay.methods.filters.passing import passing_rows
from assay.samples import Reason, Selection
from assay.texts.overlap import NGRAM, ContaminationReport


class Decontaminate(Selector):
    """The rows that repeat no run of words of an evaluation file's questions.

    A question of fewer words than a run must occur as a whole, anywhere in the row. One of fewer
    than five words occurs everywhere by chance: it must be all that the row asks, or all of its
    text, and is not found inside a longer prompt.
    """

    name = "decontaminate"
    paper: ClassVar[Paper | NoPaper] = Contamination.paper
    guide: ClassVar[Guide | None] = Guide(
        formula="out: rows that share a run of ngram words with a question\n"
        "with share > 0: those that hold at least that part of its runs",
        choose="Before training on anything, with the questions that you will evaluate on.",
        avoid="To find paraphrases: only words in the same order are found.",
        compared=(
            Comparison(
                against="brute force",
                compared="reports of random sentences, runs of 1 to 5 words",
                tolerance="exact",
                test="tests/unit/texts/test_overlap.py",
            ),
        ),
        differences={
            "rows": "A row that shares a run goes whole, where the paper cuts the passage out of "
            "its documents.",
            "short questions": "A question of fewer words than a run counts as one run, and one of "
            "fewer than five must be all that a row asks or all of its text.",
        },
    )
    needs_budget: ClassVar[bool] = False

    against: FileRef
    """Evaluation file, in any layout that data may have; answers are not needed."""
    ngram: Annotated[int, Field(ge=1)] = NGRAM
    """Words in a run."""
    share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Part of a question's runs that a row must hold; 0: a single one is enough."""

    def requires(self) -> dict[str, Component]:
        """Return what every row shares with the questions."""
        questions = evaluation_file(self.against)
        return {"found": Contamination(against=questions, ngram=self.ngram, share=self.share)}

    def select(
        self,
        allowance: Allowance,
        rng: np.random.Generator,
        *,
        found: ContaminationReport,
    ) -> Selection:
        """Return the clean rows, in order of id."""
        return passing_rows(allowance, ~found.contaminated, Reason.CONTAMINATED)
