"""The same bytes for any order of rows and files, any number of workers, any shards."""

import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.end_to_end.cli_helpers import COMMAND_LINE
from tests.end_to_end.jobs import SPAWNING, Job, write_rows
from tests.patience import run

_COUNT = 500

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    return write_rows(tmp_path_factory.mktemp("rows") / "rows.json", _COUNT)


@pytest.fixture(scope="module")
def base(rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Job:
    job = Job(tmp_path_factory.mktemp("base"), [_file(tmp_path_factory.mktemp("data"), rows)])
    job.finish()
    return job


def _file(folder: Path, rows: list[dict[str, str]], name: str = "rows.json") -> Path:
    # A folder whose name begins with "test" or "train" would name the split.
    path = folder / "input" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def _results(job: Job) -> dict[str, bytes]:
    """Return the bytes of all scores and selections."""
    found = {
        str(path.relative_to(job.project_folder)): path.read_bytes()
        for kind in ("scores", "selections", "names")
        for path in sorted((job.project_folder / kind).iterdir())
    }
    assert len(found) == 4
    return found


def _sidecar(job: Job) -> pl.DataFrame:
    """Return the sidecar without the places in the input."""
    frame = pl.read_parquet(job.folder / "out.json.assay.parquet")
    return frame.select(pl.exclude("file", "row", "part")).sort("id")


def _exported(job: Job) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(job.output.read_text(encoding="utf-8"))
    return found


def test_the_same_line_elsewhere_leaves_the_same_bytes(base: Job, tmp_path: Path) -> None:
    job = Job(tmp_path, base.sources)

    job.finish()

    assert job.left_behind() == base.left_behind()


def test_running_again_changes_no_byte(base: Job) -> None:
    before = base.left_behind()

    base.finish()

    assert base.left_behind() == before


def test_the_order_of_the_rows_changes_only_the_order_of_the_export(
    base: Job, rows: list[dict[str, str]], tmp_path: Path
) -> None:
    generator = np.random.Generator(np.random.Philox(3))
    shuffled = [rows[place] for place in generator.permutation(len(rows))]
    job = Job(tmp_path / "job", [_file(tmp_path, shuffled)])

    job.finish()

    assert _results(job) == _results(base)
    assert _sidecar(job).equals(_sidecar(base))
    place = {json.dumps(row): number for number, row in reversed(list(enumerate(shuffled)))}
    order = [place[json.dumps(row)] for row in _exported(job)]
    assert order == sorted(order)
    assert sorted(map(json.dumps, _exported(job))) == sorted(map(json.dumps, _exported(base)))


def test_the_order_of_the_files_changes_only_the_order_of_the_export(
    rows: list[dict[str, str]], tmp_path: Path
) -> None:
    first = _file(tmp_path, rows[: _COUNT // 3], "first.json")
    second = _file(tmp_path, rows[_COUNT // 3 :], "second.json")
    forward = Job(tmp_path / "forward", [f"a={first}", f"b={second}"])
    backward = Job(tmp_path / "backward", [f"b={second}", f"a={first}"])

    forward.finish()
    backward.finish()

    assert _results(backward) == _results(forward)
    assert _sidecar(backward).equals(_sidecar(forward))
    assert _exported(backward) != _exported(forward)
    assert sorted(map(json.dumps, _exported(backward))) == sorted(
        map(json.dumps, _exported(forward))
    )


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_number_of_workers_changes_no_byte(base: Job, tmp_path: Path, workers: str) -> None:
    job = Job(tmp_path, base.sources, options=("--workers", workers), prelude=SPAWNING)

    job.finish()

    assert job.left_behind() == base.left_behind()


def test_shards_run_apart_then_together_leave_the_same_bytes(base: Job, tmp_path: Path) -> None:
    for shard in ("2/2", "1/2"):
        apart = Job(tmp_path, base.sources, options=("--shard", shard)).run()
        assert apart.code == 4, apart.errors
        assert "without --shard" in apart.errors
        assert "Traceback" not in apart.errors
    assert len(list(tmp_path.rglob("rows-*.parquet"))) > 4
    assert not (tmp_path / "out.json").exists()

    Job(tmp_path, base.sources).finish()

    assert Job(tmp_path, base.sources).left_behind() == base.left_behind()


def test_another_pools_cache_changes_no_result(
    base: Job, rows: list[dict[str, str]], tmp_path: Path
) -> None:
    part = _file(tmp_path, rows[::2], "part.json")
    Job(tmp_path / "part", [part], cache=tmp_path / "cache").finish()
    job = Job(tmp_path / "whole", base.sources, cache=tmp_path / "cache")

    job.finish()

    assert _results(job) == _results(base)
    assert job.output.read_bytes() == base.output.read_bytes()
    assert _sidecar(job).equals(_sidecar(base))


def test_the_number_of_threads_changes_no_byte(base: Job, tmp_path: Path) -> None:
    job = Job(tmp_path, base.sources)
    words = [sys.executable, "-c", job.prelude + COMMAND_LINE, *job.arguments()]
    threads = {"OMP_NUM_THREADS": "2", "POLARS_MAX_THREADS": "2"}

    # Not forked: how many threads there are is settled when their library is imported.
    done = run(words, environment=job.environment() | threads)
    assert done.returncode == 0, done.stderr

    assert job.left_behind() == base.left_behind()


def test_an_emptied_project_is_filled_from_the_cache_with_the_same_bytes(
    base: Job, tmp_path: Path
) -> None:
    job = Job(tmp_path, base.sources, cache=base.cache_folder)

    job.finish()

    assert job.left_behind() == base.left_behind()
