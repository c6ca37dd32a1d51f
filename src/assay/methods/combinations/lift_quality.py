"""LIFT's quality: what a judge said of a row, and how long its answer is."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from assay.components.base import Component, NoPaper, Paper
from assay.components.guide import Comparison, Guide
from assay.components.references import TokenizerRef
from assay.errors import FeatureError
from assay.features.text import token_counts
from assay.methods.combinations.combination import Combination
from assay.methods.geometry.row_variance import LIFT
from assay.samples import FloatArray, Scores
from assay.values import Numbers

_LONG = 0.95
"""Quantile of the lengths from which on an answer is as long as counts."""


class LiftQuality(Combination):
    """Weighted mean of scores as shares of their best, and a share of the length of the answer.

    The length counts by its logarithm, and no further than that of 95 of 100 answers, so that it
    cannot outweigh what was judged.
    """

    name = "lift_quality"
    paper: ClassVar[Paper | NoPaper] = LIFT
    guide: ClassVar[Guide | None] = Guide(
        formula="score = sum_i w_i s_i / best_i / sum_i w_i\n"
        "        + w min(1, log(1 + tokens) / log(1 + tokens of the 95th in 100))",
        choose="After a judge that was asked for accuracy, explanation, clarity and difficulty, or "
        "for one of them, to rank what `lift` leaves.",
        avoid="With scores whose zero means nothing, such as log-probabilities: a share of the "
        "best then means nothing either; and with one of a few huge values, such as mtld, unless "
        "`best` says where it ends: the others' shares are all small. `rank_mean` joins those.",
        compared=(
            Comparison(
                against="values worked out by hand",
                compared="two scores with weights, three lengths",
                tolerance="1e-12 absolute",
                test="tests/unit/methods/pipelines/test_lift.py",
            ),
        ),
        differences={
            "weights": "Choices of ours, not the paper's: scores weigh the same unless told, and "
            "the length a quarter of what they weigh together.",
            "judge": "Any scores, where the paper asks a language model for four. `rubric` with "
            "`prompt=lift` asks for these at once, in our own wording, and `main` says which of "
            "them is meant: four scores of one request.",
            "length": "In tokens of the answers, by estimate unless a tokenizer is named.",
        },
    )

    best: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...] = ()
    """Best number of each score's scale, in order; without it the largest that occurs."""
    length_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.25
    """What the length adds at most; the scores add 1."""
    tokenizer: TokenizerRef = ""
    """Tokenizer that counts; an estimate if empty."""

    @model_validator(mode="after")
    def _scales(self) -> Self:
        low = [scorer.name for scorer in self.of if scorer.prefer == "low"]
        if low:
            raise ValueError(f"of {low[0]} less is better, and it has no share of a best")
        if self.best and len(self.best) != len(self.of):
            raise ValueError(f"best has {len(self.best)} numbers for {len(self.of)} scores")
        return self

    def requires(self) -> dict[str, Component | Sequence[Component]]:
        """Return the scores, and the tokens where length counts."""
        needs: dict[str, Component | Sequence[Component]] = {"of": self.of}
        return needs | ({"lengths": token_counts(self.tokenizer)} if self.length_weight else {})

    def score(self, *, of: list[Scores], lengths: Numbers | None = None) -> FloatArray:
        """Return the quality. Shape (n,); at most 1 and `length_weight`, NaN where a score is.

        Raises:
            FeatureError: if no number of a score is above 0.
        """
        shares = [
            scores.values / self._best(place, scores.values) for place, scores in enumerate(of)
        ]
        quality = np.einsum("i,in->n", self.share(), np.array(shares))
        return quality if lengths is None else quality + self._length(lengths["response"])

    def _best(self, place: int, values: FloatArray) -> float:
        if self.best:
            return self.best[place]
        largest = float(np.nanmax(values)) if not np.isnan(values).all() else 1.0
        if largest <= 0:
            raise FeatureError(
                f"{self.name}: no number of {self.of[place].name} is above 0, so that none has a "
                "share of the best",
                hint="name scores with a scale from 0 upwards",
            )
        return largest

    def _length(self, tokens: Any) -> FloatArray:
        logarithms = np.log1p(np.asarray(tokens, np.float64))
        known = logarithms[~np.isnan(logarithms)]
        long = float(np.quantile(known, _LONG)) if len(known) else 0.0
        share: FloatArray = np.minimum(1.0, logarithms / long) if long > 0 else logarithms * 0.0
        return self.length_weight * share
