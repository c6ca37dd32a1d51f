"""Rows of an evaluation file that cannot be used are counted, said and named."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.in_process import Here, calls_in

_SHEEP = "A farmer has seventeen sheep and all but nine of them run away in the night, how many?"
_TRAIN = "A train leaves the town at noon with sixty people and comes home at five, how many?"
_CONFIG = """
project: made.assay
data: pool.json
selections:
  clean: {method: everything, against: questions.jsonl}
limits: {workers: 1}
"""


@pytest.fixture
def assay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    texts = (_SHEEP, _TRAIN, "Name a river in France.")
    pool = [{"instruction": text, "output": "So."} for text in texts]
    (tmp_path / "pool.json").write_text(json.dumps(pool))
    questions = [
        {"question": _SHEEP, "answer": "9"},
        {"question": _TRAIN, "answer": 60},
        {"question": None, "answer": "5"},
        {"question": "", "answer": "5"},
    ]
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(q) + "\n" for q in questions))
    (tmp_path / "assay.yaml").write_text(_CONFIG)
    yield from calls_in(tmp_path, monkeypatch, capsys)


def _check_facts(files: list[dict[str, object]]) -> None:
    [file] = files
    assert (file["role"], file["rows"], file["unread"]) == ("evaluation", 4, {"no_question": 2})
    lines = Path(str(file["table"])).read_text().splitlines()
    assert [json.loads(line)["row"] for line in lines] == [2, 3]


def test_select_checks_every_question_and_says_which_rows_hold_none(assay: Here) -> None:
    line = ("select", "pool.json", "everything", "--against", "questions.jsonl")

    # The second call finds the selection at hand, and has to say the same.
    called, again = assay(*line, "--json"), assay(*line)

    assert called.document["reasons"] == {"CONTAMINATED": 2}
    _check_facts(called.document["facts"]["files"])
    for told in (called, again):
        words = " ".join(told.err.split())
        assert "questions.jsonl: 2 of 4 rows could not be used (no question 2); see " in words


def test_run_says_it_too(assay: Here) -> None:
    called = assay("run", "assay.yaml", "--json")

    [clean] = called.document["selections"]["clean"]
    assert clean["rows"] == 1
    _check_facts(clean["files"])
    assert "2 of 4 rows could not be used" in " ".join(called.err.split())


def test_a_file_in_which_nothing_is_asked_stops(assay: Here, tmp_path: Path) -> None:
    empty = [{"question": "", "answer": "5"}, {"question": " ", "answer": 7}]
    (tmp_path / "none.jsonl").write_text("".join(json.dumps(row) + "\n" for row in empty))

    called = assay("select", "pool.json", "everything", "--against", "none.jsonl")

    assert called.code == 1
    assert "none.jsonl" in called.err
    assert "question" in called.err
    assert "Traceback" not in called.err


def test_a_file_that_is_read_whole_needs_no_word(assay: Here, tmp_path: Path) -> None:
    (tmp_path / "whole.jsonl").write_text(json.dumps({"question": _SHEEP, "answer": 9}) + "\n")

    called = assay("select", "pool.json", "everything", "--against", "whole.jsonl")

    assert called.code == 0
    assert "could not be used" not in called.err
