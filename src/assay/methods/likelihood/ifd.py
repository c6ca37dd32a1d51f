"""IFD: how much of an answer's difficulty is left when the instruction is known."""

from typing import ClassVar

import numpy as np

from assay.components.component import NoPaper, Paper
from assay.components.guide import Example, Guide
from assay.components.rendering import CHERRY, Rendering
from assay.components.rule import Rule
from assay.methods.likelihood.likelihood import (
    AGAINST_PLAIN_LOOP,
    AGAINST_PUBLISHED_COUNTS,
    PromptComparison,
    against_prompt,
)
from assay.samples import Scores
from assay.values import LogProbs


class IFD(PromptComparison):
    """Instruction-following difficulty: mean loss of the answer given the prompt over alone.

    Near 0 the prompt all but says the answer; near 1 it hardly helps, so there is something to
    learn. Above 1 it misleads, and the paper leaves those rows out.
    Differs from the reference: one rendering shared with the other likelihood methods, the same
    tokens scored both ways, all assistant turns of a conversation, and no row in silence. The
    paper first tunes the model briefly; here it is taken as it is, as the authors' second version
    does.
    """

    name: ClassVar[str] = "ifd"
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
            AGAINST_PUBLISHED_COUNTS,
            AGAINST_PLAIN_LOOP,
        ),
        differences={
            "model": "`assay:lm` unless another is named; the published code takes a LLaMA.",
            "budget": "A percentage is one of the whole pool; the published code takes its share "
            "of the rows that pass its cut-off.",
        },
        example=Example(
            rows=(
                (
                    "Name the capital of France and the river that runs through it.",
                    "Paris; the Seine. It rises in Burgundy and reaches the Channel at Le Havre.",
                ),
                (
                    "Repeat this sentence: the river Seine runs through the city of Paris.",
                    "The river Seine runs through the city of Paris.",
                ),
                (
                    "Why do we always see the same side of the moon?",
                    (
                        "Because it turns once around itself in the time it takes to go around the "
                        "earth."
                    ),
                ),
            ),
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
