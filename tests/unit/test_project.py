import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.components.default_selection import default_selection
from assay.errors import AssayError, ConfigError, DataError, IncompleteError
from assay.formats.records import SourceSpec
from assay.methods.text.compression_ifd import CompressionIFD
from assay.project import Project
from assay.runtime import Runtime
from assay.samples import Reason
from assay.workspace.placement import default_folder

_ROWS = [
    {"instruction": f"Question {n}?", "input": "", "output": "word " * (n % 7 + 1) + str(n)}
    for n in range(40)
]


def _data(folder: Path, rows: list[dict[str, str]] = _ROWS) -> Path:
    path = folder / "rows.json"
    path.write_text(json.dumps(rows, indent=1))
    return path


def _project(folder: Path, **settings: object) -> Project:
    runtime = Runtime(cache=folder / "cache", workers=1)
    return Project(folder / "p", data=_data(folder), runtime=runtime, **settings)  # type: ignore[arg-type]


def test_a_score_by_name_description_or_object_is_the_same(tmp_path: Path) -> None:
    project = _project(tmp_path)

    one, two, three = project.score(
        "compression_ifd", {"method": "compression_ifd"}, CompressionIFD()
    )

    assert one is two is three


def test_the_frame_has_ids_and_a_column_per_score(tmp_path: Path) -> None:
    project = _project(tmp_path)
    project.score("longest_response", "ttr")

    frame = project.frame()

    assert frame.columns == [
        "id", "file", "record", "sample",
        "longest_response", "longest_response.reason", "ttr", "ttr.reason",
    ]  # fmt: skip
    assert [int(text, 16) for text in frame["id"]] == project.pool.ids.tolist()


def test_a_folder_is_opened_again_without_naming_the_data(tmp_path: Path) -> None:
    first = _project(tmp_path, hold_out=0.3)
    first.score("ttr")

    again = Project(tmp_path / "p", runtime=first.runtime)

    assert again.pool.digest == first.pool.digest
    assert again.pool.held_out.tolist() == first.pool.held_out.tolist()
    assert again.frame().equals(first.frame())


def test_scores_of_other_rows_are_not_shown(tmp_path: Path) -> None:
    _project(tmp_path).score("ttr")
    _data(tmp_path, _ROWS[:30])

    changed = Project(tmp_path / "p", runtime=Runtime(cache=tmp_path / "cache", workers=1))

    assert len(changed) == 30
    assert changed.frame().columns == ["id", "file", "record", "sample"]


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a project"):
        Project(tmp_path / "nothing")


def test_a_lone_score_selects_its_top_and_parameters_reach_it(tmp_path: Path) -> None:
    project = _project(tmp_path)

    best = project.select("longest_response", budget="10%")

    assert best.name == "longest_response-10pct"
    assert len(best) == 4
    frame = best.frame()
    assert frame["rank"].to_list() == [1, 2, 3, 4]
    assert frame["longest_response"].to_list() == sorted(frame["longest_response"], reverse=True)
    assert frame["response"].str.len_chars().to_list() == frame["longest_response"].to_list()
    assert frame["id"].to_list() == best.ids.tolist()


def test_seeds_make_as_many_selections_that_differ(tmp_path: Path) -> None:
    chosen = _project(tmp_path).select("random", budget=10, seeds=3)

    assert len({tuple(selection.ids.tolist()) for selection in chosen}) == 3
    assert [selection.selector.seed for selection in chosen] == [0, 1, 2]


def test_a_selector_object_takes_a_budget_and_parameters_beside_it(tmp_path: Path) -> None:
    project = _project(tmp_path)
    plain = project.selector("random", budget=3)

    changed = project.selector(plain, budget=5, seed=7)

    assert (str(changed.budget), changed.seed) == ("5 samples", 7)
    assert (str(plain.budget), plain.seed) == ("3 samples", 0)


