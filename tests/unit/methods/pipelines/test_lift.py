"""LIFT's quality by hand, and both of its steps written out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.errors import ConfigError, FeatureError
from assay.methods.combinations.lift_quality import LiftQuality
from assay.methods.combinations.quota import Quota
from assay.methods.filters.deduplicate import Deduplicate
from assay.methods.geometry.row_variance import RowVariance
from assay.methods.pipelines.lift import Lift
from assay.samples import Reason
from assay.testing import check_component, scores
from tests.unit.methods.planted import (
    PlantedLoss,
    PlantedScore,
    PlantedVectors,
    allowance,
    chosen,
    given,
    numbers,
    planted_engine,
    reasons,
    scores_by_name,
    stream,
)

# Quality


def _quality(**parameters: Any) -> LiftQuality:
    return LiftQuality(**({"of": (PlantedScore(),)} | parameters))


def test_quality_is_the_share_of_the_best_and_of_a_long_answer() -> None:
    tokens = [0.0, 9.0, 999.0]
    method = _quality(of=(PlantedScore(), PlantedScore()), weights=(3, 1), best=(5, 10))

    found = method.score(
        of=[given(5.0, 2.5, 1.0), given(10.0, 0.0, 5.0)],
        lengths=numbers(response=tokens),
    )

    long = np.quantile(np.log1p(tokens), 0.95)
    expected = [1.0, 0.375 + 0.25 * np.log(10) / long, 0.75 * 0.2 + 0.25 * 0.5 + 0.25]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_largest_number_is_the_best_unless_told() -> None:
    found = _quality(length_weight=0).score(of=[given(2.0, 8.0, np.nan)])

    assert found[:2].tolist() == [0.25, 1.0]
    assert np.isnan(found[2])


def test_without_a_weight_nothing_is_counted() -> None:
    assert set(_quality(length_weight=0).requires()) == {"of"}
    assert set(_quality().requires()) == {"of", "lengths"}


def test_the_longest_answers_all_count_the_same_and_empty_ones_nothing() -> None:
    tokens = [0.0] + [10.0] * 97 + [5000.0, 9000.0]

    found = _quality().score(of=[scores(np.ones(100))], lengths=numbers(response=tokens))

    assert found[0] == 1.0
    assert set(found[1:].tolist()) == {1.25}
    silent = _quality().score(of=[given(1.0, 1.0)], lengths=numbers(response=[0.0, 0.0]))
    assert silent.tolist() == [1.0, 1.0]


def test_scores_without_a_share_of_a_best_are_refused() -> None:
    with pytest.raises(ConfigError, match="less is better"):
        _quality(of=(PlantedLoss(),))
    with pytest.raises(ConfigError, match="best has 2 numbers for 1 scores"):
        _quality(best=(1, 2))
    with pytest.raises(FeatureError, match="no number of planted_score is above 0"):
        _quality().score(of=[given(-1.0, -2.0)])


# Variety


_ROWS = [(f"r{n} | 1 0.0{n} 0", f"{n}") for n in range(1, 9)] + [
    ("far | 0 1 0", "3"),
    ("farther | 0 0 1", "1"),
]


def _lift(**parameters: Any) -> Lift:
    return Lift(**({"by": PlantedScore(), "vectors": PlantedVectors()} | parameters))


def test_of_the_rows_that_vary_most_the_best_come_first(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    assert chosen(engine, _lift(budget=2)) == ["far", "farther"]
    assert chosen(engine, _lift(budget=1)) == ["far"]
    assert reasons(engine, _lift(budget=1))["farther"] == Reason.NOT_CHOSEN
    assert reasons(engine, _lift(budget=2))["r8"] == Reason.BELOW_RULE
    assert chosen(engine, _lift(budget=2, share=1.0)) == ["r8", "r7"]


def test_both_steps_are_those_written_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for n in range(40):
        vector = " ".join(map(str, np.round(rng.normal(size=4), 2)))
        rows.append((f"r{n} | {vector}", f"{rng.integers(1, 6)}"))
    engine = planted_engine(tmp_path, rows)
    variance = scores_by_name(engine, RowVariance(vectors=PlantedVectors()))
    quality = scores_by_name(engine, PlantedScore())
    order = {name: place for place, name in enumerate(quality)}

    for share, budget in ((0.2, 5), (0.33, 9), (0.5, 20), (1.0, 12)):
        kept = sorted(order, key=lambda n: (-variance[n][0], order[n]))[: int(np.ceil(share * 40))]
        best = sorted(kept, key=lambda n: (-quality[n][0], order[n]))[:budget]
        assert chosen(engine, _lift(share=share, budget=budget)) == best


def test_a_share_smaller_than_the_budget_is_chosen_whole(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    record = engine.value(_lift(budget=5))

    assert len(record.selection.indices) == 2
    assert record.selection.stop == "exhausted"
    assert record.selection.nested


def test_copies_are_left_out_before_the_share_is_taken(tmp_path: Path) -> None:
    rows = [*_ROWS, *[("farther | 0 0 1", "1")] * 3]
    engine = planted_engine(tmp_path, rows)
    within = Deduplicate(match="exact")

    assert chosen(engine, _lift(budget=3, share=0.2)) == ["far", "farther", "farther"]
    assert chosen(engine, _lift(budget=3, share=0.2, within=within)) == ["far", "farther"]


def test_a_row_without_quality_or_vector_takes_no_place_in_the_share() -> None:
    found = _lift(share=0.5).select(
        allowance(5, barred=[0]),
        stream(),
        by=given(np.nan, 1.0, 2.0, 3.0, 4.0),
        variance=given(9.0, 8.0, 7.0, 6.0, 5.0),
    )

    assert found.indices.tolist() == [2, 1]
    assert found.gains.tolist() == [2.0, 1.0]
    assert found.rejected[Reason.BELOW_RULE].tolist() == [3, 4]


def test_equal_variance_goes_by_id_and_tokens_pass_over_long_rows() -> None:
    found = _lift(share=0.6).select(
        allowance(5, costs=[1.0, 5.0, 1.0, 1.0, 1.0], limit=3.0),
        stream(),
        by=given(1.0, 9.0, 2.0, 3.0, 4.0),
        variance=given(1.0, 1.0, 1.0, 1.0, 1.0),
    )

    assert found.indices.tolist() == [2, 0]


def test_where_less_is_better_the_lowest_come_first(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    assert chosen(engine, _lift(by=PlantedLoss(), budget=2)) == ["farther", "far"]


def test_groups_of_a_quota_have_shares_of_their_own(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS, groups=["x", "y"] * 5)

    found = chosen(engine, Quota(by=_lift(), per="task", divide="equal", budget=4))

    assert sorted(found) == ["far", "farther"]


def test_they_keep_the_contract() -> None:
    check_component(Lift(by="compression_ifd", share=0.5))
    check_component(LiftQuality(of=("longest_response",)))
    check_component(LiftQuality(of=("longest_response", "mtld"), length_weight=0))
