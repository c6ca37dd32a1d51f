"""A score with columns of its own names, and rows that are left out for flags, by the commands."""

import json
from pathlib import Path

import polars as pl
import pytest

from assay.project import Project
from assay.samples import Flag, Reason
from tests.end_to_end.cli_helpers import assay

_RUBRIC = '''
"""A rubric with names of one's own."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from assay import NoPaper, Scores, Scorer
from assay.features.text import Lengths
from assay.samples import Flag, Reason
from assay.values import Numbers


class Rubric(Scorer):
    """The length of answer and question, under names of one's own."""

    name = "my_rubric"
    paper: ClassVar[NoPaper] = NoPaper(reason="an example")

    called: tuple[str, ...] = ("long", "asked.much")
    """Names of the columns."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names."""
        return self.called

    def requires(self) -> dict[str, Lengths]:
        """Return the lengths."""
        return {"lengths": Lengths()}

    def score(self, *, lengths: Numbers) -> Mapping[str, Scores]:
        """Return both."""
        answer, question = lengths["response_characters"], lengths["instruction_characters"]
        flags = np.where(answer % 5 == 0, Flag.INJECTION_SUSPECT, 0)
        flags |= np.where(answer % 3 == 0, Flag.RESPONSE_TRUNCATED, 0)
        fine = np.zeros(len(answer), np.uint8)
        refused = np.where(answer == 7, Reason.REFUSED, 0).astype(np.uint8)
        first, second = self.called
        return {
            first: Scores(answer, fine, flags.astype(np.uint16)),
            second: Scores(question, refused, flags.astype(np.uint16)),
        }
'''
_SETTINGS = ("--set", "without_flags=injection_suspect,response_truncated")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    # Answers of 1 to 20 letters; questions are the shorter, the longer the answer is.
    rows = [{"instruction": "q" * (30 - n), "output": "a" * n} for n in range(1, 21)]
    (tmp_path / "data.json").write_text(json.dumps(rows))
    (tmp_path / "my_rubric.py").write_text(_RUBRIC)
    return tmp_path


def _outputs(path: Path) -> list[int]:
    return sorted(len(row["output"]) for row in json.loads(path.read_text()))


def test_columns_are_printed_written_and_found_again(folder: Path) -> None:
    called = assay(folder, "score", "data.json", "my_rubric.py", "-o", "s.csv")
    again = assay(folder, "score", "data.json", "my_rubric.py", "-o", "s.parquet", "--json")

    assert called.code == again.code == 0, called.err + again.err
    assert "my_rubric.asked.much" in " ".join(called.out.split())
    heads = ["id", "file", "record", "sample", "my_rubric", "my_rubric.reason",
             "my_rubric.asked.much", "my_rubric.asked.much.reason"]  # fmt: skip
    written, table = pl.read_csv(folder / "s.csv"), pl.read_parquet(folder / "s.parquet")
    assert written.columns == table.columns == heads
    assert table["my_rubric"].to_list() == list(range(1, 21))
    second = table["my_rubric.asked.much"].to_list()
    assert second == [None if n == 7 else 30 - n for n in range(1, 21)]
    assert table["my_rubric.asked.much.reason"].to_list() == (
        ["refused" if n == 7 else None for n in range(1, 21)]
    )
    [row] = again.document["scores"]
    assert {name: found["scored"] for name, found in row["columns"].items()} == (
        {"long": 20, "asked.much": 19}
    )


def test_a_column_is_selected_by_and_stands_in_the_table_beside_the_export(folder: Path) -> None:
    called = assay(
        folder, "select", "data.json", "my_rubric.py", "--set", "column=asked.much",
        "--budget", "3", "-o", "out.json",
    )  # fmt: skip

    assert called.code == 0, called.err
    assert _outputs(folder / "out.json") == [1, 2, 3]
    assert "my_rubric 1; my_rubric.asked.much 29" in " ".join(called.err.split())
    table = pl.read_parquet(folder / "out.json.assay.parquet")
    assert [name for name in table.columns if name.startswith("my_rubric")] == [
        "my_rubric", "my_rubric.reason", "my_rubric.asked.much", "my_rubric.asked.much.reason",
    ]  # fmt: skip
    assert table.sort("my_rubric")["my_rubric.asked.much"].to_list()[:3] == [29, 28, 27]
    project = Project(folder / "data.assay")
    assert "my_rubric.asked.much" in project.frame().columns


def test_a_column_is_shown_of_a_row(folder: Path) -> None:
    assay(folder, "score", "data.json", "my_rubric.py")
    first = Project(folder / "data.assay").frame()["id"][0]

    shown = assay(folder, "show", "data.json", first)
    [row] = assay(folder, "show", "data.json", first, "--json").document

    assert shown.code == 0, shown.err
    assert "my_rubric.asked.much" in shown.out
    assert list(row["scores"]["my_rubric"]["columns"]) == ["long", "asked.much"]


