"""Projects are told apart by what they hold."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from assay.errors import DataError
from assay.formats.records import SourceSpec
from assay.project import Project
from assay.runtime import Runtime
from assay.workspace.placement import default_folder, holds


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for place, name in enumerate(("tea.json", "river.json", "sub/tea.json", "stone.json")):
        _write(name, place)


def _write(name: str, first: int, rows: int = 6) -> None:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        json.dumps([{"instruction": f"ask {first} {n}", "output": f"say {n}"} for n in range(rows)])
    )


def _project(*names: str, folder: str | None = None, **settings: object) -> Project:
    data: Sequence[SourceSpec] = [SourceSpec(name) for name in names]
    runtime = Runtime(cache=Path("cache"), workers=1)
    return Project(folder, data=data, runtime=runtime, **settings)  # type: ignore[arg-type]


def test_a_mix_has_a_project_of_its_own_and_leaves_that_of_the_first_file_alone() -> None:
    alone = _project("tea.json")

    mix = _project("tea.json", "river.json")

    assert mix.folder == Path("tea+river.assay")
    assert (len(alone), len(mix)) == (6, 12)
    assert len(_project("tea.json")) == 6
    assert _project("tea.json").folder == Path("tea.assay")


def test_a_mix_is_found_again_in_whatever_order_it_is_named() -> None:
    mix = _project("tea.json", "river.json")
    mix.select("longest_response", budget=2)
    written = (mix.folder / "load.json").read_bytes()

    again = _project("river.json", "tea.json", folder="tea+river.assay")

    assert again.pool.context == mix.pool.context
    assert (mix.folder / "load.json").read_bytes() == written


def test_many_files_have_a_name_of_common_length() -> None:
    names = ["tea.json", "river.json", "stone.json", "sub/tea.json"]

    mix = _project(*names)

    assert mix.folder.name.startswith("tea+3-more-")
    assert default_folder([SourceSpec(name) for name in names]) == mix.folder


def test_files_of_one_stem_have_a_project_each() -> None:
    Path("tea.jsonl").write_text('{"instruction": "why", "output": "because"}\n')
    first = _project("tea.json")

    second = _project("tea.jsonl")

    assert (first.folder.name, second.folder.name) == ("tea.assay", "tea.jsonl.assay")
    assert (len(_project("tea.json")), len(_project("tea.jsonl"))) == (6, 1)


def test_a_folder_that_an_earlier_version_named_by_the_first_file_is_found() -> None:
    _project("tea.json", "river.json", folder="tea.assay")

    assert default_folder([SourceSpec("tea.json"), SourceSpec("river.json")]) == Path("tea.assay")
    assert _project("tea.json").folder == Path("tea.json.assay")


def test_other_data_is_refused_where_a_folder_is_named_and_nothing_is_lost() -> None:
    project = _project("tea.json", folder="mine")
    project.select("longest_response", budget=2)
    before = sorted((path, path.read_bytes()) for path in Path("mine").rglob("*.parquet"))

    with pytest.raises(
        DataError, match=r"mine holds a project of .*tea.json, and not of river.json"
    ) as told:
        _project("river.json", folder="mine")

    assert "delete mine first" in str(told.value.hint)
    assert sorted((path, path.read_bytes()) for path in Path("mine").rglob("*.parquet")) == before


@pytest.mark.parametrize("more", [["river.json"], []])
def test_more_or_fewer_files_are_other_data(more: list[str]) -> None:
    _project("tea.json", *(["stone.json"] if not more else []), folder="mine")

    with pytest.raises(DataError, match="mine holds a project of"):
        _project("tea.json", *more, folder="mine")


def test_another_split_of_a_repository_is_other_data() -> None:
    record = _project("tea.json").load_record
    record.specs[0] |= {"location": "org/name", "split": "train"}

    assert holds(record, [SourceSpec("org/name")])
    assert holds(record, [SourceSpec("org/name", split="train")])
    assert not holds(record, [SourceSpec("org/name", split="test")])
    assert not holds(record, [SourceSpec("org/name", revision="main")])


def test_the_same_file_by_another_path_is_the_same_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project = _project(str(tmp_path / "tea.json"))
    written = (project.folder / "load.json").read_bytes()
    monkeypatch.chdir("sub")

    again = _project("../tea.json")

    assert again.folder.resolve() == project.folder.resolve()
    assert (again.folder / "load.json").read_bytes() == written


def test_a_project_opened_as_loaded_is_not_read_anew(caplog: pytest.LogCaptureFixture) -> None:
    loaded = _project("tea.json")
    _write("tea.json", 7, rows=3)

    kept = Project("tea.assay", as_loaded=True)
    assert (len(kept), kept.pool.context) == (6, loaded.pool.context)

    Path("tea.json").unlink()
    assert len(Project("tea.assay", as_loaded=True)) == 6


def test_data_that_has_changed_is_read_anew_aloud(caplog: pytest.LogCaptureFixture) -> None:
    _project("tea.json")
    _write("tea.json", 7, rows=3)

    assert len(_project("tea.json")) == 3
    assert "has changed since it was loaded: 3 rows now, 6 then" in caplog.text
