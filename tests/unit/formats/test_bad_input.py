import json
from pathlib import Path

import pytest

from assay.cli.spelling import on_command_line
from assay.errors import FormatError
from assay.formats import ReadReport, SourceSpec, read_sources
from assay.samples import Sample

from .bad_input_cases import (
    FILE_CASES,
    GOOD,
    ROW_CASES,
    FileCase,
    RowCase,
    bad_input_table,
    lines,
)

PAGE = Path(__file__).parents[3] / "docs" / "bad-input.md"


def load(path: Path, report: ReadReport, *, max_characters: int = 1_000_000) -> list[Sample]:
    specs = [SourceSpec(str(path))]
    blocks = read_sources(specs, report=report, max_characters=max_characters)
    return [sample for block in blocks for sample in block.samples]


@pytest.mark.parametrize("case", FILE_CASES, ids=lambda case: case.name)
def test_trouble_with_a_file_stops_with_its_name_and_a_remedy(
    case: FileCase, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name, content in case.files.items():
        (folder / name).write_bytes(content)

    with pytest.raises(FormatError) as caught:
        load(folder / case.location, ReadReport())

    assert str(folder / case.location) in caught.value.message
    assert case.message in caught.value.message
    assert case.hint in (caught.value.reported(on_command_line)[1] or "")


@pytest.mark.parametrize("case", ROW_CASES, ids=lambda case: case.name)
def test_trouble_with_a_record_sets_aside_that_record_only(case: RowCase, tmp_path: Path) -> None:
    path = tmp_path / case.file
    path.write_bytes(case.content)
    report = ReadReport()

    samples = load(path, report, max_characters=case.max_characters)

    assert [(aside.reason, aside.row) for aside in report.set_aside] == [(case.fault, 9)]
    assert len(samples) == 9
    assert report.rows == 10
    assert report.set_aside[0].file == str(path)


@pytest.mark.parametrize("case", ROW_CASES, ids=lambda case: case.name)
def test_what_is_set_aside_can_be_written_as_utf8(case: RowCase, tmp_path: Path) -> None:
    path = tmp_path / case.file
    path.write_bytes(case.content)
    report = ReadReport()

    load(path, report)

    aside = report.set_aside[0]
    json.dumps(aside._asdict(), ensure_ascii=False).encode()
    assert aside.detail
    assert 0 < len(aside.excerpt) <= 200 * len("\\udc00")


@pytest.mark.parametrize("case", ROW_CASES, ids=lambda case: case.name)
def test_a_record_set_aside_is_found_again_by_its_byte_offset(
    case: RowCase, tmp_path: Path
) -> None:
    path = tmp_path / case.file
    path.write_bytes(case.content)
    report = ReadReport()

    load(path, report)

    head = case.content[: report.set_aside[0].byte_offset]
    good = b"Why?,Because\n" if case.file.endswith("csv") else b'"assistant"'
    good = good if good in head else b"Blue."
    assert head.count(good) == 9


def test_an_empty_answer_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(lines({**GOOD, "output": ""}))
    report = ReadReport()

    samples = load(path, report)

    assert [samples[9].conversation.response, report.set_aside] == ["", []]


def test_a_null_input_reads_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(lines({**GOOD, "input": None}))
    report = ReadReport()

    samples = load(path, report)

    assert samples[9].conversation.messages[0].context == ""


def test_a_last_line_cut_off_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(lines()[:-1] + b'\n{"instruction": "Wh')
    report = ReadReport()

    load(path, report)

    assert report.notes == [f"{path}: the last line is not whole; the file may be incomplete"]


def test_the_limit_of_characters_counts_characters_not_bytes(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    just_fits = {"instruction": "", "output": "雪" * 100}
    path.write_bytes(lines(just_fits, {**just_fits, "output": "雪" * 101}))
    report = ReadReport()

    samples = load(path, report, max_characters=100)

    assert len(samples) == 10
    assert [aside.row for aside in report.set_aside] == [10]


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(lines(good=10))
    blocks = read_sources([SourceSpec(str(path))], report=ReadReport(), block_rows=5)
    next(blocks)
    path.write_bytes(lines(good=20))

    with pytest.raises(FormatError, match="changed while it was read"):
        list(blocks)


def test_the_documented_table_is_the_one_that_is_tested() -> None:
    assert PAGE.read_text(encoding="utf-8") == bad_input_table()
