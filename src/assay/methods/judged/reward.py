"""Reward: what a reward model says of a row's answer, or of another answer to its question."""

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.component import AnyFeature, Scorer
from assay.components.guide import Comparison, Guide
from assay.components.references import DType
from assay.errors import FeatureError
from assay.features.answered import Answered
from assay.features.classification import Classification
from assay.features.made_models import ClassifierRef
from assay.models.classifier import Input
from assay.samples import FloatArray, Scores
from assay.values import Numbers


class Reward(Scorer):
    """The only number that a reward model gives, of the row's own answer or of a reply.

    With `replies` it is that of what a model replies. Where that is low the model has something to
    learn: MoDS keeps such rows beside its seeds.
    """

    name = "reward"
    extra: ClassVar[str] = "models"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="MoDS: Model-oriented Data Selection for Instruction Tuning",
        authors="Du, Zong and Zhang",
        year=2023,
        arxiv="2311.15653",
        code="https://github.com/CASIA-LM/MoDS",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="score = RM(question, answer)",
        choose="To leave out answers that a reward model finds poor, and, with `replies`, to find "
        "questions that a model cannot answer well yet.",
        avoid="Across reward models: each has a scale of its own. A threshold of one says nothing "
        "of another.",
        compared=(
            Comparison(
                against="transformers, one row at a time",
                compared="rewards of own answers, and of a tuned model's replies",
                tolerance="1e-5 relative to the largest",
                test="tests/unit/methods/judged/test_reward.py",
            ),
        ),
        differences={
            "model": "No reward model is named by default. The paper takes OpenAssistant's "
            "deberta-v3-large-v2.",
            "replies": "Greedy, of 512 tokens at most, unless their own decoding says otherwise; "
            "the published code searches with 4 beams.",
        },
    )

    model: ClassifierRef = ""
    """Reward model: a folder with safetensors, org/name, or one that is tuned on numbers."""
    replies: AnyFeature | None = None
    """Replies that are judged in place of the answers, such as `generations`."""
    input: Input = "auto"
    """How the row is read; see `classification`."""
    max_tokens: Annotated[int, Field(ge=8)] = 2048
    """Longest sequence; the model's own window if that is shorter."""
    dtype: DType = "float32"
    """Number format of the reward model."""

    def requires(self) -> dict[str, Any]:
        """Return the numbers of the rows, or of rows with replies in place of answers."""
        read = Classification(
            model=self.model, input=self.input, max_tokens=self.max_tokens, dtype=self.dtype
        )
        if self.replies is None:
            return {"found": read}
        return {"replies": self.replies, "found": read.at(Answered(by=self.replies))}

    def score(self, *, found: Numbers, replies: object = None) -> Scores | FloatArray:
        """Return the reward. Shape (n,), on the model's own scale.

        Raises:
            FeatureError: if the model has several labels, none of which is a reward.
        """
        if "reward" not in found.columns:
            raise FeatureError(
                f"{self.model} gives {', '.join(found.columns)}, and no reward",
                hint="name a reward model, which has a single label",
            )
        return np.asarray(found["reward"], np.float64)
