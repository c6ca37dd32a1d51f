from pathlib import Path

import numpy as np
import pytest

from assay.errors import ConfigError
from assay.methods.combinations.top_score import TopScore
from assay.methods.filters.cuts import Threshold
from assay.methods.geometry.coverage import Coverage
from assay.samples import Reason
from assay.testing import check_component
from tests.unit.methods.planted import (
    PlantedLoss,
    PlantedScore,
    PlantedVectors,
    chosen,
    names,
    planted_engine,
    reasons,
)

_VECTORS = PlantedVectors()
_ANGLES = {"a": 0, "b": 20, "c": 40, "d": 90, "e": 110, "f": 180}
# At 25 degrees b covers a and c, d and e each other; f is alone.
_ROWS = [
    (f"{name} | {np.cos(np.radians(angle)):.4f} {np.sin(np.radians(angle)):.4f}", str(9 - place))
    for place, (name, angle) in enumerate(_ANGLES.items())
]
_THRESHOLD = float(np.cos(np.radians(25)))


def _coverage(**parameters: object) -> Coverage:
    return Coverage(**({"vectors": _VECTORS, "threshold": _THRESHOLD} | parameters))


def test_picks_cover_as_much_as_they_can(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    selection = engine.value(_coverage(budget=3)).selection

    found = chosen(engine, _coverage(budget=3))
    lower = min("de", key=names(engine).index)
    assert found == ["b", lower, "f"]
    assert selection.gains.tolist() == pytest.approx([3 / 6, 2 / 6, 1 / 6])
    assert (selection.nested, selection.gain_unit) == (True, "share of the pool covered")


def test_it_ends_when_all_is_covered_unless_it_is_to_be_filled(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    short = engine.value(_coverage(budget=5)).selection
    full = engine.value(_coverage(budget=5, fill=True)).selection

    assert (len(short.indices), short.stop) == (3, "no_gain")
    assert (len(full.indices), full.stop) == (5, "budget")
    # Once more without b: a and c cover themselves and b, and of d and e the other is left.
    assert full.gains.tolist()[3:] == pytest.approx([2 / 6, 2 / 6])


def test_quality_makes_some_rows_more_worth_covering(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [*_ROWS[:3], _ROWS[5]])
    plain = _coverage(budget=1)
    weighted = _coverage(budget=4, quality=PlantedScore())

    gains = engine.value(weighted).selection.gains

    # Ranks as shares are 1, .75 and .5 for a, b and c, and .25 for f.
    assert chosen(engine, plain) == chosen(engine, weighted)[:1] == ["b"]
    assert gains[:2].tolist() == pytest.approx([2.25 / 2.5, 0.25 / 2.5], abs=1e-5)


def test_a_row_without_quality_cannot_be_chosen(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [("a | 1 0", "none"), ("b | 0 1", "1"), ("c | -1 0", "2")])
    selector = _coverage(budget=2, quality=PlantedScore())

    assert sorted(chosen(engine, selector)) == ["b", "c"]
    assert reasons(engine, selector)["a"] == Reason.ZERO_DENOMINATOR


def test_a_start_is_covered_first(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    start = TopScore(by=PlantedScore(), budget=1)  # a covers itself and b

    found = chosen(engine, _coverage(budget=2, start=start))

    assert found[0] == "a"
    assert found[1] in {"d", "e"}


def test_only_rows_that_another_selector_chose_are_taken_and_covered(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    inner = Threshold(by=PlantedScore(), low=6)  # a to d
    selector = _coverage(budget=2, within=inner)

    assert chosen(engine, selector) == ["b", "d"]
    assert engine.value(selector).selection.gains.tolist() == [0.75, 0.25]


def test_a_start_that_may_not_be_chosen_is_refused(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    start = TopScore(by=PlantedLoss(), budget=2)
    inner = Threshold(by=PlantedScore(), low=6)

    with pytest.raises(ConfigError, match="2 rows of `start`"):
        engine.value(_coverage(budget=3, start=start, within=inner))


def test_a_token_budget_is_kept(tmp_path: Path) -> None:
    rows = [("a | 1 0", "1 " + "x" * 90), ("b | 1 0", "1"), ("c | -1 0", "1")]
    engine = planted_engine(tmp_path, rows)

    record = engine.value(_coverage(budget="9 tokens"))

    assert sorted(chosen(engine, _coverage(budget="9 tokens"))) == ["b", "c"]
    assert record.facts["tokens"] <= 9


def test_it_keeps_the_contract() -> None:
    check_component(Coverage())
