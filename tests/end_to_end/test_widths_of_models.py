"""What verbs print that tune models or read several fits the screen, names and numbers whole."""

import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.comparisons import measured_in_no_time, trained_in_no_time, write_rows
from tests.end_to_end.in_process import Here, calls_in
from tests.screens import WIDTHS, misfits

pytest.importorskip("trl")

BASE = "a-folder-of-a-model-with-a-long-name-checkpoint-of-the-last-epoch"
SMALL = "模型-小-a-small-one-beside-it"
SHORT = ("--epochs", "1", "--batch-size", "4", "--max-length", "256", "--device", "cpu")
NAMES = (BASE, SMALL, "longest_instruction", "longest_response", "facility_location", "random",
         "compression_ifd", "answer length")  # fmt: skip
LINES = {
    "compare": ["compare", "rows.json", "k_center", "facility_location", "--set",
                "facility_location.quality=mtld", "--base", BASE, "--budget", "10%,20%", "--seeds",
                "2", "-o", "report.html", "--best", "best rows.json", "--full", *SHORT],
    "compare dry": ["compare", "rows.json", "ttr", "--base", BASE, "--budget", "10%", "-n", *SHORT],
    "tune": ["tune", "rows.json", "random", "--budget", "8", "--base", BASE, *SHORT],
    "tune several": ["tune", "rows.json", "random", "--budget", "8", "--base", BASE, "--seeds",
                     "2", *SHORT],
    "tune dry": ["tune", "rows.json", "random", "--budget", "8", "--base", BASE, "-n", *SHORT],
    "agree": ["agree", "rows.json", "ifd", "--models", BASE, SMALL, "--sample", "12", "--set",
              "rendering.template=plain"],
    "agree dry": ["agree", "rows.json", "--models", BASE, SMALL, "-n"],
    "tokens": ["show", "rows.json", "--model", BASE],
}  # fmt: skip
# Speeds differ from run to run.
_CHANGING = ("agree",)


@pytest.fixture
def here(
    tmp_path: Path,
    llama_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Here]:
    """Calls the command line in this process, beside rows and two models of long names."""
    write_rows(tmp_path)
    for name in (BASE, SMALL):
        shutil.copytree(llama_folder, tmp_path / name)
    trained_in_no_time(monkeypatch)
    measured_in_no_time(monkeypatch)
    yield from calls_in(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("name", LINES)
def test_every_screen_has_the_names_and_numbers_of_a_wide_one(
    here: Here, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here(*LINES[name])  # what is computed once is told once
    called = here(*LINES[name])
    wide = called.out + called.err
    assert called.code == 0, called.err

    for width in WIDTHS:
        monkeypatch.setenv("COLUMNS", str(width))
        narrow = here(*LINES[name])
        shown = narrow.out + narrow.err
        assert misfits(shown, wide if name not in _CHANGING else shown, width, NAMES) == []
        assert BASE in "".join(shown.split()) or BASE not in wide  # quick work is not heard of


@pytest.mark.parametrize("name", [name for name in LINES if "dry" not in name])
def test_every_next_line_works_as_it_is(here: Here, name: str) -> None:
    called = here(*LINES[name])

    found = [line.removeprefix("next:").strip() for line in called.err.splitlines()]
    lines = [shlex.split(line)[1:] for line in found if line.startswith("assay ")]
    assert lines or name == "tokens"
    for line in lines:
        followed = here(*line)
        assert followed.code == 0, (line, followed.err)


def test_next_lines_repeat_what_matters(here: Here) -> None:
    compared, agreed = here(*LINES["compare"]), here(*LINES["agree"])

    tuned = next(line for line in compared.err.splitlines() if "assay tune" in line)
    assert shlex.split(tuned)[2:] == [
        "tune", "best rows.json", "--base", BASE, "--full", "--epochs", "1", "--batch-size", "4",
        "--max-length", "256",
    ]  # fmt: skip
    scored = next(line for line in agreed.err.splitlines() if line.startswith("next:"))
    assert shlex.split(scored)[-2:] == ["--set", "rendering.template=plain"]
