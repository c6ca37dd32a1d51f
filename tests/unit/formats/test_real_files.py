"""The real datasets of ../shared, each recognised with the counts its card states."""

from collections import Counter
from pathlib import Path

import pytest

from assay.errors import FormatError
from assay.formats import ReadReport, SourceSpec, read_sources

DATA = Path(__file__).parents[4] / "shared" / "data"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not DATA.is_dir(), reason="needs the real datasets of ../shared/data"),
]

# Rows as ../shared/data/README.md states them.
ANSWERED = [
    ("alpaca_data.json.gz", "alpaca", 52002),
    ("alpaca_zh_20k.jsonl.gz", "alpaca", 20465),
    ("belle_1k.jsonl.gz", "alpaca", 1000),
    ("code_alpaca_2k.json.gz", "alpaca", 2017),
    ("databricks-dolly-15k.jsonl.gz", "dolly", 15011),
    ("evol_instruct_1k.json.gz", "sharegpt", 1000),
    ("gsm8k_test.jsonl.gz", "question_answer", 1319),
    ("gsm8k_train.jsonl.gz", "question_answer", 7473),
    ("lima_train.jsonl.gz", "lima", 1030),
    ("new_codealpaca.json.gz", "alpaca", 4535),
    ("p3_t0_slice.jsonl.gz", "p3", 11128),
    ("self_instruct_seed_tasks_175.jsonl.gz", "self_instruct", 175),
    ("self_instruct_user_oriented_252.jsonl.gz", "self_instruct", 252),
    ("sharegpt_zh_1k.jsonl.gz", "sharegpt", 1000),
    ("ultrachat_200.jsonl.gz", "messages", 200),
]
QUESTIONS = [
    ("eval_koala.jsonl.gz", 180),
    ("eval_lima.jsonl.gz", 300),
    ("eval_vicuna.jsonl.gz", 80),
    ("eval_wizardlm.jsonl.gz", 218),
    ("lima_test.jsonl.gz", 300),
]


@pytest.mark.parametrize(("name", "layout", "rows"), ANSWERED)
def test_a_real_file_is_recognised_and_read_whole(name: str, layout: str, rows: int) -> None:
    report = ReadReport()
    for _ in read_sources([SourceSpec(str(DATA / name))], report=report):
        pass

    expected_aside = {"no_assistant_turn": 1} if name.startswith("sharegpt") else {}
    assert (report.files[0].layout, report.rows) == (layout, rows)
    assert Counter(aside.reason for aside in report.set_aside) == expected_aside


@pytest.mark.parametrize(("name", "rows"), QUESTIONS)
def test_a_real_file_of_questions_is_read_as_questions_only(name: str, rows: int) -> None:
    report = ReadReport()
    specs = [SourceSpec(str(DATA / name))]
    for _ in read_sources(specs, report=report, questions=True):
        pass

    assert (report.rows, report.samples) == (rows, rows)
    with pytest.raises(FormatError, match="no answers"):
        list(read_sources(specs, report=ReadReport()))


@pytest.mark.parametrize("name", ["zh_poems_1k.jsonl.gz", "dolly_known_positions.csv.gz"])
def test_a_real_file_that_holds_no_instructions_is_refused(name: str) -> None:
    with pytest.raises(FormatError, match="the layout is not known"):
        list(read_sources([SourceSpec(str(DATA / name))], report=ReadReport()))


def test_the_categories_of_dolly_are_its_tasks() -> None:
    path = DATA / "databricks-dolly-15k.jsonl.gz"
    tasks: Counter[str] = Counter()
    for block in read_sources([SourceSpec(str(path))], report=ReadReport()):
        tasks.update(sample.task for sample in block.samples)

    assert tasks == {
        "open_qa": 3742,
        "general_qa": 2191,
        "classification": 2136,
        "closed_qa": 1773,
        "brainstorming": 1766,
        "information_extraction": 1506,
        "summarization": 1188,
        "creative_writing": 709,
    }
