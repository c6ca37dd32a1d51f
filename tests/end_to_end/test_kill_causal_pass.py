"""Real kills while a language model reads: the same work, begun again, gives the same bytes."""

import gzip
import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.end_to_end.jobs import is_temporary, kill_group, temporary_files, wait_until, write_rows
from tests.fork_server import Process, start

_SHARED = Path(__file__).parents[2] / "../shared"
_TINYSTORIES = _SHARED / "models/tinystories-llama-3.3m"
_ALPACA = _SHARED / "data/alpaca_data.json.gz"
_LONG = "ASSAY_LONG_KILL_TEST"

pytestmark = pytest.mark.slow

_SCORE = """
import sys
from pathlib import Path
from assay.features.causal_pass import CausalPass
from assay.project import Project
from assay.runtime import Runtime

data, model, folder, rows_per_shard = sys.argv[1:]
CausalPass.rows_per_shard = int(rows_per_shard)
runtime = Runtime(cache=Path(folder) / "cache", workers=1, device="cpu", offline=True)
project = Project(Path(folder) / "project", data=data, runtime=runtime)
project.score(
    *({"method": name, "model": model} for name in ("ifd", "superfiltering", "perplexity")),
    {"method": "token_entropy", "model": model, "given": "nothing"},
)
"""
_SLOW_WRITE = """
import fnmatch, time, assay.files
flush = assay.files._flush
def slowly(path):
    if fnmatch.fnmatch(path.name, ".{pattern}.tmp"):
        time.sleep(3600)
    flush(path)
assay.files._flush = slowly
"""


@dataclass(frozen=True)
class Job:
    """Scores that read a model, in a folder of its own, by a process that can be killed."""

    folder: Path
    data: Path
    model: Path
    rows_per_shard: int

    def start(self, prelude: str = "") -> Process:
        """Start the job as the leader of a process group of its own."""
        self.folder.mkdir(parents=True, exist_ok=True)
        words = (self.data, self.model, self.folder, str(self.rows_per_shard))
        environment = os.environ | {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
        return start(prelude + _SCORE, words, environment=environment, imported="assay and torch")

    def finish(self) -> None:
        """Run the job and insist that it ends well."""
        process = self.start()
        _, errors = process.communicate()
        assert process.returncode == 0, errors

    def elsewhere(self, folder: Path) -> "Job":
        """Return the job in another folder, its batches as large as here.

        How many tokens go together is measured once per machine; another number of them may
        change the last digits.
        """
        shutil.copytree(self.folder / "cache/token_budgets", folder / "cache/token_budgets")
        return Job(folder, self.data, self.model, self.rows_per_shard)

    def shards(self) -> int:
        """Return how many shards are stored."""
        return sum(1 for _ in (self.folder / "cache").rglob("rows-*.parquet"))

    def left_behind(self) -> dict[str, str]:
        """Return the digest of every file, apart from the log and what killed writers left."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and "runs" not in path.parts and not is_temporary(path):
                digest = hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
                found[path.relative_to(self.folder).as_posix()] = digest
        return found


@pytest.fixture(scope="module")
def undisturbed(llama_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("undisturbed")
    write_rows(folder / "rows.json", 300)
    job = Job(folder / "job", folder / "rows.json", llama_folder, rows_per_shard=32)
    job.finish()
    return job


def _killed_at(job: Job, shards: int, delay_seconds: float, prelude: str = "") -> None:
    """Start a job and kill it a moment after so many shards are stored."""
    process = job.start(prelude)
    wait_until(lambda: job.shards() >= shards or process.poll() is not None, process)
    time.sleep(delay_seconds)
    kill_group(process)


def _check_chain(whole: Job, again: Job, kills: int, *, seed: int, delay_seconds: float) -> None:
    """Kill a job again and again, each time further on, and compare what it leaves at last."""
    files = whole.left_behind()
    total = whole.shards()
    generator = np.random.Generator(np.random.Philox(seed))
    stored = []
    for place, share in enumerate(generator.random(kills)):
        _killed_at(again, int((place + share) * total / kills), generator.random() * delay_seconds)
        stored.append(again.shards())
    assert stored == sorted(stored)
    assert 0 < stored[-1] <= total
    again.finish()

    left = again.left_behind()
    assert sorted(left) == sorted(files)
    assert left == files


def test_a_job_killed_again_and_again_ends_the_same(undisturbed: Job, tmp_path: Path) -> None:
    assert undisturbed.shards() >= 20
    scores = [name for name in undisturbed.left_behind() if "scores/" in name]
    assert len(scores) >= 4

    _check_chain(
        undisturbed, undisturbed.elsewhere(tmp_path / "job"), kills=3, seed=5, delay_seconds=0.1
    )


def test_a_job_killed_inside_a_write_ends_the_same(undisturbed: Job, tmp_path: Path) -> None:
    job = undisturbed.elsewhere(tmp_path / "job")
    pattern = "rows-*.parquet.*"
    process = job.start(_SLOW_WRITE.format(pattern=pattern))
    wait_until(lambda: bool(temporary_files(job.folder, pattern)), process)
    kill_group(process)
    assert job.shards() == 0

    job.finish()

    assert job.left_behind() == undisturbed.left_behind()


@pytest.mark.shared
@pytest.mark.skipif(_LONG not in os.environ, reason=f"takes minutes; set {_LONG} to run it")
@pytest.mark.skipif(not _TINYSTORIES.exists(), reason="needs ../shared/models")
def test_2000_alpaca_rows_survive_ten_kills(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    rows = json.loads(gzip.decompress(_ALPACA.read_bytes()))[:2000]
    data = tmp_path / "alpaca.json"
    data.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    whole = Job(tmp_path / "whole", data, _TINYSTORIES.resolve(), rows_per_shard=1024)
    whole.finish()

    _check_chain(whole, whole.elsewhere(tmp_path / "killed"), kills=10, seed=11, delay_seconds=1.0)
