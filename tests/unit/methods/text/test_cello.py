import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.components.totals import Totals
from assay.errors import DataError
from assay.formats.records import SourceSpec
from assay.methods.text.cello import Cello
from assay.project import Project
from assay.samples import Reason

_NOTHING = [{"criterion": "NULL", "limit": "NULL"}]


def _question(key: str, task: str, **criteria: Any) -> dict[str, Any]:
    return {
        "Instruction_id": key,
        "Instruction": f"Do {key}",
        "task_category": task,
        "lang": "ch",
        "Answer_format": _NOTHING,
        "Input_depdent_query": _NOTHING,
        "Task_prescribed_phrases": _NOTHING,
        "Count_limit": _NOTHING,
        **criteria,
    }


def _keywords(*words: str) -> list[dict[str, Any]]:
    return [{"criterion": "keywords", "limit": list(words)}]


def _answer(key: str, answer: str, **more: Any) -> dict[str, Any]:
    return {"Instruction": f"Do {key}", "Instruction_id": key, "model_answer": answer, **more}


_QUESTIONS = [
    _question("q1", "extraction", Task_prescribed_phrases=_keywords("sea", "sky")),
    _question("q2", "extraction", Input_depdent_query=_keywords("sea")),
    _question("q3", "Planning", Task_prescribed_phrases=_keywords("sea")),
    _question("q4", "Planning"),
]


def _write(path: Path, records: Sequence[Mapping[str, Any]]) -> str:
    path.write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    return str(path)


def _project(folder: Path, answers: Sequence[Mapping[str, Any]]) -> Project:
    return Project(folder / "project", data=[SourceSpec(_write(folder / "answers.json", answers))])


def _by_answer(project: Project, scorer: Cello, column: str) -> dict[str, tuple[float, Reason]]:
    (table,) = project.score(scorer)
    scores = table.columns[column]
    return {
        sample.conversation.response: (scores.values[place], Reason(scores.reason[place]))
        for place, sample in enumerate(project.pool.samples(np.arange(len(project.pool))))
    }


def test_a_file_of_questions_says_what_is_demanded_of_answers(tmp_path: Path) -> None:
    project = _project(
        tmp_path,
        [_answer("q4", "d"), _answer("q1", "the sea"), _answer("none", "e"), _answer("q2", "sea")],
    )
    scorer = Cello(criteria=_write(tmp_path / "questions.json", _QUESTIONS))

    found = _by_answer(project, scorer, "cello")
    phrases = _by_answer(project, scorer, "task_prescribed_phrases")

    assert found["the sea"] == (0.5, Reason.OK)
    assert found["sea"] == (1.0, Reason.OK)
    assert found["d"][1] == Reason.NO_RULE
    assert found["e"][1] == Reason.NOT_IMPORTED
    assert phrases["the sea"] == (0.5, Reason.OK)
    assert phrases["sea"][1] == Reason.NO_RULE
    assert math.isnan(phrases["sea"][0])


def test_records_that_hold_their_criteria_need_no_file(tmp_path: Path) -> None:
    project = _project(tmp_path, [{**_QUESTIONS[0], "model_answer": "sea and sky"}])

    assert _by_answer(project, Cello(), "cello") == {"sea and sky": (1.0, Reason.OK)}


def test_a_row_of_odd_criteria_has_a_reason_and_its_neighbour_a_number(tmp_path: Path) -> None:
    odd = _question("odd", "extraction", Count_limit=[{"criterion": "word-max", "limit": "few"}])
    answers = [{**odd, "model_answer": "a"}, {**_QUESTIONS[0], "model_answer": "sea"}]
    project = _project(tmp_path, answers)
    project.runtime.max_unscored = 1.0

    found = _by_answer(project, Cello(), "cello")

    assert found["a"][1] == Reason.PARSE_FAILED
    assert found["sea"] == (0.5, Reason.OK)


def test_rows_without_criteria_have_no_number(tmp_path: Path) -> None:
    project = _project(tmp_path, [{"instruction": "a", "output": "b", "lang": "en"}])

    assert _by_answer(project, Cello(), "cello")["b"][1] == Reason.NO_RULE
    assert project.totals(Cello()) == {"by_constraints": {}, "by_tasks": {}}


