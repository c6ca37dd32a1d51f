"""WaveCoder's discriminator: whether a task of programming passes a checklist."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.components.guide import Comparison, Guide
from assay.components.rule import Rule
from assay.features.judgments import Judged
from assay.methods.judged.asked import Asked
from assay.samples import FloatArray

CHECKS = (
    "names_language",
    "answers_task",
    "code_only",
    "readable_logic",
    "imports_present",
)
"""Points of the checklist."""


class WaveCoder(Asked):
    """1 where a task of programming passes every point of the checklist, else 0; 1 is kept.

    The points are columns, and so is the judge's own verdict over all, which may say something
    else than its points do.
    """

    name = "wavecoder"
    columns: ClassVar[tuple[str, ...]] = ("passes", *CHECKS, "overall")
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="WaveCoder: Widespread And Versatile Enhancement For Code Large Language Models By "
        "Instruction Tuning",
        authors="Yu et al.",
        year=2024,
        arxiv="2312.14187",
        code="https://github.com/microsoft/WaveCoder",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="score = 1 if all points hold, else 0; keep 1",
        choose="To leave out generated tasks of programming that are not whole.",
        avoid="For rows without code, which fail the points.",
        compared=(
            Comparison(
                against="replies written by hand",
                compared="columns and reasons of each, and the selection, worked out beside them",
                tolerance="exact",
                test="tests/unit/methods/judged/test_wavecoder.py",
            ),
        ),
        differences={
            "passes": "All points have to hold. The published code looks for the word yes in the "
            "judge's own verdict; that is the column overall.",
            "prompt": "Our own wording, which was not tried against the paper's judge, and no "
            "examples of good and bad cases in it.",
        },
    )

    def requires(self) -> dict[str, Any]:
        """Return what the judge says."""
        return {"judged": self.judgments("wavecoder")}

    def score(self, *, judged: Judged) -> Mapping[str, FloatArray]:
        """Return whether it passes, point by point. Shape (n,) each, 0 or 1; of turns the worst."""
        points = {name: judged.reduced(name, "min") for name in CHECKS}
        return {
            "passes": np.min(list(points.values()), axis=0),
            **points,
            "overall": judged.reduced("overall", "min"),
        }

    def default_rule(self) -> Rule:
        """Return the paper's cut-off."""
        return Rule(at_least=1.0)
