"""Digits survive from the data to what is written, and what is written is valid JSON."""

import json
from pathlib import Path

import pytest

from assay.export.trainers import TRAINER_LAYOUTS, export_layout
from assay.formats import ReadReport, SourceSpec, read_sources
from assay.formats.json_text import JsonText, dumps, json_value, number_of

DIGITS = ["0.10000000000000000001", "1e3", "-0.0", "1E400", "2.50", "3.0"]


@pytest.mark.parametrize("digits", DIGITS)
def test_a_number_is_written_with_the_digits_it_was_read_with(digits: str) -> None:
    value = json.loads(f'{{"a": [{digits}]}}', parse_float=number_of)

    assert dumps(value) == f'{{"a": [{digits}]}}'
    assert value["a"][0] == float(digits)


def test_what_python_alone_reads_stays_text() -> None:
    for text in ('{"a": NaN}', "[Infinity]", "-Infinity", "{broken", "[" * 100_000):
        assert json_value(text) == text


def test_json_over_several_lines_is_put_on_one() -> None:
    assert json_value('{\n  "a": "x  y",\r\n  "b": 1.50\n}') == JsonText(
        '{ "a": "x  y", "b": 1.50 }'
    )


def test_arguments_that_are_nested_too_deeply_set_their_row_aside(tmp_path: Path) -> None:
    deep = "[" * 900 + "]" * 900
    (tmp_path / "d.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "go"}, {"role": "assistant", "content": "", '
        f'"tool_calls": [{{"function": {{"name": "f", "arguments": {deep}}}}}]}}]}}\n'
        '{"messages": [{"role": "user", "content": "go"}, {"role": "assistant", "content": "A"}]}\n'
    )
    report = ReadReport()

    [block] = read_sources([SourceSpec(str(tmp_path / "d.jsonl"))], report=report)

    assert len(block.samples) == 1
    assert [entry.row for entry in report.set_aside] == [0]


def test_values_without_such_numbers_are_written_as_ever() -> None:
    value = {"a": [1, 2.5, None, True, "ü\n"], "b": {}}

    assert dumps(value) == json.dumps(value, ensure_ascii=False)


def _refuse(constant: str) -> None:
    raise AssertionError(constant)


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("layout", TRAINER_LAYOUTS)
@pytest.mark.parametrize("number", ["0.10000000000000000001", "1e999", "NaN", "-Infinity"])
def test_arguments_keep_their_digits_in_every_layout_and_rows_are_valid(
    tmp_path: Path, layout: str, number: str, as_text: bool
) -> None:
    arguments = f'{{"share": {number}}}'
    call = json.dumps(arguments) if as_text else arguments
    (tmp_path / "d.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "go"}, {"role": "assistant", "content": null, '
        f'"tool_calls": [{{"function": {{"name": "f", "arguments": {call}}}}}]}}, '
        '{"role": "tool", "content": "1"}, {"role": "assistant", "content": "1."}]}\n'
    )
    [block] = read_sources([SourceSpec(str(tmp_path / "d.jsonl"))], report=ReadReport())

    report = export_layout(block.samples, tmp_path / "out.jsonl", layout=layout)

    assert (report.rows, report.losses) == (1, {})
    text = (tmp_path / "out.jsonl").read_text(encoding="utf-8")
    json.loads(text, parse_constant=_refuse)
    assert f'share": {number}}}' in text.replace("\\", "")
