from pathlib import Path

import numpy as np
import pytest

from assay.errors import ConfigError
from assay.methods.combinations.top_score import TopScore
from assay.methods.filters.cuts import Threshold
from assay.methods.geometry.log_det import LogDet
from assay.samples import Reason
from assay.testing import check_component
from tests.unit.methods.planted import (
    PlantedLoss,
    PlantedScore,
    PlantedVectors,
    chosen,
    planted_engine,
    reasons,
)

_VECTORS = PlantedVectors()
# Copies of an axis, an axis, and two rows between them; scores fall.
_ROWS = [
    ("a | 1 0 0", "9"),
    ("b | 1 0 0", "8"),
    ("c | 0 1 0", "2"),
    ("d | 0.6 0.8 0", "4"),
    ("e | 0 0 1", "1"),
]


def test_copies_come_last(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    found = chosen(engine, LogDet(vectors=_VECTORS, budget=5))

    # In three dimensions, three rows at right angles have all the volume but for the ridge.
    assert "e" in found[:3]
    assert len({"a", "b"} & set(found[:3])) <= 1


def test_gains_add_up_to_the_log_determinant(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    selector = LogDet(vectors=_VECTORS, budget=4, ridge=0.1)
    unit = engine.value(_VECTORS).array.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)

    selection = engine.value(selector).selection

    picked = unit[selection.indices]
    expected = np.linalg.slogdet(picked @ picked.T + 0.1 * np.eye(4))[1]
    assert float(selection.gains.sum()) == pytest.approx(expected, abs=1e-5)
    assert selection.nested


def test_quality_enters_by_rank_and_its_weight(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    good = LogDet(vectors=_VECTORS, budget=2, quality=PlantedScore(), quality_weight=10.0)
    poor = LogDet(vectors=_VECTORS, budget=1, quality=PlantedLoss())

    # Shares are 1, .8, .6, .4, .2 for a, b, d, c, e: rank^20 outweighs what a copy loses.
    assert chosen(engine, good) == ["a", "d"]
    assert engine.value(good).selection.gains[0] == pytest.approx(np.log(1.001), abs=1e-5)
    assert chosen(engine, poor) == ["e"]


def test_the_gain_of_a_lower_rank_is_less_by_twice_its_log(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [("a | 1 0", "2"), ("b | 0 1", "1")])
    selector = LogDet(vectors=_VECTORS, budget=2, quality=PlantedScore(), ridge=0.0)

    gains = engine.value(selector).selection.gains

    assert gains.tolist() == pytest.approx([0.0, 2 * np.log(0.5)], abs=1e-5)


def test_a_row_without_quality_cannot_be_chosen(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [("a | 1 0", "none"), ("b | 0 1", "1"), ("c | 1 1", "2")])
    selector = LogDet(vectors=_VECTORS, budget=3, quality=PlantedScore())

    assert sorted(chosen(engine, selector)) == ["b", "c"]
    assert reasons(engine, selector)["a"] == Reason.ZERO_DENOMINATOR


def test_rbf_takes_the_median_distance_unless_told_otherwise(tmp_path: Path) -> None:
    rows = [("a | 1 0", "1"), ("b | 0 1", "1")]
    engine = planted_engine(tmp_path, rows)
    usual = LogDet(vectors=_VECTORS, budget=2, kernel="rbf", ridge=0.0)
    narrow = LogDet(vectors=_VECTORS, budget=2, kernel="rbf", ridge=0.0, bandwidth=0.5)

    first, second = (engine.value(selector).selection.gains[1] for selector in (usual, narrow))

    # The distance is sqrt(2): k = exp(-2 / 4), or exp(-2 / 0.5).
    assert first == pytest.approx(np.log(1 - np.exp(-1)), abs=1e-5)
    assert second == pytest.approx(np.log(1 - np.exp(-8)), abs=1e-5)


def test_without_a_ridge_the_rank_ends_it_unless_it_is_to_be_filled(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    short = engine.value(LogDet(vectors=_VECTORS, budget=4, ridge=0.0)).selection
    full = engine.value(LogDet(vectors=_VECTORS, budget=4, ridge=0.0, fill=True)).selection

    assert (len(short.indices), short.stop) == (3, "no_gain")
    assert (len(full.indices), full.stop) == (4, "budget")


def test_a_start_comes_first_and_counts(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    start = TopScore(by=PlantedScore(), budget=1)

    found = chosen(engine, LogDet(vectors=_VECTORS, budget=3, start=start))

    assert found[0] == "a"
    assert set(found[1:]) == {"c", "e"}


def test_a_start_that_may_not_be_chosen_is_refused(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    start = TopScore(by=PlantedLoss(), budget=2)
    inner = Threshold(by=PlantedScore(), low=3)

    with pytest.raises(ConfigError, match="2 rows of `start`"):
        engine.value(LogDet(vectors=_VECTORS, budget=3, start=start, within=inner))


def test_rbf_is_priced_by_rows_times_picks_and_cosine_is_not(tmp_path: Path) -> None:
    runtime = planted_engine(tmp_path, _ROWS).runtime
    cosine, rbf = LogDet(vectors=_VECTORS), LogDet(vectors=_VECTORS, kernel="rbf")

    assert rbf.memory(10**6, 10**4, runtime) > 8e10
    assert cosine.memory(10**6, 10**4, runtime) < 4e9
    assert rbf.operations(1000, 100, runtime) == 2.0 * 1000 * 100 * (768 + 50)
    assert cosine.operations(1000, 100, runtime) == 4.0 * 1000 * 100 * 768


@pytest.mark.parametrize("kernel", ["cosine", "rbf"])
def test_it_keeps_the_contract(kernel: str) -> None:
    check_component(LogDet(kernel=kernel))
