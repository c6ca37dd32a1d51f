"""Log-determinant: rows that span the largest volume, weighed by their quality (a greedy DPP)."""

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import AnyFeature, AnyScorer, AnySelector, Selector
from assay.components.guide import Comparison, Guide
from assay.features.embeddings import Embeddings
from assay.features.neighbors import vector_width
from assay.methods.geometry.starting import start_rows
from assay.outcomes import SelectionRecord
from assay.runtime import Runtime
from assay.samples import FloatArray, Scores, Selection
from assay.solvers.log_det import LogDetOptions, log_det, median_distance
from assay.solvers.ranks import rank_share
from assay.values import Matrix

# Share of the products that are ever made: most rows never come near the top.
_MET = 0.3
# Operations of a matrix product that take as long as a pick, by the square of the vectors' width.
_PER_PICK = 8000.0


class LogDet(Selector):
    """Rows whose similarity matrix has the largest determinant: diverse, and good if asked for.

    The greedy of a determinantal point process with L = diag(q) (K + ridge I) diag(q). K is the
    cosine of vectors, or exp(-|x - y|^2 / (2 bandwidth^2)); q is the rank of `quality` as a share
    in (0, 1], to the power of `quality_weight`, or 1. A pick gains the log of what it multiplies
    det(L) by.

    Without `quality` all first picks gain the same, so the lowest id opens. A copy of a chosen row
    gains about log(2 ridge), which is less than any row gains that points anywhere new. With
    ``kernel=cosine`` no row does once as many are chosen as the vectors have dimensions: from there
    on all gains are small, and copies come in between.
    """

    name = "log_det"
    paper: ClassVar[Paper | NoPaper] = Paper(
        title="Diversity Measurement and Subset Selection for Instruction Tuning Datasets",
        authors="Wang, Shen, Guo, Stallone, Kim, Golland and Panda",
        year=2024,
        arxiv="2402.02318",
    )
    guide: ClassVar[Guide | None] = Guide(
        formula="take x with the largest log det(L_S+x) - log det(L_S)\n"
        "L = diag(q) (K + ridge I) diag(q),  K: cosine or exp(-|x-y|^2 / (2 h^2))",
        choose="For small budgets that should be as diverse as possible: up to about as many rows "
        "as the vectors have dimensions.",
        avoid="Beyond that number with `kernel=cosine`: no row has a new direction any more, and "
        "copies are no worse than others.",
        compared=(
            Comparison(
                against="determinants by numpy, anew for every candidate",
                compared="picks and gains of 40 rows, both kernels, with and without quality",
                tolerance="exact; gains 1e-6",
                test="tests/unit/solvers/test_log_det.py",
            ),
        ),
        differences={
            "encoder": "The embedded one unless other vectors are named, where the paper takes "
            "gradients.",
            "quality": "It enters by rank, so that no score's scale decides.",
            "copies": "With a ridge a copy still gains a little, so that the selection goes on; "
            "the paper's measure of a dataset's diversity is not computed.",
        },
    )

    vectors: AnyFeature = Embeddings()
    """Vectors that are compared, at unit length."""
    kernel: Literal["cosine", "rbf"] = "cosine"
    """Similarity of two rows; rbf keeps rows times budget numbers in memory, cosine does not."""
    bandwidth: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Width of rbf; the median distance of a sample of rows if none."""
    ridge: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1e-3
    """Added to the diagonal of K, whose entries are 1: without it, cosine ends with the rank."""
    quality: AnyScorer | None = None
    """Score of a row's own worth; a row without it cannot be chosen."""
    quality_weight: Annotated[float, Field(ge=0, le=10)] = 1.0
    """Power of the rank share: 0 is diversity alone."""
    start: AnySelector | None = None
    """Rows already chosen; they come first and count towards the budget."""
    fill: bool = False
    """Go on, by quality, when nothing left adds volume."""

    def operations(self, rows: int, count: int, runtime: Runtime) -> float:
        """Return the products of every row with every pick, and for rbf what picks share."""
        width = vector_width(self.vectors, runtime)
        if self.kernel == "cosine":
            return 4.0 * rows * count * width
        return 2.0 * rows * count * (width + count / 2)

    def work(self, rows: int, count: int, runtime: Runtime, *, alike: float = 0.0) -> float:
        """Return the time of the products, and with cosine that of the picks."""
        if self.kernel == "rbf":
            return self.operations(rows, count, runtime)
        width = vector_width(self.vectors, runtime)
        return _MET * self.operations(rows, count, runtime) + count * width * width * _PER_PICK

    def memory(self, rows: int, count: int, runtime: Runtime) -> float:
        """Return the bytes of the vectors in float32, and of what is kept for each pick."""
        width = vector_width(self.vectors, runtime)
        per_pick = 16.0 * width if self.kernel == "cosine" else 8.0 * rows
        return 4.0 * rows * width + per_pick * count

    def select(
        self,
        allowance: Allowance,
        rng: np.random.Generator,
        *,
        vectors: Matrix,
        quality: Scores | None = None,
        start: SelectionRecord | None = None,
    ) -> Selection:
        """Return the picks in order. Gains are what each added to log det(L)."""
        bandwidth = self.bandwidth
        if self.kernel == "rbf" and bandwidth is None:
            bandwidth = median_distance(vectors.array, rng, allowed=allowance.eligible)
        candidates = allowance.candidates(start_rows(start, allowance))
        options = LogDetOptions(
            kernel=self.kernel,
            ridge=self.ridge,
            bandwidth=bandwidth or 1.0,
            quality=self._quality(quality, allowance),
            fill=self.fill,
        )
        return log_det(vectors.array, candidates, options=options)

    def _quality(self, scores: Scores | None, allowance: Allowance) -> FloatArray | None:
        if scores is None or self.quality is None:
            return None
        values = np.where(allowance.eligible, scores.values, np.nan)
        return rank_share(values, self.quality.sign) ** self.quality_weight
