"""What is kept of a shard before it is written: found again, in time, and by nothing else."""

import logging
import time
from pathlib import Path

import numpy as np
import pytest

from assay import files
from assay.errors import AssayError, ConfigError, DataError
from assay.stores import unfinished
from assay.stores.unfinished import KeptAnswers, default_interval_seconds, pass_folder, sweep
from tests.patience import PATIENCE_SECONDS

_HASHES = np.array([b"a" * 16, b"b" * 16], dtype="S16")
_LATER = 3600.0
_ANSWER = {"values": np.array([np.nan, -1.5], np.float32), "none": np.empty(0, np.float32)}


def _kept(cache: Path, *, made_by: str = "torch 1", seconds: float = _LATER) -> KeptAnswers:
    folder = pass_folder(cache, "a pass")
    return KeptAnswers(folder, _HASHES, made_by=made_by, seconds=seconds, bought=False)


def _files(cache: Path) -> list[Path]:
    return sorted(cache.rglob("*.safetensors"))


def test_what_is_kept_is_found_by_the_next_run(tmp_path: Path) -> None:
    with _kept(tmp_path) as kept:
        kept.keep(b"first", _ANSWER)
        kept.keep(b"second", {"reason": np.array([22], np.uint8)})

    again = _kept(tmp_path)
    found, other = again.find(b"first"), again.find(b"second")

    assert found is not None
    assert other is not None
    np.testing.assert_array_equal(found["values"], _ANSWER["values"])
    assert found["none"].shape == (0,)
    assert other["reason"].tolist() == [22]
    assert again.find(b"third") is None


def test_what_other_versions_made_or_another_pass_is_not_found(tmp_path: Path) -> None:
    with _kept(tmp_path) as kept:
        kept.keep(b"first", _ANSWER)
    folder = pass_folder(tmp_path, "another pass")
    other = KeptAnswers(folder, _HASHES, made_by="torch 1", seconds=_LATER, bought=False)

    assert _kept(tmp_path, made_by="torch 2").find(b"first") is None
    assert other.find(b"first") is None


def test_a_run_that_breaks_keeps_what_it_was_answered(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), _kept(tmp_path) as kept:
        kept.keep(b"first", _ANSWER)
        raise KeyboardInterrupt

    assert _kept(tmp_path).find(b"first") is not None


def test_an_answer_is_on_disk_after_the_interval_though_no_other_one_comes(tmp_path: Path) -> None:
    kept = _kept(tmp_path, seconds=0.01)
    kept.keep(b"first", _ANSWER)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _files(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.01)

    assert _kept(tmp_path).find(b"first") is not None


def test_nothing_is_written_before_the_interval_nor_of_a_shard_that_is_done(tmp_path: Path) -> None:
    with _kept(tmp_path) as kept:
        kept.keep(b"first", _ANSWER)
        assert _files(tmp_path) == []
        kept.flush()
        assert len(_files(tmp_path)) == 1
        kept.keep(b"second", _ANSWER)
        kept.remove()

    assert list(tmp_path.iterdir()) == []


def test_answers_of_a_service_are_kept_sooner(tmp_path: Path) -> None:
    folder = pass_folder(tmp_path, "a pass")
    bought = KeptAnswers(folder, _HASHES, made_by="", seconds=_LATER, bought=True)

    assert bought.seconds <= 5
    assert _kept(tmp_path).seconds == _LATER


def test_a_damaged_file_is_said_and_the_others_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for key in (b"first", b"second"):
        with _kept(tmp_path) as kept:
            kept.keep(key, _ANSWER)
    broken, whole = _files(tmp_path)
    content = bytearray(broken.read_bytes())
    content[-3] ^= 1
    broken.write_bytes(content)

    with caplog.at_level(logging.WARNING, "assay"):
        again = _kept(tmp_path)

    found = [key for key in (b"first", b"second") if again.find(key) is not None]
    assert len(found) == 1
    assert whole.exists()
    assert "what it held is read again" in caplog.text


def test_a_disk_that_is_full_is_told_to_the_one_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_flush", full)
    kept = _kept(tmp_path, seconds=0.0)
    deadline = time.monotonic() + PATIENCE_SECONDS

    def work() -> None:
        while time.monotonic() < deadline:
            kept.keep(b"first", _ANSWER)
            time.sleep(0.01)

    with pytest.raises(DataError, match=r"full|space"):
        work()


def test_what_lies_of_a_shard_that_was_written_is_swept_away(tmp_path: Path) -> None:
    with _kept(tmp_path) as kept:
        kept.keep(b"first", _ANSWER)
    folder = pass_folder(tmp_path, "a pass")
    seen: list[list[bytes]] = []

    def lacks(hashes: object) -> bool:
        seen.append(list(hashes))  # type: ignore[call-overload]
        return len(seen) == 1

    sweep(folder, lacks)
    assert len(_files(tmp_path)) == 1
    sweep(folder, lacks)

    assert seen == [list(_HASHES)] * 2
    assert list(tmp_path.iterdir()) == []


def test_the_interval_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(unfinished.INTERVAL_VARIABLE, raising=False)
    usual = default_interval_seconds()
    monkeypatch.setenv(unfinished.INTERVAL_VARIABLE, "0.5")
    lower = default_interval_seconds()
    monkeypatch.setenv(unfinished.INTERVAL_VARIABLE, "soon")
    with pytest.raises(ConfigError, match="ASSAY_KEEP_SECONDS=soon") as error:
        default_interval_seconds()

    assert (usual, lower) == (30.0, 0.5)
    assert isinstance(error.value, AssayError)
