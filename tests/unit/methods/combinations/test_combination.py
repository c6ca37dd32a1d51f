from pathlib import Path

import numpy as np
import pytest

from assay.components.component import Scorer
from assay.components.rule import Rule
from assay.errors import ConfigError
from assay.methods.combinations.combination import Product, RankMean, WeightedSum
from assay.methods.combinations.top_score import TopScore
from assay.samples import Reason
from tests.unit.methods.planted import (
    PlantedLoss,
    PlantedScore,
    given,
    planted_engine,
    scores_by_name,
)

_NAN = float("nan")
_HIGH, _LOW = PlantedScore(), PlantedLoss()


def test_rank_mean_averages_ranks_whatever_their_scales() -> None:
    values = RankMean(of=(_HIGH, _HIGH)).score(of=[given(1, 2, 3), given(500, 9000, 0)])

    assert values.tolist() == pytest.approx([(1 / 3 + 2 / 3) / 2, (2 / 3 + 1) / 2, (1 + 1 / 3) / 2])


def test_rank_mean_turns_scores_that_prefer_low_around_and_shares_ties() -> None:
    values = RankMean(of=(_HIGH, _LOW)).score(of=[given(4, 4, 1), given(10, 30, 20)])

    assert values.tolist() == pytest.approx([(2.5 + 3) / 6, (2.5 + 1) / 6, (1 + 2) / 6])


def test_weights_are_shares() -> None:
    values = RankMean(of=(_HIGH, _HIGH), weights=(3, 1)).score(of=[given(1, 2), given(2, 1)])

    assert values.tolist() == pytest.approx([(3 * 0.5 + 1) / 4, (3 * 1 + 0.5) / 4])


def test_weighted_sum_scales_each_score_to_its_own_range() -> None:
    values = WeightedSum(of=(_HIGH, _LOW), weights=(1, 3)).score(
        of=[given(0, 5, 10), given(100, 300, 200)]
    )

    assert values.tolist() == pytest.approx(
        [0.25 * 0 + 0.75 * 1, 0.25 * 0.5 + 0.75 * 0, 0.25 * 1 + 0.75 * 0.5]
    )


def test_weighted_sum_of_a_constant_is_one_half() -> None:
    assert WeightedSum(of=(_HIGH,)).score(of=[given(7, 7, _NAN)]).tolist() == pytest.approx(
        [0.5, 0.5, _NAN], nan_ok=True
    )


def test_product_multiplies_and_takes_the_reciprocal_of_what_prefers_low() -> None:
    values = Product(of=(_HIGH, _LOW)).score(of=[given(2, 3), given(4, 0.5)])

    assert values.tolist() == pytest.approx([2 / 4, 3 / 0.5])


def test_weights_of_a_product_are_powers() -> None:
    values = Product(of=(_HIGH, _HIGH), weights=(3, 1)).score(of=[given(4), given(9)])

    assert values.tolist() == pytest.approx([4**1.5 * 9**0.5])


def test_a_negative_factor_and_a_zero_divisor_have_no_product() -> None:
    values = Product(of=(_HIGH, _LOW)).score(of=[given(-1, 2, 0), given(1, 0, 2)])

    assert values.tolist() == pytest.approx([_NAN, _NAN, 0.0], nan_ok=True)


def test_a_row_without_one_input_has_no_score_and_the_inputs_reason(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [("whole", "3"), ("half", "none"), ("other", "5")])

    found = scores_by_name(engine, RankMean(of=(_HIGH, _LOW)))

    assert np.isnan(found["half"][0])
    assert found["half"][1] == Reason.ZERO_DENOMINATOR
    assert found["whole"][0] == pytest.approx(0.75)
    assert found["whole"][1] == Reason.OK


class _Ruled(PlantedScore):
    """The same number, of which only values up to 4 may be selected."""

    def default_rule(self) -> Rule:
        return Rule(at_most=4)


@pytest.mark.parametrize("combination", [RankMean, WeightedSum, Product])
def test_the_rules_of_all_inputs_bind(
    combination: type[RankMean] | type[WeightedSum] | type[Product],
) -> None:
    scorer = combination(of=(_Ruled(), _HIGH))

    assert TopScore(by=scorer, budget=1).ruled() == [(_Ruled(), Rule(at_most=4))]


@pytest.mark.parametrize("weights", [(1.0,), (1.0, -1.0), (0.0, 0.0)])
def test_weights_that_make_no_sense_are_refused(weights: tuple[float, ...]) -> None:
    scorer = WeightedSum(of=(_HIGH, _LOW), weights=weights)

    with pytest.raises(ConfigError, match="2 scores and weights"):
        scorer.score(of=[given(1, 2), given(1, 2)])


def test_a_combination_of_nothing_is_refused() -> None:
    nothing: tuple[Scorer, ...] = ()

    with pytest.raises(ConfigError, match="needs at least one score"):
        RankMean(of=nothing)
