"""Formulas in a table are written as they are, and said."""

from pathlib import Path

import pytest

from assay.export.formulas import formula_cells
from assay.export.original import export_original
from assay.samples import Origin
from tests.unit.export.helpers import source_file


@pytest.mark.parametrize("cell", ["=cmd|' /C calc'!A0", "@SUM(A1)", "+1+1", "-A1", "\t=1"])
def test_what_a_spreadsheet_would_run_is_counted(cell: str) -> None:
    assert formula_cells([{"a": cell, "b": "plain"}]) == 1


@pytest.mark.parametrize("cell", ["-1.5", "+49", "- a list", "1=1", "", None, 5, "a@b.org"])
def test_what_it_would_show_is_not(cell: object) -> None:
    assert formula_cells([{"a": cell}]) == 0


@pytest.mark.parametrize(
    ("output", "noted"), [("o.csv", True), ("o.tsv", True), ("o.jsonl", False)]
)
def test_an_export_says_how_many_and_keeps_their_bytes(
    tmp_path: Path, output: str, noted: bool
) -> None:
    line = b'{"question": "q", "answer": "=1+1"}'
    (tmp_path / "a.jsonl").write_bytes(line)

    report = export_original(
        [source_file(tmp_path / "a.jsonl", "jsonl")],
        [Origin(0, 0, 0, 0, len(line))],
        tmp_path / output,
    )

    assert any("1 cell that a spreadsheet would run" in note for note in report.notes) == noted
    assert b"=1+1" in (tmp_path / output).read_bytes()
