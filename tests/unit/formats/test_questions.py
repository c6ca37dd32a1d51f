"""A file of questions is read whatever its answers are; what asks nothing is counted."""

import json
from pathlib import Path

import pytest

from assay.errors import FormatError
from assay.formats import read_sources
from assay.formats.records import ReadReport, SourceSpec
from assay.samples import Conversation, Message


def _read(path: Path, records: list[object]) -> tuple[list[Conversation], dict[int, str]]:
    """Return the conversations of a file of questions, and what is wrong with other rows."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    report = ReadReport()
    blocks = list(read_sources([SourceSpec(str(path))], report=report, questions=True))
    samples = [sample.conversation for block in blocks for sample in block.samples]
    assert len(samples) + len(report.set_aside) == len(records)
    return samples, {entry.row: entry.reason for entry in report.set_aside}


@pytest.mark.parametrize(
    "odd",
    [
        {"question": "Which sea?", "answer": 320},
        {"question": "Which sea?", "answer": None},
        {"question": "Which sea?", "answer": ["the", "red", "one"]},
        {"question": "Which sea?", "answer": {"value": "red"}},
        {"question": "Which sea?", "answer": True},
        {"question": "Which sea?"},
    ],
)
@pytest.mark.parametrize("others", [0, 1, 9])
def test_a_question_needs_no_answer_of_text(
    tmp_path: Path, odd: dict[str, object], others: int
) -> None:
    plain = [{"question": f"How many, {n}?", "answer": f"{n}"} for n in range(others)]

    read, bad = _read(tmp_path / "q.jsonl", [*plain, odd])

    assert bad == {}
    assert [c.question for c in read] == [*(str(row["question"]) for row in plain), "Which sea?"]
    assert [c.response for c in read[:others]] == [str(row["answer"]) for row in plain]


@pytest.mark.parametrize(
    ("record", "asked"),
    [
        ({"instruction": "Sum up.", "input": "A tale.", "output": None}, "Sum up.\nA tale."),
        ({"instruction": "Sum up.", "context": "A tale.", "response": 7}, "Sum up.\nA tale."),
        ({"messages": [{"role": "user", "content": "Why?"},
                       {"role": "assistant", "content": None}]}, "Why?"),
        ({"messages": [{"role": "system", "content": "Be brief."},
                       {"role": "user", "content": "Why?"}]}, "Be brief.\nWhy?"),
        ({"messages": [{"role": "user", "content": "A?"}, {"role": "assistant", "content": "b"},
                       {"role": "user", "content": "C?"}]}, "A?\nb\nC?"),
        ({"conversations": [{"from": "human", "value": "Why?"},
                            {"from": "gpt", "value": None}]}, "Why?"),
        ({"conversations": ["Why?", None]}, "Why?"),
        ({"conversation": [{"input": "Why?", "output": None}]}, "Why?"),
        ({"question_id": 81, "turns": ["Write a tale.", "Now in verse."]},
         "Write a tale.\nNow in verse."),
        ({"question": "Which?", "choices": ["a", "b"], "answer": 1, "subject": "sea"}, "Which?"),
        ({"prompt": "Why?", "answer": 3}, "Why?"),
        ({"user": "Why?", "assistant": 3}, "Why?"),
        ({"problem": "1 + 1", "solution": 2}, "1 + 1"),
        ({"prompt": "Why?", "chosen": None, "rejected": "b"}, "Why?"),
        ({"instruction": "Sort.", "instances": [{"input": "b a", "output": None}]}, "Sort.\nb a"),
    ],
)  # fmt: skip
def test_what_is_asked_is_found_in_every_layout(
    tmp_path: Path, record: dict[str, object], asked: str
) -> None:
    read, bad = _read(tmp_path / "q.jsonl", [record])

    assert bad == {}
    assert [conversation.question for conversation in read] == [asked]


def test_rows_that_ask_nothing_are_set_aside_with_their_place(tmp_path: Path) -> None:
    rows: list[object] = [
        {"question": "Why?", "answer": "so"},
        {"question": " \n", "answer": "nothing"},
        {"question": None, "answer": "nothing"},
        {"answer": "nothing"},
        {"question": "?!", "answer": "nothing"},
        {"question": ["Why?"], "answer": "nothing"},
        {"question": "Wozu?", "answer": 5},
    ]

    read, bad = _read(tmp_path / "q.jsonl", rows)

    assert [conversation.question for conversation in read] == ["Why?", "Wozu?"]
    assert bad == dict.fromkeys(range(1, 6), "no_question")


def test_a_file_without_any_question_stops_with_its_fields(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"no question is found; the fields are label, score"):
        _read(tmp_path / "q.jsonl", [{"label": n, "score": 0.5} for n in range(3)])


def test_the_data_themselves_still_need_answers(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [{"question": f"Why {n}?", "answer": "so"} for n in range(9)]
    odd = {"question": "Why?", "answer": 320}
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, odd]))
    report = ReadReport()

    list(read_sources([SourceSpec(str(path))], report=report))

    assert [entry.reason for entry in report.set_aside] == ["wrong_type"]


def test_a_question_is_all_that_is_said_where_nobody_has_answered() -> None:
    answered = Conversation((Message("user", "A?", "of b"), Message("assistant", "c")))
    again = Conversation((*answered.messages, Message("user", "D?")))

    assert answered.question == answered.prompt == "A?\nof b"
    assert again.question == "A?\nof b\nc\nD?"
