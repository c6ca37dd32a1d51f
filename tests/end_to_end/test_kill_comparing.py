"""Comparisons of two that are killed on the command line: what was replied is not asked again."""

import collections
import json
import os
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.end_to_end.cli_helpers import COMMAND_LINE
from tests.end_to_end.jobs import kill_group
from tests.fork_server import Process, start
from tests.judge_servers import NAME, OLD_OLLAMA, serving_judge
from tests.scripted_judge import MARK, ScriptedJudge

pytestmark = pytest.mark.slow

_ROWS, _ROUNDS, _PARALLEL = 60, 2, 4


class _Slow(ScriptedJudge):
    """Takes its time, and prefers the row of the higher number."""

    def answer(self, route: str, question: Any) -> tuple[int, Any]:
        """Return status and JSON."""
        time.sleep(0.004)
        return super().answer(route, question)


def _judge() -> _Slow:
    rows = {f"r{number}": None for number in range(_ROWS)}
    return _Slow(
        OLD_OLLAMA,
        script=rows,
        compares=lambda one, two: f"Verdict: {'A' if int(one[1:]) > int(two[1:]) else 'B'}",
    )


def _start(folder: Path, base: str) -> Process:
    folder.mkdir(exist_ok=True)
    rows = [
        {"instruction": f"Say {MARK}r{number}.", "input": "", "output": "Said."}
        for number in range(_ROWS)
    ]
    (folder / "data.json").write_text(json.dumps(rows))
    words = ["score", "data.json", "qurating", "--judge", f"{base}#{NAME}@1"]
    words += ["--set", f"rounds={_ROUNDS}"]
    settings = {
        "ASSAY_CACHE": str(folder / "cache"),
        "ASSAY_ENDPOINT_PARALLEL": str(_PARALLEL),
        "POLARS_MAX_THREADS": "1",
    }
    return start(COMMAND_LINE, words, folder=folder, environment=os.environ | settings)


def _finished(folder: Path, base: str) -> pl.DataFrame:
    process = _start(folder, base)
    _, said = process.communicate()
    assert process.returncode == 0, said
    (path,) = folder.glob("*.assay/scores/qurating-*.parquet")
    return pl.read_parquet(path)


def test_no_comparison_that_was_replied_to_is_asked_for_again(tmp_path: Path) -> None:
    judge, plain = _judge(), _judge()
    kills = (1, 40, 90, 91, 150)
    with serving_judge(judge) as base:
        for least in kills:
            process = _start(tmp_path / "killed", base)
            while len(judge.pairs) < least and process.poll() is None:
                time.sleep(0.002)
            kill_group(process)
            process.communicate()
        found = _finished(tmp_path / "killed", base)
    with serving_judge(plain) as base:
        expected = _finished(tmp_path / "plain", base)

    assert found.equals(expected)
    assert set(judge.pairs) == set(plain.pairs)
    assert len(plain.pairs) == len(set(plain.pairs))
    assert len(plain.pairs) > max(kills), "each of them was killed before its end"
    again = collections.Counter(judge.pairs)
    assert sum(again.values()) - len(again) <= len(kills) * _PARALLEL
