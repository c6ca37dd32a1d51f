"""Recorded answers of a benchmark, scored from the command line."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.cli_helpers import assay

_WORDS = ({"criterion": "keywords", "limit": ["sea", "sky"]},)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    questions = [
        {"Instruction_id": f"q{n}", "task_category": "Planning", "Task_prescribed_phrases": _WORDS}
        for n in range(3)
    ]
    answers = [
        {"Instruction": f"Go {n}", "Instruction_id": f"q{n}", "histories": [], "model_answer": said}
        for n, said in enumerate(("", "the sea", "sky and sea"))
    ]
    (tmp_path / "questions.json").write_text(json.dumps(questions))
    (tmp_path / "answers.json").write_text(json.dumps(answers))
    return tmp_path


def test_answers_are_scored_and_summed_up(folder: Path) -> None:
    done = assay(folder, "score", "answers.json", "cello", "--set", "criteria=questions.json")

    assert done.code == 0
    assert "all rows together" in done.out
    (planning,) = [line for line in done.out.splitlines() if "Planning" in line]
    assert planning.split() == ["by_tasks", "Planning", "0.500"]


def test_json_has_the_totals_in_full(folder: Path) -> None:
    done = assay(
        folder, "score", "answers.json", "cello", "longest_response", "--set",
        "cello.criteria=questions.json", "--json",
    )  # fmt: skip

    cello, longest = done.document["scores"]
    assert cello["totals"] == {"by_constraints": {"task_score": 0.5}, "by_tasks": {"Planning": 0.5}}
    assert cello["scored"] == 3
    assert "totals" not in longest


def test_a_missing_file_of_questions_is_one_clear_line(folder: Path) -> None:
    done = assay(folder, "score", "answers.json", "cello", "--set", "criteria=lost.json")

    assert done.code == 1
    assert "lost.json" in done.err
    assert "Traceback" not in done.err
