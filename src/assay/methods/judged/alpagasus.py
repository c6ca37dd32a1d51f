"""AlpaGasus: what a judge says of an answer, from 0 to 5."""

from typing import Any, ClassVar, Literal

from assay.components.base import NoPaper, Paper
from assay.components.guide import Comparison, Guide
from assay.components.rule import Rule
from assay.features.judgments import Judged, Reduction
from assay.methods.judged.asked import Asked
from assay.samples import FloatArray


class AlpaGasus(Asked):
    """The judge's number from 0 to 5 for one quality of a row's answer; the paper keeps 4.5 and up.

    Where the judge tells probabilities, the number is the expectation over its labels and hardly
    ever ties. In words it is one of eleven, and a budget cuts through rows that share it: which of
    them are taken is told with the selection. Of several turns the worst counts.
    """

    name = "alpagasus"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="AlpaGasus: Training A Better Alpaca with Fewer Data",
        authors="Chen et al.",
        year=2024,
        arxiv="2307.08701",
        code="https://github.com/gpt4life/alpagasus",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="score = judge(instruction, input, response) in [0, 5]; keep score >= 4.5",
        choose="To leave out answers that are wrong or unhelpful, with a judge that can tell.",
        avoid="With a judge that was not tried on rows whose quality you know. Judges reward the "
        "qualities that they are asked for: the authors' own ratings by accuracy choose short "
        "answers, those by helpfulness long ones.",
        compared=(
            Comparison(
                against="replies written by hand",
                compared="score and reason of each, and the selection, worked out beside them",
                tolerance="exact",
                test="tests/unit/methods/judged/test_alpagasus.py",
            ),
            Comparison(
                against="the authors' histogram of ratings",
                compared="rows kept at 4.5 and 4.0, and above 4.5",
                tolerance="exact",
                test="tests/unit/methods/judged/test_alpagasus.py",
            ),
        ),
        differences={
            "prompt": "Our own wording, which was not tried against the paper's judge; data stand "
            "between fences. The paper asks for a number on the first line; that is the mode "
            "`text`.",
            "failures": "A reply without a number is a failure with a reason. The published code "
            "writes -1, and reads 'Score:4.5' as 4.",
        },
    )

    dimension: Literal["accuracy", "helpfulness"] = "accuracy"
    """Quality that is judged; the paper's is accuracy."""
    over_turns: Reduction = "min"
    """How the numbers of several turns become one."""

    def requires(self) -> dict[str, Any]:
        """Return what the judge says."""
        return {"judged": self.judgments("alpagasus", self.dimension)}

    def score(self, *, judged: Judged) -> FloatArray:
        """Return the number. Shape (n,), in [0, 5]."""
        return judged.reduced(self.dimension, self.over_turns)

    def default_rule(self) -> Rule:
        """Return the paper's cut-off."""
        return Rule(at_least=4.5)
