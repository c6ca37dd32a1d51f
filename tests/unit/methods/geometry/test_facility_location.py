from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from assay.errors import ConfigError
from assay.methods.combinations.top_score import TopScore
from assay.methods.filters.cuts import Threshold
from assay.methods.geometry.facility_location import FacilityLocation
from assay.samples import FloatArray, Reason
from tests.unit.methods.planted import (
    PlantedLoss,
    PlantedScore,
    PlantedVectors,
    chosen,
    names,
    planted_engine,
    reasons,
)

# Clusters of four, three and three rows without any similarity between them; row 0 of each is
# the one most similar to the others.
_ROWS = [
    ("x0 | 1 0 0 0 0 0", "1"),
    ("x1 | 0.96 0.28 0 0 0 0", "9"),
    ("x2 | 0.96 -0.28 0 0 0 0", "8"),
    ("x3 | 0.92 0.39 0 0 0 0", "7"),
    ("y0 | 0 0 1 0 0 0", "2"),
    ("y1 | 0 0 0.96 0.28 0 0", "6"),
    ("y2 | 0 0 0.96 -0.28 0 0", "5"),
    ("z0 | 0 0 0 0 0.96 0.28", "3"),
    ("z1 | 0 0 0 0 1 0", "4"),
    ("z2 | 0 0 0 0 0.8 0.6", "10"),
]
_VECTORS = PlantedVectors()
_VALUES = np.array([[float(x) for x in q.partition("|")[2].split()] for q, _ in _ROWS])
_SCORES = np.array([float(answer) for _, answer in _ROWS])
_COVERAGES: list[Literal["sparse", "dense"]] = ["sparse", "dense"]
both_coverages = pytest.mark.parametrize("coverage", _COVERAGES)


def _similarity() -> FloatArray:
    unit = _VALUES / np.linalg.norm(_VALUES, axis=1, keepdims=True)
    similarity: FloatArray = np.maximum(unit @ unit.T, 0)
    return similarity


def _greedy(count: int, trade_off: float, scale: float) -> tuple[list[str], list[float]]:
    """The plain greedy over all pairs, its objective evaluated anew at every step.

    Returns names in the order of picks, and what each added to the objective.
    """
    similarity = _similarity()
    ranks = (np.argsort(np.argsort(_SCORES)) + 1) / len(_SCORES)
    picks: list[int] = []
    reached = [0.0]
    for _ in range(count):
        totals = [
            (1 - trade_off) * similarity[:, [*picks, row]].max(axis=1).sum() / scale
            + trade_off * ranks[[*picks, row]].sum()
            if row not in picks
            else -np.inf
            for row in range(len(_ROWS))
        ]
        picks.append(int(np.argmax(totals)))
        reached.append(max(totals))
    return [_ROWS[row][0][:2] for row in picks], np.diff(reached).tolist()


@both_coverages
def test_the_middle_of_each_cluster_is_taken_largest_cluster_first(
    tmp_path: Path, coverage: Literal["sparse", "dense"]
) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    method = FacilityLocation(vectors=_VECTORS, coverage=coverage, budget=3)

    assert chosen(engine, method) == ["x0", "y0", "z0"]
    assert chosen(engine, method) == _greedy(3, 0.0, 1.0)[0]
    assert engine.value(method).selection.nested


@both_coverages
@pytest.mark.parametrize(
    ("balance", "count", "trade_off", "scale"),
    [
        ("none", 4, 0.5, 1.0),
        ("none", 4, 0.9, 1.0),
        ("budget", 3, 0.5, 10 / 3),
        ("budget", 4, 0.7, 10 / 4),
        ("first_gain", 4, 0.6, None),
    ],
)
def test_quality_is_weighed_against_coverage_as_the_formula_says(
    tmp_path: Path,
    coverage: Literal["sparse", "dense"],
    balance: Literal["none", "budget", "first_gain"],
    count: int,
    trade_off: float,
    scale: float | None,
) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    method = FacilityLocation(
        vectors=_VECTORS,
        quality=PlantedScore(),
        trade_off=trade_off,
        balance=balance,
        coverage=coverage,
        budget=count,
    )

    divisor = _similarity().sum(axis=0).max() if scale is None else scale
    expected, gains = _greedy(count, trade_off, divisor)
    assert chosen(engine, method) == expected
    # Vectors are kept as float16, which rounds a cosine by a few parts in ten thousand.
    found = engine.value(method).selection.gains
    assert found.tolist() == pytest.approx(gains, rel=2e-3)


