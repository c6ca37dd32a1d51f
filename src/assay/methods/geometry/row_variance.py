"""Row variance: how far a row lies from the middle of all, where rows vary most."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import AnyFeature, Scorer
from assay.components.guide import Comparison, Guide
from assay.features.embeddings import Embeddings
from assay.samples import Reason, Scores
from assay.solvers.principal_energy import principal_energy
from assay.values import Matrix

LIFT = Paper(
    title="Rethinking the Instruction Quality: LIFT is What You Need",
    authors="Xu et al.",
    year=2023,
    arxiv="2312.11508",
)


class RowVariance(Scorer):
    """Mean square of a row's principal coordinates: its distance from the middle of all rows.

    Columns are centred, then the coordinates along the directions of largest variance are taken. A
    row without words has no vector, and no number.
    """

    name = "row_variance"
    rowwise: ClassVar[bool] = False
    paper: ClassVar[Paper | NoPaper] = LIFT
    guide: ClassVar[Guide | None] = Guide(
        formula="score = (z_1^2 + ... + z_k^2) / k\n"
        "z: coordinates of x - mean along the k leading principal directions",
        choose="To prefer rows that say something else than most, as LIFT does before it looks at "
        "quality.",
        avoid="As the only score: what lies far out is rare, and often broken or all of one kind. "
        "Of 5 % of Dolly's 15,011 rows, 229 of 750 ask which of two instruments is a string "
        "instrument, and hardly more do so in the whole pool, 277. To cover a pool, where "
        "`k_center` does not take ten rows of one odd kind.",
        compared=(
            Comparison(
                against="a singular value decomposition by NumPy",
                compared="200 vectors, 3 and all directions, and as many as explain 95 %",
                tolerance="1e-8 absolute",
                test="tests/unit/solvers/test_principal_energy.py",
            ),
        ),
        differences={
            "formula": "The paper has no published code and speaks of the variance of a row. Of a "
            "vector of unit length that would be 1/d minus its squared mean, which says nothing; "
            "and about the mean of principal coordinates it would depend on their signs, which "
            "are arbitrary. So it is their mean square.",
            "encoder": "The embedded one unless other vectors are named; brought to unit length.",
            "directions": "32 of them, a choice of ours.",
        },
    )

    vectors: AnyFeature = Embeddings()
    """Vectors that are looked at."""
    components: Annotated[int, Field(ge=1)] | None = 32
    """Principal directions; none for as many as explain a share of the variance."""
    explained: Annotated[float, Field(gt=0, le=1)] = 0.95
    """That share."""

    def requires(self) -> dict[str, Component]:
        """Return the vectors."""
        return {"vectors": self.vectors}

    def score(self, *, vectors: Matrix) -> Scores:
        """Return the mean square. Shape (n,), not negative; NaN without a vector (NO_WORDS)."""
        whole = vectors.rows(slice(None))
        known = (vectors.reason == 0) & whole.any(axis=1)
        values = principal_energy(
            whole, np.flatnonzero(known), components=self.components, explained=self.explained
        )
        return Scores(values, np.where(known, 0, Reason.NO_WORDS).astype(np.uint8))
