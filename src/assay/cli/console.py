"""What a person or a program sees: results on stdout, everything else on stderr.

Text of a dataset is hostile, and so are the names of files: neither is ever markup, and what
cannot be seen of it is spelled. The consoles of this module see to it for all that is printed by
them, whoever made it.
"""

import logging
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
    from rich.table import Table

    from assay.errors import Spelling, Words
    from assay.progress import Progress

_PIPE_WIDTH = 20_000
_LOG_WIDTH = 100

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


class Terminal:
    """The two streams, and the ways to write to them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._spelling: Spelling = on_command_line

    @cached_property
    def out(self) -> "Console":
        """The console of results."""
        return _console(sys.stdout, _PIPE_WIDTH)

    @cached_property
    def err(self) -> "Console":
        """The console of everything else."""
        return _console(sys.stderr, _LOG_WIDTH)

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
        """Write the next commands to type, unless quiet or for a program."""
        if self.settings.as_json or not commands:
            return
        for place, command in enumerate(commands):
            self.note(labelled("next:" if place == 0 else "     ", command, "bold cyan"))

    def told(self, error: AssayError) -> tuple[str, str | None]:
        """Return message and hint of an error, with options where it names parameters."""
        return error.told(self._spelling)

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


def _console(stream: Any, width: int) -> "Console":
    from assay.cli.safe_console import SafeConsole

    # A pipe has no width: lines are cut by whoever reads them.
    return SafeConsole(file=stream, width=None if stream.isatty() else width, highlight=False)


def _write(console: "Console", content: "RenderableType", style: str) -> None:
    if isinstance(content, str):
        from rich.text import Text

        content = Text(plain(content), style=style)
    if console.is_terminal:
        console.print(content)
        return
    # Tables fill their columns with spaces, which only a screen is better for.
    with console.capture() as captured:
        console.print(content)
    lines = [line.rstrip() for line in captured.get().split("\n")]
    console.file.write("\n".join(lines))
    console.file.flush()


def print_error(error: AssayError) -> None:
    """Write an error and its hint to stderr; the traceback too, if verbose."""
    if terminal().settings.verbose:
        sys.stderr.write(plain("".join(traceback.format_exception(error))))
    _print_lines(*terminal().told(error))


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


def labelled(label: str, text: str, style: str = "", label_style: str = "dim") -> "RenderableType":
    """Return a label and a text as one line that wraps."""
    from rich.text import Text

    return Text.assemble((label, label_style), " ", (plain(text), style))


def table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[object]],
    *,
    title: str = "",
    wrap: bool = True,
) -> "Table":
    """Return a table; numbers get thousands separators, None is shown as nothing.

    Args:
        columns: headings, "right" for numbers.
        rows: cells; text is shown as it is, never as markup.
        title: line above the table.
        wrap: break long cells; False ends them with an ellipsis where space is short.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    result = Table(
        title=Text(plain(title), style="bold") if title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        header_style="dim",
    )
    for column in columns:
        heading, align = (column, _LEFT) if isinstance(column, str) else column
        result.add_column(
            Text(plain(heading)),
            justify=align,
            no_wrap=align == "right" or not wrap,
            overflow="fold" if wrap else "ellipsis",
        )
    for row in rows:
        result.add_row(*(Text(cell_text(cell)) for cell in row))
    return result


def facts(pairs: Iterable[tuple[str, object]]) -> "Table":
    """Return labels and what they stand for, one per line."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in pairs:
        grid.add_row(Text(plain(label)), Text(cell_text(value)))
    return grid


def confirmed(question: str, *, yes: bool) -> bool:
    """Ask on the terminal; without one, only ``-y`` is a yes."""
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    sys.stderr.write(f"{plain(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
