"""What reaches a terminal is only text."""

import pytest

from assay.cli.console import Settings, configure, confirmed, print_bug, print_error, terminal
from assay.errors import DataError


@pytest.fixture(autouse=True)
def _defaults() -> None:
    configure(Settings())


def test_text_is_never_markup(capsys: pytest.CaptureFixture[str]) -> None:
    terminal().result("[bold]as it is[/bold]")

    assert capsys.readouterr().out == "[bold]as it is[/bold]\n"


def test_results_and_notes_go_to_their_own_streams(capsys: pytest.CaptureFixture[str]) -> None:
    terminal().result("result")
    terminal().note("note")

    assert capsys.readouterr() == ("result\n", "note\n")


def test_quiet_leaves_results_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings(quiet=True))

    terminal().result("result")
    terminal().note("note")
    terminal().warn("warning")
    print_error(DataError("broken", hint="mend it"))

    assert capsys.readouterr() == ("result\n", "error: broken\nhint: mend it\n")


def test_a_bug_is_called_one_and_shows_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    print_bug(KeyError("place"))

    said = capsys.readouterr().err
    assert said.startswith("error: KeyError: 'place' (this is a bug in Assay")
    assert "hint: run it again with -v" in said
    assert "Traceback" not in said


def test_verbose_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Settings(verbose=True))

    print_bug(KeyError("place"))

    assert "KeyError" in capsys.readouterr().err.splitlines()[0]


def test_without_a_terminal_nothing_is_asked() -> None:
    assert not confirmed("remove?", yes=False)
    assert confirmed("remove?", yes=True)
