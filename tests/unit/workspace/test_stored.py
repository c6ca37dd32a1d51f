"""Results of earlier runs by name, and how far two agree."""

import json
from pathlib import Path

import numpy as np
import pytest

from assay.errors import DataError
from assay.project import Project
from assay.runtime import Runtime
from assay.workspace.stored import (
    find_result,
    jaccard,
    method_text,
    rows_with_prefix,
    spearman,
    stored_results,
    stored_selection,
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    rows = [{"instruction": f"ask {i}", "output": "a" * (i + 1)} for i in range(20)]
    path = tmp_path / "data.json"
    path.write_text(json.dumps(rows))
    return Project(data=path, runtime=Runtime(cache=tmp_path / "cache", workers=1))


def test_rank_correlation_of_a_textbook_example() -> None:
    # Intelligence quotient against hours of television, a common worked example: rho = -29/165.
    quotient = np.array([106, 100, 86, 101, 99, 103, 97, 113, 112, 110], float)
    hours = np.array([7, 27, 2, 50, 28, 29, 20, 12, 6, 17], float)

    assert spearman(quotient, hours) == pytest.approx(-29 / 165)


def test_rank_correlation_shares_ranks_and_skips_rows_without_a_number() -> None:
    first = np.array([1, 2, 2, 3, np.nan, 9], float)
    second = np.array([10, 20, 20, 30, 5, np.nan], float)

    assert spearman(first, second) == pytest.approx(1.0)


def test_too_few_or_equal_numbers_have_no_correlation() -> None:
    assert np.isnan(spearman(np.array([1.0, 2.0]), np.array([1.0, 2.0])))
    assert np.isnan(spearman(np.ones(5), np.arange(5.0)))


def test_jaccard_of_overlapping_selections() -> None:
    assert jaccard([1, 2, 3], [2, 3, 4]) == pytest.approx(2 / 4)
    assert np.isnan(jaccard([], []))


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


def test_a_method_is_told_in_words() -> None:
    description = {
        "method": "top_score",
        "budget": 5,
        "by": {"method": "longest_response", "unit_of_length": "words"},
        "within": {"method": "where", "attribute": "task", "values": ["a", "b"]},
    }

    assert method_text(description) == (
        "best by longest_response(unit_of_length=words), "
        "among where(attribute=task, values=a, b)"
    )  # fmt: skip
