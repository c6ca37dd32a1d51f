"""What a person or a program sees: results on stdout, everything else on stderr.

Text of a dataset is hostile, and so are the names of files: neither is ever markup, and what
cannot be seen of it is spelled. The consoles of this module see to it for all that is printed by
them, whoever made it.
"""

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from assay.cli.spelling import on_command_line
from assay.errors import AssayError, spelled
from assay.wording import cell_text, json_text, plain

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from assay.cli.tables import Facts, Kind, Table
    from assay.errors import Spelling, Words
    from assay.progress import Progress

_PIPE_WIDTH = 20_000
_UNKNOWN_WIDTH = 80
_NEXT = "next:"
_OFFLINE = "--offline"

Align = Literal["left", "right"]
_LEFT: Align = "left"
Column: TypeAlias = str | tuple[str, Align]
"""Heading of a column; numbers stand right."""


@dataclass(frozen=True)
class Settings:
    """How much is said, and in what form."""

    quiet: bool = False
    verbose: bool = False
    as_json: bool = False
    offline: bool = False


class Terminal:
    """The two streams, and the ways to write to them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._spelling: Spelling = on_command_line

    @cached_property
    def out(self) -> "Console":
        """The console of results."""
        return _console(sys.stdout)

    @cached_property
    def err(self) -> "Console":
        """The console of everything else."""
        return _console(sys.stderr)

    def progress(self) -> "Progress":
        """Return bars on a terminal, lines elsewhere, nothing if quiet."""
        from assay.progress import Bars, Lines, Silent

        if self.settings.quiet:
            return Silent()
        return Bars() if sys.stderr.isatty() else Lines()

    def result(self, content: "RenderableType" = "", *, style: str = "") -> None:
        """Write a result to stdout; plain text is not taken for markup."""
        _write(self.out, content, style)

    def note(self, content: "RenderableType" = "", *, style: str = "") -> None:
        """Write something that is not a result to stderr, unless quiet."""
        if not self.settings.quiet:
            _write(self.err, content, style)

    def warn(self, text: str) -> None:
        """Write what a person should not overlook to stderr, unless quiet."""
        self.note(f"warning: {text}", style="yellow")

    def next(self, *commands: str) -> None:
        """Write the next commands to type, unless quiet or for a program.

        Args:
            *commands: whole ones. One that is to stay off the network, as this one was told, is
                told so, too.
        """
        if self.settings.as_json or not commands:
            return
        kept = f" {_OFFLINE}" if self.settings.offline else ""
        from assay.cli.shell import typed_lines

        indent = len(_NEXT) + 1
        for place, command in enumerate(commands):
            whole = command if _OFFLINE in command.split() else command + kept
            first, *others = typed_lines(whole, self.err.width, indent)
            self.note(labelled("" if place else _NEXT, first, "bold cyan", width=len(_NEXT)))
            for line in others:
                self.note(line, style="bold cyan")

    def reported(self, error: AssayError) -> tuple[str, str | None]:
        """Return message and hint of an error, with options where it names parameters."""
        return error.reported(self._spelling)

    def spelled(self, words: "Words") -> str:
        """Return words with options, or keys of a file, where they name parameters."""
        return spelled(words, self._spelling)

    def speak_of_a_file(self) -> None:
        """Write parameters as a configuration file does, where it can hold them."""
        from assay.config.spelling import in_yaml

        self._spelling = lambda found: in_yaml(found) or on_command_line(found)

    def document(self, content: Any) -> None:
        """Write one JSON document to stdout; NaN becomes null."""
        sys.stdout.write(json_text(content) + "\n")


_terminal = Terminal(Settings())


def configure(settings: Settings) -> None:
    """Set how much is said for the rest of the process."""
    global _terminal  # noqa: PLW0603  one process has one terminal
    _terminal = Terminal(settings)
    logger = logging.getLogger("assay")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    logger.addHandler(_Notes())
    logger.setLevel(logging.DEBUG if settings.verbose else logging.INFO)


def terminal() -> Terminal:
    """Return the terminal of this process."""
    return _terminal


class _Notes(logging.Handler):
    """Writes warnings of the library to stderr, and its information where it is asked for."""

    def emit(self, record: logging.LogRecord) -> None:
        page = terminal()
        if record.levelno >= logging.WARNING:
            page.warn(record.getMessage())
        elif page.settings.verbose:
            page.note(record.getMessage(), style="dim")


def _console(stream: Any) -> "Console":
    from assay.cli.safe_console import SafeConsole

    return SafeConsole(file=stream, width=_width(stream), highlight=False)


def _width(stream: Any) -> int:
    """Return the columns of a screen; a pipe has no width, unless COLUMNS gives it one."""
    if stream.isatty():
        with contextlib.suppress(OSError):
            if columns := os.get_terminal_size(stream.fileno()).columns:
                return columns
    reported = os.environ.get("COLUMNS", "")
    if reported.isdecimal() and int(reported):
        return int(reported)
    return _UNKNOWN_WIDTH if stream.isatty() else _PIPE_WIDTH


def _write(console: "Console", content: "RenderableType", style: str) -> None:
    if isinstance(content, str):
        from rich.text import Text

        content = Text(plain(content), style=style)
    if console.is_terminal:
        console.print(content)
        return
    # Texts fill their lines with spaces, which only a screen is better for.
    with console.capture() as captured:
        console.print(content)
    lines = [line.rstrip() for line in captured.get().split("\n")]
    console.file.write("\n".join(lines))
    console.file.flush()


def print_error(error: AssayError) -> None:
    """Write an error and its hint to stderr; the traceback too, if verbose."""
    if terminal().settings.verbose:
        sys.stderr.write(plain("".join(traceback.format_exception(error))))
    _print_lines(*terminal().reported(error))


def print_bug(error: Exception) -> None:
    """Write that something is wrong in Assay itself, and how to see where."""
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    verbose = terminal().settings.verbose
    if verbose:
        sys.stderr.write(plain("".join(traceback.format_exception(error))))
    hint = None if verbose else "run it again with -v for the traceback"
    _print_lines(f"{message} (this is a bug in Assay, not in your data)", hint)


def _print_lines(message: str, hint: str | None) -> None:
    # Paths are shown as a person in this folder would type them.
    here = f"{Path.cwd()}/"
    page = terminal()
    _write(page.err, labelled("error:", message.replace(here, ""), "", "bold red"), "")
    if hint:
        _write(page.err, labelled("hint:", hint.replace(here, ""), "", "bold cyan"), "")


def labelled(
    label: str, text: str, style: str = "", label_style: str = "dim", *, width: int = 0
) -> "RenderableType":
    """Return a label, filled to a width, and a text as one line that wraps."""
    from rich.text import Text

    return Text.assemble((label.ljust(width), label_style), " ", (plain(text), style))


def table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[object]],
    *,
    title: str = "",
    names: int = 1,
    wrap: bool = True,
) -> "Table":
    """Return a table that fits its screen; numbers get thousands separators, None is nothing.

    Args:
        columns: headings, "right" for numbers.
        rows: cells, as many as columns or fewer; text is shown as it is, never as markup.
        title: line above the table.
        names: columns, from the left, that say what a row is about.
        wrap: break long texts; False ends them with an ellipsis where space is short.
    """
    from assay.cli.tables import Column as Fitted
    from assay.cli.tables import Table

    cells = [[cell_text(cell) for cell in row] for row in rows]
    made = []
    for place, column in enumerate(columns):
        heading, align = (column, _LEFT) if isinstance(column, str) else column
        kind: Kind = "number" if align == "right" else "text" if wrap else "excerpt"
        made.append(
            Fitted(
                plain(heading),
                "name" if place < names and kind != "number" else kind,
                [row[place] if place < len(row) else "" for row in cells],
            )
        )
    return Table(made, plain(title), names)


def facts(pairs: Iterable[tuple[str, object]]) -> "Facts":
    """Return labels and what they stand for, one per line."""
    from assay.cli.tables import Facts

    return Facts([(plain(label), cell_text(value)) for label, value in pairs])


def can_ask() -> bool:
    """Return whether somebody is there who could answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirmed(question: str, *, yes: bool) -> bool:
    """Ask on the terminal; without one, only ``-y`` is a yes."""
    if yes:
        return True
    if not can_ask():
        return False
    sys.stderr.write(f"{plain(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