def test_a_file_of_other_questions_is_refused(tmp_path: Path) -> None:
    project = _project(tmp_path, [_answer("q9", "a")])
    scorer = Cello(criteria=_write(tmp_path / "questions.json", _QUESTIONS))

    with pytest.raises(DataError, match="Instruction_id"):
        project.score(scorer)


def test_a_question_that_is_answered_three_times_counts_three_times(tmp_path: Path) -> None:
    answers = [
        _answer("q1", "none"), _answer("q1", "the sea"), _answer("q1", "sea, sky"),
        _answer("q2", "sea"),
    ]  # fmt: skip
    project = _project(tmp_path, answers)
    scorer = Cello(criteria=_write(tmp_path / "questions.json", _QUESTIONS))

    totals = project.totals(scorer)

    assert totals["by_constraints"] == {"task_score": 0.5, "input_score": 1.0}
    assert totals["by_tasks"] == {"extraction": 0.75}


def test_averages_of_tasks_are_those_worked_out_and_need_every_task(tmp_path: Path) -> None:
    tasks = [
        "extraction", "Planning", "meta_prompt", "brainstorming_single_round",
        "writing_single_round", "keywords_extraction", "closed_qa", "summarization",
        "brainstorming_multi_rounds", "writing_multi_rounds", "Structure_hard", "Structure_simple",
        "Structure_None",
    ]  # fmt: skip
    answers = [
        {
            **_question(task, task, Task_prescribed_phrases=_keywords("sea", "sky")),
            "model_answer": "sea" if task in ("Planning", "Structure_hard") else "sea sky",
        }
        for task in tasks
    ]

    whole = _project(tmp_path, answers).totals("cello")
    (tmp_path / "part").mkdir()
    part = _project(tmp_path / "part", answers[1:]).totals("cello")

    instructions, inputs = (4 + 0.5) / 5, (5 + 2.5 / 3) / 6
    assert whole["by_tasks"]["Structure"] == pytest.approx(2.5 / 3)
    assert whole["by_tasks"]["Summarization"] == 1.0
    assert whole["by_tasks"]["Ave_complex_ins"] == pytest.approx(instructions)
    assert whole["by_tasks"]["Ave_complex_input"] == pytest.approx(inputs)
    assert whole["by_tasks"]["Average"] == pytest.approx((instructions + inputs) / 2)
    assert whole["by_constraints"]["task_score"] == pytest.approx(12 / 13)
    assert whole["by_constraints"]["Average"] == whole["by_tasks"]["Average"]
    assert "Average" not in part["by_tasks"]
    assert "Ave_complex_ins" not in part["by_tasks"]
    assert part["by_tasks"]["Ave_complex_input"] == pytest.approx(inputs)


def test_the_order_of_answers_changes_nothing(tmp_path: Path) -> None:
    answers = [_answer("q1", f"sea {number}", lang="ch") for number in range(9)]
    questions = _write(tmp_path / "questions.json", _QUESTIONS)
    found: list[Totals] = []
    for order in (answers, answers[::-1]):
        folder = tmp_path / str(len(found))
        folder.mkdir()
        found.append(_project(folder, order).totals({"method": "cello", "criteria": questions}))

    assert found[0] == found[1]


def test_other_criteria_of_the_same_answers_are_another_result(tmp_path: Path) -> None:
    project = _project(tmp_path, [_answer("q1", "sea")])
    questions = tmp_path / "questions.json"
    first = project.score(Cello(criteria=_write(questions, _QUESTIONS)))[0].main.values.tolist()
    changed = _question("q1", "extraction", Task_prescribed_phrases=_keywords("moon"))

    again = Project(tmp_path / "project")
    second = again.score(Cello(criteria=_write(questions, [changed])))[0].main.values.tolist()

    assert (first, second) == ([0.5], [0.0])


def test_what_a_record_carries_counts_though_its_text_is_the_same(tmp_path: Path) -> None:
    found = []
    for words in (["sea"], ["moon"]):
        record = _question("q1", "extraction", Task_prescribed_phrases=_keywords(*words))
        folder = tmp_path / words[0]
        folder.mkdir()
        project = _project(folder, [{**record, "model_answer": "sea"}])
        found.append((project.engine.resolve(Cello()).key, project.totals("cello")))

    assert found[0][0] != found[1][0]
    assert [totals["by_tasks"]["extraction"] for _, totals in found] == [1.0, 0.0]
