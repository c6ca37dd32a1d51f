"""Chance: a random number per row, and a uniform sample."""

from typing import Any, ClassVar

import numpy as np

from assay.components.budget import Allowance
from assay.components.component import NoPaper, Paper, Scorer, Selector
from assay.features.identity import Identities, Identity
from assay.random_numbers import row_uniform
from assay.samples import FloatArray, Scores, Selection


class RandomNumber(Scorer):
    """A number in [0, 1) that depends on the seed and the row alone."""

    name: ClassVar[str] = "random_number"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="chance")

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

    A row's number depends on the seed and the row alone, so samples of one seed are nested over
    budgets and do not depend on file order or shards.
    """

    name: ClassVar[str] = "random"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="chance")

    def requires(self) -> dict[str, Any]:
        """Return the random number of each row."""
        return {"number": RandomNumber(seed=self.seed)}

    def select(
        self, allowance: Allowance, rng: np.random.Generator, *, number: Scores
    ) -> Selection:
        """Return the rows with the smallest numbers."""
        chosen, stop = allowance.take(np.argsort(number.values, kind="stable"))
        return Selection(chosen, np.full(len(chosen), np.nan), nested=True, stop=stop)
