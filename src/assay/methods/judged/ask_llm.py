"""Ask-LLM: how sure a model is that a row is worth learning from."""

from typing import Any, ClassVar

from assay.components.base import NoPaper, Paper
from assay.components.guide import Comparison, Guide
from assay.features.judgments import Judged
from assay.judging.prompts import VERDICT
from assay.judging.row_questions import Turns
from assay.methods.judged.asked import Asked
from assay.samples import FloatArray


class AskLLM(Asked):
    """The probability of "yes" when a model is asked whether a row is worth learning from.

    Where probabilities are told it is P(yes) / (P(yes) + P(no)). In words or by a schema it is 1 or
    0, and nearly all rows tie.
    """

    name = "ask_llm"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="How to Train Data-Efficient LLMs", authors="Sachdeva et al.", year=2024,
        arxiv="2402.09668",
    )  # fmt: skip
    guide: ClassVar[Guide | None] = Guide(
        formula="score = P(yes) / (P(yes) + P(no))",
        choose="For a cheap judgment: one token of reply.",
        avoid="With a server that does not tell probabilities.",
        compared=(
            Comparison(
                against="replies written by hand",
                compared="score and reason of each",
                tolerance="1e-9",
                test="tests/unit/methods/judged/test_ask_llm.py",
            ),
        ),
        differences={
            "prompt": "Our own wording, which was not tried against the paper's model.",
            "score": "Normalised by the probability of both words; where both together have less "
            "than 0.9, the row has no number.",
        },
    )

    turns: Turns = "last"
    """The whole conversation is shown, so it is judged once."""

    def requires(self) -> dict[str, Any]:
        """Return what the judge says."""
        return {"judged": self.judgments("ask_llm")}

    def score(self, *, judged: Judged) -> FloatArray:
        """Return the probability. Shape (n,), in [0, 1]."""
        return judged.reduced(VERDICT)
