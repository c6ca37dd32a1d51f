"""Instruction backtranslation: how far a text is the answer of an ideal assistant."""

from typing import Any, ClassVar

from assay.components.base import NoPaper, Paper
from assay.components.guide import Comparison, Guide
from assay.components.rule import Rule
from assay.features.judgments import Judged, Reduction
from assay.methods.judged.asked import Asked
from assay.samples import FloatArray


class Backtranslation(Asked):
    """The judge's number from 1 to 5 for a text that is to serve as the answer to a request.

    It is the step of self-curation: requests were guessed for texts that people wrote, and what is
    no good pair is left out. Kept is 4.5 and up: fives, where every row is asked once, and what is
    nearer to 5 than to 4, where several samplings or probabilities give a mean.
    """

    name = "backtranslation"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Self-Alignment with Instruction Backtranslation",
        authors="Li et al.",
        year=2024,
        arxiv="2308.06259",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="score = judge(request, text) in [1, 5]; keep score >= 4.5",
        choose="For pairs whose requests were made for texts that were there before.",
        avoid="With a small judge in words: of 482,963 replies of a 7B model 322,324 held no "
        "number at the place that was asked for. Where its server holds replies to a schema, one "
        "stands there.",
        compared=(
            Comparison(
                against="replies written by hand",
                compared="score and reason of each, and the selection, worked out beside them",
                tolerance="exact",
                test="tests/unit/methods/judged/test_backtranslation.py",
            ),
        ),
        differences={
            "prompt": "Our own wording of the five levels, which was not tried against the paper's "
            "judge. The number is read off the last line alone, and has to lie on the scale.",
            "training": "The paper's judge is the model that is being trained; `judge` may be one "
            "that was tuned on the seed rows and is served.",
        },
    )

    over_turns: Reduction = "min"
    """How the numbers of several turns become one."""

    def requires(self) -> dict[str, Any]:
        """Return what the judge says."""
        return {"judged": self.judgments("humback")}

    def score(self, *, judged: Judged) -> FloatArray:
        """Return the number. Shape (n,), in [1, 5]."""
        return judged.reduced("score", self.over_turns)

    def default_rule(self) -> Rule:
        """Return the cut-off: what is nearer to 5 than to 4."""
        return Rule(at_least=4.5)
