import numpy as np
import pytest

from assay.errors import NonFiniteError
from assay.samples import FloatArray, IndexArray
from assay.solvers.quantization import quantization_bins


def random_vectors(rows: int, width: int, seed: int = 0) -> FloatArray:
    return np.random.Generator(np.random.Philox(seed)).standard_normal((rows, width))


def normalised(vectors: FloatArray) -> FloatArray:
    unit: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def bins_by_distance(vectors: FloatArray, bins: int) -> list[list[int]]:
    """The paper's bins by definition: the sums of squared distances, looked up for every pick."""
    squared = ((vectors[:, None] - vectors[None]) ** 2).sum(axis=2)
    left = list(range(len(vectors)))
    found = []
    for _ in range(bins):
        rest = list(left)
        chosen: list[int] = []
        for _ in range(len(vectors) // bins):
            gains = [squared[x][chosen].sum() - squared[x][rest].sum() for x in rest]
            chosen.append(rest.pop(int(np.argmax(gains))))
        found.append(chosen)
        left = rest
    return found


def bins_by_similarity(vectors: FloatArray, bins: int) -> list[list[int]]:
    """The same by products of the vectors as they come."""
    products = vectors @ vectors.T
    left = list(range(len(vectors)))
    found = []
    for _ in range(bins):
        pull = products[:, left].sum(axis=1)
        rest = list(left)
        chosen: list[int] = []
        for _ in range(len(vectors) // bins):
            values = [pull[x] - 2 * products[x][chosen].sum() for x in rest]
            chosen.append(rest.pop(int(np.argmax(values))))
        found.append(chosen)
        left = rest
    return found


def in_order(labels: IndexArray, ranks: IndexArray, number: int) -> list[int]:
    rows = np.flatnonzero(labels == number)
    return rows[np.argsort(ranks[rows])].tolist()


@pytest.mark.parametrize(("rows", "width"), [(62, 32), (300, 32)])
def test_bins_are_those_of_the_papers_distances(rows: int, width: int) -> None:
    vectors = random_vectors(rows, width)
    expected = bins_by_distance(normalised(vectors), 5)

    bins = quantization_bins(vectors, 5)

    size = rows // 5
    for number, bin_ in enumerate(expected):
        assert in_order(bins.labels, bins.ranks, number)[:size] == bin_
    assert bins.sizes.tolist() == [size] * 5


def test_products_and_distances_agree_at_unit_length_only_so_vectors_are_brought_to_it() -> None:
    vectors = random_vectors(62, 8) * np.linspace(0.5, 3.0, 62)[:, None]
    unit = normalised(vectors)

    bins = quantization_bins(vectors, 5)

    ours = [in_order(bins.labels, bins.ranks, number)[:12] for number in range(5)]
    assert bins_by_distance(vectors, 5) != bins_by_similarity(vectors, 5)
    assert ours == bins_by_distance(unit, 5) == bins_by_similarity(unit, 5)
    assert ours != bins_by_similarity(vectors, 5)


def test_what_division_leaves_follows_in_the_last_bin() -> None:
    bins = quantization_bins(random_vectors(62, 6), 5)

    assert np.bincount(bins.labels).tolist() == [12, 12, 12, 12, 14]
    for number in range(5):
        ranks = np.sort(bins.ranks[bins.labels == number])
        assert ranks.tolist() == list(range(len(ranks)))


def test_early_bins_are_nearer_to_the_mean_than_late_ones() -> None:
    vectors = random_vectors(500, 12) + 0.6
    unit = normalised(vectors)
    nearness = unit @ unit.mean(axis=0)

    bins = quantization_bins(vectors, 5)

    means = [float(nearness[bins.labels == number].mean()) for number in range(5)]
    assert means == sorted(means, reverse=True)


def test_equal_vectors_fill_the_bins_in_order() -> None:
    bins = quantization_bins(np.ones((11, 3)), 4)

    assert bins.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 3, 3, 3]
    assert bins.ranks.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 4]


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_more_bins_than_rows_are_as_many_bins_as_rows(rows: int) -> None:
    bins = quantization_bins(random_vectors(rows, 4), 7)

    assert np.sort(bins.labels).tolist() == list(range(rows))
    assert bins.sizes.tolist() == [1] * rows


def test_parts_are_divided_each_on_its_own_and_the_rest_is_left_out() -> None:
    vectors = random_vectors(90, 6)
    parts = [np.arange(0, 40), np.arange(50, 81)]

    bins = quantization_bins(vectors, 3, parts=parts)

    first, second = (quantization_bins(vectors[part], 3) for part in parts)
    assert bins.labels[:40].tolist() == first.labels.tolist()
    assert bins.labels[50:81].tolist() == (second.labels + 3).tolist()
    assert bins.ranks[50:81].tolist() == second.ranks.tolist()
    assert set(bins.labels[40:50].tolist() + bins.labels[81:].tolist()) == {-1}
    assert bins.sizes.tolist() == [13, 13, 13, 10, 10, 10]


def test_no_bins_and_nan_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one bin"):
        quantization_bins(np.ones((3, 2)), 0)
    with pytest.raises(NonFiniteError):
        quantization_bins(np.full((3, 2), np.nan), 2)
