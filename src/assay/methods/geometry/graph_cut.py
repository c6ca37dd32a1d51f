"""Graph cut: rows that are like the pool, and unlike each other."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import AnyFeature, AnySelector, Selector
from assay.components.guide import Comparison, Guide
from assay.features.embeddings import Embeddings
from assay.features.neighbors import vector_width
from assay.methods.geometry.starting import start_rows
from assay.outcomes import SelectionRecord
from assay.runtime import Runtime
from assay.samples import Selection
from assay.solvers.graph_cut import PICK_WORK, graph_cut
from assay.values import Matrix

_PER_ROW = 5e5


class GraphCut(Selector):
    """Rows similar to the whole pool and dissimilar to each other: the greedy graph cut.

    A row x gains trade_off * sum of s(x, p) over the pool, minus 2 * the sum of s(x, c) over the
    rows chosen, with the cosine s. It is what fills each bin of Dataset Quantization; there,
    `trade_off` is 1. Gains turn negative as the choice grows, and the greedy goes on: it is a
    heuristic, without a bound on what it misses.
    """

    name = "graph_cut"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Dataset Quantization",
        authors="Zhou, Wang, Gu, Peng, Lian, Zhang, You and Feng",
        year=2023,
        arxiv="2308.10524",
        code="https://github.com/magic-research/Dataset_Quantization",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="take x with the largest t sum_p cos(x, p) - 2 sum over s in S of cos(x, s)\n"
        "p: rows of the pool; t: trade_off",
        choose="To take rows from the middle of the pool that are not all the same; as the step "
        "inside `dataset_quantization`.",
        avoid="For large budgets: gains turn negative, and nothing bounds what it misses.",
        compared=(
            Comparison(
                against="all similarities in float64",
                compared="order of picks among random and clustered rows",
                tolerance="exact",
                test="tests/unit/solvers/test_graph_cut.py",
            ),
            Comparison(
                against="the paper's sums of squared distances",
                compared="twice the gain, up to a constant",
                tolerance="1e-4",
                test="tests/unit/solvers/test_graph_cut.py",
            ),
            Comparison(
                against="the authors' code",
                compared="the 40 rows of its first bin, of 200",
                tolerance="exact",
                test="tests/parity/test_published_code.py",
            ),
        ),
        differences={
            "length": "Vectors are brought to unit length, where alone the similarities stand for "
            "the paper's distances.",
            "encoder": "The embedded one unless other vectors are named. The published code for "
            "instructions takes text-embedding-ada-002.",
            "ties": "No matrix is kept, and equal gains go to the lowest id.",
        },
    )

    vectors: AnyFeature = Embeddings()
    """Vectors whose cosine is the similarity."""
    trade_off: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    """Weight of likeness to the pool against unlikeness to the rows chosen."""
    start: AnySelector | None = None
    """Rows already chosen; they come first and count towards the budget."""

    def operations(self, rows: int, count: int, runtime: Runtime) -> float:
        """Return about half the products of every row with every pick: most never meet."""
        return float(rows) * count * vector_width(self.vectors, runtime)

    def work(self, rows: int, count: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of the products, of the picks, and of all rows once."""
        return self.operations(rows, count, runtime) + PICK_WORK * count + _PER_ROW * rows

    def select(
        self,
        allowance: Allowance,
        rng: np.random.Generator,
        *,
        vectors: Matrix,
        start: SelectionRecord | None = None,
    ) -> Selection:
        """Return the picks in order. Gains are sums of cosines, and may be negative."""
        return graph_cut(
            vectors.array,
            allowance.candidates(start_rows(start, allowance)),
            trade_off=self.trade_off,
        )
