from pathlib import Path

import numpy as np
import pytest

from assay.errors import ConfigError
from assay.methods.combinations.top_score import TopScore
from assay.methods.filters.cuts import Threshold
from assay.methods.geometry.graph_cut import GraphCut
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
# A wide cluster of three, a pair and a row alone.
_ROWS = [
    ("a | 1 0 0", "9"),
    ("b | 0.8 0.6 0", "8"),
    ("c | 0.8 0 0.6", "7"),
    ("d | 0 1 0", "3"),
    ("e | 0 0.8 0.6", "2"),
    ("f | 0 0 -1", "1"),
]


def test_picks_are_those_of_the_similarities(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    found = chosen(engine, GraphCut(vectors=_VECTORS, budget=3))

    # Sums of cosines: a 2.6, b 3.52, c 2.2, d 2.4, e 2.04, f -0.2. After b: a 1, c 0.92, d 1.2,
    # e 1.08, f -0.2; after d: a 1, c 0.92, e -0.52, f -0.2.
    selection = engine.value(GraphCut(vectors=_VECTORS, budget=3)).selection
    assert found == ["b", "d", "a"]
    assert selection.gains.tolist() == pytest.approx([3.52, 1.2, 1.0], abs=6e-3)
    assert selection.nested


def test_a_larger_trade_off_stays_nearer_to_the_middle(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    found = chosen(engine, GraphCut(vectors=_VECTORS, budget=3, trade_off=100.0))

    assert found == ["b", "a", "d"]


def test_no_trade_off_takes_what_points_away(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    start = TopScore(by=PlantedScore(), budget=1)

    found = chosen(engine, GraphCut(vectors=_VECTORS, budget=2, trade_off=0.0, start=start))

    assert found[0] == "a"
    assert found[1] in {"d", "e", "f"}


def test_only_rows_that_another_selector_chose_are_taken_and_counted(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    inner = Threshold(by=PlantedScore(), low=5)
    selector = GraphCut(vectors=_VECTORS, budget=3, within=inner)

    # Of a, b and c alone a is nearest to the others.
    assert chosen(engine, selector)[0] == "a"
    assert reasons(engine, selector)["f"] == Reason.BELOW_RULE


def test_a_token_budget_is_kept(tmp_path: Path) -> None:
    rows = [("a | 1 0", "1 " + "x" * 90), ("b | 0.8 0.6", "1"), ("c | -1 0", "1")]
    engine = planted_engine(tmp_path, rows)

    record = engine.value(GraphCut(vectors=_VECTORS, budget="9 tokens"))

    assert chosen(engine, GraphCut(vectors=_VECTORS, budget="9 tokens")) == ["b", "c"]
    assert record.facts["tokens"] <= 9


def test_a_start_that_may_not_be_chosen_is_refused(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    start = TopScore(by=PlantedLoss(), budget=2)
    inner = Threshold(by=PlantedScore(), low=5)

    with pytest.raises(ConfigError, match="2 rows of `start` may not be chosen"):
        engine.value(GraphCut(vectors=_VECTORS, budget=3, start=start, within=inner))


def test_it_is_priced_by_rows_and_picks(tmp_path: Path) -> None:
    runtime = planted_engine(tmp_path, _ROWS).runtime
    selector = GraphCut(vectors=_VECTORS)

    assert selector.operations(1000, 20, runtime) == 1000.0 * 20 * 768


@pytest.mark.parametrize("trade_off", [-1.0, np.inf])
def test_a_senseless_trade_off_is_refused(trade_off: float) -> None:
    with pytest.raises(ConfigError, match="trade_off"):
        GraphCut(trade_off=trade_off)


def test_it_keeps_the_contract() -> None:
    check_component(GraphCut())
