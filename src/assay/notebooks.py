"""How far the work is, where nobody has said how to tell it: bars, a line in a notebook, nothing.

A notebook gets plain text that is replaced as the work goes on, so it needs no widgets, and a page
that is printed or sent keeps the last state.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from assay.progress import Bars, Progress, Silent, Task, format_seconds, seconds_left
from assay.wording import plain

_WAIT_SECONDS = 0.5
_BETWEEN_SECONDS = 0.2
_BAR = 20
_FULL, _EMPTY = "█", "░"


def usual_progress() -> Progress:
    """Return how work is told of by default: in a notebook and on a terminal, and nowhere else."""
    shell = _notebook_shell()
    if shell is not None:
        return NotebookLine(lambda: shell.execution_count)
    return Bars() if sys.stderr is not None and sys.stderr.isatty() else Silent()


def _notebook_shell() -> Any:
    """Return the shell of a notebook's kernel; None elsewhere, and in IPython on a terminal."""
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return shell if getattr(shell, "kernel", None) is not None else None


class NotebookLine:
    """One line per cell, which says what is being done now and at the end what was done last.

    Work of less than half a second is not told.

    Args:
        cell: tells one execution of a cell from another.
        show: takes a text, whether it is the first one of its cell, and the name of the place
            where it stands; into the notebook by default.
        clock: seconds.
    """

    def __init__(
        self,
        cell: Callable[[], object],
        show: Callable[[str, bool, str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cell, self._show, self._clock = cell, show or _into_notebook, clock
        self._shown_in: object = None
        self._last = -_BETWEEN_SECONDS
        self._place = 0

    @contextlib.contextmanager
    def task(
        self, label: str, total: float | None, *, unit: str = "rows", reused: float = 0
    ) -> Iterator[Task]:
        """Open a stretch of work; the line tells of the innermost one."""
        task = _CellTask(self, plain(label), total, unit, self._clock())
        yield task
        task.end()

    def tell(self, line: str, *, last: bool) -> None:
        """Replace the cell's line, unless that was done a moment ago."""
        now = self._clock()
        if not last and now - self._last < _BETWEEN_SECONDS:
            return
        self._last = now
        cell = self._cell()
        first = cell != self._shown_in
        if first:
            self._shown_in, self._place = cell, self._place + 1
        self._show(line, first, f"assay-{id(self)}-{self._place}")

    def now(self) -> float:
        """Return the time, in seconds."""
        return self._clock()


class _CellTask:
    def __init__(
        self, line: NotebookLine, label: str, total: float | None, unit: str, started: float
    ) -> None:
        self._line, self._label, self._total, self._unit = line, label, total, unit
        self._started, self._done, self._told = started, 0.0, False
        self._remark = ""

    def remark(self, text: str) -> None:
        """Show a text at the end of the line."""
        self._remark = f", {plain(text)}" if text else ""

    def advance(self, amount: float) -> None:
        """Count, and tell if there is something to wait for."""
        self._done += amount
        gone = self._line.now() - self._started
        if gone < _WAIT_SECONDS:
            return
        self._told = True
        self._line.tell(self._words(gone), last=False)

    def end(self) -> None:
        """Leave the last state, if there was a line."""
        gone = self._line.now() - self._started
        if self._told:
            self._line.tell(f"{self._label}: {self._done:,.0f} {self._unit}, "
                            f"{format_seconds(gone)}{self._remark}", last=True)  # fmt: skip

    def _words(self, gone: float) -> str:
        if not self._total:
            return (
                f"{self._label}: {self._done:,.0f} {self._unit}, {format_seconds(gone)} gone"
                f"{self._remark}"
            )
        share = min(1.0, self._done / self._total)
        full = int(share * _BAR)
        left = seconds_left(self._done, self._total, gone)
        rest = f", {format_seconds(left)} left" if left else ""
        return (
            f"{self._label}: {_FULL * full}{_EMPTY * (_BAR - full)} {share:.0%} of "
            f"{self._total:,.0f} {self._unit}, {format_seconds(gone)} gone{rest}"
            f"{self._remark}"
        )


def _into_notebook(text: str, first: bool, name: str) -> None:
    from IPython.display import display  # noqa: PLC0415  only where a notebook runs it

    display({"text/plain": text}, raw=True, display_id=name, update=not first)
