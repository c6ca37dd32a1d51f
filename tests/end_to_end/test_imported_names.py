"""Imported scores are names of their project: two projects of one process keep to their own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.components.registry import components, find
from assay.errors import UnknownMethodError
from assay.project import Project
from assay.runtime import Runtime
from assay.workspace.stored import stored_selection
from tests.end_to_end.in_process import Here, calls_in

FIRST = {"ask 0": 3.0, "ask 1": 2.0, "ask 2": 4.0, "ask 3": 1.0}
SECOND = {"ask 0": 30.0, "ask 1": 40.0, "ask 2": 10.0, "ask 3": 20.0}


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    for call in calls_in(tmp_path, monkeypatch, capsys):
        for name, numbers in (("a", FIRST), ("b", SECOND)):
            rows = [{"instruction": prompt, "output": "answer"} for prompt in numbers]
            Path(f"{name}.json").write_text(json.dumps(rows))
            _import(call, name, numbers)
        yield call


def _import(here: Here, name: str, numbers: dict[str, float]) -> str:
    """Import a column by place, and return what is said."""
    lines = ["quality", *map(str, numbers.values())]
    Path(f"{name}.csv").write_text("\n".join(lines) + "\n")
    called = here("import-scores", f"{name}.json", f"{name}.csv", "--column", "quality")
    assert called.code == 0
    return " ".join(called.err.split())


def _open(name: str) -> Project:
    return Project(f"{name}.assay", runtime=Runtime(cache=Path("cache"), workers=1))


def _by_prompt(project: Project, values: list[float]) -> dict[str, float]:
    ids = project.pool.ids.tolist()
    prompts = [project.sample(row_id).conversation.prompt for row_id in ids]
    return dict(zip(prompts, values, strict=True))


def _scores(project: Project) -> dict[str, float]:
    return _by_prompt(project, project.score("quality")[0].main.values.tolist())


def _best(project: Project) -> list[str]:
    chosen = project.select("quality", budget=2)
    return [project.sample(row_id).conversation.prompt for row_id in chosen.ids.tolist()]


@pytest.mark.usefixtures("here")
def test_each_project_answers_with_its_own_values() -> None:
    first, second = _open("a"), _open("b")

    for _ in range(2):
        assert (_scores(first), _scores(second)) == (FIRST, SECOND)
        assert (_best(first), _best(second)) == (["ask 2", "ask 0"], ["ask 1", "ask 0"])
    assert _by_prompt(first, first.frame()["quality"].to_list()) == FIRST
    assert _by_prompt(second, second.frame()["quality"].to_list()) == SECOND
    # Opened anew, in the other order, and by a name inside another method.
    second, first = _open("b"), _open("a")
    assert (_scores(first), _scores(second)) == (FIRST, SECOND)
    mean = {"method": "rank_mean", "of": ["quality"]}
    assert first.select(mean, budget=1).frame()["prompt"].to_list() == ["ask 2"]
    assert second.select(mean, budget=1).frame()["prompt"].to_list() == ["ask 1"]


@pytest.mark.usefixtures("here")
def test_a_stored_selection_is_of_the_import_of_its_own_project() -> None:
    first, second = _open("a"), _open("b")
    made = [project.select("quality", budget=2).ids.tolist() for project in (first, second)]

    again = [stored_selection(project, "quality-2").ids.tolist() for project in (second, first)]

    assert again == made[::-1]


def test_what_is_imported_elsewhere_is_no_method_here(here: Here) -> None:
    Path("c.json").write_text(Path("a.json").read_text())
    here("load", "c.json")
    find("random")  # all methods are loaded
    _scores(_open("a"))

    with pytest.raises(UnknownMethodError, match="quality"):
        _open("c").score("quality")


@pytest.mark.usefixtures("here")
def test_the_names_of_a_project_are_not_left_behind() -> None:
    before = [item.name for item in components("scorer")]
    project = _open("b")
    _scores(project)

    with project.names():
        assert find("quality").version == project.scorer("quality").version
    assert [item.name for item in components("scorer")] == before


def test_numbers_imported_anew_count_at_once_and_that_is_said(here: Here) -> None:
    project = _open("a")
    assert _scores(project) == FIRST
    said = _import(here, "a", SECOND)

    assert "quality: what makes it has changed, and it now names the new result" in said
    assert _scores(project) == SECOND
    assert _by_prompt(project, project.frame()["quality"].to_list()) == SECOND
    assert _best(project) == ["ask 1", "ask 0"]
    assert "now names" not in _import(here, "a", SECOND)


def test_the_command_line_asks_the_project_that_it_means(here: Here) -> None:
    best = {}
    for name in ("a", "b", "a"):
        made = here("select", f"{name}.json", "quality", "--budget", "1", "--json").document
        best[name] = made["examples"]["chosen"][0]["prompt"]

    assert best == {"a": "ask 2", "b": "ask 1"}
    # No source: the folder holds two projects that both know the name.
    shown = here("select", "quality", "--budget", "1", "-p", "b.assay", "--json").document
    assert shown["examples"]["chosen"][0]["prompt"] == "ask 1"


def test_the_configuration_of_a_run_finds_the_import_again(here: Here) -> None:
    here("select", "b.json", "quality", "--budget", "1", "-o", "one.json", "-q")
    [config] = Path("b.assay/runs").glob("*-select-*/config.yaml")
    Path("one.json").unlink()

    assert here("run", str(config), "-q").code == 0
    assert [row["instruction"] for row in json.loads(Path("one.json").read_text())] == ["ask 1"]
