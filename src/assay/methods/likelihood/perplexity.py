"""Perplexity: how surprising a text is to a language model."""

from typing import Any, ClassVar, Literal

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.components.example_rows import CAPITAL, MOON, REPEATED
from assay.components.guide import Example, Guide
from assay.features.log_probs import PromptLogProbs
from assay.methods.likelihood.likelihood import AGAINST_PLAIN_LOOP, LikelihoodScore
from assay.samples import FloatArray
from assay.values import LogProbs


class Perplexity(LikelihoodScore):
    """The exponential of the mean loss per token of the answer, the prompt or both.

    Low is fluent or boilerplate, high is rare or broken; which band is best depends on the data,
    so a selection names its own (`perplexity_pruning`). On instruction data the highest do badly.
    """

    name = "perplexity"
    version: ClassVar[int] = 2
    prefer = "low"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="When Less is More: Investigating Data Pruning for Pretraining LLMs at Scale",
        authors="Marion et al.",
        year=2023,
        arxiv="2309.04564",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="score = exp(l),  l = -(1/N) sum_t log p(x_t | x_<t)\n"
        "over the tokens of the answer, of the prompt or of both (target)",
        choose="To look at data: the lowest are boilerplate, the highest broken, foreign or rare. "
        "For a selection, name a band (`perplexity_pruning`).",
        avoid="As a measure of quality to take the top or the bottom of: the ends hold "
        "boilerplate and broken rows.",
        compared=(AGAINST_PLAIN_LOOP,),
        differences={
            "text": "The perplexity is that of the answer given its prompt unless `target` and "
            "`given` say otherwise, where the paper reads whole documents.",
            "model": "`assay:lm` unless another is named.",
        },
        example=Example(
            rows=(CAPITAL, REPEATED, MOON),
            shows={"l": "response.loss", "tokens": "response.tokens"},
            reading="The score is the exponential of the mean loss. B is what its question leads "
            "one to expect.",
        ),
    )

    target: Literal["response", "prompt", "all"] = "response"
    """Tokens whose loss is meant; a prompt's include those of its template."""
    given: Literal["prompt", "nothing"] = "prompt"
    """What an answer is read after."""

    def requires(self) -> dict[str, Any]:
        """Return log-probabilities of the parts that count."""
        needs: dict[str, Any] = {}
        if self.target != "prompt":
            needs["response"] = self.log_probs("prompt" if self.target == "all" else self.given)
        if self.target != "response":
            needs["prompt"] = PromptLogProbs(
                model=self.model, rendering=self.used_rendering(), dtype=self.dtype
            )
        return needs

    def score(
        self, *, response: LogProbs | None = None, prompt: LogProbs | None = None
    ) -> FloatArray:
        """Return the perplexity. Shape (n,), at least 1."""
        if response is not None and prompt is not None:
            total, count = response.sum + prompt.sum, response.count + prompt.count
            return np.exp(-total / np.maximum(count, 1))
        part = response if response is not None else prompt
        if part is None:
            raise TypeError("perplexity of nothing")
        return np.exp(-part.mean())
