"""What reaches a terminal is only text."""

import pytest

from assay.cli.console import (
    Settings,
    cell_text,
    configure,
    confirmed,
    jsonable,
    number_text,
    one_line,
    plain,
    print_bug,
    print_error,
    size_text,
    terminal,
)
from assay.errors import DataError


@pytest.fixture(autouse=True)
def _defaults() -> None:
    configure(Settings())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\rb", "a\\x0db"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\u202eback", "\\x202eback"),
        ("日本語 é", "日本語 é"),
    ],
)
def test_control_characters_are_visible(text: str, shown: str) -> None:
    assert plain(text) == shown


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


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123456, "0.1235"), (2.0, "2"), (1234567.8, "1,234,568"), (float("nan"), "-")],
)
def test_numbers_have_four_digits(value: float, text: str) -> None:
    assert number_text(value) == text


def test_cells_are_told_as_a_person_would() -> None:
    assert [cell_text(v) for v in (None, True, 12345, "x\x07")] == ["", "yes", "12,345", "x\\x07"]


def test_nan_is_null_in_json() -> None:
    assert jsonable({"a": (1, float("nan"), float("inf")), 2: "b"}) == {
        "a": [1, None, None],
        "2": "b",
    }


def test_one_line_is_cut_with_an_ellipsis() -> None:
    assert one_line("a  b\nc", 10) == "a b c"
    assert one_line("abcdefghij" * 9, 10) == "abcdefghi…"


@pytest.mark.parametrize(
    ("size", "text"), [(12, "12 B"), (2048, "2.0 KiB"), (5 * 2**30, "5.0 GiB")]
)
def test_sizes_have_units(size: float, text: str) -> None:
    assert size_text(size) == text


def test_without_a_terminal_nothing_is_asked() -> None:
    assert not confirmed("remove?", yes=False)
    assert confirmed("remove?", yes=True)
