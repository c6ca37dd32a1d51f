"""How far the work is: a small protocol, with one writer for terminals and one for logs."""

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TextIO, runtime_checkable

from assay.folding import display_width, padded, shortened_inside
from assay.wording import plain

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.progress import Progress as RichProgress
    from rich.progress import Task as RichTask

_LABEL, _BAR, _LEAST_BAR = 28, 24, 6
"""Columns of a label and of a bar, and of the shortest bar that is worth drawing."""


class Task(Protocol):
    """One stretch of work, measured in some unit that is proportional to time."""

    def advance(self, amount: float) -> None:
        """Count `amount` more units as done."""


@runtime_checkable
class Remarking(Protocol):
    """A stretch of work that also says what is worth knowing beside how far it is."""

    def remark(self, text: str) -> None:
        """Show a text beside the rows, in the place of the one before; "" shows none."""


def remark(task: Task, text: str) -> None:
    """Show a text beside how far a stretch of work is, where that can be shown."""
    if isinstance(task, Remarking):
        task.remark(text)


class Remarked:
    """A stretch of work that is asked now and then what there is to say of it.

    Args:
        task: where it is reported.
        say: returns the text; "" if there is nothing to say.
        total: of the work; the text is always asked for once that is done.
    """

    SECONDS = 0.5

    def __init__(self, task: Task, say: Callable[[], str], total: float) -> None:
        self._task, self._say, self._total = task, say, total
        self._done = 0.0
        self._asked_at = -math.inf

    def advance(self, amount: float) -> None:
        """Count `amount` more units as done."""
        self._done += amount
        now = time.perf_counter()
        if now - self._asked_at >= self.SECONDS or self._done >= self._total:
            self._asked_at = now
            remark(self._task, self._say())
        self._task.advance(amount)


class Progress(Protocol):
    """Where work reports how far it is."""

    def task(
        self, label: str, total: float | None, *, unit: str = "rows", reused: float = 0
    ) -> contextlib.AbstractContextManager[Task]:
        """Open a stretch of work of `total` units, None if unknown; `reused` more were at hand."""


class _Nothing:
    def advance(self, amount: float) -> None:
        """Count nothing."""


class Silent:
    """Says nothing."""

    @contextlib.contextmanager
    def task(
        self, label: str, total: float | None, *, unit: str = "rows", reused: float = 0
    ) -> Iterator[Task]:
        """Open a stretch of work that nobody hears of."""
        yield _Nothing()


SILENT: Progress = Silent()
"""What functions on arrays report to unless they are told where."""


class _Late:
    """A stretch of work that is opened elsewhere once it has taken a while."""

    def __init__(self, begin: Callable[[], Task]) -> None:
        self._begin = begin
        self._task: Task | None = None
        self._done = 0.0
        self._shown_from = time.perf_counter() + Patient.SECONDS

    def advance(self, amount: float) -> None:
        """Pass on what is done, from the moment on when it is worth a look."""
        self._done += amount
        if self._task is not None:
            self._task.advance(amount)
        elif time.perf_counter() >= self._shown_from:
            self._task = self._begin()
            self._task.advance(self._done)


class Patient:
    """Passes on only stretches of work that take more than a second, so that quick ones are quiet.

    Args:
        progress: what they are passed on to.
    """

    SECONDS = 1.0

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @contextlib.contextmanager
    def task(
        self, label: str, total: float | None, *, unit: str = "rows", reused: float = 0
    ) -> Iterator[Task]:
        """Open a stretch of work that is heard of once it has taken a second."""
        with contextlib.ExitStack() as stack:
            task = self._progress.task(label, total, unit=unit, reused=reused)
            yield _Late(lambda: stack.enter_context(task))


def seconds_left(done: float, total: float, elapsed_seconds: float) -> float | None:
    """Return the time left if the rest goes as fast as what is done; None before a beginning."""
    return None if done <= 0 else elapsed_seconds * (total - done) / done


