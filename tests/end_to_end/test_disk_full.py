"""A disk that fills up: one clear error, nothing half-written, and the same line goes on."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.jobs import Ended, Job, temporary_files, write_rows

pytestmark = pytest.mark.slow

_SIZE_LIMIT = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))\n"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("whole")
    write_rows(folder / "rows.json", 500)
    job = Job(folder / "job", [folder / "rows.json"])
    job.finish()
    return job


def _says_the_disk_is_full(ended: Ended) -> None:
    assert ended.code == 1, ended.errors
    assert "the disk is full while writing" in ended.errors
    assert "free some space and run the same line again" in ended.errors
    assert "Traceback" not in ended.errors


def _is_whole_or_absent(job: Job, whole: Job) -> None:
    expected = whole.left_behind()
    assert all(expected[name] == digest for name, digest in job.left_behind().items())
    assert temporary_files(job.folder) == []


def _sizes(job: Job) -> dict[str, int]:
    found: dict[str, int] = {}
    for path in job.folder.rglob("*"):
        if path.is_file():
            found[path.name.split("-")[0]] = max(
                path.stat().st_size, found.get(path.name.split("-")[0], 0)
            )
    return found


@pytest.mark.parametrize(
    "name", ["pool", "rows", "canonical", "compression_ifd", "facility_location", "out.json"]
)
def test_a_file_that_cannot_grow_stops_with_one_error_and_the_line_goes_on(
    whole: Job, tmp_path: Path, name: str
) -> None:
    # No file may become as large as the largest of this kind, so at the latest that one fails.
    size = _sizes(whole)[name] - 1
    job = Job(tmp_path, whole.sources, prelude=whole.prelude + _SIZE_LIMIT.format(size))

    ended = job.run()

    _says_the_disk_is_full(ended)
    _is_whole_or_absent(job, whole)
    again = Job(tmp_path, whole.sources)
    again.finish()
    assert again.left_behind() == whole.left_behind()


class _SmallDisk:
    """A file system in memory, which can be made larger."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._mount("size=64k")

    def _mount(self, options: str) -> None:
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        subprocess.run(words, check=True, capture_output=True)

    def resize(self, size: int) -> None:
        """Give the disk so many bytes."""
        self._mount(f"remount,size={size}")

    def close(self) -> None:
        """Take the disk away."""
        subprocess.run(["umount", str(self.folder)], check=True, capture_output=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[_SmallDisk]:
    if os.geteuid() != 0:
        pytest.skip("mounting a file system takes root")
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        disk = _SmallDisk(folder)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a file system is not permitted here")
    yield disk
    disk.close()


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.85, 0.97])
def test_a_disk_that_fills_up_stops_with_one_error_and_space_lets_the_line_go_on(
    whole: Job, small_disk: _SmallDisk, share: float
) -> None:
    pages = sum(
        -(-path.stat().st_size // 4096) for path in whole.folder.rglob("*") if path.is_file()
    )
    small_disk.resize(int(pages * share) * 4096)
    job = Job(small_disk.folder / "job", whole.sources)

    ended = job.run()

    _says_the_disk_is_full(ended)
    _is_whole_or_absent(job, whole)
    small_disk.resize(64 << 20)
    job.finish()
    assert job.left_behind() == whole.left_behind()
