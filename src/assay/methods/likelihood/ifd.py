"""IFD: how much of an answer's difficulty is left when the instruction is known."""

from typing import ClassVar

import numpy as np

from assay.components.component import NoPaper, Paper
from assay.components.rendering import CHERRY, Rendering
from assay.components.rule import Rule
from assay.methods.likelihood.likelihood import PromptComparison, against_prompt
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