def format_seconds(seconds: float) -> str:
    """Return a duration as a person says it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


_AT_ONCE_SECONDS = 1e-3
_COUNTED_SECONDS = 5.0


class _LineTask:
    def __init__(self, label: str, total: float | None, unit: str, stream: TextIO) -> None:
        self._label, self._total, self._unit, self._stream = plain(label), total, unit, stream
        self._done = self._before = 0.0
        self._next = 0.1
        self._next_count = _COUNTED_SECONDS
        self._started = time.perf_counter()
        self._remark = ""

    def remark(self, text: str) -> None:
        """End the next lines with a text."""
        self._remark = f", {plain(text)}" if text else ""

    def advance(self, amount: float) -> None:
        """Write a line whenever another tenth is done."""
        self._done += amount
        elapsed = time.perf_counter() - self._started
        if not self._total:
            self._count(elapsed)
            return
        if elapsed < _AT_ONCE_SECONDS:  # done before anybody looked, in a time that nobody knows
            self._before = self._done
        share = self._done / self._total
        if share + 1e-9 < self._next:
            return
        self._next = int(share * 10 + 1e-9) / 10 + 0.1
        done = self._done - self._before
        left = seconds_left(done, self._total - self._before, elapsed)
        rate = f", {_rate(done / elapsed)} {self._unit}/s" if done > 0 else ""
        rest = f", {format_seconds(left)} left" if left and share < 1 else ""
        self._stream.write(
            f"{self._label}: {share:.0%} of {self._total:,.0f} {self._unit}{rate}{rest}"
            f"{self._remark}\n"
        )
        self._stream.flush()

    def _count(self, elapsed: float) -> None:
        """Write a line now and then, where nobody knows how much there is."""
        if elapsed < self._next_count:
            return
        self._next_count = elapsed + _COUNTED_SECONDS
        self._stream.write(
            f"{self._label}: {self._done:,.0f} {self._unit}, "
            f"{_rate(self._done / elapsed)} {self._unit}/s{self._remark}\n"
        )
        self._stream.flush()


def _rate(per_second: float) -> str:
    """Return a whole number, or two digits of what is less than one: 0 would say that it hangs."""
    return f"{per_second:,.0f}" if per_second >= 1 else f"{per_second:.2g}"


class Lines:
    """A line per tenth, for logs and pipes."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    @contextlib.contextmanager
    def task(
        self, label: str, total: float | None, *, unit: str = "rows", reused: float = 0
    ) -> Iterator[Task]:
        """Open a stretch of work; one that is done already gets a single line."""
        if reused:
            self._stream.write(f"{plain(label)}: {reused:,.0f} {unit} reused\n")
        yield _LineTask(label, total, unit, self._stream)


class _RichTask:
    def __init__(self, bars: "RichProgress", identifier: int) -> None:
        self._bars, self._identifier = bars, identifier

    def advance(self, amount: float) -> None:
        """Move the bar."""
        from rich.progress import TaskID  # noqa: PLC0415  import costs start-up time

        self._bars.advance(TaskID(self._identifier), amount)

    def remark(self, text: str) -> None:
        """Show a text behind the time left."""
        from rich.progress import TaskID  # noqa: PLC0415  import costs start-up time

        self._bars.update(TaskID(self._identifier), remark=plain(text))


class Bars:
    """Bars on a terminal: rows, rate, reused rows, time left, and what else is said."""

    def __init__(self) -> None:
        self._bars: RichProgress | None = None

    @contextlib.contextmanager
    def task(
        self, label: str, total: float | None, *, unit: str = "rows", reused: float = 0
    ) -> Iterator[Task]:
        """Open a bar; nested stretches of work stack up."""
        outer = self._bars
        bars = outer or self._make()
        if outer is None:
            self._bars = bars
            bars.start()
        note = f"{reused:,.0f} reused" if reused else ""
        identifier = bars.add_task(plain(label), total=total, unit=unit, note=note, remark="")
        try:
            yield _RichTask(bars, identifier)
        finally:
            if outer is None:
                bars.stop()
                self._bars = None

    @staticmethod
    def _make() -> "RichProgress":
        from rich.console import Console  # noqa: PLC0415  costs start-up time
        from rich.progress import Progress as RichProgress  # noqa: PLC0415
        from rich.progress import ProgressColumn  # noqa: PLC0415

        class Line(ProgressColumn):
            """All of a task on one line, which fits the screen."""

            def render(self, task: "RichTask") -> _BarLine:
                return _BarLine(task)

        return RichProgress(Line(), console=Console(stderr=True), transient=False)


@dataclass(frozen=True)
class _BarLine:
    """A task on one line: its label, a bar, how much is done, the time gone and the time left.

    Where space is short, the note goes first, then the bar, and the label is shortened.
    """

    task: "RichTask"

    def __rich_console__(
        self, console: "Console", options: "ConsoleOptions"
    ) -> "Iterator[RenderableType]":
        """Yield the line."""
        from rich.progress_bar import ProgressBar  # noqa: PLC0415  costs start-up time
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        counts, note = _counts(self.task), str(self.task.fields["note"])
        room = options.max_width - len(counts) - 1
        bar = max(0, min(_BAR, room - _LABEL - 1))
        bar = bar if bar >= _LEAST_BAR else 0
        most = room - bar - 1 if bar else room
        label = max(min(_LABEL, most), min(display_width(self.task.description), most))
        name = shortened_inside(self.task.description, label)
        cells: list[RenderableType] = [Text(padded(name, label))]
        if bar:
            pulse = self.task.total is None
            cells.append(ProgressBar(self.task.total, self.task.completed, width=bar, pulse=pulse))
        cells.append(Text(counts, no_wrap=True))
        if bar and len(note) + 1 <= room - label - 1 - bar:
            cells.append(Text(note, style="dim", no_wrap=True))
        line = Table.grid(padding=(0, 1), pad_edge=False)
        for _ in cells:
            line.add_column(no_wrap=True)
        line.add_row(*cells)
        yield line


def _counts(task: "RichTask") -> str:
    of = "" if task.total is None else f" of {task.total:,.0f}"
    # The clock of a task that has ended stands still, whatever goes on around it.
    gone = format_seconds((task.finished_time if task.finished else task.elapsed) or 0.0)
    left = task.time_remaining
    rest = f", {format_seconds(left)} left" if left and not task.finished else ""
    remark = str(task.fields.get("remark") or "")
    said = f", {remark}" if remark else ""
    return f"{task.completed:,.0f}{of} {task.fields['unit']}, {gone} gone{rest}{said}"
