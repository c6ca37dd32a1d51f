"""How work is told of where nobody has said how: by what reads the output."""

import io
import sys
from types import SimpleNamespace

import pytest

from assay.notebooks import NotebookLine, usual_progress
from assay.progress import Bars, Silent
from assay.runtime import Runtime


class _Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class _Page:
    """A notebook: what stands in each of its places, and the cell that runs."""

    def __init__(self) -> None:
        self.cell, self.clock = 1, _Clock()
        self.places: dict[str, list[str]] = {}
        self.line = NotebookLine(lambda: self.cell, self._show, self.clock)

    def _show(self, text: str, first: bool, place: str) -> None:
        assert first == (place not in self.places)
        self.places.setdefault(place, []).append(text)

    def work(
        self, label: str, *, steps: int = 10, seconds: float, total: int | None = 1000
    ) -> None:
        with self.line.task(label, total) as task:
            for _ in range(steps):
                self.clock.seconds += seconds / steps
                task.advance((total or 1000) / steps)


def test_a_cell_has_one_line_that_tells_of_what_is_done_now() -> None:
    page = _Page()

    page.work("reading", seconds=10)
    page.work("choosing", seconds=20)

    [told] = page.places.values()
    assert told[0] == ("reading: ██░░░░░░░░░░░░░░░░░░ 10% of 1,000 rows, 1.0 s gone, 9.0 s left")
    assert told[-2].startswith("choosing: ████████████████████ 100% of 1,000 rows, 20 s gone")
    assert told[-1] == "choosing: 1,000 rows, 20 s"


def test_the_next_cell_has_a_line_of_its_own() -> None:
    page = _Page()

    page.work("reading", seconds=10)
    page.cell = 2
    page.work("reading", seconds=10)

    assert len(page.places) == 2


def test_what_takes_no_time_is_not_told() -> None:
    page = _Page()

    page.work("reading", seconds=0.4)

    assert page.places == {}


def test_a_line_is_not_replaced_a_thousand_times_a_second() -> None:
    page = _Page()

    page.work("reading", steps=5000, seconds=5)

    [told] = page.places.values()
    assert 20 <= len(told) <= 27


def test_work_of_unknown_length_says_how_much_is_done() -> None:
    page = _Page()

    page.work("load\x1b[2Jing", seconds=2, total=None)

    [told] = page.places.values()
    assert told[0] == "load\\x1b[2Jing: 300 rows, 0.6 s gone"


def test_work_that_fails_leaves_its_last_state() -> None:
    page = _Page()

    with pytest.raises(ValueError, match="no"), page.line.task("reading", 10) as task:
        page.clock.seconds = 1
        task.advance(5)
        raise ValueError("no")

    [told] = page.places.values()
    assert "50% of 10 rows" in told[-1]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_bars_and_a_pipe_has_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)

    monkeypatch.setattr(sys, "stderr", _Terminal())
    assert isinstance(Runtime().progress, Bars)
    assert isinstance(Runtime(progress=Silent()).progress, Silent)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(Runtime().progress, Silent)
    monkeypatch.setattr(sys, "stderr", None)  # as under pythonw
    assert isinstance(Runtime().progress, Silent)


def test_a_kernel_has_a_line_and_ipython_on_a_terminal_has_bars(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", _Terminal())
    for shell, kind in (
        (SimpleNamespace(kernel=object(), execution_count=1), NotebookLine),
        (SimpleNamespace(execution_count=1), Bars),
        (None, Bars),
    ):
        module = SimpleNamespace(get_ipython=lambda shell=shell: shell)
        monkeypatch.setitem(sys.modules, "IPython", module)
        assert isinstance(usual_progress(), kind)
