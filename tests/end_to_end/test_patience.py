"""The patience of the tests: what hangs is ended and says where it stood, what is slow is not."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests import patience
from tests.fork_server import start
from tests.patience import happens, run

_HANGS = """
import subprocess, sys, time
def where_it_stands():
    time.sleep(3600)
print("begun", flush=True)
where_it_stands()
"""
_WAITS_FOR_A_CHILD = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {_HANGS!r}])
"""
_ENDS_AFTER = "import time; until = time.monotonic() + 2\nwhile time.monotonic() < until: {}"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a second of sleep for a hang."""
    monkeypatch.setattr(patience, "SLEEP_SECONDS", 1.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("code", [_HANGS, _WAITS_FOR_A_CHILD], ids=["itself", "its child"])
def test_what_hangs_is_ended_and_says_where_it_stood(code: str) -> None:
    with pytest.raises(AssertionError, match=r"(?s)hung.*begun.*in where_it_stands"):
        run([sys.executable, "-c", code])


@pytest.mark.usefixtures("impatient")
def test_what_hangs_in_a_fork_is_ended_and_says_where_it_stood() -> None:
    process = start(_HANGS)

    with pytest.raises(AssertionError, match=r"(?s)hung.*begun.*in where_it_stands"):
        process.communicate()

    assert process.poll() == -signal.SIGABRT


def test_what_works_for_very_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "WORK_SECONDS", 0.5)

    with pytest.raises(AssertionError, match="hung"):
        run([sys.executable, "-c", "while True: pass"])


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("how", ["pass", "time.sleep(0.01); sum(range(100_000))"])
def test_what_works_now_and_then_is_no_hang(how: str) -> None:
    assert run([sys.executable, "-c", _ENDS_AFTER.format(how)]).returncode == 0


def test_a_program_reads_and_writes_more_than_a_pipe_holds() -> None:
    code = "import sys, time; time.sleep(1); sys.stdout.write(sys.stdin.read())"
    text = "words " * 50_000

    done = run([sys.executable, "-c", code], stdin=text)

    assert (done.returncode, done.stdout, done.stderr) == (0, text, "")


_Glance = tuple[float, float, bool]
"""Seconds since the last one, seconds worked since then, and whether the process was busy then."""


@pytest.fixture
def glances(monkeypatch: pytest.MonkeyPatch) -> Callable[[Iterator[_Glance]], float | None]:
    """Return a function that follows a process and returns after how long it counts as hung."""
    ended: list[signal.Signals] = []
    monkeypatch.setattr(patience, "_end", lambda leader, how: ended.append(how))

    def follow(seen: Iterator[_Glance]) -> float | None:
        now = worked = 0.0
        busy = False

        def event(seconds: float) -> bool:
            nonlocal now, worked, busy
            if ended:
                return False
            try:
                passed, work, busy = next(seen)
            except StopIteration:
                return True
            now, worked = now + passed, worked + work
            return False

        monkeypatch.setattr(time, "monotonic", lambda: now)
        monkeypatch.setattr(
            patience, "_family", lambda leader: [patience._Running(leader, 1, leader, worked)]
        )
        monkeypatch.setattr(patience, "_is_busy", lambda process: busy)
        came = happens(event, 12)
        monkeypatch.undo()
        assert came == (ended == [])
        return None if came else now

    return follow


_Follow = Callable[[Iterator[_Glance]], float | None]


def test_sleep_of_three_minutes_is_a_hang(glances: _Follow) -> None:
    hung_after = glances((0.5, 0.0, False) for _ in count())

    assert hung_after == pytest.approx(180, abs=1)


def test_a_clock_that_ticks_does_not_hide_a_hang(glances: _Follow) -> None:
    hung_after = glances((0.5, 0.01 if n % 2 else 0.0, False) for n in count())

    assert hung_after is not None
    assert hung_after < 300


@pytest.mark.parametrize(
    "glance",
    [(0.5, 0.0, True), (0.5, 0.03, False), (30.0, 1.0, False)],
    ids=["waits for a processor or a disk", "works a little", "is looked at once in a while"],
)
def test_slowness_is_no_hang(glances: _Follow, glance: _Glance) -> None:
    assert glances(glance for _ in range(400)) is None


def test_a_machine_that_is_stopped_for_an_hour_is_no_hang(glances: _Follow) -> None:
    assert glances(iter([(0.5, 0.0, False), (3600.0, 0.0, False), (0.5, 0.0, False)])) is None


def test_endless_work_is_a_hang(glances: _Follow) -> None:
    hung_after = glances((0.5, 0.5, True) for _ in count())

    assert hung_after == pytest.approx(600, abs=1)


def test_a_family_is_what_a_process_has_started() -> None:
    process = start(_WAITS_FOR_A_CHILD)
    try:

        def both(seconds: float) -> bool:
            time.sleep(min(seconds, 0.02))
            return len(patience._family(process.pid)) == 2

        assert happens(both, process.pid)
    finally:
        patience._end(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
