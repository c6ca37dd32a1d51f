"""How far the work is: a small protocol, with one writer for terminals and one for logs."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, TextIO

from assay.wording import plain

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress


class Task(Protocol):
    """One stretch of work, measured in some unit that is proportional to time."""

    def advance(self, amount: float) -> None:
        """Count `amount` more units as done."""


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


class _LineTask:
    def __init__(self, label: str, total: float | None, unit: str, stream: TextIO) -> None:
        self._label, self._total, self._unit, self._stream = plain(label), total, unit, stream
        self._done = 0.0
        self._next = 0.1
        self._started = time.perf_counter()

    def advance(self, amount: float) -> None:
        """Write a line whenever another tenth is done."""
        self._done += amount
        if not self._total:
            return
        share = self._done / self._total
        if share + 1e-9 < self._next:
            return
        self._next = int(share * 10 + 1e-9) / 10 + 0.1
        elapsed = time.perf_counter() - self._started
        left = seconds_left(self._done, self._total, elapsed)
        rate = self._done / elapsed if elapsed > 0 else 0.0
        rest = f", {format_seconds(left)} left" if left and share < 1 else ""
        self._stream.write(
            f"{self._label}: {share:.0%} of {self._total:,.0f} {self._unit}, "
            f"{rate:,.0f} {self._unit}/s{rest}\n"
        )
        self._stream.flush()


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


class Bars:
    """Bars on a terminal: rows, rate, reused rows, time left."""

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
        identifier = bars.add_task(plain(label), total=total, unit=unit, note=note)
        try:
            yield _RichTask(bars, identifier)
        finally:
            if outer is None:
                bars.stop()
                self._bars = None

    @staticmethod
    def _make() -> "RichProgress":
        from rich import progress as rich_progress  # noqa: PLC0415  costs start-up time
        from rich.console import Console  # noqa: PLC0415

        return rich_progress.Progress(
            rich_progress.TextColumn("{task.description:<28}", markup=False),
            rich_progress.BarColumn(bar_width=24),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TextColumn("{task.fields[unit]}"),
            rich_progress.TimeElapsedColumn(),
            rich_progress.TimeRemainingColumn(),
            rich_progress.TextColumn("{task.fields[note]}", style="dim", markup=False),
            console=Console(stderr=True),
            transient=False,
        )
