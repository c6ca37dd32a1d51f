"""Whole or not at all: what a failed write leaves behind."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assay.errors import DataError
from assay.files import (
    atomic_folder,
    atomic_stream,
    atomic_write,
    remove_leftovers,
    write_text,
)

_OVER_LIMIT = """
import resource, sys
from pathlib import Path
from assay.errors import AssayError
from assay.files import atomic_stream

resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with atomic_stream(Path(sys.argv[1])) as stream:
        for _ in range(100):
            stream.write(b"x" * 1000)
except AssayError as error:
    print(error.message)
    print(error.hint)
"""

_KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from assay.files import atomic_stream

with atomic_stream(Path(sys.argv[1])) as stream:
    stream.write(b"half")
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_finished_file_holds_what_was_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "new" / "out.json"

    with atomic_stream(target) as stream:
        stream.write(b"[1]")

    assert target.read_bytes() == b"[1]"
    assert _names(target.parent) == ["out.json"]


def test_reader_sees_the_old_file_until_the_new_one_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_bytes(b"old")

    with atomic_stream(target) as stream:
        stream.write(b"new")
        stream.flush()
        seen = target.read_bytes()

    assert (seen, target.read_bytes()) == (b"old", b"new")


_ENDS = (KeyError, KeyboardInterrupt, GeneratorExit, SystemExit)


@pytest.mark.parametrize("ends", _ENDS)
def test_failure_keeps_the_old_file_and_removes_the_unfinished_one(
    tmp_path: Path, ends: type[BaseException]
) -> None:
    target = tmp_path / "out.json"
    target.write_bytes(b"old")

    with pytest.raises(ends), atomic_stream(target) as stream:
        stream.write(b"half")
        raise ends

    assert target.read_bytes() == b"old"
    assert _names(tmp_path) == ["out.json"]


def test_file_too_big_for_the_disk_is_one_clear_error(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_bytes(b"old")

    run = subprocess.run(
        [sys.executable, "-c", _OVER_LIMIT, str(target)], capture_output=True, text=True, check=True
    )

    assert run.stdout.startswith(f"the disk is full while writing {target}")
    assert "free some space" in run.stdout
    assert target.read_bytes() == b"old"
    assert _names(tmp_path) == ["out.json"]


def test_full_disk_is_named_with_its_remedy(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match="the disk is full") as caught,
        atomic_write(tmp_path / "shard"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    assert "free some space" in str(caught.value.hint)


def test_path_that_was_written_becomes_the_file(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "matrix.npy") as temporary:
        temporary.write_bytes(b"content")
        assert not (tmp_path / "matrix.npy").exists()

    assert (tmp_path / "matrix.npy").read_bytes() == b"content"
    assert _names(tmp_path) == ["matrix.npy"]


def test_text_is_written_with_its_own_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "ä\r\nb\n")

    assert (tmp_path / "a.txt").read_bytes() == "ä\r\nb\n".encode()


def test_old_leftovers_go_and_young_ones_stay(tmp_path: Path) -> None:
    for name, age in ((".a.1.tmp", 7200), (".b.2.tmp", 60), ("kept.npy", 7200), ("new", 0)):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))

    assert remove_leftovers(tmp_path) == 1
    assert _names(tmp_path) == [".b.2.tmp", "kept.npy", "new"]


def test_what_a_killed_process_left_is_removed_by_the_next_write(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_bytes(b"old")
    run = subprocess.run([sys.executable, "-c", _KILLED_WHILE_WRITING, str(target)], check=False)
    assert run.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"old"
    assert len(_names(tmp_path)) == 2

    with atomic_stream(target) as stream:
        stream.write(b"new")

    assert target.read_bytes() == b"new"
    assert _names(tmp_path) == ["out.json"]


def test_two_open_writers_do_not_disturb_each_other(tmp_path: Path) -> None:
    target = tmp_path / "out"

    with atomic_stream(target) as first:
        first.write(b"first")
        with atomic_stream(target) as second:
            second.write(b"second")
        assert target.read_bytes() == b"second"

    assert target.read_bytes() == b"first"
    assert _names(tmp_path) == ["out"]


def test_link_stays_a_link_to_the_new_content(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")

    with atomic_stream(link) as stream:
        stream.write(b"new")

    assert link.is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@pytest.mark.parametrize(("name", "kind"), [(".", "a folder"), ("/dev/null", "not a regular file")])
def test_folder_or_device_is_never_replaced(tmp_path: Path, name: str, kind: str) -> None:
    with pytest.raises(DataError, match=kind), atomic_stream(tmp_path / name) as stream:
        stream.write(b"x")


def test_path_below_a_file_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(DataError, match="file/out"), atomic_stream(tmp_path / "file" / "out"):
        pass


def test_a_full_disk_is_named_even_if_a_library_hides_it(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from assay.errors import AssayError
from assay.files import atomic_write

resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with atomic_write(Path(sys.argv[1])) as temporary:
        temporary.write_bytes(bytes(4096))
        raise RuntimeError("transport error")
except AssayError as error:
    print(error.message)
"""
    target = tmp_path / "out.parquet"

    ran = subprocess.run(
        [sys.executable, "-c", code, str(target)], capture_output=True, text=True, check=True
    )

    assert ran.stdout.startswith(f"the disk is full while writing {target}")
    assert _names(tmp_path) == []


