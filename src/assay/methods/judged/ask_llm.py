"""Ask-LLM: how sure a model is that a row is worth learning from."""

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.guide import Comparison, Guide
from assay.components.references import DType
from assay.components.rendering import Rendering
from assay.features.judgments import Judged
from assay.features.made_models import ModelRef
from assay.features.word_probabilities import BARE, WordProbabilities
from assay.judging.prompts import VERDICT
from assay.judging.row_questions import Turns
from assay.methods.judged.asked import Asked
from assay.samples import FloatArray, Reason, Scores
from assay.values import Numbers


class AskLLM(Asked):
    """The probability of "yes" when a model is asked whether a row is worth learning from.

    Where probabilities are told it is P(yes) / (P(yes) + P(no)). In words or by a schema it is 1 or
    0, and nearly all rows tie. A `model` that is named is asked itself, in one forward per row and
    without a server; else it is a judge.
    """

    name = "ask_llm"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="How to Train Data-Efficient LLMs", authors="Sachdeva et al.", year=2024,
        arxiv="2402.09668",
    )  # fmt: skip
    guide: ClassVar[Guide | None] = Guide(
        formula="score = P(yes) / (P(yes) + P(no))",
        choose="For a cheap judgment: one token of reply, or none of a `model` of your own; "
        "`--set model=FOLDER --set rendering.template=chat` asks one that was tuned to chat.",
        avoid="With a server that does not tell probabilities, or a model that was not tuned to "
        "answer: rows at which it would rather say something else have no number.",
        compared=(
            Comparison(
                against="replies written by hand",
                compared="score and reason of each",
                tolerance="1e-9",
                test="tests/unit/methods/judged/test_ask_llm.py",
            ),
            Comparison(
                against="transformers, one row at a time",
                compared="the probability that a tiny chat model and a tiny base model say yes",
                tolerance="1e-5",
                test="tests/unit/methods/judged/test_ask_llm_model.py",
            ),
        ),
        differences={
            "model": "None is named by default, and a judge is asked; a `model` in process is "
            "asked by a question of its own.",
            "prompt": "Our own wording, which was not tried against the paper's model.",
            "score": "Normalised by the probability of both words; where both together have less "
            "than 0.9 (of a `model`: than `least_coverage`), the row has no number.",
        },
    )

    turns: Turns = "last"
    """The whole conversation is shown, so it is judged once."""
    model: ModelRef = ""
    """Causal language model that is asked itself, in place of a judge: a folder with safetensors,
    org/name, or one that is tuned on the way."""
    words: tuple[str, str] = ("yes", "no")
    """Of such a model: what it says for yes and for no, each one token of it."""
    rendering: Rendering = BARE
    """Of such a model: what stands around the question, limit and context token."""
    dtype: DType = "float32"
    """Number format of such a model."""
    least_coverage: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Of such a model: least probability, of all that it might say next, that has to fall on both
    words; a row with less has no number."""

    @property
    def idle(self) -> frozenset[str]:
        """Which of judge and model is not read."""
        return frozenset({"judge" if self.model else "model"})

    def requires(self) -> dict[str, Any]:
        """Return what the judge says, or the model."""
        if not self.model:
            return {"judged": self.judgments("ask_llm")}
        return {
            "told": WordProbabilities(
                model=self.model,
                question="ask_llm",
                words=self.words,
                spaced=True,
                rendering=self.rendering,
                dtype=self.dtype,
            )
        }

    def score(
        self, *, judged: Judged | None = None, told: Numbers | None = None
    ) -> FloatArray | Scores:
        """Return the probability. Shape (n,), in [0, 1]."""
        if judged is not None:
            return judged.reduced(VERDICT)
        assert told is not None  # noqa: S101  one of both is required
        elsewhere = (told.reason == 0) & (told["coverage"] < self.least_coverage)
        reason = np.where(elsewhere, np.uint8(Reason.PARSE_FAILED), told.reason)
        return Scores(np.where(elsewhere, np.nan, told[self.words[0]]), reason)
