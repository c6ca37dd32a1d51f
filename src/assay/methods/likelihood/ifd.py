"""IFD: how much of an answer's difficulty is left when the instruction is known."""

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.component import Chosen
from assay.components.example_rows import CAPITAL, MOON, REPEATED
from assay.components.guide import Example, Guide
from assay.components.rendering import CHERRY, Rendering
from assay.components.rule import Rule
from assay.features.hidden_states import HiddenStates
from assay.features.made_models import ModelRef
from assay.methods.likelihood.likelihood import (
    AGAINST_PLAIN_LOOP,
    AGAINST_PUBLISHED_COUNTS,
    PromptComparison,
    against_authors,
    against_prompt,
)
from assay.methods.likelihood.perplexity import Perplexity
from assay.methods.pipelines.cluster_band import ClusterBand
from assay.models.recipe import Recipe
from assay.samples import Scores
from assay.tuning.tuned_model import TunedModel
from assay.values import LogProbs

BRIEFLY = Recipe(weights="full", epochs=1, max_length=512)
"""One epoch as the paper trains: rate 2e-5, batches of 128, 512 tokens."""


class IFD(PromptComparison):
    """Instruction-following difficulty: mean loss of the answer given the prompt over alone.

    Near 0 the prompt all but says the answer; near 1 it hardly helps, so there is something to
    learn. Above 1 it misleads, and the paper leaves those rows out.
    """

    name = "ifd"
    version: ClassVar[int] = 2
    prefer = "high"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="From Quantity to Quality: Boosting LLM Performance with Self-Guided Data Selection "
        "for Instruction Tuning",
        authors="Li et al.",
        year=2024,
        arxiv="2308.12032",
        code="https://github.com/tianyi-lab/Cherry_LLM",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="score = l(A | Q) / l(A)\n"
        "l(A | Q) = -(1/N) sum_t log p(a_t | Q, a_<t)\n"
        "l(A) = -(1/N) sum_t log p(a_t | a_<t)",
        choose="To find answers that their instruction hardly helps a model to write, where two "
        "passes of a model over the pool can be paid for.",
        avoid="For answers of a few tokens, whose mean is noise, and with the embedded model on "
        "rows of a language or subject that it does not know: `assay agree` tells whether a "
        "small model is good enough.",
        compared=(
            against_authors("512 and 256"),
            AGAINST_PUBLISHED_COUNTS,
            AGAINST_PLAIN_LOOP,
        ),
        differences={
            "model": "`assay:lm` unless another is named. The paper reads with the model that is "
            "to be tuned, LLaMA 7B, and its second version with LLaMA 2 of 7B and 13B.",
            "phases": "The paper first tunes that model briefly on rows of every cluster. That is "
            "`phases=full`; by default the model is taken as it is, as in the second version.",
            "brief experience": "Clusters and perplexities come from the forward that also scores, "
            "rows of a cluster are taken in order of id, and training is that of `tune`.",
            "tokens": "One rendering of 2,048 tokens is shared with the other likelihood methods, "
            "the same tokens are scored given the prompt and alone, and all assistant turns count.",
            "reference mode": "`mode=reference` counts tokens as the published code does: prompt "
            "and answer are one text, the template's marker stands before the answer alone, the "
            "limit is 512 tokens, and alone it is 512 less the prompt's tokens and 4 more (6 for "
            "Vicuna's marker), so an answer that is cut can have fewer tokens alone.",
            "no number": "Even then a row that asks nothing has EMPTY_PROMPT in place of a number "
            "near 1, and one whose prompt fills the limit has NO_SCORED_TOKENS.",
            "budget": "A percentage is one of the whole pool; the published code takes its share "
            "of the rows that pass its cut-off.",
        },
        example=Example(
            rows=(CAPITAL, REPEATED, MOON),
            shows={
                "l(A | Q)": "conditioned.loss",
                "l(A)": "alone.loss",
                "tokens": "conditioned.tokens",
            },
            reading="The score is the first column over the second. The question of B holds its "
            "answer, which leaves the model little to guess, so B is easy; the score of an "
            "answer that its question helps less is nearer to one.",
        ),
    )

    published: ClassVar[Rendering] = CHERRY

    phases: Literal["score", "full"] = "score"
    """"full" first tunes the model on some rows of every cluster, and reads with what that is."""
    experience: Recipe = BRIEFLY
    """How the model is tuned in that first phase: by default one epoch of all weights."""
    clusters: Annotated[int, Field(ge=1)] = 100
    """Clusters of the first phase."""
    each: Annotated[int, Field(ge=1)] = 10
    """Rows of each cluster that the first phase tunes on."""

    def reader(self) -> ModelRef:
        """Return the model as it is named, or what it is after a brief experience."""
        if self.phases == "score":
            return self.model
        read = {"model": self.model, "rendering": self.used_rendering(), "dtype": self.dtype}
        some_of_all = ClusterBand(
            by=Perplexity(**read, target="prompt"),
            vectors=HiddenStates(**read, over="prompt", raw=True),
            clusters=self.clusters,
            each=self.each,
        )
        return TunedModel(base=self.model, recipe=self.experience, dataset=Chosen(by=some_of_all))

    def score(self, *, conditioned: LogProbs, alone: LogProbs) -> Scores:
        """Return the ratio of losses. Shape (n,), positive."""
        loss, loss_alone = -conditioned.mean(), -alone.mean()
        ratio = np.divide(
            loss, loss_alone, out=np.full(len(loss), np.nan), where=loss_alone > 0
        )  # fmt: skip
        return against_prompt(ratio, conditioned, alone)

    def default_rule(self) -> Rule:
        """Return the paper's cut-off: a prompt that makes the answer less likely misleads."""
        return Rule(at_most=1.0)
