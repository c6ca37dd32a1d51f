from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.errors import ConfigError
from assay.features.identity import Identities
from assay.methods.combinations.gumbel_sample import GumbelSample
from assay.methods.combinations.quota import Quota
from assay.samples import FloatArray, Reason
from assay.testing import check_component
from tests.unit.methods.planted import (
    PlantedLoss,
    PlantedRubric,
    PlantedScore,
    allowance,
    chosen,
    given,
    planted_engine,
    reasons,
    stream,
)

_VALUES = (4.0, 1.0, 3.0, 2.0, 0.0)
_IDS = Identities(np.array([3, 14, 159, 2653, 58979], np.uint64))
_ROWS = [(f"r{value}", f"{value}") for value in range(1, 31)]


def _sample(**parameters: Any) -> GumbelSample:
    return GumbelSample(**({"by": PlantedScore()} | parameters))


def _draws(count: int, seeds: int, **parameters: Any) -> FloatArray:
    """Return how often each row is among so many, over seeds."""
    times = np.zeros(5)
    for seed in range(seeds):
        found = _sample(seed=seed, **parameters).select(
            allowance(5, count), stream(), by=given(*_VALUES), identity=_IDS
        )
        times[found.indices] += 1
    return times / seeds


def _chances(count: int, temperature: float, sign: float = 1.0) -> FloatArray:
    """Return how probable each row is among so many: all orders of drawing, summed."""
    values = np.array(_VALUES)
    odds = np.exp(sign * (values - values.mean()) / values.std() / temperature)
    chances = np.zeros(5)
    for order in permutations(range(5), count):
        chance, left = 1.0, odds.sum()
        for row in order:
            chance *= odds[row] / left
            left -= odds[row]
        chances[list(order)] += chance
    return chances


@pytest.mark.parametrize(
    ("parameters", "temperature", "sign"),
    [({}, 2.0, 1.0), ({"by": PlantedLoss(), "temperature": 0.7}, 0.7, -1.0)],
)
def test_rows_are_drawn_as_by_a_softmax_without_replacement(
    parameters: dict[str, Any], temperature: float, sign: float
) -> None:
    seeds = 1500
    expected = _chances(2, temperature, sign)

    errors = np.sqrt(expected * (1 - expected) / seeds)
    assert (np.abs(_draws(2, seeds, **parameters) - expected) < 3.5 * errors).all()


def test_near_zero_it_is_the_best_rows_and_at_large_ones_a_uniform_sample() -> None:
    assert _draws(2, 20, temperature=1e-3).tolist() == [1, 0, 1, 0, 0]
    assert _draws(2, 20, temperature=1e-3, inverse=True).tolist() == [0, 1, 0, 0, 1]
    assert np.abs(_draws(1, 800, temperature=1e6) - 0.2).max() < 0.05


def test_a_larger_budget_only_adds_rows_and_file_order_does_not_matter(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path / "one", _ROWS)
    backwards = planted_engine(tmp_path / "other", _ROWS[::-1])

    small, large = (chosen(engine, _sample(budget=count)) for count in (5, 15))

    assert large[:5] == small
    assert chosen(backwards, _sample(budget=15)) == large
    assert engine.value(_sample(budget=5)).selection.nested
    assert chosen(engine, _sample(budget=5, seed=1)) != small


def test_a_filter_takes_rows_away_and_moves_no_other(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    whole = chosen(engine, _sample(budget=30))

    ruled = chosen(engine, _sample(budget=30, rule={"at_most": 20}))

    assert ruled == [name for name in whole if int(name[1:]) <= 20]
    assert reasons(engine, _sample(budget=30, rule={"at_most": 20}))["r21"] == Reason.BELOW_RULE


def test_equal_scores_have_equal_odds_and_no_score_none(tmp_path: Path) -> None:
    rows = [(f"r{n}", "7") for n in range(6)] + [("without", "none")]
    engine = planted_engine(tmp_path, rows)

    found = chosen(engine, _sample(budget=7))

    assert sorted(found) == [f"r{n}" for n in range(6)]
    assert reasons(engine, _sample(budget=7))["without"] == Reason.ZERO_DENOMINATOR


def test_tokens_and_groups_are_spent_as_by_any_selection(tmp_path: Path) -> None:
    found = _sample(temperature=1e-3).select(
        allowance(5, costs=[2.0, 1.0, 9.0, 1.0, 1.0], limit=3.0),
        stream(),
        by=given(*_VALUES),
        identity=_IDS,
    )
    assert found.indices.tolist() == [0, 3]
    assert found.gains.tolist() == [4.0, 2.0]
    assert (found.stop, found.gain_unit) == ("budget", "score")

    engine = planted_engine(tmp_path, _ROWS, groups=["x"] * 20 + ["y"] * 10)
    quota = chosen(engine, Quota(by=_sample(), per="task", divide="equal", budget=8))
    assert sum(int(name[1:]) > 20 for name in quota) == 4


def test_it_reads_any_column(tmp_path: Path) -> None:
    rows = [(f"r{n}", f"{n} {10 - n}") for n in range(1, 7)]
    engine = planted_engine(tmp_path, rows)
    method = GumbelSample(by=PlantedRubric(), column="true", temperature=1e-3, budget=2)

    assert chosen(engine, method) == ["r1", "r2"]


def test_a_temperature_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="temperature"):
        _sample(temperature=0)


def test_it_keeps_the_contract() -> None:
    check_component(GumbelSample(by="compression_ifd"))
