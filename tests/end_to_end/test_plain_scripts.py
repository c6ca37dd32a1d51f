"""The library in a script as people write them, without a guard, in every way to run one."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.jobs import write_rows
from tests.end_to_end.notebook import printed, run_cells
from tests.patience import run

_ROWS = 200
_SCRIPT = """
import os
from pathlib import Path

import numpy as np

import assay
from assay.components.component import NoPaper
from assay.engine import row_shards
from assay.features.passes import RowFeature
from assay.features.text import TextReading
from assay.values import Numbers

row_shards._SPAWN_ROWS = 0  # as if there were many rows
TextReading.rows_per_shard = 32
with open("began", "a") as file:
    file.write("x")


class Vowels(RowFeature):
    "Vowels of the answer, and who counted them."

    name = "vowels"
    paper = NoPaper(reason="a test")
    value = Numbers

    def reading(self):
        return TextReading()

    def compute(self, conversations, runtime):
        with open("counted", "a") as file:
            file.write(f"{os.getpid()}\\n")
        counts = [float(sum(c in "aeiou" for c in each.response)) for each in conversations]
        nothing = np.zeros(len(counts), np.uint8)
        return Numbers(nothing, nothing.astype(np.uint16), {"vowels": np.array(counts)})


class MostVowels(assay.Scorer):
    "Prefers answers of many vowels."

    name = "most_vowels"
    paper = NoPaper(reason="a test")

    def requires(self):
        return {"counted": Vowels()}

    def score(self, *, counted):
        return counted["vowels"]


runtime = assay.Runtime(cache=Path("cache"), workers=2)
project = assay.Project("project", data="rows.json", runtime=runtime)
print(len(project.select(MostVowels(), budget="5%")))
print(os.getpid())
"""
_Run = Callable[[Path], str]


def _as_file(folder: Path) -> str:
    (folder / "script.py").write_text(_SCRIPT)
    return _printed(folder, [sys.executable, "script.py"])


def _as_words(folder: Path) -> str:
    return _printed(folder, [sys.executable, "-c", _SCRIPT])


def _as_input(folder: Path) -> str:
    return _printed(folder, [sys.executable, "-"])


def _printed(folder: Path, line: list[str]) -> str:
    done = run(
        line, folder=folder, stdin=_SCRIPT, environment=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _as_cell(folder: Path) -> str:
    [outputs] = run_cells(folder, [_SCRIPT], OMP_NUM_THREADS="1")
    return printed(outputs)


@pytest.mark.slow
@pytest.mark.parametrize("printed_by", [_as_file, _as_words, _as_input, _as_cell])
def test_it_uses_processes_and_is_not_run_again_by_them(tmp_path: Path, printed_by: _Run) -> None:
    write_rows(tmp_path / "rows.json", _ROWS)

    chosen, script = printed_by(tmp_path).split()

    workers = set((tmp_path / "counted").read_text().split())
    rows = len(json.loads((tmp_path / "rows.json").read_text()))
    assert 0 < int(chosen) <= rows // 20
    assert (tmp_path / "began").read_text() == "x"
    assert 1 <= len(workers) <= 2  # the first may have done all before the second had begun
    assert script not in workers
