"""Chance: a random number per row, and a uniform sample."""

from typing import Any, ClassVar

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import Scorer, Selector
from assay.components.example_rows import CAPITAL, MOON, SOUP
from assay.components.guide import NO_REFERENCE, Absent, Example, Guide
from assay.features.identity import Identities, Identity
from assay.random_numbers import row_uniform
from assay.samples import FloatArray, Scores, Selection


class RandomNumber(Scorer):
    """A number in [0, 1) that depends on the seed and the row alone."""

    name = "random_number"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="chance")
    guide: ClassVar[Guide | None] = Guide(
        formula="score = u(seed, id), uniform in [0, 1)",
        choose="As a part of a combination, to break ties by chance, or as a column to sort by.",
        avoid="To draw a sample: `random` does that.",
        compared=Absent(
            reason="chance has no reference value; that numbers depend on seed and row "
            "alone is tested"
        ),
        differences=NO_REFERENCE,
    )

    seed: int = 0
    """Another seed gives other numbers."""

    def requires(self) -> dict[str, Any]:
        """Return the rows' identities."""
        return {"identity": Identity()}

    def score(self, *, identity: Identities) -> FloatArray:
        """Return one uniform number per row. Shape (n,)."""
        return row_uniform(identity.ids, seed=self.seed, purpose="random")


class RandomSample(Selector):
    """A uniform random sample: the baseline that every method has to beat.

    A row's number depends on the seed and the row alone, so samples do not depend on file order or
    shards, and those of one seed are nested over budgets in rows. A budget in tokens passes over
    rows that no longer fit, which a larger one may take.
    """

    name = "random"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="chance")
    guide: ClassVar[Guide | None] = Guide(
        formula="take rows by ascending u(seed, id), uniform in [0, 1)",
        choose="Always, beside every other method: what does not beat it is not worth its price. "
        "`--seeds 3` shows how much chance alone varies.",
        avoid="Where rows of some sources are few and must not be lost: `quota` keeps their "
        "shares.",
        compared=Absent(
            reason="chance has no reference value; that samples depend on seed and "
            "rows alone is tested"
        ),
        differences=NO_REFERENCE,
        example=Example(
            rows=(CAPITAL, MOON, SOUP),
            parameters={"budget": 2},
            shows={"number": "number"},
            reading="The smallest numbers are taken. They depend on the seed and the row alone, so "
            "that a larger budget only adds rows.",
        ),
    )

    def requires(self) -> dict[str, Any]:
        """Return the random number of each row."""
        return {"number": RandomNumber(seed=self.seed)}

    def select(
        self, allowance: Allowance, rng: np.random.Generator, *, number: Scores
    ) -> Selection:
        """Return the rows with the smallest numbers."""
        chosen, stop = allowance.take(np.argsort(number.values, kind="stable"))
        return Selection(chosen, np.full(len(chosen), np.nan), nested=True, stop=stop)
