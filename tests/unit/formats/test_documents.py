"""A corpus of documents is read as answers that nobody asked for."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from assay.errors import FormatError
from assay.formats import read_sources
from assay.formats.records import ReadReport, SourceSpec
from assay.samples import Sample

_TEXTS = ["The sea is wide.", "[Editor's note] Ships, and shoes.", "写作 and wax"]


def _read(path: Path) -> tuple[Sequence[Sample], ReadReport]:
    report = ReadReport()
    blocks = list(read_sources([SourceSpec(str(path))], report=report, documents=True))
    samples = [sample for block in blocks for sample in block.samples]
    assert len(samples) + len(report.set_aside) == report.rows
    return samples, report


def _answers(samples: Sequence[Sample]) -> list[str]:
    assert all(len(sample.conversation.messages) == 1 for sample in samples)
    assert all(sample.conversation.prompt == "" for sample in samples)
    return [sample.conversation.response for sample in samples]


def test_every_line_of_a_text_is_a_document(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n \n".join(_TEXTS).encode() + b"\n\n")

    samples, report = _read(path)

    assert _answers(samples) == _TEXTS
    assert (report.rows, report.files[0].container) == (3, "text")


def test_a_text_may_be_packed_and_a_line_that_is_no_text_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "corpus.txt.gz"
    lines = [*(text.encode() for text in _TEXTS), b"caf\xe9", b"?!", "né".encode()]
    path.write_bytes(gzip.compress(b"\n".join(lines)))

    samples, report = _read(path)

    assert _answers(samples) == [*_TEXTS, "né"]
    assert [(entry.row, entry.reason) for entry in report.set_aside] == [
        (3, "invalid_utf8"),
        (4, "empty_conversation"),
    ]


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "parquet", "arrow", "txt"])
def test_records_hold_their_document_in_a_field(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"corpus.{ending}"
    texts = [*_TEXTS, "One line\nand another"]
    rows = [{"text": text, "source": "web", "url": f"u{n}"} for n, text in enumerate(texts)]
    if ending in ("jsonl", "txt"):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif ending == "json":
        path.write_text(json.dumps(rows))
    else:
        writer = {"csv": "write_csv", "parquet": "write_parquet", "arrow": "write_ipc"}[ending]
        getattr(pl.DataFrame(rows), writer)(path)

    samples, _ = _read(path)

    assert _answers(samples) == texts
    assert [sample.task for sample in samples] == ["web"] * 4
    assert samples[2].meta == {"url": "u2"}


def test_records_without_a_document_are_set_aside_with_their_reason(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    rows: list[object] = [
        {"Text": "A."},
        {"text": None},
        {"text": 3},
        {"title": "B"},
        {"body": "C"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    samples, report = _read(path)

    assert _answers(samples) == ["A.", "C"]
    assert [entry.reason for entry in report.set_aside] == [
        "null_field",
        "wrong_type",
        "missing_field",
    ]


def test_a_file_without_a_document_stops_with_its_fields(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text('{"instruction": "Ask", "output": "Answer"}\n')

    with pytest.raises(FormatError, match="no document is found; the fields are instruction, outp"):
        _read(path)


@pytest.mark.parametrize("name", ["corpus.txt", "corpus.jsonl"])
def test_documents_are_no_data_to_select_from(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    text = _TEXTS[0] if name.endswith("txt") else json.dumps({"text": _TEXTS[0]})
    path.write_text(f"{text}\n")

    with pytest.raises(FormatError):
        list(read_sources([SourceSpec(str(path))], report=ReadReport()))
