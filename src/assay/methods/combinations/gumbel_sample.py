"""A sample that favours what a score prefers, as strongly as a temperature says."""

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.by_score import ByScore
from assay.components.guide import Comparison, Guide
from assay.features.identity import Identities, Identity
from assay.random_numbers import row_uniform
from assay.samples import FloatArray, Scores, Selection

_HALF_A_STEP = 2.0**-54
"""Keeps the logarithm of a random number finite where that is 0."""


class GumbelSample(ByScore):
    """Rows drawn without replacement, each with odds that grow with its score.

    The next row is always drawn with probability in proportion to exp(z / temperature) among those
    that are left, where z is the score less its mean, over its deviation; of a score that prefers
    low values the negative of that. A row's random number depends on the seed and the row alone, so
    that samples do not depend on file order, and those of one seed are nested over budgets in rows.
    """

    name = "gumbel_sample"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="QuRating: Selecting High-Quality Data for Training Language Models",
        authors="Wettig, Gupta, Malik and Chen",
        year=2024,
        arxiv="2402.09739",
        code="https://github.com/princeton-nlp/QuRating",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="take rows by descending z / t + g,  z = (score - mean) / deviation\n"
        "g = -log(-log(u(seed, id)))",
        choose="To follow a score without giving up what it does not favour: the best rows of a "
        "judge alone are alike, and its mistakes at the top all get in.",
        avoid="Where every row below a cut is known to be bad: `top_score` with a rule leaves "
        "those out. With a score that has a few huge values, where the deviation is theirs: rank "
        "it first (`rank_mean`).",
        compared=(
            Comparison(
                against="drawing one row after the other by a softmax, all orders summed",
                compared="how often each of 5 rows is among 2, over 1,500 seeds",
                tolerance="3.5 standard errors",
                test="tests/unit/methods/combinations/test_gumbel_sample.py",
            ),
        ),
        differences={
            "score": "Any score, and more than one kind of row; the paper's are of a rater that it "
            "trains on comparisons, and of documents.",
            "numbers": "Mean and deviation are those of all rows with a score, also of rows that "
            "may not be chosen, so that filters change nobody's odds. Random numbers are per row.",
            "budget": "A budget in tokens passes over rows that no longer fit; the published code "
            "stops at the first. `quota` gives every domain its share.",
        },
    )

    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 2.0
    """Near 0 it is the best rows, at large ones a uniform sample; the paper recommends 2."""
    inverse: bool = False
    """Favour what the score does not prefer, to see what it passes over."""

    def requires(self) -> dict[str, Any]:
        """Return the score and the rows' ids."""
        return {"by": self.by, "identity": Identity()}

    def select(
        self, allowance: Allowance, rng: np.random.Generator, *, by: Scores, identity: Identities
    ) -> Selection:
        """Return the rows in the order of the draw. Gains are the scores themselves."""
        sign = -self.by.sign if self.inverse else self.by.sign
        uniform = row_uniform(identity.ids, seed=self.seed, purpose=self.name)
        noise = -np.log(-np.log(uniform + _HALF_A_STEP))
        keys = sign * _standardised(by.values) / self.temperature + noise
        # Rows without a score come last, and may not be chosen anyway.
        chosen, stop = allowance.take(np.argsort(-keys, kind="stable"))
        return Selection(chosen, by.values[chosen], nested=True, stop=stop, gain_unit="score")


def _standardised(values: FloatArray) -> FloatArray:
    """Return values at mean 0 and deviation 1; all 0 where they do not differ."""
    known = values[~np.isnan(values)]
    if not len(known):
        return values
    deviation = float(known.std())
    centred = values - float(known.mean())
    return centred / deviation if deviation > 0 else centred * 0.0
