"""Real kills of the main job: the same line, run again, gives the same bytes."""

import gzip
import json
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from tests.end_to_end.jobs import (
    ENCODER,
    SPAWNING,
    Job,
    is_temporary,
    kill_group,
    temporary_files,
    wait_until,
    write_rows,
)

_MOMENTS = 10
_SHARED = Path(__file__).parents[2] / "../shared/data/alpaca_data.json.gz"

pytestmark = pytest.mark.slow


class _Undisturbed:
    """A finished job: its files, and when its work began and ended."""

    def __init__(self, job: Job) -> None:
        self.job = job
        started = time.monotonic()
        process = job.start()
        wait_until(job.project_folder.exists, process)
        self.begins = time.monotonic() - started
        _, errors = process.communicate()
        self.ends = time.monotonic() - started
        assert process.returncode == 0, errors
        self.files = job.left_behind()

    def moments(self, seed: int) -> list[float]:
        """Return moments after the start, one in each tenth of the work."""
        generator = np.random.Generator(np.random.Philox(seed))
        shares = (np.arange(_MOMENTS) + generator.random(_MOMENTS)) / _MOMENTS
        return (self.begins + shares * (self.ends - self.begins)).tolist()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> _Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    data = folder / "rows.json"
    write_rows(data, 600)
    return _Undisturbed(Job(folder / "job", [data]))


def _again(undisturbed: _Undisturbed, folder: Path) -> Job:
    job = undisturbed.job
    return Job(folder, job.sources, job.method, job.options, prelude=job.prelude)


def _killed_after(job: Job, seconds: float) -> None:
    process = job.start()
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        kill_group(process)


def _killed_inside(job: Job, pattern: str) -> None:
    """Run a job until a file of a name is being written, and kill it there."""
    process = job.slowed(f".{pattern}.tmp").start()
    wait_until(lambda: bool(temporary_files(job.folder, pattern)), process)
    kill_group(process)
    assert temporary_files(job.folder, pattern)


@pytest.mark.parametrize("place", range(_MOMENTS))
def test_a_job_killed_at_any_moment_ends_the_same_when_run_again(
    undisturbed: _Undisturbed, tmp_path: Path, place: int
) -> None:
    job = _again(undisturbed, tmp_path)

    _killed_after(job, undisturbed.moments(seed=7)[place])
    job.finish()

    assert job.left_behind() == undisturbed.files


@pytest.mark.parametrize(
    "pattern",
    [
        "pool-*.parquet.*",
        "load.json.*",
        "rows-*.npy.*",
        "rows-*.parquet.*",
        "canonical-*.npy.*",
        "*.safetensors.*",
        "compression_ifd-*.parquet.*",
        "facility_location-*.parquet.*",
        "out.json.*",
        "out.json.assay.parquet.*",
        "out.json.assay.json.*",
    ],
)
def test_a_job_killed_inside_a_write_ends_the_same_when_run_again(
    undisturbed: _Undisturbed, tmp_path: Path, pattern: str
) -> None:
    job = _again(undisturbed, tmp_path)

    _killed_inside(job, pattern)
    job.finish()

    assert job.left_behind() == undisturbed.files
    # The output lies in a person's folder: nothing of a killed run stays there.
    assert [path.name for path in tmp_path.iterdir() if is_temporary(path)] == []


def test_a_job_killed_again_and_again_ends_the_same(
    undisturbed: _Undisturbed, tmp_path: Path
) -> None:
    job = _again(undisturbed, tmp_path)

    for pattern in ("rows-*.npy.*", "rows-*.parquet.*", "compression_ifd-*", "out.json.*"):
        _killed_inside(job, pattern)
    job.finish()

    assert job.left_behind() == undisturbed.files


def test_workers_die_with_the_job_and_nothing_is_lost(
    undisturbed: _Undisturbed, tmp_path: Path
) -> None:
    job = _again(undisturbed, tmp_path)
    shared = Job(tmp_path, job.sources, job.method, ("--workers", "2"), prelude=SPAWNING)

    process = shared.start()
    wait_until(lambda: any(tmp_path.rglob("rows-*.parquet")), process)
    kill_group(process)
    shared.finish()

    assert shared.left_behind() == undisturbed.files


@pytest.mark.shared
@pytest.mark.skipif(not _SHARED.exists(), reason="needs ../shared/data")
@pytest.mark.skipif(not (ENCODER / "encoder.json").exists(), reason="needs the embedded encoder")
def test_the_main_job_on_5000_alpaca_rows_survives_ten_kills(tmp_path: Path) -> None:
    rows = json.loads(gzip.decompress(_SHARED.read_bytes()))[:5000]
    data = tmp_path / "alpaca.json"
    data.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    whole = _Undisturbed(Job(tmp_path / "whole", [data], method=(), prelude=""))

    for place, moment in enumerate(whole.moments(seed=11)):
        job = _again(whole, tmp_path / f"killed-{place}")
        _killed_after(job, moment)
        job.finish()
        assert job.left_behind() == whole.files, f"killed after {moment:.2f} s"
