"""What the scores that read a language model's likelihoods have in common."""

from typing import Any, ClassVar, Literal

import numpy as np

from assay.components.component import Scorer
from assay.components.guide import Comparison
from assay.components.references import EMBEDDED_MODEL, DType
from assay.components.rendering import COMMON, Rendering, as_published
from assay.features.log_probs import ResponseLogProbs
from assay.features.made_models import ModelRef
from assay.rendering.tokenization import Preceding
from assay.samples import Flag, FloatArray, Reason, Scores
from assay.values import LogProbs

_LEAST_LOSS = 1e-9

AGAINST_PLAIN_LOOP = Comparison(
    against="a plain loop over single rows with transformers",
    compared="mean losses of rows of one turn and of several, with a GPT-2 and a LLaMA",
    tolerance="1e-5",
    test="tests/parity/test_causal_loop.py",
)
AGAINST_PUBLISHED_COUNTS = Comparison(
    against="a loop over single rows, written from the description of the published code",
    compared="`mode=reference`: tokens counted and mean losses, at limits of 64, 128 and 256",
    tolerance="1e-5",
    test="tests/parity/test_reference_presets.py",
)


def against_authors(limits: str) -> Comparison:
    """Return what the reference mode was compared with, at some limits on the tokens."""
    return Comparison(
        against="what the authors' own code gave for 129 rows, by a model of 3.3 M parameters",
        compared="`mode=reference`: tokens counted, mean losses, scores and their order, at "
        f"limits of {limits}",
        tolerance="tokens exact, losses and scores 1e-4",
        test="tests/parity/test_authors_numbers.py",
    )


class LikelihoodScore(Scorer):
    """A score from one model under one rendering; those that agree on both share their passes."""

    extra: ClassVar[str] = "models"

    model: ModelRef = EMBEDDED_MODEL
    """Causal language model: the embedded one, a folder with safetensors, org/name such as gpt2, an
    address, or one that is made on the way."""
    rendering: Rendering = COMMON
    """Template, turns, limit and context token."""
    dtype: DType = "float32"
    """Number format of the model."""

    def used_rendering(self) -> Rendering:
        """Return the rendering; methods with a reference mode have one of their own there."""
        return self.rendering

    def reader(self) -> ModelRef:
        """Return the model that reads; methods that first train one have another here."""
        return self.model

    def log_probs(self, given: Preceding = "prompt") -> ResponseLogProbs:
        """Return the log-probabilities of the answers after their prompts, or after nothing."""
        return ResponseLogProbs(
            model=self.reader(), rendering=self.used_rendering(), dtype=self.dtype, given=given
        )


class PromptComparison(LikelihoodScore):
    """A score that compares an answer given its prompt with the answer alone.

    Subclasses set `published`, the rendering of the authors' code, and write `score`.
    """

    published: ClassVar[Rendering]

    mode: Literal["canonical", "reference"] = "canonical"
    """"reference" counts tokens as the published code does, with its template, its limit and what
    it puts before the answer alone; then the passes are its own."""

    def used_rendering(self) -> Rendering:
        """Return the rendering given, in reference mode with what the published code does."""
        if self.mode == "canonical":
            return self.rendering
        return as_published(self.rendering, self.published)

    def requires(self) -> dict[str, Any]:
        """Return the answer's log-probabilities given the prompt, and alone."""
        return {"conditioned": self.log_probs("prompt"), "alone": self.log_probs("nothing")}


def against_prompt(values: FloatArray, conditioned: LogProbs, alone: LogProbs) -> Scores:
    """Return a comparison of an answer given its prompt with the answer alone.

    Where nothing was asked there is nothing to compare: EMPTY_PROMPT. Where an answer fills the
    window so that nothing of its prompt is left, it was read alone both times: TOO_LONG. Where the
    answer alone is certain to the last digit there is nothing to divide by: ZERO_DENOMINATOR.
    """
    reason = np.zeros(len(values), np.uint8)
    reason[-alone.mean() < _LEAST_LOSS] = Reason.ZERO_DENOMINATOR
    reason[(conditioned.flags & Flag.PROMPT_LOST) != 0] = Reason.TOO_LONG
    reason[(conditioned.flags & Flag.EMPTY_PROMPT) != 0] = Reason.EMPTY_PROMPT
    return Scores(values, reason)