def test_an_error_that_is_no_failed_write_stays_what_it_was(tmp_path: Path) -> None:
    with pytest.raises(KeyError), atomic_write(tmp_path / "out.json") as temporary:
        temporary.write_text("half")
        raise KeyError("name")

    assert _names(tmp_path) == []


# Folders


def test_a_folder_appears_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "new" / "model"

    with atomic_folder(target) as folder:
        (folder / "part").mkdir()
        (folder / "part" / "file").write_text("text")
        assert not target.exists()

    assert (target / "part" / "file").read_text() == "text"
    assert _names(target) == ["part"]
    assert _names(target.parent) == ["model"]


@pytest.mark.parametrize("ends", _ENDS)
def test_what_a_failed_block_left_is_there_for_the_next(
    tmp_path: Path, ends: type[BaseException]
) -> None:
    target = tmp_path / "model"
    with pytest.raises(ends), atomic_folder(target) as folder:
        (folder / "done").write_text("once")
        raise ends
    assert not target.exists()

    with atomic_folder(target) as folder:
        assert (folder / "done").read_text() == "once"
        (folder / "rest").write_text("twice")

    assert _names(target) == ["done", "rest"]
    assert _names(tmp_path) == ["model"]


def test_a_folder_that_another_made_meanwhile_stays(tmp_path: Path) -> None:
    target = tmp_path / "model"

    with atomic_folder(target) as folder:
        (folder / "mine").write_text("mine")
        target.mkdir()
        (target / "theirs").write_text("theirs")

    assert _names(target) == ["theirs"]
    assert _names(tmp_path) == ["model"]


def test_two_blocks_do_not_fill_one_folder(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "model") as folder:
        (folder / "file").write_text("first")
        with (
            pytest.raises(DataError, match="another process is at work"),
            atomic_folder(tmp_path / "model"),
        ):
            pass

    assert (tmp_path / "model" / "file").read_text() == "first"


def test_errors_of_the_system_name_the_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match=r"disk is full while writing .*model"),
        atomic_folder(tmp_path / "model"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with (
        pytest.raises(DataError, match=r"disk is full while writing .*model"),
        atomic_folder(tmp_path / "model"),
    ):
        raise RuntimeError("I/O error: No space left on device (os error 28)")
    with pytest.raises(DataError, match="a remedy"), atomic_folder(tmp_path / "model"):
        raise DataError("a remedy")
