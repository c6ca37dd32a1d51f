"""Superfiltering: how little the instruction helps a small model write the answer."""

from typing import ClassVar

import numpy as np

from assay.components.component import NoPaper, Paper
from assay.components.rendering import SUPERFILTERING, Rendering
from assay.components.rule import Rule
from assay.methods.likelihood.likelihood import PromptComparison, against_prompt
from assay.samples import Scores
from assay.values import LogProbs


class Superfiltering(PromptComparison):
    """Perplexity of the answer given the prompt over its perplexity alone, by a small model.

    Near 1: the prompt hardly helps, so there is something to learn. Above 1 it misleads; the
    paper leaves those rows out. Another order than IFD's ratio of losses, with the same boundary.
    Differs from the reference: the model is a small one in the wheel unless another is named,
    where the paper reads with GPT-2 of 124M parameters. It is computed in logarithms, so that no
    perplexity overflows. One rendering, Alpaca's wording and 2,048 tokens, is shared with the
    other likelihood methods, where the authors' code has no wording and 1,024 tokens; the same
    tokens are scored given the prompt and alone, where their code has no loss for the first token
    alone; all assistant turns of a conversation count. A budget in percent is of the rows given,
    where their code takes it of 52,002 rows, whatever the data.
    With mode=reference tokens are counted as by the authors' code. What stays different then: a
    row that cannot be scored has a reason, not 0, and one that asks nothing has EMPTY_PROMPT.
    """

    name: ClassVar[str] = "superfiltering"
    prefer = "high"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Superfiltering: Weak-to-Strong Data Filtering for Fast Instruction-Tuning",
        authors="Li et al.",
        year=2024,
        arxiv="2402.00530",
        code="https://github.com/tianyi-lab/Superfiltering",
    )

    published: ClassVar[Rendering] = SUPERFILTERING

    def score(self, *, conditioned: LogProbs, alone: LogProbs) -> Scores:
        """Return the ratio of perplexities. Shape (n,), positive."""
        return against_prompt(np.exp(alone.mean() - conditioned.mean()), conditioned, alone)

    def default_rule(self) -> Rule:
        """Return the paper's cut-off: a prompt that makes the answer less likely misleads."""
        return Rule(below=1.0)
