"""LIFT's curation: the rows that vary most, of these the ones of highest quality."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.components.base import Component, NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import AnyFeature, AnyScorer, Selector
from assay.components.guide import Comparison, Guide
from assay.features.embeddings import Embeddings
from assay.methods.geometry.row_variance import LIFT, RowVariance
from assay.samples import Reason, Scores, Selection
from assay.solvers.ranks import best_first

_ROUNDING = 1e-9


class Lift(Selector):
    """The best rows by a quality, of the share of the rows that lies farthest from the middle.

    The share is one of the rows that may be chosen, so leave out copies before it is taken
    (`within` a deduplication). Where it holds fewer rows than the budget, all of it is chosen.
    """

    name = "lift"
    paper: ClassVar[Paper | NoPaper] = LIFT
    guide: ClassVar[Guide | None] = Guide(
        formula="V: the share r of the rows with the largest row_variance\n"
        "choose rows of V by descending quality",
        choose="Where a pool holds many rows of one kind and a judge has scored quality, such as "
        "`lift_quality` of several scores.",
        avoid="With an odd or a broken minority, such as a template that many rows share: it lies "
        "far from the middle, and the share is made of it (`row_variance` has a figure). Without a "
        "look at what the share leaves out.",
        compared=(
            Comparison(
                against="both steps written out",
                compared="40 rows with copies, shares and budgets",
                tolerance="exact",
                test="tests/unit/methods/pipelines/test_lift.py",
            ),
        ),
        differences={
            "expansion": "The paper first lets a language model write harder rows; here the rows "
            "are those at hand, whoever wrote them.",
            "share": "One of the rows that may be chosen, a fifth unless told.",
            "variance": "As `row_variance` says: after centring, along the leading directions.",
            "quality": "Any score; ties go by id.",
            "encoder": "The embedded one unless other vectors are named.",
        },
    )

    by: AnyScorer
    """Quality that ranks the rows which are left."""
    vectors: AnyFeature = Embeddings()
    """Vectors whose variance is looked at."""
    components: Annotated[int, Field(ge=1)] | None = 32
    """Principal directions; none for as many as explain 95 % of the variance."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Share of the rows that is left for quality, at least one row."""

    def requires(self) -> dict[str, Component]:
        """Return quality and variance."""
        variance = RowVariance(vectors=self.vectors, components=self.components)
        return {"by": self.by, "variance": variance}

    def select(
        self, allowance: Allowance, rng: np.random.Generator, *, by: Scores, variance: Scores
    ) -> Selection:
        """Return the rows, best first. Gains are the quality."""
        eligible = np.flatnonzero(allowance.eligible)
        kept = max(1, int(np.ceil(self.share * len(eligible) - _ROUNDING)))
        order = eligible[np.argsort(-variance.values[eligible], kind="stable")]
        left_out = order[kept:]
        ranked = best_first(by, self.by.sign)
        chosen, stop = allowance.take(ranked[~np.isin(ranked, left_out)])
        return Selection(
            chosen,
            by.values[chosen],
            nested=True,
            stop=stop,
            gain_unit="score",
            rejected={Reason.BELOW_RULE: left_out},
        )
