"""Everything that works on all rows at once tells how far it is, to the end and no further."""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from assay.progress import Progress, Task
from assay.solvers.arrays import Candidates
from assay.solvers.facility_dense import facility_location_dense
from assay.solvers.facility_euclidean import facility_location_euclidean
from assay.solvers.facility_sparse import facility_location_sparse
from assay.solvers.graph_cut import graph_cut
from assay.solvers.k_center import k_center
from assay.solvers.k_means import k_means
from assay.solvers.log_det import log_det
from assay.solvers.max_coverage import max_coverage
from assay.solvers.nearest import nearest_neighbors, neighbors_above
from assay.solvers.ordered_filter import ordered_filter
from assay.solvers.quantization import quantization_bins
from assay.solvers.semantic_duplicates import repeats_in_clusters
from assay.texts.minhash import near_duplicate_pairs
from assay.texts.overlap import contaminated

_ROWS = 300
_VECTORS = np.random.Generator(np.random.Philox(5)).normal(size=(_ROWS, 12)).astype(np.float32)
_TEXTS = [f"{'a sentence about tea and rivers ' * 3}{n // 2}" for n in range(_ROWS)]
_LABELS = np.arange(_ROWS) % 3
_ORDER = np.arange(_ROWS)


class _Heard:
    """Progress that keeps what it is told: label, total and what was done of it."""

    def __init__(self) -> None:
        self.tasks: dict[str, tuple[float | None, float]] = {}

    @contextlib.contextmanager
    def task(
        self, label: str, total: float | None, *, unit: str = "rows", reused: float = 0
    ) -> Iterator[Task]:
        heard = self.tasks

        class Counted:
            def advance(self, amount: float) -> None:
                heard[label] = (total, heard[label][1] + amount)

        heard[label] = (total, 0.0)
        yield Counted()


def _sparse(progress: Progress) -> object:
    graph = nearest_neighbors(_VECTORS, 8)
    return facility_location_sparse(graph, Candidates(100, progress=progress), vectors=_VECTORS)


_WHOLE: dict[str, Callable[[Progress], object]] = {
    "nearest neighbours": lambda told: nearest_neighbors(_VECTORS, 5, progress=told),
    "similar rows": lambda told: neighbors_above(_VECTORS, 0.5, progress=told),
    "all pairs": lambda told: facility_location_dense(_VECTORS, Candidates(20, progress=told)),
    "facility location": _sparse,
    "facility location: graph": _sparse,
    "facility location: opening": _sparse,
    "facility location: sample": _sparse,
    "k-center": lambda told: k_center(_VECTORS, Candidates(20, progress=told)),
    "graph cut": lambda told: graph_cut(_VECTORS, Candidates(20, progress=told)),
    "log-determinant": lambda told: log_det(_VECTORS, Candidates(10, progress=told)),
    "ordered filter": lambda told: ordered_filter(
        _VECTORS, _ORDER, Candidates(50, progress=told), threshold=1.0
    ),
    "pairs within clusters": lambda told: repeats_in_clusters(
        _VECTORS, _LABELS, _ORDER, threshold=0.9, progress=told
    ),
    "bins": lambda told: quantization_bins(_VECTORS, 5, progress=told),
    "k-means: assigning": lambda told: k_means(
        _VECTORS, 6, rng=np.random.Generator(np.random.Philox(1)), progress=told
    ),
    "coverage": lambda told: max_coverage(
        neighbors_above(_VECTORS, 0.9), Candidates(20, progress=told)
    ),
    "near-duplicates: hashing": lambda told: near_duplicate_pairs(_TEXTS, progress=told),
    "near-duplicates: candidates": lambda told: near_duplicate_pairs(_TEXTS, progress=told),
    "near-duplicates: comparing": lambda told: near_duplicate_pairs(_TEXTS, progress=told),
    "repeated questions": lambda told: contaminated(_TEXTS, ["tea and rivers"], progress=told),
}  # fmt: skip


@pytest.mark.parametrize("label", _WHOLE)
def test_all_of_the_work_is_told(label: str) -> None:
    heard = _Heard()

    _WHOLE[label](heard)

    total, done = heard.tasks[label]
    assert total is not None
    assert total > 0
    assert abs(done - total) <= 1  # a first pick may be part of the beginning


def test_rounds_and_first_centroids_are_told_and_may_end_early() -> None:
    heard = _Heard()

    k_means(_VECTORS, 6, rng=np.random.Generator(np.random.Philox(1)), progress=heard)

    assert heard.tasks["k-means: first centroids"] == (6, 5.0)  # the first is drawn beforehand
    total, done = heard.tasks["k-means: rounds"]
    assert total == 50
    assert 1 <= done <= 50


def test_with_a_limit_the_picks_expected_are_those_of_rows_of_common_cost() -> None:
    heard = _Heard()
    costs = np.full(_ROWS, 10.0)

    k_center(_VECTORS, Candidates(_ROWS, costs=costs, limit=200.0, progress=heard))

    assert heard.tasks["k-center"] == (20, 20.0)


def test_distances_of_many_rows_are_told_as_neighbours_are_found() -> None:
    heard = _Heard()

    facility_location_euclidean(
        _VECTORS, Candidates(10, progress=heard), dense_rows=100, neighbors=5
    )

    assert heard.tasks["nearest neighbours"] == (_ROWS, float(_ROWS))
