from pathlib import Path

import pytest

from assay.components.rule import Rule
from assay.methods.combinations.top_score import TopScore
from assay.methods.filters.cuts import Band, Threshold
from assay.samples import Reason
from tests.unit.methods.planted import (
    PlantedLoss,
    PlantedScore,
    chosen,
    planted_engine,
    reasons,
)

_ROWS = [(f"r{value}", f"{value}") for value in range(1, 10)]


def test_the_top_of_a_score_is_the_highest_and_of_a_loss_the_lowest(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    assert chosen(engine, TopScore(by=PlantedScore(), budget=3)) == ["r9", "r8", "r7"]
    assert chosen(engine, TopScore(by=PlantedLoss(), budget=3)) == ["r1", "r2", "r3"]


def test_both_ends_of_a_threshold_pass(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    found = chosen(engine, Threshold(by=PlantedScore(), low=3, high=5))

    assert found == ["r5", "r4", "r3"]


def test_an_open_threshold_takes_every_scored_row(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [*_ROWS, ("without", "none")])

    fate = reasons(engine, Threshold(by=PlantedScore()))

    assert fate.pop("without") == Reason.ZERO_DENOMINATOR
    assert set(fate.values()) == {Reason.OK}


@pytest.mark.parametrize(
    ("rule", "passing"),
    [
        (Rule(above=3), {"r4", "r5", "r6", "r7", "r8", "r9"}),
        (Rule(at_least=8), {"r8", "r9"}),
        (Rule(below=2), {"r1"}),
        (Rule(at_most=2), {"r1", "r2"}),
        (Rule(low_quantile=1 / 3, high_quantile=2 / 3), {"r4", "r5", "r6"}),
        ("none", {f"r{value}" for value in range(1, 10)}),
    ],
)
def test_a_rule_of_ones_own_replaces_the_scores(
    tmp_path: Path, rule: object, passing: set[str]
) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    fate = reasons(engine, TopScore(by=PlantedScore(), budget=9, rule=rule))

    assert {name for name, reason in fate.items() if reason == Reason.OK} == passing
    assert set(fate.values()) <= {Reason.OK, Reason.BELOW_RULE}


def test_a_band_takes_its_quantiles_and_gives_others_a_reason(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [*_ROWS, ("without", "none")])

    fate = reasons(engine, Band(by=PlantedScore(), low=1 / 3, high=2 / 3))

    assert [name for name, reason in fate.items() if reason == Reason.OK] == [
        name for name in fate if name in {"r4", "r5", "r6"}
    ]
    assert fate["r1"] == Reason.BELOW_RULE
    assert fate["without"] == Reason.ZERO_DENOMINATOR


def test_equal_scores_at_a_border_are_in_exactly_one_of_two_bands(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [(f"r{place}", "7 same") for place in range(9)])

    lower = chosen(engine, Band(by=PlantedScore(), low=0, high=0.5))
    upper = chosen(engine, Band(by=PlantedScore(), low=0.5, high=1))

    assert sorted(lower + upper) == [f"r{place}" for place in range(9)]
    assert len(lower) == 4


def test_a_band_up_to_a_budget_keeps_the_best(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    assert chosen(engine, Band(by=PlantedScore(), low=0, high=2 / 3, budget=2)) == ["r6", "r5"]
