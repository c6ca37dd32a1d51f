"""DEITA's filter: the best rows first, each unlike all that were taken before."""

from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from assay.components.base import NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import AnyFeature, AnyScorer, Selector
from assay.components.example_rows import MOON, MOON_REWORDED, SOUP
from assay.components.guide import Comparison, Example, Guide
from assay.errors import ConfigError
from assay.features.embeddings import Embeddings
from assay.features.neighbors import vector_width
from assay.methods.judged.deita import Deita
from assay.runtime import Runtime
from assay.samples import Reason, Scores, Selection
from assay.solvers.ordered_filter import ordered_filter
from assay.solvers.ranks import best_first
from assay.values import Matrix

_PER_ROW = 3e5


class DeitaFilter(Selector):
    """The best rows of a score, leaving out each that is too similar to one taken before.

    Rows come in the score's order, equal ones by id. A row is taken if its largest cosine to the
    rows taken so far is at most `threshold`, until the budget is full; a budget of 100 % goes
    through the whole pool. Rows left out for their similarity are near-duplicates; rows that
    come after the budget is full are merely not chosen. A row whose vector is zero is similar to
    nothing, so it is taken; its flag tells which rows these are.
    """

    name = "deita_filter"
    paper: ClassVar[Paper | NoPaper] = Deita.paper
    guide: ClassVar[Guide | None] = Guide(
        formula="walk down the score; take x if max over s in S of cos(x, s) <= threshold",
        choose="To take the best rows of a score that you trust, without near copies among them.",
        avoid="With a score that is mostly noise, or to represent the pool: what has a low score "
        "is never looked at.",
        compared=(
            Comparison(
                against="the authors' code",
                compared="rows kept of 200, in order: thresholds 0.9 and 0.7; batches of 3 and 8 "
                "by `mode=reference`",
                tolerance="exact",
                test="tests/parity/test_published_code.py",
            ),
            Comparison(
                against="the rule written out",
                compared="300 rows with near copies, in batches and without",
                tolerance="exact",
                test="tests/unit/solvers/test_ordered_filter.py",
            ),
        ),
        differences={
            "score": "That of `deita`, as in the paper, unless another one is named.",
            "encoder": "The embedded one unless other vectors are named, where the paper takes a "
            "causal language model's state at the last token (`hidden_states` with "
            "`pooling=last`).",
            "ties": "Equal scores are ordered by id.",
            "batches": "The published code goes through batches and compares a row also with rows "
            "of its own batch that were themselves left out, which `mode=reference` "
            "repeats; its other metric, which keeps what is alike, is left out.",
        },
        example=Example(
            rows=(MOON, MOON_REWORDED, SOUP),
            parameters={"by": "longest_response", "threshold": 0.8, "budget": 3},
            shows={"length": "by", "cos": "vectors.cosine"},
            reading="Rows are walked through by their score. One whose cosine with a row taken "
            "before is above the threshold is left out.",
        ),
    )

    by: AnyScorer = Deita()
    """Score that ranks the rows; the paper's, whose two scorers have to be named, by default."""
    vectors: AnyFeature = Embeddings()
    """Vectors whose cosine is the similarity."""
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Largest cosine to a row taken before that is tolerated."""
    mode: Literal["canonical", "reference"] = "canonical"
    """Compare with rows taken alone, or besides with all earlier rows of a batch."""
    batch_size: Annotated[int, Field(ge=1)] = 1
    """Rows per batch in mode=reference; 1 gives what canonical gives."""

    @model_validator(mode="after")
    def _batches(self) -> Self:
        if self.mode == "canonical" and self.batch_size > 1:
            raise ConfigError(
                f"{self.name}: batch_size={self.batch_size} has no meaning in mode=canonical",
                hint="mode: reference, or leave batch_size out",
            )
        return self

    def operations(self, rows: int, count: int, runtime: Runtime) -> float:
        """Return the products of every row with every pick; a budget soon full takes fewer."""
        return 2.0 * rows * count * vector_width(self.vectors, runtime)

    def work(self, rows: int, count: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of the products, and of the rows that are met."""
        return 2.0 * self.operations(rows, count, runtime) + _PER_ROW * rows

    def select(
        self, allowance: Allowance, rng: np.random.Generator, *, by: Scores, vectors: Matrix
    ) -> Selection:
        """Return the rows taken, best first. Gains are the scores themselves."""
        order = best_first(by, self.by.sign)
        found = ordered_filter(
            vectors.array,
            order,
            # As it was asked for: a walk that meets no more rows than that has exhausted them.
            replace(allowance.candidates(), count=allowance.count),
            threshold=self.threshold,
            batch_size=self.batch_size,
        )
        # Whether a row is taken depends on the rows before it alone, in batches too.
        return Selection(
            found.kept,
            by.values[found.kept],
            nested=True,
            stop=found.stop,
            gain_unit="score",
            rejected={Reason.NEAR_DUPLICATE: found.rejected},
        )
