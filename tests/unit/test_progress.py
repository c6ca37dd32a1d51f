import contextlib
import io
from collections.abc import Iterator

import pytest
from rich.console import Console
from rich.progress import Progress

from assay.folding import display_width
from assay.progress import (
    Bars,
    Lines,
    Patient,
    Remarked,
    Silent,
    Task,
    format_seconds,
    remark,
    seconds_left,
)


@pytest.mark.parametrize(
    ("done", "total", "elapsed", "left"),
    [(10, 100, 2.0, 18.0), (50, 100, 5.0, 5.0), (100, 100, 7.0, 0.0), (0, 100, 3.0, None)],
)
def test_the_rest_is_taken_to_go_as_fast_as_what_is_done(
    done: float, total: float, elapsed: float, left: float | None
) -> None:
    assert seconds_left(done, total, elapsed) == left


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.96, "10.0 s"), (10, "10 s"), (119.4, "119 s"), (120, "2 min"),
     (7199, "120 min"), (7200, "2.0 h")],
)  # fmt: skip
def test_durations_are_said_as_people_do(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A clock that shows what it is told to."""
    now = [0.0]
    monkeypatch.setattr("assay.progress.time.perf_counter", lambda: now[0])
    yield now


def test_a_line_per_tenth_tells_rate_and_time_left(clock: list[float]) -> None:
    stream = io.StringIO()

    with Lines(stream).task("reading", 200) as task:
        for _ in range(20):
            clock[0] += 0.5
            task.advance(10)

    lines = stream.getvalue().splitlines()
    assert lines[0] == "reading: 10% of 200 rows, 20 rows/s, 9.0 s left"
    assert lines[4] == "reading: 50% of 200 rows, 20 rows/s, 5.0 s left"
    assert lines[9] == "reading: 100% of 200 rows, 20 rows/s"
    assert len(lines) == 10


def test_uneven_steps_give_one_line_for_each_tenth_passed(clock: list[float]) -> None:
    stream = io.StringIO()

    with Lines(stream).task("reading", 100, unit="tokens") as task:
        for amount in (3, 4, 30, 1, 2, 60):
            clock[0] += 1
            task.advance(amount)

    shares = [line.split()[1] for line in stream.getvalue().splitlines()]
    assert shares == ["37%", "40%", "100%"]


def test_work_of_unknown_size_is_silent_and_reuse_is_told(clock: list[float]) -> None:
    stream = io.StringIO()

    with Lines(stream).task("loading", None, reused=1234) as task:
        task.advance(10)

    assert stream.getvalue() == "loading: 1,234 rows reused\n"


def test_nested_bars_share_one_display_that_ends_with_the_outer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bars = Bars()

    with bars.task("outer", 2) as outer:
        with bars.task("inner", 1) as inner:
            inner.advance(1)
        outer.advance(2)

    written = capsys.readouterr()
    assert written.out == ""
    assert "outer" in written.err
    assert bars._bars is None


def test_silence_takes_any_amount(capsys: pytest.CaptureFixture[str]) -> None:
    with Silent().task("anything", 1) as task:
        task.advance(5)

    assert capsys.readouterr() == ("", "")


def test_work_that_is_quick_is_not_heard_of(clock: list[float]) -> None:
    stream = io.StringIO()

    with Patient(Lines(stream)).task("choosing", 4, unit="picks") as task:
        for _ in range(4):
            clock[0] += 0.2
            task.advance(1)

    assert stream.getvalue() == ""


def test_work_of_several_seconds_a_piece_has_a_rate_that_is_not_nought(clock: list[float]) -> None:
    stream = io.StringIO()

    with Lines(stream).task("training", 10, unit="steps") as task:
        for _ in range(10):
            clock[0] += 4.0
            task.advance(1)

    lines = stream.getvalue().splitlines()
    assert lines[0] == "training: 10% of 10 steps, 0.25 steps/s, 36 s left"


def test_work_that_takes_long_is_heard_of_with_the_rate_since_then(clock: list[float]) -> None:
    stream = io.StringIO()

    with Patient(Lines(stream)).task("choosing", 10, unit="picks") as task:
        for _ in range(10):
            clock[0] += 0.6
            task.advance(1)

    lines = stream.getvalue().splitlines()
    assert lines[0] == "choosing: 20% of 10 picks"
    assert lines[1] == "choosing: 30% of 10 picks, 2 picks/s, 4.2 s left"
    assert lines[-1] == "choosing: 100% of 10 picks, 2 picks/s"


def test_an_error_in_work_that_takes_long_closes_what_shows_it(clock: list[float]) -> None:
    closed = []

    class Shown(Silent):
        @contextlib.contextmanager
        def task(
            self, label: str, total: float | None, *, unit: str = "rows", reused: float = 0
        ) -> Iterator[Task]:
            try:
                with super().task(label, total, unit=unit, reused=reused) as task:
                    yield task
            finally:
                closed.append(label)

    def work() -> None:
        with Patient(Shown()).task("choosing", 10) as task:
            clock[0] += 5
            task.advance(1)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        work()
    assert closed == ["choosing"]


def test_where_nobody_knows_how_much_there_is_what_is_done_is_told(clock: list[float]) -> None:
    stream = io.StringIO()

    with Lines(stream).task("loading", None) as task:
        for _ in range(12):
            clock[0] += 1
            task.advance(1000)

    assert stream.getvalue().splitlines() == [
        "loading: 5,000 rows, 1,000 rows/s",
        "loading: 10,000 rows, 1,000 rows/s",
    ]


@pytest.mark.parametrize("width", [40, 50, 60, 80, 120])
def test_a_bar_fits_the_screen_with_its_numbers_and_both_ends_of_its_label(width: int) -> None:
    label = "answers given prompt (a-folder-of-a-model-with-a-long-name/checkpoint-12345)"
    progress = Bars._make()
    progress.add_task(label, total=1234, completed=110, unit="rows", note="100 reused")
    progress.add_task("読み込み" * 20, total=None, completed=5000, unit="rows", note="")
    console = Console(file=io.StringIO(), width=width, color_system=None)

    console.print(progress.get_renderable())

    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 2
    assert max(map(display_width, lines)) <= width
    assert lines[0].startswith("answ"[: width // 20])
    assert "110 of 1,234 rows, 0.0 s gone" in lines[0]
    assert "5,000 rows" in lines[1]
    assert "12345)" in lines[0] or width < 60


def test_the_clock_of_a_bar_that_has_ended_stands_still() -> None:
    now = [0.0]
    progress = Progress(*Bars._make().columns, get_time=lambda: now[0])
    task = progress.add_task("reading", total=10, unit="rows", note="")
    console = Console(file=io.StringIO(), width=80, color_system=None)

    now[0] = 3.0
    progress.advance(task, 10)
    now[0] = 60.0
    console.print(progress.get_renderable())

    assert "10 of 10 rows, 3.0 s gone" in console.file.getvalue()  # type: ignore[attr-defined]


def test_what_is_to_be_said_ends_the_line_and_is_asked_for_now_and_then(
    clock: list[float],
) -> None:
    stream = io.StringIO()
    asked = 0

    def say() -> str:
        nonlocal asked
        asked += 1
        return f"{asked} of 5 USD" if asked < 4 else ""

    with Lines(stream).task("judging", 100) as task:
        told = Remarked(task, say, 100)
        for _ in range(100):
            clock[0] += 0.01
            told.advance(1)

    lines = stream.getvalue().splitlines()
    assert lines[0] == "judging: 10% of 100 rows, 100 rows/s, 0.9 s left, 1 of 5 USD"
    assert lines[-2].endswith(", 0.1 s left, 2 of 5 USD")
    # The last word is asked for, however little time has passed.
    assert lines[-1].endswith("100 rows/s, 3 of 5 USD")
    assert asked == 3


def test_a_bar_keeps_room_for_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Console(width=80, file=io.StringIO(), force_terminal=True)
    monkeypatch.setattr("rich.console.Console", lambda **_: shown)

    with Bars().task("judgments (some-large-model)", 2000, reused=40) as task:
        remark(task, "0.12 of 5.00 USD")
        task.advance(100)

    [*_, last] = [line for line in shown.file.getvalue().splitlines() if "rows" in line]  # type: ignore[attr-defined]
    assert "100 of 2,000 rows" in last
    assert "0.12 of 5.00 USD" in last


def test_a_remark_on_what_shows_none_is_dropped() -> None:
    with Silent().task("judging", 3) as task:
        remark(task, "0.12 of 5.00 USD")
        Remarked(task, lambda: "0.12 USD", 3).advance(3)
