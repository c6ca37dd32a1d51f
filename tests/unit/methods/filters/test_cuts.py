from pathlib import Path

import numpy as np
import pytest

from assay.components.component import Rule
from assay.methods.filters.cuts import Band, Threshold, TopScore, best_first, rank_share
from assay.samples import Reason
from tests.unit.methods.planted import (
    PlantedLoss,
    PlantedScore,
    allowance,
    chosen,
    given,
    planted_engine,
    reasons,
    stream,
)

_NAN = float("nan")
_ROWS = [(f"r{value}", f"{value}") for value in range(1, 10)]


def test_best_first_breaks_ties_by_lowest_position_and_puts_missing_last() -> None:
    scores = given(1.0, 3.0, _NAN, 3.0, 2.0)

    assert best_first(scores, 1.0).tolist() == [1, 3, 4, 0, 2]
    assert best_first(scores, -1.0).tolist() == [0, 4, 1, 3, 2]


def test_rank_shares_of_equal_values_are_the_mean_of_their_ranks() -> None:
    values = np.array([5.0, 1.0, 5.0, _NAN, 9.0])

    assert rank_share(values, 1.0).tolist() == pytest.approx(
        [2.5 / 4, 1 / 4, 2.5 / 4, _NAN, 4 / 4], nan_ok=True
    )
    assert rank_share(values, -1.0).tolist() == pytest.approx(
        [2.5 / 4, 4 / 4, 2.5 / 4, _NAN, 1 / 4], nan_ok=True
    )
    assert np.isnan(rank_share(np.full(3, _NAN), 1.0)).all()


def test_the_top_of_a_score_is_the_highest_and_of_a_loss_the_lowest(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    assert chosen(engine, TopScore(by=PlantedScore(), budget=3)) == ["r9", "r8", "r7"]
    assert chosen(engine, TopScore(by=PlantedLoss(), budget=3)) == ["r1", "r2", "r3"]


def test_gains_of_the_top_are_the_scores_themselves() -> None:
    selection = TopScore(by=PlantedLoss(), budget=2).select(
        allowance(3, 2), stream(), by=given(5.0, 2.0, 4.0)
    )

    assert selection.indices.tolist() == [1, 2]
    assert selection.gains.tolist() == [2.0, 4.0]
    assert selection.gain_unit == "score"


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


def test_a_token_budget_is_spent_on_the_best_that_fit(tmp_path: Path) -> None:
    # The estimate is a token for every four bytes of question, line break and answer.
    rows = [("aaa", "9 " + "x" * 33), ("bbb", "8 x"), ("ccc", "7 x")]
    engine = planted_engine(tmp_path, rows)

    record = engine.value(TopScore(by=PlantedScore(), budget="4 tokens"))

    assert chosen(engine, TopScore(by=PlantedScore(), budget="4 tokens")) == ["bbb", "ccc"]
    assert record.facts["tokens"] == 4.0
