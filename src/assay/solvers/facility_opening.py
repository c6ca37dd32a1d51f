"""The first picks of facility location, each of which covers far more than its neighbours."""

import numpy as np
from numpy.typing import NDArray

from assay.samples import FloatArray, IndexArray
from assay.solvers.greedy import Greedy, lazy_greedy
from assay.solvers.similarity import AnyFloatArray, exact_unit_vectors
from assay.solvers.similarity_columns import added, similarity_units

CANDIDATES = 1024
"""How many rows the opening chooses from."""

SAMPLE_ROWS = 32_768
"""Rows whose cover decides the opening."""

_PICKS = 64
_BATCH = 64
_TILE = 4096


def sampled_opening(
    vectors: AnyFloatArray, candidates: IndexArray, greedy: Greedy
) -> NDArray[np.int32]:
    """Let `greedy` make its first picks by what candidates cover of a sample of all rows.

    Args:
        vectors: shape (n, d), any float dtype.
        candidates: shape (c,), ascending rows to pick from.
        greedy: takes up to 64 picks, its start included; its scale is set.

    Returns:
        Shape (n,), what start and picks cover of every row, in units of similarity.
    """
    coverage = _SampledCoverage(exact_unit_vectors(vectors), candidates, greedy)
    first_gains = coverage.gains(np.arange(len(candidates)))
    with greedy.reported("facility location: first picks"):
        lazy_greedy(coverage, greedy, first_gains, picks=_PICKS, candidates=candidates)
    return coverage.current.astype(np.int32)


class _SampledCoverage:
    """Gains are estimated from the sample; what is covered is known for all rows."""

    batch = _BATCH

    def __init__(
        self, vectors: NDArray[np.float32], candidates: IndexArray, greedy: Greedy
    ) -> None:
        self._vectors = vectors
        self._weights = greedy.weights.astype(np.float64)
        covered = np.flatnonzero(greedy.weights)
        places = np.linspace(0, len(covered) - 1, min(SAMPLE_ROWS, len(covered)))
        self._sample = covered[np.rint(places).astype(np.int64)]
        sampled = self._weights[self._sample].sum()
        self._share = self._weights.sum() / sampled if sampled else 0.0
        # Units of a cosine are exact in float32.
        self._columns = np.empty((len(candidates), len(self._sample)), dtype=np.float32)
        with greedy.progress.task("facility location: sample", len(self._sample)) as task:
            for first in range(0, len(self._sample), _TILE):
                right = vectors[self._sample[first : first + _TILE]].astype(np.float64)
                part = slice(first, first + len(right))
                self._columns[:, part] = similarity_units(vectors[candidates], right)
                task.advance(len(right))
        self.current = np.zeros(len(vectors))
        for first in range(0, len(greedy.start), _BATCH):
            self._cover(greedy.start[first : first + _BATCH])

    def gains(self, candidates: IndexArray) -> FloatArray:
        current, weights = self.current[self._sample], self._weights[self._sample]
        gains = np.empty(len(candidates))
        for first in range(0, len(candidates), _BATCH):
            columns = self._columns[candidates[first : first + _BATCH]]
            gains[first : first + _BATCH] = added(columns, current, weights)
        return gains * self._share

    def pick(self, row: int) -> float:
        return self._cover(np.array([row]))

    def _cover(self, rows: IndexArray) -> float:
        gained = 0.0
        for first in range(0, len(self._vectors), _TILE):
            part = slice(first, first + _TILE)
            right = self._vectors[part].astype(np.float64)
            nearest = similarity_units(self._vectors[rows], right).max(axis=0)
            gained += float(added(nearest[None], self.current[part], self._weights[part])[0])
            np.maximum(self.current[part], nearest, out=self.current[part])
        return gained
