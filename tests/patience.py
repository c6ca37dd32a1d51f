"""How long a test waits for a process before it gives up, and what it then says of it.

A process that hangs sleeps, and so does all that it has started; one on a slow or busy machine
works, waits for a processor or for a disk. So patience is no time by the clock: it ends when they
have slept for long and hardly worked, or have worked for very long. They are then ended, and each
Python process tells where it stood.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

SLEEP_SECONDS = 180.0
"""As much sleep is a hang: no process of a test waits for longer than a few seconds."""
WORK_SECONDS = 600.0
"""Ten times the processor time of the longest process of any test."""
PATIENCE_SECONDS = 300.0
"""For what a thread of the test's own process does in a moment, however busy the machine is."""
TELLING = {"PYTHONFAULTHANDLER": "1"}
"""With this variable a Python process that is ended by SIGABRT says where each thread stood."""
_GLANCE_SECONDS = 0.5
_WORTH = 20.0
"""Seconds of sleep that a second of work makes up for; a clock that ticks does less."""
_FAREWELL_SECONDS = 10.0
_DYING_SECONDS = 5.0


def happens(event: Callable[[float], bool], leader: int) -> bool:
    """Wait for an event that a process works towards; return whether it came.

    If it does not, the process hangs, and has been ended with all that it started when this
    returns: what they have written to stderr says where they stood.

    Args:
        event: waits up to so many seconds, and says whether it has come.
        leader: id of the process, which leads a session.
    """
    slept, worked, last = 0.0, 0.0, time.monotonic()
    while not event(_GLANCE_SECONDS):
        family = _family(leader)
        work, now = sum(process.work_seconds for process in family), time.monotonic()
        if not any(map(_is_busy, family)):
            # No longer than a glance: a machine that was stopped has stopped this process, too.
            slept += min(now - last, 2 * _GLANCE_SECONDS)
        slept = max(0.0, slept - _WORTH * max(0.0, work - worked))
        worked, last = work, now
        if slept > SLEEP_SECONDS or work > WORK_SECONDS:
            _end(leader, signal.SIGABRT)
            event(_FAREWELL_SECONDS)
            _end(leader, signal.SIGKILL)
            return False
    return True


def run(
    words: Sequence[str | Path],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end as `subprocess.run` does, with all that it writes as text.

    Raises:
        AssertionError: if it hangs; the message says where it stood.
    """
    variables = os.environ if environment is None else environment
    with tempfile.TemporaryFile("w+") as read:
        read.write(stdin)
        read.seek(0)
        process = subprocess.Popen(
            words, cwd=folder, env={**variables, **TELLING}, stdin=read,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
    try:
        output, errors = communicate(process)
    except BaseException:  # such as a person's interrupt, which does not reach another session
        _end(process.pid, signal.SIGKILL)
        raise
    return subprocess.CompletedProcess(words, process.returncode, output, errors)


def communicate(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """Return what the leader of a session has written to its pipes when it has ended.

    Raises:
        AssertionError: if it hangs; the message says where it stood.
    """
    said: list[tuple[str, str]] = []

    def ended(seconds: float) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            said.append(process.communicate(timeout=seconds))
        return bool(said)

    if not happens(ended, process.pid):
        raise AssertionError(hung(*(said or [process.communicate()])[0]))
    return said[0]


def hung(output: str | None, errors: str) -> str:
    """Return the message for a process that hung and was ended."""
    written = (output or "")[-2000:]
    return f"a process hung and was ended\nstdout: {written}\nstderr: {errors[-8000:]}"


class _Running(NamedTuple):
    """A process that there is.

    Attributes:
        work_seconds: processor time, its own and of what it has started and waited for.
    """

    pid: int
    parent: int
    session: int
    work_seconds: float


def _family(leader: int) -> list[_Running]:
    """Return a process, all of its session, and all that these have started."""
    found: list[_Running] = []
    others = _running()
    ours = {leader}
    while more := [each for each in others if {each.pid, each.parent, each.session} & ours]:
        found += more
        ours |= {each.pid for each in more} | {each.session for each in more}
        others = [each for each in others if each not in more]
    return found


def _running() -> list[_Running]:
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it may have ended by now
            fields = _fields(file)
            work = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
            found.append(_Running(int(file.parent.name), int(fields[1]), int(fields[3]), work))
    return found


def _is_busy(process: _Running) -> bool:
    """Whether one of its threads works, or waits for a processor or a disk."""
    for file in Path(f"/proc/{process.pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):  # it may have ended by now
            if _fields(file)[0] in "RD":
                return True
    return False


def _fields(file: Path) -> list[str]:
    """Return what the system says of a process or thread after its name, which can hold blanks."""
    return file.read_text(errors="replace").rpartition(")")[2].split()


def _end(leader: int, how: signal.Signals) -> None:
    """End a process and its family, one after the other: they write to the same pipe."""
    for process in _family(leader):
        with contextlib.suppress(ProcessLookupError):  # it may have ended by now
            os.kill(process.pid, how)
            until = time.monotonic() + _DYING_SECONDS
            while not _is_over(process.pid) and time.monotonic() < until:
                time.sleep(0.01)


def _is_over(pid: int) -> bool:
    try:
        return _fields(Path(f"/proc/{pid}/stat"))[0] in "ZX"
    except (OSError, IndexError):
        return True