def test_without_a_method_it_is_the_default_recipe(tmp_path: Path) -> None:
    selector = _project(tmp_path).selector(budget="5%", seed=3, neighbors=9)

    assert selector.name == default_selection("5%").selector.name
    assert (selector.seed, selector.model_dump()["neighbors"]) == (3, 9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "a selection needs a budget"),
        ({"method": "given", "budget": 3}, "given"),
        ({"method": "random", "budget": 3, "colour": 1}, "no parameter 'colour'"),
    ],
)
def test_what_cannot_be_selected_by_is_refused(
    tmp_path: Path, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(AssayError, match=message):
        _project(tmp_path).selector(**arguments)  # type: ignore[arg-type]


def test_a_selection_is_no_score(tmp_path: Path) -> None:
    project = _project(tmp_path)

    with pytest.raises(ConfigError, match="is a selector, not a score"):
        project.score(project.selector("random", budget=3))


def test_the_scores_of_several_seeds_are_told_apart(tmp_path: Path) -> None:
    project = _project(tmp_path)

    several = project.select("random", budget=6, seeds=3)

    names = ["random_number", "random_number-seed1", "random_number-seed2"]
    frame = project.frame()
    assert [name for name in frame.columns if name in names] == names
    for name, selection in zip(names, several, strict=True):
        smallest = frame.sort(name)["id"].head(6).to_list()
        assert sorted(smallest) == sorted(selection.ids.tolist())


def test_an_export_holds_the_chosen_rows_as_they_came(tmp_path: Path) -> None:
    best = _project(tmp_path).select("longest_response", budget=6)

    best.export(tmp_path / "out.json")

    exported = json.loads((tmp_path / "out.json").read_text())
    questions = set(best.frame()["prompt"])
    assert exported == [row for row in _ROWS if row["instruction"] in questions]


def test_the_sidecar_says_of_every_row_what_became_of_it(tmp_path: Path) -> None:
    project = _project(tmp_path, hold_out=0.2)
    best = project.select("longest_response", budget=6)

    best.export(tmp_path / "out.json")

    frame = pl.read_parquet(tmp_path / "out.json.assay.parquet")
    manifest = json.loads((tmp_path / "out.json.assay.json").read_text())["manifest"]
    assert len(frame) == 40
    assert frame.sort("rank", nulls_last=True)["id"].head(6).to_list() == best.ids.tolist()
    counts = dict(frame["reason"].drop_nulls().value_counts().iter_rows())
    assert counts["held_out"] == manifest["pool"]["held_out"] == project.pool.held_out.sum()
    assert sum(counts.values()) == 34
    assert manifest["key"] == best.selector.key


def test_a_row_is_found_by_its_id(tmp_path: Path) -> None:
    project = _project(tmp_path)
    row_id = int(project.pool.ids[7])

    assert project.position(row_id) == 7
    assert project.sample(row_id).conversation.prompt.startswith("Question")
    with pytest.raises(DataError, match=f"no row has the id {row_id + 1:016x}"):
        project.position(row_id + 1)


def test_an_id_of_any_frame_exception_or_selection_finds_its_row(tmp_path: Path) -> None:
    project = _project(tmp_path)
    best = project.select("longest_response", budget=6)
    everything = project.frame()["id"]

    assert [project.position(text) for text in everything] == list(range(40))
    assert project.position(everything[7][:9]) == 7
    assert project.position(everything[7].upper()) == 7
    assert [project.sample(text).conversation.response for text in best.ids] == best.frame()[
        "response"
    ].to_list()
    assert everything.is_in(best.ids.tolist()).sum() == 6


@pytest.mark.parametrize(
    "row_id",
    ["", "12345", "0123456789abcdef0", "not an id", "g" * 16, -1, 2**64, "-000000000000001"],
)
def test_what_is_no_id_finds_no_row(tmp_path: Path, row_id: str | int) -> None:
    with pytest.raises(DataError, match="no row has the id") as raised:
        _project(tmp_path).sample(row_id)

    assert "16 hex digits" in str(raised.value)


def test_ranks_count_from_one_in_the_frame_and_beside_the_output(tmp_path: Path) -> None:
    best = _project(tmp_path).select("longest_response", budget=6)
    best.export(tmp_path / "out.json")

    frame, beside = best.frame(), pl.read_parquet(tmp_path / "out.json.assay.parquet")

    assert frame["rank"].to_list() == [1, 2, 3, 4, 5, 6]
    chosen = beside.drop_nulls("rank").sort("rank")
    assert chosen.select("rank", "id").rows() == frame.select("rank", "id").rows()


def test_examples_show_the_first_chosen_and_one_row_of_each_other_fate(tmp_path: Path) -> None:
    rows = [*_ROWS, {"instruction": "Empty?", "input": "", "output": ""}]
    runtime = Runtime(cache=tmp_path / "cache", workers=1)
    project = Project(tmp_path / "p", data=_data(tmp_path, rows), runtime=runtime)
    best = project.select("longest_response", budget=6)

    chosen, left = best.examples(2)

    assert chosen == best.ids[:2].tolist()
    fates = [Reason(best.record.reason[project.position(row)]) for row in left]
    assert fates == [Reason.EMPTY_RESPONSE, Reason.NOT_CHOSEN]


def test_the_composition_adds_up(tmp_path: Path) -> None:
    best = _project(tmp_path).select("longest_response", budget=6)

    found = best.composition()

    texts = [f"{prompt}\n{answer}" for prompt, answer in best.frame()["prompt", "response"].rows()]
    assert found.samples == 6
    assert found.tokens == sum(-(-len(text) // 4) for text in texts)
    assert sum(found.by["language"].values()) == 6


@pytest.mark.parametrize(
    ("location", "folder"),
    [("-", "standard-input.assay"), ("org/name", "org--name.assay")],
)
def test_data_without_a_place_gets_a_project_in_the_working_folder(
    location: str, folder: str
) -> None:
    assert default_folder([SourceSpec(location)]) == Path(folder)


def test_data_with_a_place_gets_a_project_beside_it(tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl.gz"
    data.write_bytes(b"")
    (tmp_path / "folder").mkdir()

    assert default_folder([SourceSpec(str(data))]) == tmp_path / "rows.assay"
    assert default_folder([SourceSpec(str(tmp_path / "folder"))]) == tmp_path / "folder.assay"
    with pytest.raises(DataError, match="no data is named"):
        default_folder([])


def test_a_part_of_the_work_ends_with_the_line_to_run_next(tmp_path: Path) -> None:
    runtime = Runtime(cache=tmp_path / "cache", workers=1, shard=(1, 2))
    project = Project(tmp_path / "p", data=_data(tmp_path), runtime=runtime)

    with pytest.raises(IncompleteError):
        project.score("longest_response")

    runtime.shard = None
    assert not np.isnan(project.score("longest_response")[0].main.values).any()
