import numpy as np
import pytest

from assay.errors import NonFiniteError
from assay.samples import FloatArray, IndexArray
from assay.solvers import semantic_duplicates as module
from assay.solvers.semantic_duplicates import repeats_in_clusters


def near_copies(rows: int, width: int, seed: int = 0) -> FloatArray:
    """Rows of which many lie a little away from another: cosines of all sizes up to 1."""
    generator = np.random.Generator(np.random.Philox(seed))
    centers = generator.standard_normal((rows // 5, width))
    vectors = centers[generator.integers(0, rows // 5, rows)]
    scatter = generator.standard_normal((rows, width)) * generator.uniform(0, 0.5, (rows, 1))
    moved: FloatArray = vectors + scatter
    return moved


def by_definition(
    vectors: FloatArray, labels: IndexArray, order: IndexArray, threshold: float, *, greedy: bool
) -> list[int]:
    """Look at every pair, one after the other."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    gone: list[int] = []
    for place, row in enumerate(order.tolist()):
        for earlier in order[:place].tolist():
            compared = labels[earlier] == labels[row] >= 0 and not (greedy and earlier in gone)
            if compared and unit[earlier] @ unit[row] > threshold:
                gone.append(row)
                break
    return sorted(gone)


@pytest.mark.parametrize("greedy", [False, True])
@pytest.mark.parametrize("threshold", [0.95, 0.9, 0.5])
@pytest.mark.parametrize("size", [1, 7, 1024])
def test_repeats_are_those_of_the_definition(
    greedy: bool, threshold: float, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", size)
    monkeypatch.setattr(module, "_EARLIER_AT_ONCE", size)
    generator = np.random.Generator(np.random.Philox(2))
    vectors = near_copies(300, 12)
    labels = generator.integers(-1, 4, 300)
    order = generator.permutation(300)[:250]

    found = repeats_in_clusters(vectors, labels, order, threshold=threshold, greedy=greedy)

    expected = by_definition(vectors, labels, order, threshold, greedy=greedy)
    assert 0 < len(expected) < 250
    assert found.tolist() == expected


def test_a_chain_goes_with_its_links_unless_greedy() -> None:
    angles = np.radians([0.0, 15.0, 30.0, 45.0])
    chain = np.column_stack([np.cos(angles), np.sin(angles)])
    labels, order = np.zeros(4, np.int64), np.arange(4)

    plain = repeats_in_clusters(chain, labels, order, threshold=0.95)
    greedy = repeats_in_clusters(chain, labels, order, threshold=0.95, greedy=True)

    assert plain.tolist() == [1, 2, 3]
    assert greedy.tolist() == [1, 3]


def test_who_comes_first_in_the_order_stays() -> None:
    vectors = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    labels = np.zeros(3, np.int64)

    assert repeats_in_clusters(vectors, labels, np.array([0, 1, 2]), threshold=0.9).tolist() == [1]
    assert repeats_in_clusters(vectors, labels, np.array([2, 1, 0]), threshold=0.9).tolist() == [0]


def test_copies_in_two_clusters_or_in_none_are_left_alone() -> None:
    vectors = np.ones((4, 2))
    labels = np.array([0, 1, -1, -1])

    assert len(repeats_in_clusters(vectors, labels, np.arange(4), threshold=0.5)) == 0


@pytest.mark.parametrize("size", [1, 1024])
def test_a_pair_exactly_at_the_threshold_stays(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", size)
    vectors = np.array([[1.0, 0.0], [0.5, 0.75**0.5]])
    labels, order = np.zeros(2, np.int64), np.arange(2)

    assert len(repeats_in_clusters(vectors, labels, order, threshold=0.5)) == 0
    assert repeats_in_clusters(vectors, labels, order, threshold=0.4999).tolist() == [1]


def test_zero_rows_repeat_nothing() -> None:
    vectors = np.zeros((3, 2))

    assert len(repeats_in_clusters(vectors, np.zeros(3, int), np.arange(3), threshold=0.1)) == 0


def test_nothing_repeats_in_nothing() -> None:
    none = np.empty(0, np.int64)

    assert len(repeats_in_clusters(np.empty((0, 3)), none, none, threshold=0.9)) == 0
    assert len(repeats_in_clusters(np.eye(3), np.zeros(3, int), none, threshold=0.9)) == 0


def test_only_rows_that_take_part_are_read() -> None:
    vectors = np.array([[1.0, 0.0], [np.nan, 0.0], [1.0, 0.0]])
    labels = np.zeros(3, np.int64)

    assert repeats_in_clusters(vectors, labels, np.array([2, 0]), threshold=0.9).tolist() == [0]
    with pytest.raises(NonFiniteError):
        repeats_in_clusters(vectors, labels, np.array([0, 1]), threshold=0.9)


def test_an_order_that_repeats_is_refused() -> None:
    with pytest.raises(ValueError, match="must not repeat"):
        repeats_in_clusters(np.eye(2), np.zeros(2, int), np.array([0, 0]), threshold=0.9)
