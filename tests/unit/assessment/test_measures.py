"""Measures of one dataset against their definitions."""

from itertools import pairwise

import numpy as np
import pytest

from assay.assessment.measures import (
    RATIO_EDGES,
    TOKEN_EDGES,
    distribution,
    histogram,
    make_up,
    mean_distance,
    quantiles,
    share_of,
    variety,
    vendi_score,
)
from assay.samples import FloatArray, Reason, Scores
from assay.solvers.similarity import exact_unit_vectors


def _vectors(rows: int, width: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(rows, width))


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(5, 10, 0.236593, 0.763407), (0, 10, 0.0, 0.277533), (10, 10, 0.722467, 1.0),
     (1, 1000, 0.000177, 0.005643)],
)  # fmt: skip
def test_the_interval_is_that_of_wilson(count: int, of: int, low: float, high: float) -> None:
    # (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), z = 1.959964, by hand.
    share = share_of(count, of, whole=False)

    assert share.share == count / of
    assert share.low == pytest.approx(low, abs=1e-6)
    assert share.high == pytest.approx(high, abs=1e-6)


def test_a_share_of_all_rows_has_no_interval_and_one_of_none_no_number() -> None:
    assert (share_of(1, 4).low, share_of(1, 4).high) == (0.25, 0.25)
    assert share_of(0, 0).share is None


def test_quantiles_lie_between_the_values_around_them() -> None:
    found = quantiles(np.array([4.0, 0.0, 1.0, 3.0, 2.0]))

    assert found == {"min": 0, "p5": 0.2, "p25": 1, "p50": 2, "p75": 3, "p95": 3.8, "max": 4}
    assert quantiles(np.array([])) == {}


def test_every_value_is_in_one_bin() -> None:
    found = histogram(np.array([-0.1, 0.0, 0.049, 0.05, 1.0, 1.49, 1.5, 7.0]), RATIO_EDGES)

    assert sum(found.counts) == 8
    assert found.counts[0] == 3
    assert found.counts[1] == 1
    assert found.counts[RATIO_EDGES.index(1.0)] == 1
    assert found.counts[-2:] == [1, 2]


def test_bins_of_tokens_are_whole_and_rise() -> None:
    assert list(TOKEN_EDGES[:9]) == [0, 1, 2, 3, 4, 6, 8, 11, 16]
    assert all(b > a for a, b in pairwise(TOKEN_EDGES))


def test_rows_without_a_number_are_counted_by_reason_and_nothing_else() -> None:
    values = np.array([1.0, np.nan, 0.5, np.nan])
    reason = np.array([0, Reason.EMPTY_RESPONSE, 0, Reason.TOO_LONG], np.uint8)

    found = distribution(Scores(values, reason), RATIO_EDGES)

    assert (found.rows, found.scored, found.mean) == (4, 2, 0.75)
    assert found.unscored == {"EMPTY_RESPONSE": 1, "TOO_LONG": 1}
    assert sum(found.histogram.counts) == 2


def test_a_number_that_no_row_has_is_none() -> None:
    found = distribution(
        Scores(np.array([np.nan]), np.array([Reason.EMPTY_RESPONSE], np.uint8)), RATIO_EDGES
    )

    assert found.mean is None
    assert found.quantiles == {}


def test_words_come_by_frequency_and_then_by_the_alphabet() -> None:
    made = make_up(["b", "a", "c", "c", "", "d"], listed=3)

    assert list(made.words.items()) == [("c", 2), ("", 1), ("a", 1)]
    assert (made.distinct, made.others) == (5, 2)


def test_equal_rows_are_one_row_and_rows_at_right_angles_are_all_different() -> None:
    assert vendi_score(exact_unit_vectors(np.ones((7, 3)))) == pytest.approx(1.0, abs=1e-5)
    assert vendi_score(exact_unit_vectors(np.eye(5))) == pytest.approx(5.0, abs=1e-5)
    two = np.repeat(np.eye(2), 4, axis=0)
    assert vendi_score(exact_unit_vectors(two)) == pytest.approx(2.0, abs=1e-5)


@pytest.mark.parametrize(("rows", "width"), [(40, 8), (6, 20)])
def test_the_vendi_score_is_the_entropy_of_the_matrix_of_all_cosines(rows: int, width: int) -> None:
    units = exact_unit_vectors(_vectors(rows, width))
    kernel = units.astype(np.float64) @ units.astype(np.float64).T
    weights = np.linalg.eigvalsh(kernel / rows)
    weights = weights[weights > 1e-12]

    expected = np.exp(-(weights * np.log(weights)).sum())
    assert vendi_score(units) == pytest.approx(expected, rel=1e-5)


def test_the_distance_is_that_to_the_nearest_other_row() -> None:
    units = exact_unit_vectors(_vectors(30, 4))
    cosines = units.astype(np.float64) @ units.astype(np.float64).T
    np.fill_diagonal(cosines, -1)

    assert mean_distance(units) == pytest.approx((1 - cosines.max(axis=1)).mean(), abs=2e-6)


def test_variety_is_measured_on_the_first_rows_of_the_draw() -> None:
    vectors = _vectors(60, 6)

    found = variety(vectors, sizes=(10, 50, 100))

    assert [each.rows for each in found] == [10, 50, 60]
    assert found[0] == variety(vectors[:10], sizes=())[0]


def test_rows_without_a_vector_do_not_count_as_varied() -> None:
    vectors = np.concatenate([np.zeros((3, 6)), _vectors(20, 6)])

    assert variety(vectors, sizes=()) == variety(vectors[3:], sizes=())


@pytest.mark.parametrize("rows", [0, 1])
def test_one_row_has_no_variety(rows: int) -> None:
    assert variety(_vectors(rows, 3)) == []
