"""A method that trains, killed once in each of its stages: begun again it gives the same bytes."""

import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.cli_helpers import COMMAND_LINE
from tests.end_to_end.jobs import is_temporary, kill_group, wait_until, write_rows
from tests.fork_server import Process, start

pytest.importorskip("trl")
pytestmark = pytest.mark.slow

_ROWS = 150
_METHOD = (
    "ifd", "--set", "phases=full", "--set", "clusters=5", "--set", "each=6",
    "--set", "experience.batch_size=6", "--set", "experience.epochs=2", "--budget", "10%",
)  # fmt: skip
_OFTEN = """
from assay.backends import training_run
from assay.features.causal_pass import CausalPass
training_run.SECONDS_BETWEEN_SAVES = 0.0
training_run.SAVING_SHARE = 1e9
CausalPass.rows_per_shard = CausalPass.least_rows = 32
"""
_STALLS = """
import fnmatch, time, assay.files
flush, seen = assay.files._flush, []
def slowly(path):
    if fnmatch.fnmatch(str(path), {pattern!r}):
        seen.append(path)
        if len(seen) > {after}:
            open("stalled", "w").close()
            time.sleep(3600)
    flush(path)
assay.files._flush = slowly
"""
_SUM = re.compile(rb'"checksum": "[^"]*"')
STAGES = {
    "reading with the base": ("*/cache/hidden_states/*/.rows-*.tmp", 1),
    "clustering": ("*/cache/distance_clusters/*.tmp", 0),
    "training": ("*/.whole.json*.tmp", 2),
    "after the training": ("*/.tuned.json*.tmp", 0),
    "reading with the tuned model": ("*/cache/response_log_probs/*/.rows-*.tmp", 3),
    "choosing": ("*/selections/*.tmp", 0),
}
"""Files, the writing of which stalls after so many of them, in the order of the stages."""


def _start(folder: Path, model: Path, prelude: str = "") -> Process:
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "rows.json", _ROWS)
    words = [
        "select", "rows.json", *_METHOD, "--base", str(model), "--device", "cpu",
        "-o", "out.json", "-p", "project",
    ]  # fmt: skip
    settings = {
        "ASSAY_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1",
    }  # fmt: skip
    return start(
        _OFTEN + prelude + COMMAND_LINE, words, folder=folder, environment=os.environ | settings,
        imported="assay and torch",
    )  # fmt: skip


def _finish(folder: Path, model: Path) -> str:
    process = _start(folder, model)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return errors


def _left_behind(folder: Path) -> dict[str, str]:
    """Return the digest of all that a finished job leaves, but for logs, rates and times taken."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        aside = {"runs", "written", "rates", "token_budgets", "unfinished"} & {*path.parts}
        if not path.is_file() or aside or is_temporary(path) or path.name == "checksums.json":
            continue
        content = path.read_bytes()
        if str(folder).encode() in content:  # it names a path, and so another one in each folder
            content = _SUM.sub(b"", content.replace(str(folder).encode(), b"~"))
        if path.name == "tuned.json":
            content = json.dumps(json.loads(content) | {"seconds": 0}).encode()
        found[name] = hashlib.blake2b(content, digest_size=8).hexdigest()
    return found


@pytest.fixture(scope="module")
def undisturbed(llama_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "job"
    _finish(folder, llama_folder)
    return folder


def test_the_stages_are_all_there(undisturbed: Path) -> None:
    folders = {path.name for path in (undisturbed / "cache").iterdir()}

    assert {"hidden_states", "distance_clusters", "tuned_model", "response_log_probs"} <= folders
    (record,) = (undisturbed / "cache").rglob("tuned.json")
    tuned: dict[str, Any] = json.loads(record.read_text())
    assert 10 <= tuned["rows"] <= 30
    assert tuned["recipe"]["weights"] == "full"
    assert len(json.loads((undisturbed / "out.json").read_text())) == _ROWS // 10


@pytest.mark.parametrize("stage", STAGES)
def test_a_job_that_is_killed_in_a_stage_goes_on_and_leaves_the_same_bytes(
    llama_folder: Path, undisturbed: Path, tmp_path: Path, stage: str
) -> None:
    pattern, after = STAGES[stage]
    folder = tmp_path / "job"
    folder.mkdir()
    # Batches are as large as in the other folder: their size is measured once per machine.
    shutil.copytree(undisturbed / "cache/token_budgets", folder / "cache/token_budgets")
    process = _start(folder, llama_folder, _STALLS.format(pattern=pattern, after=after))
    wait_until((folder / "stalled").exists, process)
    kill_group(process)
    (folder / "stalled").unlink()

    _finish(folder, llama_folder)

    assert _left_behind(folder) == _left_behind(undisturbed)
