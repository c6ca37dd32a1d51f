"""The first picks of facility location, each of which covers far more than its neighbours."""

import numpy as np
from numpy.typing import NDArray

from assay.samples import FloatArray, IndexArray
from assay.solvers.facility_location import Greedy
from assay.solvers.lazy_greedy import lazy_greedy
from assay.solvers.similarity import AnyFloatArray, exact_unit_vectors
from assay.solvers.similarity_columns import SimilarityColumns, added

_PICKS = 32
_SAMPLE_ROWS = 8192
_START_BLOCK = 256
_TILE = 8192


def sampled_opening(vectors: AnyFloatArray, greedy: Greedy) -> NDArray[np.int32]:
    """Let `greedy` make its first picks from a sample of the rows, by what they cover of it.

    Args:
        vectors: shape (n, d), any float dtype.
        greedy: takes up to 32 picks, its start included; its scale is set.

    Returns:
        Shape (n,), what start and picks cover of every row, in units of similarity.
    """
    coverage = _SampledCoverage(exact_unit_vectors(vectors), greedy)
    lazy_greedy(coverage, greedy, coverage.first_gains(), picks=_PICKS, candidates=coverage.sample)
    return coverage.current.astype(np.int32)


class _SampledCoverage:
    """Gains are estimated from the sample; what is covered is known for all rows."""

    def __init__(self, vectors: NDArray[np.float32], greedy: Greedy) -> None:
        self._vectors = vectors
        self._weights = greedy.weights.astype(np.float64)
        eligible = np.flatnonzero(greedy.is_open | (greedy.weights > 0))
        places = np.linspace(0, len(eligible) - 1, min(_SAMPLE_ROWS, len(eligible)))
        self.sample = eligible[np.rint(places).astype(np.int64)]
        self._columns = SimilarityColumns(
            vectors[self.sample], cache_bytes=4 * len(self.sample) ** 2
        )
        sampled = self._weights[self.sample].sum()
        self._share = self._weights.sum() / sampled if sampled else 0.0
        self.current = np.zeros(len(vectors))
        self.batch = self._columns.batch
        for first in range(0, len(greedy.start), _START_BLOCK):
            self._cover(greedy.start[first : first + _START_BLOCK])

    def first_gains(self) -> FloatArray:
        current, weights = self.current[self.sample], self._weights[self.sample]
        return self._columns.gains(current, weights) * self._share

    def gains(self, candidates: IndexArray) -> FloatArray:
        current, weights = self.current[self.sample], self._weights[self.sample]
        return added(self._columns.of(candidates), current, weights) * self._share

    def pick(self, row: int) -> float:
        return self._cover(np.array([row]))

    def _cover(self, rows: IndexArray) -> float:
        gained = 0.0
        for first in range(0, len(self._vectors), _TILE):
            part = slice(first, first + _TILE)
            right = self._vectors[part].astype(np.float64)
            nearest = self._columns.tile(self._vectors[rows], right).max(axis=0)
            gained += float(added(nearest[None], self.current[part], self._weights[part])[0])
            np.maximum(self.current[part], nearest, out=self.current[part])
        return gained
