import numpy as np
import pytest
from numpy.typing import NDArray

from assay.samples import FloatArray
from assay.solvers.arrays import Candidates
from assay.solvers.information_gain import InformationOptions, information_gain, slope
from assay.solvers.nearest import Neighbors, neighbors_above
from assay.solvers.tag_sets import TagSets
from tests.tagged import sets_of

_NO_GRAPH = np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0, np.int64)


def _unlike(count: int) -> Neighbors:
    return Neighbors(np.zeros(count + 1, np.int64), *_NO_GRAPH)


def _dense(
    sets: TagSets, weights: FloatArray, vectors: FloatArray, options: InformationOptions
) -> FloatArray:
    """Return what each row gives to each tag, by matrices as the description has them."""
    cosines = vectors @ vectors.T
    alike = np.where(cosines >= 0.7, cosines * options.propagation, 0.0)
    np.fill_diagonal(alike, 1.0)
    rows = np.zeros((sets.rows, sets.tag_count))
    rows[sets.owners, sets.indices] = 1.0
    if options.divided:
        rows /= np.maximum(rows.sum(axis=1, keepdims=True), 1)
    return (rows * weights[:, None]) @ (alike / alike.sum(axis=0))


def _plain_greedy(given: FloatArray, count: int, options: InformationOptions) -> list[int]:
    told, left, picks = np.zeros(given.shape[1]), np.ones(len(given), np.bool_), list[int]()
    while len(picks) < count:
        gains = np.where(left, given @ slope(options)(told), -1.0)
        best = int(np.argmax(gains))
        if gains[best] <= 0:
            break
        picks.append(best)
        left[best] = False
        told += given[best]
    return picks


def _random(seed: int) -> tuple[TagSets, FloatArray, NDArray[np.float64], InformationOptions]:
    rng = np.random.Generator(np.random.Philox(seed))
    rows, names = int(rng.integers(5, 60)), int(rng.integers(2, 15))
    tags = [set(rng.integers(0, names, rng.integers(0, 5)).tolist()) for _ in range(rows)]
    vectors = rng.standard_normal((names, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    options = InformationOptions(
        propagation=float(rng.random() * 2),
        growth=("power", "exponential")[seed % 2],
        exponent=float(rng.uniform(0.2, 1)),
        divided=bool(seed % 3),
    )
    return sets_of(tags, names), rng.random(rows) * 3, vectors, options


@pytest.mark.parametrize("seed", range(100))
def test_the_lazy_greedy_picks_what_the_plain_one_does(seed: int) -> None:
    sets, weights, vectors, options = _random(seed)
    count = sets.rows // 2

    found = information_gain(
        sets, neighbors_above(vectors, 0.7), Candidates(count), weights=weights, options=options
    )

    given = _dense(sets, weights, vectors, options)
    assert found.indices.tolist() == _plain_greedy(given, count, options)


def test_a_row_gives_its_weight_to_each_of_its_tags_or_divides_it() -> None:
    sets = sets_of([{0, 1}, {2}], 3)
    options = InformationOptions(offset=1.0, exponent=0.5)
    divided = InformationOptions(offset=1.0, exponent=0.5, divided=True)

    whole = information_gain(sets, _unlike(3), Candidates(1), options=options)
    shared = information_gain(sets, _unlike(3), Candidates(1), options=divided)

    # The slope at 0 is 0.5 everywhere.
    assert (whole.indices.tolist(), whole.gains.tolist()) == ([0], [1.0])
    assert (shared.indices.tolist(), shared.gains.tolist()) == ([0], [0.5])


def test_what_like_tags_tell_is_shared() -> None:
    like = Neighbors(
        np.array([0, 1, 2, 2]),
        np.array([1, 0], np.int32),
        np.ones(2, np.float32),
        np.empty(0, np.int64),
    )
    sets = sets_of([{0}, {1}, {2}], 3)

    apart = information_gain(sets, _unlike(3), Candidates(3))
    together = information_gain(sets, like, Candidates(2))

    assert apart.indices.tolist() == [0, 1, 2]
    assert together.indices.tolist() == [0, 2]


def test_equal_rows_come_by_place_and_prefixes_are_answers() -> None:
    tags = [{0, 1}] * 5 + [{2}] * 3
    sets = sets_of(tags, 3)
    whole = information_gain(sets, _unlike(3), Candidates(8)).indices.tolist()

    assert [row for row in whole if row < 5] == [0, 1, 2, 3, 4]
    assert [row for row in whole if row >= 5] == [5, 6, 7]
    for count in range(9):
        part = information_gain(sets, _unlike(3), Candidates(count))
        assert part.indices.tolist() == whole[:count]
        assert part.nested


def test_rows_without_tags_or_weight_add_nothing() -> None:
    sets = sets_of([set(), {0}, {1}], 2)
    weights = np.array([1.0, 1.0, 0.0])

    some = information_gain(sets, _unlike(2), Candidates(2), weights=weights)
    all_of_them = information_gain(sets, _unlike(2), Candidates(3), weights=weights)

    assert (some.indices.tolist(), some.stop) == ([1], "no_gain")
    assert (all_of_them.indices.tolist(), all_of_them.stop) == ([1, 0, 2], "exhausted")


def test_a_row_that_no_longer_fits_is_passed_over() -> None:
    sets = sets_of([{0, 1, 2}, {0, 1}, {2}], 3)
    costs = np.array([5.0, 4.0, 1.0])

    found = information_gain(
        sets, _unlike(3), Candidates(None, None, costs, limit=5.0), options=InformationOptions()
    )
    less = information_gain(sets, _unlike(3), Candidates(None, None, costs, limit=4.5))

    assert found.indices.tolist() == [0]
    assert less.indices.tolist() == [1]


@pytest.mark.parametrize("weights", [np.array([1.0]), np.array([1.0, -1.0]), np.array([1, np.nan])])
def test_weights_must_be_one_each_and_not_negative(weights: FloatArray) -> None:
    with pytest.raises(ValueError, match="none negative"):
        information_gain(sets_of([{0}, {0}], 1), _unlike(1), Candidates(1), weights=weights)


def test_an_option_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="exponent"):
        slope(InformationOptions(exponent=0.0))
    with pytest.raises(ValueError, match="propagation"):
        information_gain(
            sets_of([{0}], 1),
            _unlike(1),
            Candidates(1),
            options=InformationOptions(propagation=-1.0),
        )
