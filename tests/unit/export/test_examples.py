"""Readers and exporters together, on the example data of the repository and on real files."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from assay.errors import FormatError
from assay.export.original import export_original
from assay.export.trainers import TRAINER_LAYOUTS, export_layout
from assay.formats.records import ReadReport, SourceSpec
from assay.formats.sources import read_sources
from assay.samples import Origin, Sample

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples" / "data"
SHARED = ROOT.parent / "shared" / "data"

LABEL_MAPPING = {"instruction": "Classify: {text}", "response": "{label}"}


def _read(
    path: Path, *, mapping: dict[str, str] | None = None, questions: bool = False
) -> tuple[ReadReport, list[Sample], list[Origin]]:
    report = ReadReport()
    spec = SourceSpec(str(path), mapping=mapping)
    blocks = list(read_sources([spec], report=report, questions=questions))
    samples = [sample for block in blocks for sample in block.samples]
    return report, samples, [origin for block in blocks for origin in block.origins]


@pytest.mark.parametrize(
    ("name", "layout", "count"),
    [
        ("conversations.jsonl", "sharegpt", 35),
        ("messages.jsonl", "messages", 27),
        ("labelled.csv", None, 40),
        ("preferences.jsonl", "preference", 20),
        ("evaluation.jsonl", None, 20),
    ],
)
def test_example_file_is_read_whole_and_exported_byte_for_byte(
    tmp_path: Path, name: str, layout: str | None, count: int
) -> None:
    mapping = LABEL_MAPPING if name == "labelled.csv" else None
    questions = name == "evaluation.jsonl"

    report, samples, origins = _read(EXAMPLES / name, mapping=mapping, questions=questions)
    export_original(report.files, origins, tmp_path / name)

    assert (len(samples), report.set_aside) == (count, [])
    assert layout is None or report.files[0].layout == layout
    assert (tmp_path / name).read_bytes() == (EXAMPLES / name).read_bytes()


def test_example_instructions_lose_exactly_the_four_rows_that_are_bad_on_purpose(
    tmp_path: Path,
) -> None:
    report, samples, origins = _read(EXAMPLES / "instructions.json")
    rows = json.loads((EXAMPLES / "instructions.json").read_bytes())

    export_original(report.files, origins, tmp_path / "out.json")

    assert (report.rows, len(samples)) == (264, 260)
    assert [item.row for item in report.set_aside] == [40, 97, 151, 208]
    assert len(report.set_aside) < 0.02 * report.rows
    kept = [row for index, row in enumerate(rows) if index not in (40, 97, 151, 208)]
    assert json.loads((tmp_path / "out.json").read_bytes()) == kept


def test_example_instructions_hold_the_duplicates_and_leaks_that_the_readme_names() -> None:
    rows = json.loads((EXAMPLES / "instructions.json").read_bytes())
    lines = (EXAMPLES / "evaluation.jsonl").read_bytes().splitlines()
    questions = [json.loads(line) for line in lines]
    instructions = [str(row["instruction"]) for row in rows]

    assert [rows[first] == rows[second] for first, second in ((92, 177), (11, 184), (66, 186))] == [
        True
    ] * 3
    assert [i for i, row in enumerate(rows) if row.get("output") == ""] == [10, 75, 95]
    assert [q["question_id"] for q in questions if q["question"] in instructions] == [5, 7, 17]


@pytest.mark.parametrize(
    "name", ["truncated.json", "latin1.jsonl", "unknown_layout.jsonl", "empty.json"]
)
def test_broken_example_stops_with_an_error_that_names_the_file(name: str) -> None:
    path = EXAMPLES / "broken" / name

    with pytest.raises(FormatError, match=name) as caught:
        _read(path)

    assert caught.value.hint


def test_bad_conversations_are_set_aside_but_the_good_one_is_read() -> None:
    report, samples, _ = _read(EXAMPLES / "broken" / "bad_conversations.jsonl")

    assert (len(samples), len(report.set_aside)) == (1, 5)


@pytest.mark.parametrize("layout", TRAINER_LAYOUTS)
@pytest.mark.parametrize("name", ["instructions.json", "conversations.jsonl", "messages.jsonl"])
def test_example_fits_every_trainer_layout(tmp_path: Path, layout: str, name: str) -> None:
    _, samples, _ = _read(EXAMPLES / name)

    report = export_layout(samples, tmp_path / "out.jsonl", layout=layout)

    assert report.rows == len(samples)
    assert not report.left_out


@pytest.mark.parametrize("layout", ["trl", "axolotl", "ms-swift"])
@pytest.mark.parametrize("name", ["conversations.jsonl", "messages.jsonl", "instructions.json"])
def test_written_layout_is_read_back_as_the_same_conversation(
    tmp_path: Path, layout: str, name: str
) -> None:
    _, samples, _ = _read(EXAMPLES / name)

    export_layout(samples, tmp_path / "out.jsonl", layout=layout)
    _, again, _ = _read(tmp_path / "out.jsonl")

    for before, after in zip(samples, again, strict=True):
        assert after.conversation.text.count(before.conversation.response) > 0
        assert [tool.name for tool in after.conversation.tools] == [
            tool.name for tool in before.conversation.tools
        ]
        calls = [
            [
                (call.name, json.loads(call.arguments))
                for message in sample.conversation.messages
                if message.role == "assistant"
                for call in message.tool_calls
            ]
            for sample in (before, after)
        ]
        assert calls[0] == calls[1]


@pytest.mark.shared
@pytest.mark.parametrize(
    "name",
    [
        "alpaca_data.json.gz",
        "databricks-dolly-15k.jsonl.gz",
        "lima_train.jsonl.gz",
        "evol_instruct_1k.json.gz",
        "self_instruct_seed_tasks_175.jsonl.gz",
        "new_codealpaca.json.gz",
        "ultrachat_200.jsonl.gz",
        "p3_t0_slice.jsonl.gz",
        "gsm8k_train.jsonl.gz",
    ],
)
def test_real_file_is_exported_byte_for_byte(tmp_path: Path, name: str) -> None:
    source = SHARED / name
    if not source.exists():
        pytest.skip(f"needs {source}")
    report, _, origins = _read(source)
    output = tmp_path / name.removesuffix(".gz")

    export_original(report.files, origins[::-1], output)

    with gzip.open(source) as stream:
        expected = hashlib.file_digest(stream, "sha256").hexdigest()
    assert report.set_aside == []
    assert hashlib.sha256(output.read_bytes()).hexdigest() == expected
