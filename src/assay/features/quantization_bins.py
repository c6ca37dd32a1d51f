"""The bins of Dataset Quantization: costly, and the same for every budget."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.components.base import Component, NoPaper, Paper
from assay.components.component import AnyFeature
from assay.features.embeddings import Embeddings
from assay.features.neighbors import vector_width
from assay.features.passes import PoolFeature
from assay.pool.view import PoolView
from assay.random_numbers import row_uniform
from assay.runtime import Runtime
from assay.samples import IdArray, IndexArray
from assay.solvers.graph_cut import PICK_WORK
from assay.solvers.quantization import Bins, quantization_bins
from assay.values import Matrix

PART_ROWS = 200_000
"""Pools above this size are divided in parts, as the work grows with the square of the rows."""


class QuantizationBins(PoolFeature):
    """Equal bins of rows, each filled by the greedy graph cut of what earlier bins left.

    Early bins are most like the pool, late ones lie at its rim. Every row in view takes part, so
    a selector asks for the bins of the rows that it may choose, and of no other. A pool of more
    than `part_rows` rows is first divided at random into parts, and each of these into bins: an
    approximation, as a bin then is like its part.
    """

    name = "quantization_bins"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Dataset Quantization",
        authors="Zhou, Wang, Gu, Peng, Lian, Zhang, You and Feng",
        year=2023,
        arxiv="2308.10524",
    )

    vectors: AnyFeature = Embeddings()
    """Vectors whose cosine is the similarity."""
    bins: Annotated[int, Field(ge=1)] = 10
    """Number of bins."""
    trade_off: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    """Weight of likeness to the pool against unlikeness to the rows taken."""
    part_rows: Annotated[int, Field(ge=1)] = PART_ROWS
    """Most rows that are divided into bins as one."""
    seed: int = 0
    """Seed of the division into parts."""

    def requires(self) -> Mapping[str, Component]:
        """Return the vectors of all rows that those in view are chosen from."""
        return {"vectors": self.vectors.at(self.drawn_from)}

    def operations(self, rows: int, runtime: Runtime) -> float:
        """Return about half the products of all pairs in a part: most pairs never meet."""
        return float(rows) * min(rows, self.part_rows) * vector_width(self.vectors, runtime)

    def work(self, rows: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of the products, and of the picks, of which every row is one."""
        return self.operations(rows, runtime) + PICK_WORK * rows

    def memory(self, rows: int, runtime: Runtime) -> float:
        """Return the bytes of a part's vectors, three times in float32, and of the bins."""
        part = min(rows, self.part_rows)
        return 12.0 * part * vector_width(self.vectors, runtime) + 16.0 * rows

    def compute(self, view: PoolView, runtime: Runtime, *, vectors: Matrix) -> Bins:
        """Return the bin of every row in view; rows without a vector are in none."""
        positions = view.positions
        known = np.flatnonzero(vectors.reason[positions] == 0)
        rows = positions[known]
        everything = len(rows) == len(vectors)
        found = quantization_bins(
            vectors.array if everything else vectors.array[rows],
            self.bins,
            trade_off=self.trade_off,
            parts=self._parts(view.ids[known]),
            progress=runtime.stages,
        )
        labels, ranks = np.full(len(view), -1), np.full(len(view), -1)
        labels[known], ranks[known] = found.labels, found.ranks
        return Bins(labels, ranks, found.sizes)

    def _parts(self, ids: IdArray) -> list[IndexArray] | None:
        """Return the rows of each part, of nearly equal size; None for a single one."""
        count = -(-len(ids) // self.part_rows)
        if count <= 1:
            return None
        number = row_uniform(ids, seed=self.seed, purpose=self.name)
        order = np.argsort(number, kind="stable")
        return [np.sort(part) for part in np.array_split(order, count)]

    def unpack(self, arrays: Mapping[str, NDArray[Any]]) -> Bins:
        """Return the bins that were stored."""
        return Bins(*(arrays[field] for field in Bins._fields))
