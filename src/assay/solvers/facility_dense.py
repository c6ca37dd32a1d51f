"""Facility location over all pairs, without ever holding them: exact, for tens of thousands."""

import numpy as np

from assay.progress import Task
from assay.samples import FloatArray, IndexArray
from assay.solvers.arrays import Candidates
from assay.solvers.greedy import (
    FacilityLocationOptions,
    FacilityLocationResult,
    Greedy,
    lazy_greedy,
)
from assay.solvers.similarity import AnyFloatArray, exact_unit_vectors
from assay.solvers.similarity_columns import Kernel, SimilarityColumns, added


def facility_location_dense(
    vectors: AnyFloatArray,
    candidates: Candidates,
    *,
    options: FacilityLocationOptions | None = None,
    kernel: Kernel = "cosine",
    cache_bytes: int = 512 << 20,
) -> FacilityLocationResult:
    """Choose rows that stand for all others, judged by all similarities.

    Candidates are looked at in the order of what they could at most still gain, in batches, so
    most are looked at rarely; the picks are those of the plain greedy, ties to the lowest row.
    Similarities are computed without rounding, then rounded to a fixed step (2**-20, or 2**-32
    for "submod-euclidean"), and gains are whole numbers of it: neither block sizes nor threads
    nor `cache_bytes` can change a pick.

    Args:
        vectors: shape (n, d), any float dtype, brought to unit length here. A zero row has
            similarity 0 to everything, itself included.
        candidates: the rows to choose from and to cover, and how many; as many as there are, or
            more, gives all of them if the limit pays for all, those without gain last.
        options: weights, quality and the like.
        kernel: similarity of two rows: "cosine" is the cosine, 0 where negative;
            "submod-euclidean" is exp(-distance / d) of unit vectors, all within [exp(-2 / d), 1].
        cache_bytes: memory for columns of the similarity matrix. The vectors in float32 and in
            float64 come on top.

    Returns:
        Picks in order. Every prefix is the answer for its own length and, with costs, for its own
        cost. `stop` is "exhausted" when every allowed row is chosen, "budget" when the count is
        reached or nothing else can be paid for, "no_gain" when nothing left adds anything.

    Raises:
        NonFiniteError: if a row holds NaN or infinity; the first ones are listed.

    Source:
        Minoux 1978 for looking at few candidates; QDIT, arXiv 2311.14736, equation 3, for the
        sum of coverage and quality; Superfiltering, arXiv 2402.00530, for the second kernel.
    """
    columns = SimilarityColumns(exact_unit_vectors(vectors), kernel=kernel, cache_bytes=cache_bytes)
    options = options or FacilityLocationOptions()
    greedy = Greedy(candidates, options, len(vectors), units=columns.units)
    coverage = _DenseCoverage(columns, greedy)
    gains = np.zeros(len(vectors))
    if candidates.count != 0:
        with greedy.progress.task("all pairs", len(vectors) ** 2, unit="pairs") as task:
            gains = coverage.first_gains(task)
    with greedy.reported("facility location"):
        lazy_greedy(coverage, greedy, gains, picks=len(vectors), candidates=np.arange(len(vectors)))
    return greedy.result(coverage.covered)


class _DenseCoverage:
    def __init__(self, columns: SimilarityColumns, greedy: Greedy) -> None:
        self._columns = columns
        self._weights = greedy.weights.astype(np.float64)
        self._current = np.zeros(len(self._weights))
        self.batch = columns.batch
        for first in range(0, len(greedy.start), self.batch):
            part = columns.of(greedy.start[first : first + self.batch])
            np.maximum(self._current, part.max(axis=0), out=self._current)

    @property
    def covered(self) -> float:
        return float(self._current @ self._weights)

    def first_gains(self, task: Task) -> FloatArray:
        return self._columns.gains(self._current, self._weights, task)

    def gains(self, candidates: IndexArray) -> FloatArray:
        return added(self._columns.of(candidates), self._current, self._weights)

    def pick(self, row: int) -> float:
        column = self._columns.of(np.array([row]))
        gain = float(added(column, self._current, self._weights)[0])
        np.maximum(self._current, column[0], out=self._current)
        return gain


def dense_coverage(
    vectors: AnyFloatArray, chosen: IndexArray, *, kernel: Kernel = "cosine"
) -> FloatArray:
    """Return the similarity of each row to the nearest of the `chosen`.

    Args:
        vectors: shape (n, d), any float dtype, brought to unit length here.
        chosen: shape (k,), rows of `vectors`.
        kernel: as for `facility_location_dense`.

    Returns:
        Shape (n,), in [0, 1]; all 0 if nothing is chosen. The sum is the dense objective.
    """
    columns = SimilarityColumns(exact_unit_vectors(vectors), kernel=kernel)
    covered = np.zeros(len(vectors))
    for first in range(0, len(chosen), columns.batch):
        part = columns.of(np.asarray(chosen[first : first + columns.batch]))
        np.maximum(covered, part.max(axis=0), out=covered)
    return covered / columns.units
