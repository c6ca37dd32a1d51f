"""What a trainer's layout cannot hold is counted, said, and named, by every verb that exports."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.end_to_end.in_process import Here, calls_in

_TWICE = "turns that do not alternate between asking and answering"
_LAST = "the last turn, which has no answer"
_CONFIG = """
project: made.assay
data: chats.jsonl
selections:
  all: {method: everything}
exports:
  - {selection: all, output: run.json, format: llama-factory}
limits: {workers: 1}
"""


def _chat(*turns: tuple[str, str]) -> str:
    messages = [{"role": role, "content": content} for role, content in turns]
    return json.dumps({"messages": messages})


@pytest.fixture
def assay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    rows = [
        _chat(("user", "One?"), ("assistant", "Fine.")),
        _chat(("user", "Two?"), ("user", "Or three?"), ("assistant", "Neither of these.")),
        _chat(("user", "Four?"), ("assistant", "Yes."), ("user", "Thanks.")),
        _chat(("user", "Five?"), ("assistant", "No."), ("assistant", "Or perhaps.")),
    ]
    (tmp_path / "chats.jsonl").write_text("\n".join(rows) + "\n")
    (tmp_path / "assay.yaml").write_text(_CONFIG)
    yield from calls_in(tmp_path, monkeypatch, capsys)


def _ids(table: str) -> dict[int, str]:
    """Return the id of each row of the source, as the sidecar has it."""
    frame = pl.read_parquet(table)
    return dict(zip(frame["row"].to_list(), frame["id"].to_list(), strict=True))


def _check_facts(found: dict[str, Any], table: str) -> None:
    ids = _ids(table)
    assert found["rows"] == 2
    assert found["not_written"] == {ids[1]: _TWICE, ids[3]: _TWICE}
    assert found["written_without"] == {ids[2]: _LAST}


def _check_words(stderr: str, table: str) -> None:
    said = " ".join(stderr.split())
    assert f"2 of 4 chosen rows were not written: {_TWICE}" in said
    assert f"1 of 4 chosen rows were written without {_LAST}" in said
    assert f"their ids: {table}, not_written and written_without" in said


def test_select_counts_says_and_names_what_it_did_not_write(assay: Here, tmp_path: Path) -> None:
    line = ("select", "chats.jsonl", "everything", "--format", "llama-factory", "-o", "out.json")

    people, programs = assay(*line), assay(*line, "--json")

    _check_words(people.err, "out.json.assay.parquet")
    described = json.loads(programs.out)
    _check_facts(described["export"], "out.json.assay.parquet")
    assert described["chosen"] == 4
    assert described["export"]["tokens"] < described["tokens"]
    assert len(json.loads((tmp_path / "out.json").read_text())) == 2


def test_the_sidecar_names_them_and_its_manifest_counts_them(assay: Here, tmp_path: Path) -> None:
    assay("select", "chats.jsonl", "everything", "--format", "llama-factory", "-o", "out.json")

    table = pl.read_parquet("out.json.assay.parquet").sort("row")
    export = json.loads((tmp_path / "out.json.assay.json").read_text())["manifest"]["export"]
    assert table["not_written"].to_list() == [None, _TWICE, None, _TWICE]
    assert table["written_without"].to_list() == [None, None, _LAST, None]
    assert table["reason"].to_list() == [None] * 4
    assert (export["rows"], export["left_out"], export["losses"]) == (2, {_TWICE: 2}, {_LAST: 1})


def test_export_says_how_many_of_the_chosen_rows_it_wrote(assay: Here) -> None:
    assay("select", "chats.jsonl", "everything")
    line = ("export", "chats.jsonl", "everything", "--format", "llama-factory", "-o", "out.json")

    people, programs = assay(*line), assay(*line, "--json")

    _check_words(people.err, "out.json.assay.parquet")
    assert "2 of 4 samples of everything" in people.err
    [written] = json.loads(programs.out)
    assert written["samples"] == 4
    _check_facts(written["export"], "out.json.assay.parquet")


def test_run_says_it_too(assay: Here) -> None:
    people, programs = assay("run", "assay.yaml"), assay("run", "assay.yaml", "--json")

    _check_words(people.err, "run.json.assay.parquet")
    [export] = json.loads(programs.out)["exports"]
    _check_facts(export, "run.json.assay.parquet")


def test_without_a_table_beside_it_the_counts_are_said_all_the_same(assay: Here) -> None:
    line = ("select", "chats.jsonl", "everything", "--format", "llama-factory", "-o", "-")

    called = assay(*line)

    assert f"2 of 4 chosen rows were not written: {_TWICE}" in " ".join(called.err.split())
    assert "their ids: write to a file" in called.err


def test_a_copy_in_the_layout_of_the_data_lacks_nothing(assay: Here) -> None:
    line = ("select", "chats.jsonl", "everything", "-o", "out.jsonl", "--json")

    export = json.loads(assay(*line).out)["export"]

    assert export == {"rows": 4, "not_written": {}, "written_without": {}}


def test_a_layout_that_can_hold_no_row_at_all_stops(assay: Here, tmp_path: Path) -> None:
    (tmp_path / "odd.jsonl").write_text(_chat(("assistant", "Hello.")) + "\n")

    called = assay(
        "select", "odd.jsonl", "everything", "--format", "trl-prompt-completion", "-o", "o.jsonl"
    )

    assert called.code == 1
    said = " ".join(called.err.split())
    assert "can hold none of the samples (1: no answer after a prompt)" in said
    assert not (tmp_path / "o.jsonl").exists()


def test_turns_after_the_last_answer_are_a_loss_where_only_the_answer_is_kept(
    assay: Here,
) -> None:
    line = ("select", "chats.jsonl", "everything", "-o", "p.jsonl", "--json")

    export = json.loads(assay(*line, "--format", "trl-prompt-completion").out)["export"]

    ids = _ids("p.jsonl.assay.parquet")
    assert export["rows"] == 4
    assert export["written_without"] == {ids[2]: "the turns after the last answer"}
