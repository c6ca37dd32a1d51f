import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.progress import SILENT
from assay.stores.pace import Paced


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A clock that shows what it is told to."""
    now = [0.0]
    monkeypatch.setattr("assay.stores.pace.time.perf_counter", lambda: now[0])
    yield now


def _work(
    folder: Path, clock: list[float], *, rows_per_second: float, letters: float = 100.0,
    threads: int = 2, what: str = "reading",
) -> None:  # fmt: skip
    paced = Paced(SILENT, folder, what, threads=threads, units=letters)
    with paced.task("reading text", 60 * rows_per_second) as task:
        for _ in range(60):
            clock[0] += 1
            task.advance(rows_per_second)


def test_work_far_slower_than_before_is_told_once_with_what_may_help(
    tmp_path: Path, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    _work(tmp_path, clock, rows_per_second=50)
    assert caplog.messages == []

    _work(tmp_path, clock, rows_per_second=10)

    (told,) = caplog.messages
    assert "reading text runs at a fifth of the rate it had on this machine before" in told
    assert "something else may keep it busy" in told
    assert "one thread may be faster than 2" in told


@pytest.mark.parametrize("rows_per_second", [50, 20, 200])
def test_the_usual_ups_and_downs_are_not_worth_a_word(
    tmp_path: Path, clock: list[float], caplog: pytest.LogCaptureFixture, rows_per_second: float
) -> None:
    _work(tmp_path, clock, rows_per_second=50)
    _work(tmp_path, clock, rows_per_second=rows_per_second)

    assert caplog.messages == []


def test_long_rows_are_not_slow_ones(
    tmp_path: Path, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    _work(tmp_path, clock, rows_per_second=50, letters=100)
    _work(tmp_path, clock, rows_per_second=5, letters=1000)

    assert caplog.messages == []


def test_the_best_rate_is_what_counts_and_other_work_has_its_own(
    tmp_path: Path, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    _work(tmp_path, clock, rows_per_second=50)
    _work(tmp_path, clock, rows_per_second=17)  # slower, and not forgotten
    _work(tmp_path, clock, rows_per_second=4, what="training")
    assert caplog.messages == []

    _work(tmp_path, clock, rows_per_second=15)

    assert len(caplog.messages) == 1


def test_one_thread_is_not_told_to_use_fewer(
    tmp_path: Path, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    _work(tmp_path, clock, rows_per_second=50)
    _work(tmp_path, clock, rows_per_second=10, threads=1)

    assert "keep it busy" in caplog.messages[0]
    assert "--threads" not in caplog.messages[0]


def test_a_rate_that_is_damaged_is_none(
    tmp_path: Path, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    _work(tmp_path, clock, rows_per_second=50)
    (kept,) = (tmp_path / "rates").iterdir()
    kept.write_text("not a rate")

    with caplog.at_level(logging.WARNING, "assay.pace"):
        _work(tmp_path, clock, rows_per_second=5)

    assert [record for record in caplog.records if record.name == "assay.pace"] == []


def test_the_time_of_more_work_is_that_of_earlier_work(tmp_path: Path, clock: list[float]) -> None:
    paced = Paced(SILENT, tmp_path, "reading", threads=2, units=300.0)
    assert paced.seconds(100) is None

    _work(tmp_path, clock, rows_per_second=50, letters=100)

    assert paced.seconds(100) == pytest.approx(100 * 300 / (50 * 100))


def test_work_of_which_nothing_is_done_yet_has_no_rate_to_compare(
    tmp_path: Path, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    _work(tmp_path, clock, rows_per_second=50)

    with Paced(SILENT, tmp_path, "reading", threads=2, units=100.0).task("reading", 10) as task:
        for _ in range(100):
            clock[0] += 1
            task.advance(0)

    assert caplog.messages == []
