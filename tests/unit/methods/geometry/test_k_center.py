from pathlib import Path

import numpy as np
import pytest

from assay.errors import ConfigError
from assay.methods.combinations.top_score import TopScore
from assay.methods.filters.cuts import Threshold
from assay.methods.geometry.k_center import KCenterGreedy
from assay.samples import Reason
from tests.unit.methods.planted import (
    PlantedLoss,
    PlantedScore,
    PlantedVectors,
    chosen,
    names,
    planted_engine,
    reasons,
)

# Three clusters of three, on the axes of a cube; `x` is nearest to the mean of all.
_ROWS = [
    ("x0 | 1 0 0", "9"),
    ("x1 | 0.98 0.2 0", "8"),
    ("x2 | 0.98 0 0.2", "7"),
    ("y0 | 0 1 0", "6"),
    ("y1 | 0 0.98 0.2", "5"),
    ("y2 | 0.2 0.98 0", "4"),
    ("z0 | 0 0 1", "3"),
    ("z1 | 0.2 0 0.98", "2"),
    ("z2 | 0 0.2 0.98", "1"),
]
_VECTORS = PlantedVectors()


def _clusters(found: list[str]) -> list[str]:
    return sorted({name[0] for name in found})


def test_as_many_picks_as_clusters_take_one_of_each(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    found = chosen(engine, KCenterGreedy(vectors=_VECTORS, budget=3))

    assert _clusters(found) == ["x", "y", "z"]


def test_equally_far_rows_come_in_order_of_id(tmp_path: Path) -> None:
    engine = planted_engine(
        tmp_path,
        [(f"r{axis} | {' '.join('01'[axis == n] for n in range(6))}", "1") for axis in range(6)],
    )

    assert chosen(engine, KCenterGreedy(vectors=_VECTORS, budget=6)) == names(engine)


def test_gains_are_the_distances_to_the_nearest_earlier_pick(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [("a | 1 0", "1"), ("b | 0 1", "1"), ("c | 0.6 0.8", "1")])

    selection = engine.value(KCenterGreedy(vectors=_VECTORS, budget=3)).selection

    # c is nearest to the mean (0.53, 0.6); a is 0.4 away from it, then b 0.2.
    assert chosen(engine, KCenterGreedy(vectors=_VECTORS, budget=3)) == ["c", "a", "b"]
    assert selection.gains.tolist() == pytest.approx([np.nan, 0.4, 0.2], abs=2e-3, nan_ok=True)
    assert selection.nested


def test_a_start_comes_first_and_counts(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    start = TopScore(by=PlantedLoss(), budget=2)  # z2, z1

    found = chosen(engine, KCenterGreedy(vectors=_VECTORS, budget=4, start=start))

    assert found[:2] == ["z2", "z1"]
    assert _clusters(found[2:]) == ["x", "y"]


def test_only_rows_that_another_selector_chose_are_taken_and_covered(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    inner = Threshold(by=PlantedScore(), low=4)

    found = chosen(engine, KCenterGreedy(vectors=_VECTORS, budget=2, within=inner))

    assert _clusters(found) == ["x", "y"]
    fate = reasons(engine, KCenterGreedy(vectors=_VECTORS, budget=2, within=inner))
    assert fate["z0"] == Reason.BELOW_RULE


def test_a_token_budget_is_kept(tmp_path: Path) -> None:
    # "a | 1 0\n1" has nine bytes: three estimated tokens; the long row has many more.
    rows = [("a | 1 0", "1"), ("b | 0 1", "1 " + "x" * 90), ("c | -1 0", "1"), ("d | 0 -1", "1")]
    engine = planted_engine(tmp_path, rows)

    record = engine.value(KCenterGreedy(vectors=_VECTORS, budget="9 tokens"))

    assert sorted(chosen(engine, KCenterGreedy(vectors=_VECTORS, budget="9 tokens"))) == [
        "a", "c", "d",
    ]  # fmt: skip
    assert record.facts["tokens"] == 9


def test_copies_end_the_selection_unless_it_is_to_be_filled(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [(f"r{place} | 1 0", "1") for place in range(4)])

    short = engine.value(KCenterGreedy(vectors=_VECTORS, budget=3)).selection
    full = engine.value(KCenterGreedy(vectors=_VECTORS, budget=3, fill=True)).selection

    assert (len(short.indices), short.stop) == (1, "no_gain")
    assert (len(full.indices), full.stop) == (3, "budget")
    assert full.gains.tolist()[1:] == [0.0, 0.0]


def test_a_start_that_may_not_be_chosen_is_refused(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    start = TopScore(by=PlantedLoss(), budget=2)
    inner = Threshold(by=PlantedScore(), low=4)

    with pytest.raises(ConfigError, match="2 rows of `start` may not be chosen"):
        engine.value(KCenterGreedy(vectors=_VECTORS, budget=4, start=start, within=inner))
