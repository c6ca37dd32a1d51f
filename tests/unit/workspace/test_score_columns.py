"""Scores with several columns in the tables of a project, of a selection and beside an export."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.components.rule import Rule
from assay.methods.combinations.top_score import TopScore
from assay.project import Project
from assay.runtime import Runtime
from assay.workspace.score_frame import score_frame
from tests.unit.methods.planted import PlantedRubric

_NUMBERS = [(6, 1), (5, 4), (4, 0), (3, 4)]


def _project(folder: Path, *, data: bool = True) -> Project:
    path = folder / "rows.json"
    if data:
        rows = [{"instruction": f"q{a}", "output": f"{a} {b}"} for a, b in _NUMBERS]
        path.write_text(json.dumps(rows))
    runtime = Runtime(cache=folder / "cache", workers=1)
    return Project(folder / "p", data=path if data else None, runtime=runtime)


@pytest.mark.parametrize(
    ("called", "heads"),
    [
        (("clear", "true"), ["planted", "planted.reason", "planted.true", "planted.true.reason"]),
        (("value", "5.0"), ["planted", "planted.reason", "planted.5.0", "planted.5.0.reason"]),
        (("id", "reason"),
         ["planted", "planted.reason", "planted.reason-2", "planted.reason-2.reason"]),
    ],
)  # fmt: skip
def test_columns_of_any_name_are_in_every_table(
    tmp_path: Path, called: tuple[str, str], heads: list[str]
) -> None:
    rubric = PlantedRubric(called=called)
    project = _project(tmp_path)
    project.score(rubric, name="planted")
    best = project.select(TopScore(by=rubric, column=called[1], budget=2))
    best.export(tmp_path / "out.json")

    again = _project(tmp_path, data=False)
    frame = again.frame(["planted"], order="source")
    beside = pl.read_parquet(tmp_path / "out.json.assay.parquet").sort("row")

    assert frame.columns[4:] == heads
    assert [name for name in beside.columns if name.startswith("planted")] == heads
    for table in (frame, beside):
        assert table[heads[0]].to_list() == [6, 5, 4, 3]
        assert table[heads[2]].to_list() == [1, 4, None, 4]
        assert table[heads[3]].to_list() == [None, None, "refused", None]
    chosen = best.frame()
    assert chosen[heads[2]].to_list() == [4, 4]
    assert sorted(chosen[heads[0]].to_list()) == [3, 5]


def test_columns_that_nothing_reads_are_in_tables_and_not_in_what_is_told(tmp_path: Path) -> None:
    project, rubric = _project(tmp_path), PlantedRubric()

    plain = project.select(TopScore(by=rubric, budget=2))
    second = project.select(TopScore(by=rubric, column="true", budget=2))
    ruled = project.select(TopScore(by=rubric, rule=Rule(below=4, column="true"), budget=2))

    assert list(plain.score_columns()) == ["planted_rubric", "planted_rubric.true"]
    assert list(plain.score_columns(only_read=True)) == ["planted_rubric"]
    assert list(second.score_columns(only_read=True)) == ["planted_rubric", "planted_rubric.true"]
    assert list(ruled.score_columns(only_read=True)) == ["planted_rubric", "planted_rubric.true"]


def test_a_column_called_like_the_reasons_of_another_keeps_both(tmp_path: Path) -> None:
    project = _project(tmp_path)
    names = ["value", "t%2Ereason", "t"]
    none = np.zeros(4, np.uint8)
    stored = pl.DataFrame({"id": project.pool.ids}).with_columns(
        *(pl.Series(name, [1.0] * 4) for name in names),
        *(pl.Series(name, none) for name in ("reason", "t%2Ereason.reason", "t.reason")),
    )

    frame = score_frame(project.pool, [tmp_path / "rows.json"], {"n": stored})

    assert frame.columns[4:] == [
        "n", "n.reason", "n.t.reason", "n.t.reason.reason", "n.t", "n.t.reason-2",
    ]  # fmt: skip


def test_a_score_called_like_a_column_of_another_keeps_both(tmp_path: Path) -> None:
    project, rubric = _project(tmp_path), PlantedRubric()
    project.score(rubric, name="r")
    project.score("longest_response", name="r.true")

    frame = project.frame(["r", "r.true"])

    assert frame.columns[4:] == [
        "r", "r.reason", "r.true", "r.true.reason", "r.true-2", "r.true-2.reason",
    ]  # fmt: skip
