"""What can be read once is read once: standard input, named pipes, the shell's <(command)."""

import json
import os
import threading
from pathlib import Path

import pytest

from tests.end_to_end.cli_helpers import assay

ROWS = "".join(
    json.dumps({"instruction": f"Name {n}", "output": f"It is the number {n}"}) + "\n"
    for n in range(6)
)


def _feed(path: Path, text: str) -> threading.Thread:
    """Write a text into a pipe once, when somebody opens it."""
    thread = threading.Thread(target=path.write_text, args=(text,), daemon=True)
    thread.start()
    return thread


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    os.mkfifo(path)
    return path


def test_a_named_pipe_is_loaded_and_its_project_goes_on_without_it(
    tmp_path: Path, pipe: Path
) -> None:
    _feed(pipe, ROWS)

    loaded = assay(tmp_path, "load", "rows.jsonl", "--json")
    pipe.unlink()
    chosen = assay(tmp_path, "select", "rows.assay", "random", "--budget", "2", "-o", "o.jsonl")

    assert (loaded.code, chosen.code) == (0, 0), loaded.err + chosen.err
    assert loaded.document["rows"] == 6
    assert set((tmp_path / "o.jsonl").read_text().splitlines()) < set(ROWS.splitlines())


def test_standard_input_can_be_selected_from_later(tmp_path: Path) -> None:
    loaded = assay(tmp_path, "load", "-", stdin=ROWS)
    chosen = assay(
        tmp_path, "select", "standard-input.assay", "random", "--budget", "2", "-o", "o.jsonl"
    )

    assert (loaded.code, chosen.code) == (0, 0), loaded.err + chosen.err
    assert len((tmp_path / "o.jsonl").read_text().splitlines()) == 2


def test_numbers_may_come_from_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text(ROWS)
    pipe = tmp_path / "numbers.csv"
    os.mkfifo(pipe)
    _feed(pipe, "score\n" + "1\n" * 6)

    called = assay(
        tmp_path, "import-scores", "data.jsonl", "numbers.csv", "--column", "score", "--json"
    )

    assert called.document["rows_with_a_number"] == 6


def test_a_pipe_of_evaluation_questions_is_refused_before_it_is_read(
    tmp_path: Path, pipe: Path
) -> None:
    (tmp_path / "data.jsonl").write_text(ROWS)

    called = assay(
        tmp_path, "select", "data.jsonl", "random", "--against", str(pipe), "--budget", "1",
        "-o", "o.jsonl",
    )  # fmt: skip

    assert called.code == 1
    assert "a pipe, which can be read only once" in called.err
    assert "write it to a file first" in called.err


def test_a_configuration_is_written_from_a_pipe(tmp_path: Path, pipe: Path) -> None:
    _feed(pipe, ROWS)

    assert assay(tmp_path, "init", "rows.jsonl", "--json").document["rows"] == 6
