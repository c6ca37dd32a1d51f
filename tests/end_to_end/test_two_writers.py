"""Two processes at once on one cache, and on one project."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.end_to_end.jobs import Job, write_rows

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("alone")
    write_rows(folder / "rows.json", 500)
    job = Job(folder / "job", [folder / "rows.json"])
    job.finish()
    return job


def _sharing(folder: Path, name: str, like: Job, **changes: Sequence[str]) -> Job:
    """Return a job on the cache and the project in a folder."""
    method = changes.get("method", like.method)
    options = changes.get("options", ())
    cache, project = folder / "cache", folder / "project"
    return Job(folder / name, like.sources, method, options, cache=cache, project=project)


def _at_once(*jobs: Job) -> None:
    processes = [job.start() for job in jobs]
    ended = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * len(jobs), ended


def test_two_projects_on_one_cache_end_as_one_alone(alone: Job, tmp_path: Path) -> None:
    jobs = [
        Job(tmp_path / name, alone.sources, cache=tmp_path / "cache") for name in ("one", "two")
    ]

    _at_once(*jobs)

    assert [job.left_behind() for job in jobs] == [alone.left_behind()] * 2


def test_two_processes_on_one_project_end_as_one_alone(alone: Job, tmp_path: Path) -> None:
    jobs = [_sharing(tmp_path, name, alone) for name in ("one", "two")]

    _at_once(*jobs)

    assert [job.left_behind() for job in jobs] == [alone.left_behind()] * 2


def test_different_methods_on_one_project_leave_both_results(alone: Job, tmp_path: Path) -> None:
    jobs = [
        _sharing(tmp_path, "one", alone),
        _sharing(tmp_path, "two", alone, method=["longest_response"]),
    ]

    _at_once(*jobs)

    found = set(jobs[0].left_behind())
    assert {name for name in alone.left_behind() if "/selections/" in name} < found
    assert any("selections/longest_response-5pct" in name for name in found)


def test_two_shards_at_once_leave_nothing_to_be_computed(alone: Job, tmp_path: Path) -> None:
    parts = [
        _sharing(tmp_path, part[0], alone, options=["--shard", part]) for part in ("1/2", "2/2")
    ]
    processes = [part.start() for part in parts]
    for process in processes:
        process.communicate()
    together = _sharing(tmp_path, "all", alone)

    together.finish()

    assert together.left_behind() == alone.left_behind()
