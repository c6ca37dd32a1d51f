"""Runs that are stopped inside a shard: no answer is asked for twice, and bytes are equal."""

import hashlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.causal_rows import PlainLoop
from tests.end_to_end.jobs import is_temporary, kill_group, wait_until, write_rows
from tests.fork_server import Process, start
from tests.model_server import Fault, ModelServer, serving

pytestmark = pytest.mark.slow

_ROWS = 120  # one shard
_BATCHES_BEFORE_THE_STOP = 4
_COMMAND = "from assay.cli import main; main()"
_COUNTED = """
import time
from assay.backends.causal_forward import Forward
run, read = Forward.run, []
def counted(self, batch, work, **settings):
    read.append(len(batch.members))
    with open("batches", "a") as file:
        print(len(read), file=file)
    if {pause_after} and len(read) > {pause_after}:
        time.sleep(3600)
    return run(self, batch, work, **settings)
Forward.run = counted
"""


def _score(folder: Path, model: str, *, prelude: str = "", keep: str = "0", **more: str) -> Process:
    """Start the scoring of a folder's rows; what is read is kept after so many seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "rows.json", _ROWS)
    words = ["score", "rows.json", "superfiltering", "--model", model, "--device", "cpu"]
    settings = {
        "ASSAY_CACHE": str(folder / "cache"), "ASSAY_KEEP_SECONDS": keep, "OMP_NUM_THREADS": "1",
        "POLARS_MAX_THREADS": "1", "HOME": str(folder), "PATH": "",
    }  # fmt: skip
    return start(
        prelude + _COMMAND, words, folder=folder, environment=settings | more,
        imported="assay and torch",
    )  # fmt: skip


def _finish(folder: Path, model: str, **settings: Any) -> None:
    process = _score(folder, model, **settings)
    _, errors = process.communicate()
    assert process.returncode == 0, errors


def _kept(folder: Path) -> list[Path]:
    found = (folder / "cache/unfinished").rglob("*.safetensors")
    return [path for path in found if not is_temporary(path)]


def _values(folder: Path) -> dict[str, str]:
    """Return the digest of every file of values and scores."""
    paths = [*(folder / "cache").rglob("rows-*"), *folder.glob("*.assay/scores/*")]
    assert len(paths) >= 2
    return {
        path.relative_to(folder).as_posix(): hashlib.blake2b(path.read_bytes()).hexdigest()
        for path in paths
    }


# A model of this machine


@pytest.fixture(scope="module")
def undisturbed(llama_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    _finish(folder, str(llama_folder), prelude=_COUNTED.format(pause_after=0))
    assert len([*(folder / "cache").rglob("rows-*")]) <= 2
    return folder


def _batches(folder: Path) -> int:
    return len((folder / "batches").read_text().splitlines())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_model_that_is_stopped_inside_a_shard_goes_on_and_gives_the_same_bytes(
    undisturbed: Path, llama_folder: Path, tmp_path: Path, how: signal.Signals
) -> None:
    # How many tokens go together is measured once per machine.
    shutil.copytree(undisturbed / "cache/token_budgets", tmp_path / "cache/token_budgets")
    # Whoever is asked to end writes what it has, however long the interval is.
    keep = "0" if how is signal.SIGKILL else "3600"
    pausing = _COUNTED.format(pause_after=_BATCHES_BEFORE_THE_STOP)
    process = _score(tmp_path, str(llama_folder), prelude=pausing, keep=keep)
    wait_until(
        lambda: (tmp_path / "batches").exists() and _batches(tmp_path) > _BATCHES_BEFORE_THE_STOP,
        process,
    )
    if how is signal.SIGKILL:
        wait_until(lambda: len(_kept(tmp_path)) >= 1, process)
        kill_group(process)
    else:
        os.kill(process.pid, how)
        _, errors = process.communicate()
        assert process.returncode == 130, errors
        assert "interrupted" in errors
    assert _kept(tmp_path)
    assert not [*(tmp_path / "cache").rglob("rows-*.parquet")]
    (tmp_path / "batches").unlink()

    _finish(tmp_path, str(llama_folder), prelude=_COUNTED.format(pause_after=0))

    assert _values(tmp_path) == _values(undisturbed)
    assert 0 < _batches(tmp_path) < _batches(undisturbed)
    assert not (tmp_path / "cache/unfinished").exists()


# A model behind HTTP


@pytest.fixture
def server(llama_folder: Path) -> Iterator[ModelServer]:
    with serving(PlainLoop.open(llama_folder)) as running:
        yield running


def _held_after(requests: int) -> Any:
    """Answer so many requests for completions, and hold all others."""

    def wrong(route: str, body: Any, count: int) -> Fault | None:
        held = route == "/v1/completions" and count >= requests
        return Fault(500, hang_seconds=3600.0) if held else None

    return wrong


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_replies_of_a_server_are_not_asked_for_twice_and_the_bytes_are_the_same(
    server: ModelServer, tmp_path: Path, how: signal.Signals
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    _finish(whole, server.address)
    asked = len(server.asked)
    server.requests.clear()
    server.asked.clear()
    opening, answered = 3, 6
    server.wrong = _held_after(opening + answered)
    # One request at a time, so that it is known which replies have come.
    process = _score(stopped, server.address, keep="0", ASSAY_ENDPOINT_PARALLEL="1")
    wait_until(lambda: server.requests.count("/v1/completions") > opening + answered, process)
    if how is signal.SIGKILL:
        wait_until(lambda: len(_kept(stopped)) >= 1, process)
        kill_group(process)
    else:
        os.kill(process.pid, how)
        _, errors = process.communicate()
        assert process.returncode == 130, errors
    before = set(server.asked)
    server.wrong = lambda route, body, count: None
    server.asked.clear()

    _finish(stopped, server.address)

    assert _values(stopped) == _values(whole)
    again = [ids for ids in server.asked if ids in before]
    # Those of the opening, and eight to see whether the replies still hold; after a kill those of
    # the last moment, too.
    lost = 8 * (answered - 1) if how is signal.SIGKILL else 0
    assert len(again) <= 5 + 8 + lost
    assert len(server.asked) < asked
    assert not (stopped / "cache/unfinished").exists()


def test_replies_that_do_not_hold_any_more_are_asked_for_anew(
    server: ModelServer, tmp_path: Path
) -> None:
    server.wrong = _held_after(3 + 6)
    process = _score(tmp_path / "stopped", server.address, ASSAY_ENDPOINT_PARALLEL="1")
    wait_until(lambda: server.requests.count("/v1/completions") > 3 + 6, process)
    wait_until(lambda: len(_kept(tmp_path / "stopped")) >= 1, process)
    kill_group(process)
    server.wrong = lambda route, body, count: None
    server.mangle = lambda values, ids: [None, *(2 * v for v in values[1:] if v is not None)]

    again = _score(tmp_path / "stopped", server.address)
    _, errors = again.communicate()
    _finish(tmp_path / "whole", server.address)

    assert again.returncode == 0, errors
    assert "all is asked anew" in " ".join(errors.split())
    assert _values(tmp_path / "stopped") == _values(tmp_path / "whole")
