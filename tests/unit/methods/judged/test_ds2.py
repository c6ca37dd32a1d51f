from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.errors import ConfigError, FeatureError
from assay.features.identity import Identities
from assay.methods.combinations.quota import Quota
from assay.methods.combinations.top_score import TopScore
from assay.methods.judged.ds2 import DS2
from assay.outcomes import ScoreTable
from assay.samples import Reason
from assay.solvers.nearest import nearest_neighbors
from assay.testing import check_component
from tests.unit.methods.planted import (
    PlantedLoss,
    PlantedScore,
    PlantedVectors,
    chosen,
    given,
    planted_engine,
    scores_by_name,
)

_AXES = {"a": "1 0 0", "b": "0 1 0"}


def _rows(*, wrong: int = 1, scale: float = 0.05) -> list[tuple[str, str]]:
    """Return two bundles of rows, scored 7 and 4; `wrong` rows of the first were given a 4."""
    rng = np.random.default_rng(0)
    rows = []
    for axis, (letter, place) in enumerate(_AXES.items()):
        for number in range(20):
            noise = np.round(rng.normal(scale=scale, size=3) + np.array(place.split(), float), 3)
            score = 4 if letter == "b" or number < wrong else 7
            rows.append((f"{letter}{number} | {' '.join(map(str, noise))}", f"{score} {axis}"))
    return rows


def _ds2(**parameters: Any) -> DS2:
    return DS2(**({"by": PlantedScore(), "vectors": PlantedVectors()} | parameters))


def _columns(engine: Any, scorer: DS2) -> dict[str, dict[str, float]]:
    table: ScoreTable = engine.value(scorer)
    known = [name.partition(" ")[0] for name in scores_by_name(engine, scorer)]
    return {
        column: dict(zip(known, scores.values.tolist(), strict=True))
        for column, scores in table.columns.items()
    }


def test_a_score_that_all_neighbours_contradict_is_mended(tmp_path: Path) -> None:
    found = _columns(planted_engine(tmp_path, _rows()), _ds2())

    assert found["raw"]["a0"] == 4
    assert found["curated"]["a0"] == 7
    assert found["noise"]["a0"] > 0.9
    assert found["confidence"]["a0"] > 0.85
    others = {name for name in found["raw"] if name != "a0"}
    assert all(found["curated"][name] == found["raw"][name] for name in others)
    assert max(found["noise"][name] for name in others) < 0.9


def test_above_a_confidence_of_one_nothing_is_mended(tmp_path: Path) -> None:
    found = _columns(planted_engine(tmp_path, _rows()), _ds2(confidence=1.5))

    assert found["curated"] == found["raw"]


def test_the_main_column_is_the_class_and_the_long_tail_behind_it(tmp_path: Path) -> None:
    found = _columns(planted_engine(tmp_path, _rows()), _ds2())

    for name, value in found["value"].items():
        assert value == pytest.approx(found["curated"][name] + found["long_tail"][name])
        assert 0 < found["long_tail"][name] < 0.77


def test_classes_are_taken_downwards_and_the_last_is_cut_by_the_long_tail(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _rows())
    found = _columns(engine, _ds2())

    taken = chosen(engine, TopScore(by=_ds2(), budget=25))

    best = sorted((n for n in found["curated"] if found["curated"][n] == 7),
                  key=lambda n: -found["long_tail"][n])  # fmt: skip
    assert sorted(taken[:20]) == sorted(best)
    rest = sorted((found["long_tail"][n] for n in found["raw"] if n.startswith("b")), reverse=True)
    assert [found["long_tail"][name] for name in taken[20:]] == rest[:5]


def test_where_less_is_better_the_lowest_class_comes_first_and_rare_rows_in_it(
    tmp_path: Path,
) -> None:
    engine = planted_engine(tmp_path, _rows())
    scorer = _ds2(by=PlantedLoss())
    found = _columns(engine, scorer)

    taken = chosen(engine, TopScore(by=scorer, budget=3))

    assert scorer.prefer == "low"
    assert all(name.startswith("b") for name in taken)
    rarest = sorted(found["long_tail"][n] for n in found["raw"] if n.startswith("b"))[-3:]
    assert sorted(found["long_tail"][name] for name in taken) == rarest


def test_classes_closer_than_the_long_tail_do_not_mix(tmp_path: Path) -> None:
    rows = [
        (prompt, "4.9" if answer.startswith("7") else "4.8") for prompt, answer in _rows(scale=0.8)
    ]

    found = _columns(planted_engine(tmp_path, rows), _ds2())

    assert np.ptp(list(found["long_tail"].values())) > 0.1
    lowest = min(v for n, v in found["value"].items() if found["curated"][n] == 4.9)
    assert lowest > max(v for n, v in found["value"].items() if found["curated"][n] == 4.8)


def test_scores_are_rounded_and_clipped_where_a_scale_is_named() -> None:
    values = np.array([1.0, 4.4, 4.5, 9.0, 10.0, 6.5, np.nan])
    vectors = np.random.default_rng(0).normal(size=(7, 3))

    found = _ds2(compress=(4, 9)).score(
        by=given(*values.tolist()),
        graph=nearest_neighbors(vectors, 6),
        identity=Identities(np.arange(7, dtype=np.uint64)),
    )

    assert np.asarray(found["raw"])[:6].tolist() == [4, 4, 5, 9, 9, 7]
    for name in ("raw", "curated", "noise", "confidence", "value"):
        assert np.isnan(np.asarray(getattr(found[name], "values", found[name]))[6])


