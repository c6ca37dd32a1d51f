"""Dataset Quantization: bins from the core of the pool to its rim, and as much of each."""

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.components.base import Component, NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import AnyFeature, Chosen, Selector
from assay.components.guide import Comparison, Guide
from assay.errors import ConfigError
from assay.features.embeddings import Embeddings
from assay.features.identity import Identities, Identity
from assay.features.quantization_bins import PART_ROWS, QuantizationBins
from assay.methods.filters.attributes import Everything
from assay.pool.view import PoolView
from assay.random_numbers import row_uniform
from assay.samples import Selection
from assay.solvers.quantization import Bins
from assay.solvers.ranks import in_turn
from assay.values import Matrix


class DatasetQuantization(Selector):
    """The same number of rows, drawn at random, from every bin of a quantised pool.

    Bins are filled one after the other by the greedy graph cut of the rows that remain, so that
    early ones hold the core of the pool and late ones its rim. Within a bin, a row's turn depends
    on the seed and the row alone, and bins take turns: samples of one seed are nested over
    budgets in rows, and each holds as many rows of every bin, give or take one, while the bins
    last. A budget in tokens is spent in the same order, past rows that no longer fit. Bins belong
    to the rows, not to the budget, and are kept.
    """

    name = "dataset_quantization"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Dataset Quantization",
        authors="Zhou, Wang, Gu, Peng, Lian, Zhang, You and Feng",
        year=2023,
        arxiv="2308.10524",
        code="https://github.com/magic-research/Dataset_Quantization",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="bin b: floor(n / bins) rows of those left, by graph cut on those left\n"
        "draw: as many rows of every bin, by ascending u(seed, id)",
        choose="To draw a sample that holds core and rim of the pool in equal parts, whatever "
        "their density.",
        avoid="For large pools where time matters: the work grows with the square of the rows, up "
        "to `part_rows`. It does not look at quality.",
        compared=(
            Comparison(
                against="the authors' code",
                compared="members of 5 bins and of 7 with leftovers, 200 rows with copies; by "
                "`mode=reference` also how many rows each gives",
                tolerance="exact but for which of two equal rows",
                test="tests/parity/test_published_code.py",
            ),
            Comparison(
                against="the paper's sums of distances",
                compared="5 bins of 62 and of 300 rows",
                tolerance="exact",
                test="tests/unit/solvers/test_quantization.py",
            ),
        ),
        differences={
            "length": "Vectors are brought to unit length, where alone the code's sums of products "
            "are the paper's distances.",
            "encoder": "The embedded one unless other vectors are named. The published code takes "
            "text-embedding-ada-002.",
            "bins": "There are 10, as the published command line has it; its published subsets "
            "were made with 5 (`bins=5`).",
            "budget": "Rows left over by division belong to the last bin, where the reference "
            "never draws them; the budget is met, where the reference rounds down in "
            "every bin: `mode=reference` rounds down and leaves those rows out.",
            "draws": "They are seeded and nested, and other rows than numpy's draws in the "
            "published code.",
        },
    )

    vectors: AnyFeature = Embeddings()
    """Vectors whose cosine is the similarity."""
    bins: Annotated[int, Field(ge=1)] = 10
    """Number of bins; as many as rows if there are fewer."""
    trade_off: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    """Weight of likeness to the pool against unlikeness to the rows already in a bin."""
    leftovers: Literal["last_bin", "drop"] = "last_bin"
    """What becomes of the rows that remain when the pool is divided by the number of bins."""
    mode: Literal["canonical", "reference"] = "canonical"
    """Meet the budget; or take budget / bins of every bin, rounded down, and drop leftovers."""
    part_rows: Annotated[int, Field(ge=1)] = PART_ROWS
    """A larger pool is divided at random into parts of at most this size, each with its bins."""

    def requires(self) -> dict[str, Component]:
        """Return the bins of the rows that may be chosen, and what places and draws these."""
        rows = Chosen(by=Everything(within=self.within))
        bins = QuantizationBins(
            vectors=self.vectors,
            bins=self.bins,
            trade_off=self.trade_off,
            part_rows=self.part_rows,
            dataset=rows,
        )
        return {"vectors": self.vectors, "rows": rows, "bins": bins, "identity": Identity()}

    def select(
        self,
        allowance: Allowance,
        rng: np.random.Generator,
        *,
        vectors: Matrix,
        rows: PoolView,
        bins: Bins,
        identity: Identities,
    ) -> Selection:
        """Return the draws, bin by bin in turn. Gains are NaN."""
        reference = self.mode == "reference"
        labels = np.full(len(identity.ids), -1)
        drawn = bins.labels >= 0
        if reference or self.leftovers == "drop":
            drawn[drawn] = bins.ranks[drawn] < bins.sizes[bins.labels[drawn]]
        labels[rows.positions] = np.where(drawn, bins.labels, -1)
        labels[~allowance.eligible] = -1
        number = row_uniform(identity.ids, seed=self.seed, purpose=self.name)
        order, turns = in_turn(labels, number)
        if reference:
            order = order[turns < self._rows_per_bin(allowance, len(bins.sizes))]
        chosen, stop = allowance.take(order)
        if reference:
            stop = "budget"
        return Selection(chosen, np.full(len(chosen), np.nan), nested=not reference, stop=stop)

    def _rows_per_bin(self, allowance: Allowance, bins: int) -> int:
        if allowance.count is None:
            raise ConfigError(
                "mode=reference of dataset_quantization divides rows, not tokens",
                hint="give the budget in rows, or leave the mode out",
            )
        return allowance.count // max(1, bins)
