"""Export into another container: equal values, or a refusal."""

import json
from pathlib import Path

import polars as pl
import pytest

from assay.errors import DataError
from assay.export.original import export_original
from assay.samples import Origin
from tests.unit.export.helpers import csv_table, exported, interleave, source_file, write_pieces


def test_json_becomes_lines_with_every_number_and_text_as_it_was_spelled(tmp_path: Path) -> None:
    record = b'{\r\n  "a": 1.50,\r\n  "b": [\r\n    1e3,\r\n    "x\\n, \\u00e9"\r\n  ]\r\n}'
    written = write_pieces(tmp_path / "in.json", "json", [b"[", record, b"]"])

    report = export_original([written.source], [written.origin(0)], tmp_path / "out.jsonl")

    assert (tmp_path / "out.jsonl").read_bytes() == b'{"a": 1.50, "b": [1e3, "x\\n, \\u00e9"]}\n'
    assert "converted from json to jsonl" in report.notes[0]


@pytest.mark.parametrize(
    "name", ["out.json", "out.jsonl", "out.csv", "out.tsv", "out.parquet", "out.arrow"]
)
def test_csv_rows_keep_their_texts_in_every_container(tmp_path: Path, name: str) -> None:
    written = csv_table(tmp_path)
    expected = [
        {"text": 'line one\r\nline "two"', "label": "b"},
        {"text": "Grüße", "label": "c"},
    ]

    exported(written, [2, 1], tmp_path / name)

    output = tmp_path / name
    read = {
        "json": lambda: json.loads(output.read_bytes()),
        "jsonl": lambda: [json.loads(line) for line in output.read_bytes().splitlines()],
        "csv": lambda: pl.read_csv(output).to_dicts(),
        "tsv": lambda: pl.read_csv(output, separator="\t").to_dicts(),
        "parquet": lambda: pl.read_parquet(output).to_dicts(),
        "arrow": lambda: pl.read_ipc(output).to_dicts(),
    }[name.partition(".")[2]]
    if name == "out.csv":
        # The same container is copied, with the line ends that the source has.
        assert output.read_bytes().startswith(b"text,label\r\n")
    assert read() == expected  # type: ignore[no-untyped-call]


def test_parquet_becomes_lines_with_equal_values(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"a": [1, 2], "b": [[1.5], None], "c": [{"x": "ä"}, {"x": None}], "d": ["", "q"]}
    )
    frame.write_parquet(tmp_path / "in.parquet")
    source = source_file(tmp_path / "in.parquet", "parquet")

    export_original([source], [Origin(0, 1), Origin(0, 0)], tmp_path / "out.jsonl")

    lines = (tmp_path / "out.jsonl").read_bytes().splitlines()
    assert [json.loads(line) for line in lines] == frame.to_dicts()


def test_json_of_several_shapes_becomes_columns_with_null_for_missing(tmp_path: Path) -> None:
    records = [b'{"a": 1, "n": {"x": 1}}', b'{"a": 2.5, "n": {"y": "t"}}', b'{"b": true}']
    written = write_pieces(tmp_path / "in.jsonl", "jsonl", interleave(b"", b"\n", b"\n", records))

    exported(written, [0, 1, 2], tmp_path / "out.parquet")

    assert pl.read_parquet(tmp_path / "out.parquet").to_dicts() == [
        {"a": 1.0, "n": {"x": 1, "y": None}, "b": None},
        {"a": 2.5, "n": {"x": None, "y": "t"}, "b": None},
        {"a": None, "n": None, "b": True},
    ]


@pytest.mark.parametrize(
    ("records", "name", "message"),
    [
        ([b'{"a": 1}', b'{"a": "x"}'], "out.parquet", "do not fit into parquet columns"),
        ([b'{"a": true}', b'{"a": 5}'], "out.arrow", "do not fit into arrow columns"),
        ([b'{"a": 9007199254740993}', b'{"a": 0.5}'], "out.parquet", "several types"),
        ([b'{"a": [1]}'], "out.csv", "more than a text or a number"),
    ],
)
def test_value_that_the_output_cannot_hold_is_refused_and_nothing_is_written(
    tmp_path: Path, records: list[bytes], name: str, message: str
) -> None:
    written = write_pieces(tmp_path / "in.jsonl", "jsonl", interleave(b"", b"\n", b"\n", records))

    with pytest.raises(DataError, match=message) as caught:
        exported(written, list(range(len(records))), tmp_path / name)

    assert ".jsonl" in str(caught.value.hint)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_fraction_that_json_lacks_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"a": [float("nan")]}).write_parquet(tmp_path / "in.parquet")
    source = source_file(tmp_path / "in.parquet", "parquet")

    with pytest.raises(DataError, match="JSON cannot hold"):
        export_original([source], [Origin(0, 0)], tmp_path / "out.jsonl")