def test_a_row_without_a_score_has_none_and_a_row_without_words_its_raw_one(
    tmp_path: Path,
) -> None:
    rows = [*_rows(), ("x | 1 0.1 0", "none"), ("zero | 0 0 0", "7")]
    engine = planted_engine(tmp_path, rows)
    table: ScoreTable = engine.value(_ds2())

    assert scores_by_name(engine, _ds2())["x"][1] == Reason.ZERO_DENOMINATOR
    place = list(scores_by_name(engine, _ds2())).index("zero")
    assert table.columns["raw"].values[place] == 7
    for name in ("value", "curated", "noise", "confidence", "long_tail"):
        assert table.columns[name].reason[place] == Reason.NO_WORDS
    assert "x" not in chosen(engine, TopScore(by=_ds2(), budget=40))


def test_a_row_without_a_score_does_not_vote_and_its_neighbours_are_mended_all_the_same(
    tmp_path: Path,
) -> None:
    rows = _rows()
    silent = [(f"s{n} | 1 0 0.00{n}", "none") for n in range(9)]

    found = _columns(planted_engine(tmp_path, [*rows, *silent]), _ds2(vectors=PlantedVectors()))

    assert found["curated"]["a0"] == 7
    assert np.isnan([found["value"][f"s{n}"] for n in range(9)]).all()


def test_one_number_for_all_and_a_number_for_each_are_refused(tmp_path: Path) -> None:
    same = planted_engine(tmp_path / "same", [(prompt, "5") for prompt, _ in _rows()])
    with pytest.raises(FeatureError, match="all 40 scores of planted_score are equal"):
        same.value(_ds2())

    each = [(prompt, f"{n}.5") for n, (prompt, _) in enumerate(_rows())]
    with pytest.raises(FeatureError, match="gives 40 different numbers"):
        planted_engine(tmp_path / "each", each).value(_ds2())
    found = _columns(planted_engine(tmp_path / "each2", each), _ds2(compress=(18, 22)))
    assert set(found["raw"].values()) == {18, 19, 20, 21, 22}


def test_without_two_neighbours_nobody_can_tell(tmp_path: Path) -> None:
    rows = [("a | 1 0", "3"), ("b | 0 1", "4"), ("c | 0 0", "4")]

    with pytest.raises(FeatureError, match="no row has two neighbours with a score"):
        planted_engine(tmp_path, rows).value(_ds2())


def test_a_scale_upside_down_is_refused() -> None:
    with pytest.raises(ConfigError, match="the lowest number and a higher one"):
        _ds2(compress=(9, 4))


def test_it_divides_between_groups_and_tokens_as_any_score(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _rows(), groups=["x", "y"] * 20)

    quota = chosen(engine, Quota(by=TopScore(by=_ds2()), per="task", divide="equal", budget=6))
    tokens = chosen(engine, TopScore(by=_ds2(), budget="60 tokens"))

    assert len(quota) == 6
    assert sum(int(name[1:]) % 2 for name in quota) == 3
    assert 0 < len(tokens) < 40


def test_the_published_classes_are_cut_where_the_budget_ends() -> None:
    # Sizes of the classes 0 to 5 that the authors' judge made of 300,932 rows.
    sizes = [18_626, 44_401, 86_132, 87_975, 59_969, 3_829]
    rng = np.random.default_rng(0)
    curated = rng.permutation(np.repeat(np.arange(6), sizes))
    rarity = np.round(rng.random(len(curated)) * 0.7, 4)

    order = np.argsort(-(curated + rarity), kind="stable")[:10_000]

    assert np.bincount(curated[order], minlength=6).tolist() == [0, 0, 0, 0, 6_171, 3_829]
    left = np.setdiff1d(np.flatnonzero(curated == 4), order)
    assert rarity[order[3_829:]].min() >= rarity[left].max()


def test_another_seed_draws_other_parts_and_the_same_one_the_same(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _rows(wrong=3))

    one, again, other = (_columns(engine, _ds2(seed=seed))["noise"] for seed in (0, 0, 1))

    assert one == again
    assert one != other


def test_file_order_does_not_matter(tmp_path: Path) -> None:
    one = _columns(planted_engine(tmp_path / "one", _rows(wrong=3)), _ds2())

    assert _columns(planted_engine(tmp_path / "other", _rows(wrong=3)[::-1]), _ds2()) == one


def test_a_part_is_drawn_by_ids_and_only_from_rows_with_a_score() -> None:
    labels = np.array([0, 1, -1, 0, 1, 0, 0, 1, 1, 0, 0])
    ids = np.random.default_rng(0).permutation(11).astype(np.uint64)

    parts = [part.tolist() for part in _ds2(rounds=40, part=0.9)._parts(labels, ids)]

    assert all(part == sorted(set(part) - {2}) and len(part) == 9 for part in parts)
    assert {row for part in parts for row in range(11) if row not in part} == set(range(11))
    order = np.argsort(ids)
    turned = _ds2(rounds=40, part=0.9)._parts(labels[order], ids[order])
    assert [sorted(order[part].tolist()) for part in turned] == parts


def test_it_keeps_the_contract() -> None:
    check_component(DS2(by="longest_response", compress=(20, 24)))