def test_all_weight_on_quality_gives_the_best_rows(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    for quality, expected in (
        (PlantedScore(), ["z2", "x1", "x2"]),
        (PlantedLoss(), ["x0", "y0", "z0"]),
    ):
        method = FacilityLocation(vectors=_VECTORS, quality=quality, trade_off=1.0, budget=3)
        assert chosen(engine, method) == expected


def test_a_balance_by_budget_is_not_nested(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    method = FacilityLocation(vectors=_VECTORS, quality=PlantedScore(), budget=3)

    assert not engine.value(method).selection.nested
    plain = method.model_copy(update={"balance": "none"})
    assert engine.value(plain).selection.nested


def test_a_row_without_quality_is_not_chosen_and_not_covered(tmp_path: Path) -> None:
    rows = [(question, "none" if question[0] == "x" else answer) for question, answer in _ROWS]
    engine = planted_engine(tmp_path, rows)
    method = FacilityLocation(vectors=_VECTORS, quality=PlantedScore(), trade_off=0.1, budget=2)

    assert sorted(name[0] for name in chosen(engine, method)) == ["y", "z"]
    assert reasons(engine, method)["x0"] == Reason.ZERO_DENOMINATOR


@both_coverages
def test_a_start_comes_first_and_is_not_covered_again(
    tmp_path: Path, coverage: Literal["sparse", "dense"]
) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    start = TopScore(by=PlantedScore(), budget=1)
    method = FacilityLocation(vectors=_VECTORS, coverage=coverage, start=start, budget=3)

    found = chosen(engine, method)

    assert found[0] == "z2"
    assert sorted(name[0] for name in found[1:]) == ["x", "y"]
    assert np.isnan(engine.value(method).selection.gains[0])


def test_only_rows_that_another_selector_chose_are_taken(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    inner = Threshold(by=PlantedScore(), high=6)
    method = FacilityLocation(vectors=_VECTORS, budget=3, within=inner)

    assert chosen(engine, method)[0] == "y0"
    assert reasons(engine, method)["x1"] == Reason.BELOW_RULE


def test_a_token_budget_is_kept(tmp_path: Path) -> None:
    rows = [
        (question, answer + " long" * 40 * (question[:2] == "x0")) for question, answer in _ROWS
    ]
    engine = planted_engine(tmp_path, rows)
    method = FacilityLocation(
        vectors=_VECTORS, budget="19 tokens", quality=PlantedScore(), trade_off=0.1
    )

    record = engine.value(method)

    assert 0 < record.facts["tokens"] <= 19
    assert "x0" not in chosen(engine, method)
    assert {name[0] for name in chosen(engine, method)} == {"x", "y", "z"}


@pytest.mark.parametrize(("fill", "count", "stop"), [(False, 2, "no_gain"), (True, 4, "budget")])
def test_when_nothing_adds_coverage_it_ends_unless_it_is_to_be_filled(
    tmp_path: Path, fill: bool, count: int, stop: str
) -> None:
    rows = [(f"r{place} | {'1 0' if place < 4 else '0 1'}", "1") for place in range(6)]
    engine = planted_engine(tmp_path, rows)

    selection = engine.value(FacilityLocation(vectors=_VECTORS, budget=4, fill=fill)).selection

    assert (len(selection.indices), selection.stop) == (count, stop)


def test_equal_gains_go_to_the_lowest_id(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [(f"r{place} | 1 0", "1") for place in range(6)])

    assert chosen(engine, FacilityLocation(vectors=_VECTORS, budget=1)) == names(engine)[:1]


def test_a_start_that_may_not_be_chosen_is_refused(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    start = TopScore(by=PlantedScore(), budget=1)
    inner = Threshold(by=PlantedScore(), high=6)

    with pytest.raises(ConfigError, match="1 row of `start` may not be chosen"):
        engine.value(FacilityLocation(vectors=_VECTORS, budget=3, start=start, within=inner))
