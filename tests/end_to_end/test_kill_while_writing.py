"""Runs that are killed while a model writes: they go on there, and the bytes are the same."""

import hashlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.causal_rows import PlainLoop, ordinary_rows
from tests.end_to_end.jobs import is_temporary, kill_group, wait_until
from tests.fork_server import Process, start
from tests.model_server import Fault, serving
from tests.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.slow

_ROWS = 70  # three batches of a shard
_WRITE = """
import json, sys, time
from pathlib import Path
from assay.backends import generating
from assay.components.decoding import Decoding
from assay.engine.engine import Engine
from assay.features.generations import Generations
from assay.runtime import Runtime
from assay.stores import unfinished
from assay.testing import pool

model, pause_after, temperature = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
unfinished._HOLDING_COSTS = float("inf")  # batches of a tiny model take no time
add, steps = generating._add, []
def counted(reply, token, ends, stops):
    steps.append(token)
    with open("tokens", "a") as file:
        print(token, file=file)
    if pause_after and len(steps) > pause_after:
        time.sleep(3600)
    return add(reply, token, ends, stops)
generating._add = counted
rows = json.loads(Path("rows.json").read_text())
decoding = Decoding(max_new_tokens=24, temperature=temperature)
made = pool([tuple(row) for row in rows], folder=Path("pool"))
Engine(made, Runtime(device="cpu", offline=True)).value(Generations(model=model, decoding=decoding))
"""


def _start(folder: Path, model: str, pause_after: int = 0, temperature: float = 0) -> Process:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [(question, answer) for question, _, answer in ordinary_rows(_ROWS)]
    (folder / "rows.json").write_text(json.dumps(rows))
    (folder / "tokens").write_text("")
    settings = {
        "ASSAY_CACHE": str(folder / "cache"), "ASSAY_KEEP_SECONDS": "0", "OMP_NUM_THREADS": "1",
        "POLARS_MAX_THREADS": "1", "HOME": str(folder), "PATH": "", "ASSAY_ENDPOINT_PARALLEL": "1",
    }  # fmt: skip
    words = [model, str(pause_after), str(temperature)]
    return start(
        _WRITE, words, folder=folder, environment=settings, imported="assay and torch"
    )  # fmt: skip


def _finish(folder: Path, model: str, **settings: Any) -> None:
    process = _start(folder, model, **settings)
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, errors


def _tokens(folder: Path) -> int:
    return len((folder / "tokens").read_text().splitlines())


def _values(folder: Path) -> dict[str, str]:
    paths = [*(folder / "cache/generations").rglob("rows-*")]
    assert paths
    return {path.name: hashlib.blake2b(path.read_bytes()).hexdigest() for path in paths}


def _kept(folder: Path) -> list[Path]:
    found = [*(folder / "cache/unfinished").rglob("*.*")]
    return [path for path in found if not is_temporary(path)]


@pytest.mark.parametrize(
    ("model", "temperature", "how"),
    [
        ("llama", 0.0, signal.SIGKILL),
        ("llama", 1.0, signal.SIGINT),
        ("own", 1.0, signal.SIGKILL),
    ],
)
def test_a_model_that_is_killed_amid_a_reply_goes_on_and_gives_the_same_bytes(
    llama_folder: Path, tmp_path: Path, model: str, temperature: float, how: signal.Signals
) -> None:
    name = str(llama_folder) if model == "llama" else "assay:lm"
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    _finish(whole, name, temperature=temperature)
    pause = _tokens(whole) // 2
    process = _start(stopped, name, pause_after=pause, temperature=temperature)
    wait_until(lambda: _tokens(stopped) > pause, process)
    if how is signal.SIGKILL:
        kill_group(process)
    else:
        os.kill(process.pid, how)
        process.communicate(timeout=PATIENCE_SECONDS)
    assert {path.suffix for path in _kept(stopped)} >= {".held"}
    assert not [*(stopped / "cache").rglob("rows-*.parquet")]

    _finish(stopped, name, temperature=temperature)

    assert _values(stopped) == _values(whole)
    # Of what was under way, one token of each row of the batch is lost.
    assert _tokens(stopped) <= _tokens(whole) - pause + 32 + 1
    assert not (stopped / "cache/unfinished").exists()


def test_replies_of_a_server_are_paid_for_once(llama_folder: Path, tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    opening, answered = 2, 9
    with serving(PlainLoop.open(llama_folder)) as server:
        _finish(whole, server.address)
        asked = len(server.asked)
        server.requests.clear()
        server.asked.clear()
        server.wrong = lambda route, body, count: (
            Fault(500, hang_seconds=PATIENCE_SECONDS)
            if route == "/v1/completions" and count >= opening + answered
            else None
        )
        process = _start(stopped, server.address)
        wait_until(lambda: server.requests.count("/v1/completions") > opening + answered, process)
        wait_until(lambda: len(_kept(stopped)) >= 1, process)
        kill_group(process)
        before = set(server.asked)
        server.wrong = lambda route, body, count: None
        server.asked.clear()

        _finish(stopped, server.address)

        assert _values(stopped) == _values(whole)
        again = [ids for ids in server.asked if ids in before]
        lost = answered - 1  # those of the last moment
        assert len(again) <= opening + lost
        assert len(server.asked) < asked
