"""Results of earlier runs by name, and how far two agree."""

import json
from pathlib import Path

import pytest

from assay.errors import DataError
from assay.project import Project
from assay.runtime import Runtime
from assay.workspace.stored import find_result, rows_with_prefix, stored_results, stored_selection


@pytest.fixture
def project(tmp_path: Path) -> Project:
    rows = [{"instruction": f"ask {i}", "output": "a" * (i + 1)} for i in range(20)]
    path = tmp_path / "data.json"
    path.write_text(json.dumps(rows))
    return Project(data=path, runtime=Runtime(cache=tmp_path / "cache", workers=1))


def test_a_selection_is_found_again_as_it_was(project: Project) -> None:
    made = project.select("longest_response", budget=5)

    again = stored_selection(project, made.name)

    assert again.ids.tolist() == made.ids.tolist()
    assert again.selector == made.selector


def test_an_unknown_name_names_the_nearest(project: Project) -> None:
    project.select("random", budget=5)

    with pytest.raises(DataError, match="'randm-5' is neither") as raised:
        find_result(project, "randm-5")

    assert "'random-5'" in str(raised.value.hint)


def test_a_score_is_no_selection(project: Project) -> None:
    project.score("longest_response")

    with pytest.raises(DataError, match="is a score, not a selection"):
        stored_selection(project, "longest_response")


def test_a_filter_of_another_selection_is_an_inner_step(project: Project) -> None:
    project.select("random", budget=5, within={"method": "deduplicate"})

    found = stored_results(project.results, project.pool.context)

    assert {r.name: r.inner for r in found if r.kind == "selection"} == {
        "deduplicate": True,
        "random-within-deduplicate-5": False,
    }


def test_results_of_older_rows_are_told_apart(project: Project) -> None:
    project.score("longest_response")

    [found] = stored_results(project.results, "another context")

    assert not found.current


def test_the_beginning_of_an_id_finds_its_row(project: Project) -> None:
    row_id = int(project.pool.ids[7])

    assert rows_with_prefix(project, f"{row_id:016x}"[:10]) == [row_id]
    assert rows_with_prefix(project, f"{row_id:016x}") == [row_id]
    assert rows_with_prefix(project, "longest_response") == []


def test_an_id_that_no_row_has_is_refused(project: Project) -> None:
    with pytest.raises(DataError, match="no row"):
        rows_with_prefix(project, "0000000000000000")