def test_a_misspelt_column_and_flag_are_refused_with_the_nearest(folder: Path) -> None:
    column = assay(folder, "select", "data.json", "my_rubric.py", "--set", "column=asked_much",
                   "--budget", "3", "-o", "out.json")  # fmt: skip
    flag = assay(folder, "select", "data.json", "my_rubric.py", "--set",
                 "without_flags=injection", "--budget", "3", "-o", "out.json")  # fmt: skip

    assert column.code == flag.code == 1
    assert "my_rubric has no column 'asked_much'" in column.err
    assert "did you mean 'asked.much'" in column.err
    assert "there is no flag 'injection'" in flag.err
    assert "did you mean 'injection_suspect'" in flag.err


def test_flagged_rows_are_left_out_counted_and_shown(folder: Path) -> None:
    called = assay(folder, "select", "data.json", "my_rubric.py", *_SETTINGS, "--budget", "4",
                   "-o", "out.json", "--report", "page.html")  # fmt: skip

    assert called.code == 0, called.err
    assert _outputs(folder / "out.json") == [14, 16, 17, 19]
    # Of 20 lengths 5, 10, 15 and 20 are suspects and 3, 6, 9, 12, 15 and 18 are cut.
    told = " ".join(called.err.split())
    assert "flagged 9 (response truncated 6, injection suspect 4)" in told
    table = pl.read_parquet(folder / "out.json.assay.parquet")
    assert table.filter(reason="flagged").height == 9
    both = table.filter(pl.col("my_rubric") == 15)
    assert both["flags"].to_list() == ["response_truncated, injection_suspect"]
    manifest = json.loads((folder / "out.json.assay.json").read_text())["manifest"]
    assert manifest["facts"]["flagged"] == {"response_truncated": 6, "injection_suspect": 4}
    page = (folder / "page.html").read_text()
    assert "flagged: 9" in page
    assert "flagged: response truncated, injection suspect" in page


def test_show_says_for_which_flags_a_row_was_left_out(folder: Path) -> None:
    assay(
        folder, "select", "data.json", "my_rubric.py", *_SETTINGS, "--budget", "4", "-o", "o.json"
    )
    table = pl.read_parquet(folder / "o.json.assay.parquet")
    [row_id] = table.filter(pl.col("my_rubric") == 20)["id"].to_list()

    shown = assay(folder, "show", "data.json", row_id)
    [row] = assay(folder, "show", "data.json", row_id, "--json").document

    assert "left out: flagged: injection suspect" in " ".join(shown.out.split())
    [fate] = row["selections"].values()
    assert (fate["reason"], fate["why"]) == ("flagged", "flagged: injection suspect")


def test_a_selection_of_which_all_rows_are_flagged_says_so(folder: Path) -> None:
    (folder / "data.json").write_text(
        json.dumps([{"instruction": f"q{n}", "output": "a" * 5 * n} for n in range(1, 5)])
    )

    called = assay(folder, "select", "data.json", "my_rubric.py", *_SETTINGS, "--budget", "2",
                   "-o", "out.json")  # fmt: skip

    assert called.code == 1
    told = " ".join(called.err.split())
    assert "flagged 4 (injection suspect 4, response truncated 1)" in told
    assert "name fewer flags: --set without_flags=..." in told


def test_flags_hold_with_quotas_and_in_a_file(folder: Path) -> None:
    called = assay(folder, "select", "data.json", "my_rubric.py", *_SETTINGS, "--per", "source",
                   "--budget", "4", "-o", "out.json")  # fmt: skip
    (folder / "run.yaml").write_text(
        "data: {source: data.json}\nproject: p.assay\nplugins: [my_rubric.py]\nselections:\n"
        "  a: {method: my_rubric, budget: 4, without_flags: [injection_suspect]}\n"
    )

    ran = assay(folder, "run", "run.yaml")

    assert called.code == ran.code == 0, called.err + ran.err
    assert _outputs(folder / "out.json") == [14, 16, 17, 19]
    [stored] = (folder / "p.assay" / "selections").glob("*.parquet")
    table = pl.read_parquet(stored)
    assert table["flags"].to_list().count(Flag.INJECTION_SUSPECT) == 4
    assert table["reason"].to_list().count(Reason.FLAGGED) == 4


def test_the_catalogue_says_that_columns_are_parameters(folder: Path) -> None:
    [described] = assay(folder, "methods", "my_rubric.py", "--json").document
    told = assay(folder, "methods", "my_rubric.py")
    marks = assay(folder, "methods", "marks")

    assert described["columns"] is None
    assert "its parameters say which; --set column=NAME" in " ".join(told.out.split())
    assert "marks, refusals" in " ".join(marks.out.split())


def test_the_counts_of_marks_are_columns_of_the_table_that_is_written(folder: Path) -> None:
    called = assay(folder, "score", "data.json", "marks", "-o", "marks.parquet")

    assert called.code == 0, called.err
    columns = pl.read_parquet(folder / "marks.parquet").columns
    assert columns[4:8] == ["marks", "marks.reason", "marks.refusals", "marks.refusals.reason"]
