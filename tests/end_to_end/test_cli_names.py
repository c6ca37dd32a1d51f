"""Names of results on the command line: derived, given, moved, refused."""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tests.end_to_end.cli_helpers import write_dolly
from tests.end_to_end.in_process import Here, calls_in


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    write_dolly(tmp_path / "data.jsonl", 12)
    yield from calls_in(tmp_path, monkeypatch, capsys)


def _names(here: Here) -> set[str]:
    [project] = here("status", "data.jsonl", "--json").document
    return {result["name"] for result in project["results"]}


def _prompts(here: Here, name: str) -> list[str]:
    shown = here("show", "data.jsonl", name, "--json").document
    return [row["prompt"] for row in shown["rows"]]


def test_options_that_change_the_result_change_its_name(here: Here) -> None:
    line = ("select", "data.jsonl", "longest_response", "--budget", "3", "-q")
    for more in (
        [],
        ["--set", "unit_of_length=words"],
        ["--dedup", "exact"],
        ["--where", "task=open_qa"],
        ["--seed", "2"],
    ):
        assert here(*line, *more).code == 0

    assert _names(here) >= {
        "longest_response-3",
        "longest_response-unit_of_length-words-3",
        "longest_response-within-deduplicate-3",
        "longest_response-within-where-task-open_qa-3",
        "longest_response-3-seed2",
    }
    # Rows 1, 2, 4, 5, 7, 8, 10 and 11 would be open_qa, but row 1 is like row 0.
    assert _prompts(here, "longest_response-within-where-task-open_qa-3") == [
        f"Tell me about the number {number}, please" for number in (11, 10, 8)
    ]
    assert _prompts(here, "longest_response-3") == [
        f"Tell me about the number {number}, please" for number in (11, 10, 9)
    ]


def test_a_given_name_works_in_every_verb(here: Here) -> None:
    made = here("select", "data.jsonl", "longest_response", "--budget", "2", "--name", "mine",
                "--json").document  # fmt: skip
    here("select", "data.jsonl", "random", "--budget", "2", "--name", "chance", "-q")

    assert made["selection"] == "mine"
    assert {"mine", "chance"} <= _names(here)
    assert here("diff", "data.jsonl", "mine", "chance", "--json").document["names"] == [
        "mine", "chance"
    ]  # fmt: skip
    assert here("export", "data.jsonl", "mine", "-o", "mine.jsonl").code == 0
    written = [json.loads(line) for line in Path("mine.jsonl").read_text().splitlines()]
    assert {row["instruction"] for row in written} == set(_prompts(here, "mine"))


def test_a_name_of_a_score_is_its_column(here: Here) -> None:
    here("score", "data.jsonl", "longest_response", "--name", "length")
    scored = here("score", "data.jsonl", "longest_response", "--set", "unit_of_length=words",
                  "--json").document  # fmt: skip
    here("select", "data.jsonl", "longest_response", "--budget", "2", "-o", "out.jsonl", "-q")

    assert scored["scores"][0]["result"] == "longest_response-unit_of_length-words"
    assert _names(here) >= {"length", "longest_response-unit_of_length-words"}
    assert "length" in pl.read_parquet("out.jsonl.assay.parquet").columns


def test_a_name_that_moves_is_told_of(here: Here) -> None:
    line = ("select", "data.jsonl", "longest_response", "--name", "mine", "--budget")
    here(*line, "2")
    moved = here(*line, "3")

    assert "longest_response-2 now" in " ".join(moved.err.split())
    assert len(_prompts(here, "mine")) == 3
    assert len(_prompts(here, "longest_response-2")) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["select", "data.jsonl", "random", "ttr", "--budget", "2", "--name", "x"],
         "--name x is for one method, and 2 are named"),
        (["score", "data.jsonl", "hdd", "ttr", "--name", "x"],
         "--name x is for one score, and 2 are asked for"),
        (["score", "data.jsonl", "ttr", "--name", "a b"], "cannot be the name of a result"),
        (["select", "data.jsonl", "random", "--budget", "2", "--name", "x.json"],
         "would be taken for a file"),
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_is_refused_at_once(here: Here, words: list[str], said: str) -> None:
    called = here(*words)

    assert called.code == 2
    assert said in " ".join(called.err.split())
