"""Superfiltering: how little the instruction helps a small model write the answer."""

from typing import ClassVar

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.components.example_rows import CAPITAL, MOON, REPEATED
from assay.components.guide import Example, Guide
from assay.components.rendering import SUPERFILTERING, Rendering
from assay.components.rule import Rule
from assay.methods.likelihood.likelihood import (
    AGAINST_PLAIN_LOOP,
    AGAINST_PUBLISHED_COUNTS,
    PromptComparison,
    against_authors,
    against_prompt,
)
from assay.samples import Scores
from assay.values import LogProbs


class Superfiltering(PromptComparison):
    """Perplexity of the answer given the prompt over its perplexity alone, by a small model.

    Near 1: the prompt hardly helps, so there is something to learn. Above 1 it misleads; the
    paper leaves those rows out. Another order than IFD's ratio of losses, with the same boundary.
    """

    name = "superfiltering"
    prefer = "high"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Superfiltering: Weak-to-Strong Data Filtering for Fast Instruction-Tuning",
        authors="Li et al.",
        year=2024,
        arxiv="2402.00530",
        code="https://github.com/tianyi-lab/Superfiltering",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="score = PPL(A | Q) / PPL(A) = exp(l(A | Q) - l(A))\n"
        "l: mean loss per token of the answer, after the prompt and alone",
        choose="In place of IFD, where the model is small: it is the measure that the authors use "
        "with a small model.",
        avoid="For answers of a few tokens, whose mean is noise. It orders rows "
        "otherwise than `ifd` does; the two agree on who is above 1. With a model as small as "
        "`assay:lm` for stories: its rule left 76 of 800 rows of Dolly out, with answers of 560 "
        "characters in the median where the pool has 179, and among them 8 of 33 of creative "
        "writing.",
        compared=(
            against_authors("512 and 128"),
            AGAINST_PUBLISHED_COUNTS,
            AGAINST_PLAIN_LOOP,
        ),
        differences={
            "model": "`assay:lm` unless another is named; the paper reads with GPT-2 of 124M "
            "parameters (`--model gpt2`).",
            "tokens": "One rendering, Alpaca's wording and 2,048 tokens, is shared with the other "
            "likelihood methods; the published code has no wording, 1,024 tokens, and no loss for "
            "the first token alone. All assistant turns count.",
            "arithmetic": "In logarithms, so that no perplexity overflows.",
            "reference mode": "`mode=reference` counts tokens as the published code does.",
            "no number": "Even then a row that cannot be scored has a reason and not 0, and one "
            "that asks nothing has EMPTY_PROMPT.",
            "budget": "A percentage is one of the pool at hand; the published code takes it of "
            "52,002 rows, whatever the data.",
        },
        example=Example(
            rows=(CAPITAL, REPEATED, MOON),
            shows={"PPL(A | Q)": "conditioned.perplexity", "PPL(A)": "alone.perplexity"},
            reading="The score is the first column over the second: the exponential of a "
            "difference of losses, where IFD is their ratio.",
        ),
    )

    published: ClassVar[Rendering] = SUPERFILTERING

    def score(self, *, conditioned: LogProbs, alone: LogProbs) -> Scores:
        """Return the ratio of perplexities. Shape (n,), positive."""
        return against_prompt(np.exp(alone.mean() - conditioned.mean()), conditioned, alone)

    def default_rule(self) -> Rule:
        """Return the paper's cut-off: a prompt that makes the answer less likely misleads."""
        return Rule(below=1.0)
