"""TeGit: how sure a model is that a task made from a text is sound."""

from typing import Any, ClassVar

from assay.components.base import NoPaper, Paper
from assay.components.guide import Comparison, Guide
from assay.components.rule import Rule
from assay.features.judgments import Judged, Reduction
from assay.judging.prompts import VERDICT
from assay.methods.judged.asked import Asked
from assay.samples import FloatArray


class TeGit(Asked):
    """The probability of "yes" when a model is asked whether a task is sound; 0.5 and up is kept.

    The paper's discriminator is a model that was tuned on tasks with labels. `reward` with a
    `tuned_model` of objective `class` or `number` is that; this asks a judge in its place.
    """

    name = "tegit"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="TeGit: Generating High-Quality Instruction-Tuning Data with Text-Grounded Task "
        "Design",
        authors="Chen et al.",
        year=2023,
        arxiv="2309.05447",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="score = P(yes) / (P(yes) + P(no)); keep score >= 0.5",
        choose="For tasks that a model has made out of documents.",
        avoid="For rows that people wrote: what it looks for is what machines get wrong.",
        compared=(
            Comparison(
                against="replies written by hand",
                compared="score and reason of each, and the selection, worked out beside them",
                tolerance="exact",
                test="tests/unit/methods/judged/test_tegit.py",
            ),
        ),
        differences={
            "prompt": "Our own wording; the paper trains its judge, and asks none by a prompt.",
        },
    )

    over_turns: Reduction = "min"
    """How the numbers of several turns become one."""

    def requires(self) -> dict[str, Any]:
        """Return what the judge says."""
        return {"judged": self.judgments("tegit")}

    def score(self, *, judged: Judged) -> FloatArray:
        """Return the probability. Shape (n,), in [0, 1]."""
        return judged.reduced(VERDICT, self.over_turns)

    def default_rule(self) -> Rule:
        """Return the cut-off: rather sound than not."""
        return Rule(at_least=0.5)
