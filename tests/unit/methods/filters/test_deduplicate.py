from pathlib import Path

import pytest

from assay.methods.combinations.top_score import TopScore
from assay.methods.filters.deduplicate import Deduplicate
from assay.samples import Reason
from tests.unit.methods.planted import (
    PlantedLoss,
    PlantedScore,
    chosen,
    names,
    planted_engine,
    reasons,
)

_TEXT = "Give three tips for staying healthy, and say for each of them why it works so well."
_ANSWERS = [
    "7 Eat well, sleep enough and move your body every single day of the week.",
    "7 Eat well, sleep enough and move your body every single day of the week!",
]


def test_of_equal_rows_one_stays(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [("a", "1"), ("b", "2"), ("a", "1"), ("a", "1")])

    record = engine.value(Deduplicate())

    assert sorted(chosen(engine, Deduplicate())) == ["a", "b"]
    assert sorted(record.reason.tolist()) == [0, 0, Reason.NEAR_DUPLICATE, Reason.NEAR_DUPLICATE]


def test_exact_looks_at_every_character(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [("a", "1"), ("a ", "1"), ("A", "1")])

    assert len(chosen(engine, Deduplicate())) == 3


def test_near_duplicates_are_found_and_others_left_alone(tmp_path: Path) -> None:
    rows = [(_TEXT, _ANSWERS[0]), (_TEXT, _ANSWERS[1]), ("Something else", "3 entirely")]
    engine = planted_engine(tmp_path, rows)

    fate = list(engine.value(Deduplicate(match="near")).reason)

    assert sorted(fate) == [0, 0, Reason.NEAR_DUPLICATE]
    assert len(chosen(engine, Deduplicate(match="exact"))) == 3


def test_a_higher_threshold_keeps_more(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [(_TEXT, _ANSWERS[0]), (_TEXT, _ANSWERS[1])])

    assert len(chosen(engine, Deduplicate(match="near", threshold=0.5))) == 1
    assert len(chosen(engine, Deduplicate(match="near", threshold=1.0))) == 2


def test_only_the_named_part_is_compared(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [(_TEXT, "1 one way"), (_TEXT, "2 quite another answer")])

    assert len(chosen(engine, Deduplicate(match="near", part="prompt"))) == 1
    assert len(chosen(engine, Deduplicate(match="near", part="response"))) == 2


@pytest.mark.parametrize(("prefer", "kept"), [(PlantedScore(), "9"), (PlantedLoss(), "2")])
def test_the_row_that_a_score_prefers_stays(
    tmp_path: Path, prefer: PlantedScore, kept: str
) -> None:
    rows = [(f"{_TEXT}", f"{number} {_ANSWERS[0]}") for number in (5, 9, 2)]
    engine = planted_engine(tmp_path, rows)

    record = engine.value(Deduplicate(match="near", prefer=prefer))

    (place,) = record.selection.indices
    (conversation,) = engine.pool.conversations(record.selection.indices)
    assert conversation.response.startswith(kept)
    assert record.reason[place] == Reason.OK


def test_without_a_score_the_lowest_id_stays(tmp_path: Path) -> None:
    rows = [(_TEXT, answer) for answer in _ANSWERS]
    engine = planted_engine(tmp_path, rows)

    record = engine.value(Deduplicate(match="near"))

    assert record.selection.indices.tolist() == [0]


def test_a_filter_before_it_decides_who_is_there_to_be_kept(tmp_path: Path) -> None:
    rows = [(f"{_TEXT}", f"{number} {_ANSWERS[0]}") for number in (5, 9, 2)]
    engine = planted_engine(tmp_path, [*rows, ("alone", "7")])
    inner = TopScore(by=PlantedLoss(), budget=3)  # leaves out the row of 9

    record = engine.value(Deduplicate(match="near", prefer=PlantedScore(), within=inner))

    kept = [c.response[0] for c in engine.pool.conversations(record.selection.indices)]
    assert sorted(kept) == ["5", "7"]


def test_rows_left_over_by_a_budget_are_no_duplicates(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [("a", "1"), ("b", "2"), ("c", "3")])

    fate = reasons(engine, Deduplicate(budget=2))

    assert [fate[name] for name in names(engine)] == [Reason.OK, Reason.OK, Reason.NOT_CHOSEN]
