"""Token statistics of answers as scores: entropy, and the rank of the true token."""

from typing import Any, ClassVar, Literal

from assay.components.base import NoPaper, Paper
from assay.components.guide import NO_REFERENCE, Comparison, Guide
from assay.features.log_probs import TokenStatistics
from assay.methods.likelihood.likelihood import LikelihoodScore
from assay.samples import FloatArray
from assay.values import Numbers


class _StatisticScore(LikelihoodScore):
    given: Literal["prompt", "nothing"] = "prompt"
    """What an answer is read after."""

    def requires(self) -> dict[str, Any]:
        """Return the statistics of the answers' tokens."""
        return {
            "statistics": TokenStatistics(
                model=self.model,
                rendering=self.used_rendering(),
                dtype=self.dtype,
                given=self.given,
            )
        }


class TokenEntropy(_StatisticScore):
    """Mean entropy, in nats, of the distributions that predict the answer's tokens.

    High where the model did not know what would come, whatever came. It does not look at the
    true token, so noise in an answer counts only by what it makes of the rest.
    """

    name = "token_entropy"
    prefer = "high"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="uncertainty sampling by predictive entropy")
    guide: ClassVar[Guide | None] = Guide(
        formula="score = (1/N) sum_t H(p(. | Q, a_<t)),  H(p) = -sum_v p(v) log p(v)",
        choose="To find questions on which a model is unsure what to say, whatever the answer in "
        "the data is.",
        avoid="To find wrong answers: it does not look at the token that came. Open tasks, such as "
        "stories, come out high by nature.",
        compared=(
            Comparison(
                against="all logits, row by row, in float64",
                compared="mean entropies with a GPT-2 and a LLaMA",
                tolerance="1e-5",
                test="tests/parity/test_causal_loop.py",
            ),
        ),
        differences=NO_REFERENCE,
    )

    def score(self, *, statistics: Numbers) -> FloatArray:
        """Return the mean entropy. Shape (n,), at least 0."""
        return statistics["entropy"]


class TokenRank(_StatisticScore):
    """Mean rank of the answer's tokens among all that could have come, 1 for the most probable.

    High where the answer is not what the model would have said.
    """

    name = "token_rank"
    prefer = "high"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a model's surprise, free of its scale")
    guide: ClassVar[Guide | None] = Guide(
        formula="score = (1/N) sum_t rank of a_t among all tokens, 1 for the most probable",
        choose="To find answers that a model would not have given, on a scale that no temperature "
        "changes.",
        avoid="Where few tokens decide: one token of rank 10,000 outweighs a hundred of rank 1.",
        compared=(
            Comparison(
                against="all logits, row by row, in float64",
                compared="mean ranks with a GPT-2 and a LLaMA",
                tolerance="exact but for tokens within 1e-5 of each other",
                test="tests/parity/test_causal_loop.py",
            ),
        ),
        differences=NO_REFERENCE,
    )

    def score(self, *, statistics: Numbers) -> FloatArray:
        """Return the mean rank. Shape (n,), at least 1."""
        return statistics["rank"]
