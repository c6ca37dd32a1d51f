import json
from pathlib import Path

import numpy as np
import pytest

from assay.components.component import FileSet
from assay.methods.filters.decontaminate import Decontaminate
from assay.pool.pool import Pool
from assay.project import Project
from assay.runtime import Runtime
from assay.samples import Reason

_QUESTION = (
    "A farmer has seventeen sheep and all but nine of them run away in the night; how many sheep "
    "are left on the farm in the morning?"
)
_ROWS = [
    {"instruction": f"Answer this. {_QUESTION.upper()}", "input": "", "output": "Nine."},
    {"instruction": "Is it true?", "input": "", "output": f"They asked: {_QUESTION}"},
    {"instruction": "A farmer has seventeen sheep.", "input": "", "output": "That is many."},
    {"instruction": "Name a colour.", "input": "", "output": "Blue."},
]


def _project(folder: Path, questions: list[dict[str, str]]) -> Project:
    data = folder / "rows.json"
    data.write_text(json.dumps(_ROWS))
    lines = [json.dumps(question) for question in questions]
    (folder / "questions.jsonl").write_text("\n".join(lines) + "\n")
    return Project(folder / "p", data=data, runtime=Runtime(cache=folder / "cache", workers=1))


def _fate(project: Project, selector: Decontaminate) -> dict[str, Reason]:
    record = project.select(selector).record
    conversations = project.pool.conversations(np.arange(len(project.pool)))
    return {
        c.instruction[:9]: Reason(code)
        for c, code in zip(conversations, record.reason.tolist(), strict=True)
    }


def test_rows_that_repeat_a_question_in_prompt_or_answer_are_left_out(tmp_path: Path) -> None:
    project = _project(tmp_path, [{"instruction": _QUESTION}])
    selector = Decontaminate(against=str(tmp_path / "questions.jsonl"))

    fate = _fate(project, selector)

    assert fate == {
        "Answer th": Reason.CONTAMINATED,
        "Is it tru": Reason.CONTAMINATED,
        "A farmer ": Reason.OK,
        "Name a co": Reason.OK,
    }


def test_shorter_runs_find_more(tmp_path: Path) -> None:
    project = _project(tmp_path, [{"instruction": _QUESTION}])

    fate = _fate(project, Decontaminate(against=str(tmp_path / "questions.jsonl"), ngram=5))

    assert fate["A farmer "] == Reason.CONTAMINATED


@pytest.mark.parametrize(("share", "fate"), [(0.3, Reason.CONTAMINATED), (0.9, Reason.OK)])
def test_a_share_asks_for_more_of_the_question(tmp_path: Path, share: float, fate: Reason) -> None:
    # The row of 29 words holds 17 of the question's runs of 13, which is a bit over half.
    project = _project(tmp_path, [{"instruction": f"{_QUESTION} {' '.join('abcdefghijkl')}"}])
    selector = Decontaminate(against=str(tmp_path / "questions.jsonl"), share=share)

    assert _fate(project, selector)["Answer th"] == fate


def test_the_same_questions_under_another_name_are_the_same_selection(tmp_path: Path) -> None:
    project = _project(tmp_path, [{"instruction": _QUESTION}])
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes((tmp_path / "questions.jsonl").read_bytes())

    first = project.select(Decontaminate(against=str(tmp_path / "questions.jsonl")))
    second = project.select(Decontaminate(against=str(copy)))

    assert first.selector.key == second.selector.key


def test_a_question_changed_in_place_is_read_again(tmp_path: Path) -> None:
    project = _project(tmp_path, [{"instruction": _QUESTION}])
    path = tmp_path / "questions.jsonl"
    project.select(Decontaminate(against=str(path)))
    path.write_text(json.dumps({"instruction": "Name a colour."}) + "\n")
    later = Project(tmp_path / "p", runtime=Runtime(cache=tmp_path / "cache", workers=1))

    fate = _fate(later, Decontaminate(against=str(path)))

    assert fate["Answer th"] == Reason.OK


def test_questions_are_read_without_answers(tmp_path: Path) -> None:
    project = _project(tmp_path, [{"instruction": _QUESTION}])
    dataset = project.engine.resolve(FileSet(source=str(tmp_path / "questions.jsonl")))

    rows = project.engine.view(dataset)

    assert isinstance(rows.pool, Pool)
    assert [c.prompt for c in rows.conversations()] == [_QUESTION]


def test_a_question_below_five_words_must_be_all_that_is_asked_or_said(tmp_path: Path) -> None:
    data = tmp_path / "rows.json"
    rows = [
        ("Who painted it?", "A painter of Delft."),
        ("Please tell me: who painted it? I forgot.", "A painter of Delft."),
        ("Say something.", "Who painted it?"),
    ]
    data.write_text(json.dumps([{"instruction": q, "output": a} for q, a in rows]))
    asked = [{"instruction": "Who painted it?"}]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, asked)) + "\n")
    runtime = Runtime(cache=tmp_path / "cache", workers=1)
    project = Project(tmp_path / "p", data=data, runtime=runtime)

    fate = _fate(project, Decontaminate(against=str(tmp_path / "questions.jsonl")))

    assert fate == {
        "Who paint": Reason.CONTAMINATED,
        "Please te": Reason.OK,
        "Say somet": Reason.OK,
    }


@pytest.mark.parametrize(
    ("question", "fate"),
    [("Tell me who painted the", Reason.CONTAMINATED), ("Who painted the milkmaid?", Reason.OK)],
)
def test_a_question_of_five_words_is_found_inside_a_longer_prompt_and_one_of_four_is_not(
    tmp_path: Path, question: str, fate: Reason
) -> None:
    data = tmp_path / "rows.json"
    prompt = "Please tell me: who painted the milkmaid? I forgot."
    data.write_text(json.dumps([{"instruction": prompt, "output": "A painter of Delft."}]))
    (tmp_path / "questions.jsonl").write_text(json.dumps({"instruction": question}))
    runtime = Runtime(cache=tmp_path / "cache", workers=1)
    project = Project(tmp_path / "p", data=data, runtime=runtime)

    found = _fate(project, Decontaminate(against=str(tmp_path / "questions.jsonl")))

    assert set(found.values()) == {fate}
