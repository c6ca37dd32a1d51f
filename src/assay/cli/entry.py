"""The entry point: what runs, and how it ends.

Exit codes: 0 done; 1 an error the user can act on; 2 usage; 3 finished but incomplete, a rerun
continues; 4 run another line first; 130 interrupted.
"""

import importlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from assay.cli.app import app
from assay.cli.console import print_bug, print_error, terminal
from assay.cli.shell import command_line
from assay.errors import AssayError, UsageError, did_you_mean
from assay.version import __version__

VERBS = (
    "load", "methods", "score", "select", "export", "tune", "show", "diff", "agree",
    "judge", "compare", "evaluate", "assess",
    "run", "init", "schema", "status", "import_scores", "cache", "doctor",
)  # fmt: skip
"""Modules of `verbs` that register a verb, in the order in which help lists them."""
_INTERRUPTED = 130
_PIPE_CLOSED = 141  # as the shell reports a program that a closed pipe ended

for _module in VERBS:
    importlib.import_module(f"assay.cli.verbs.{_module}")


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Select the data that teaches most: load, score, select, and see why."""
    if version:
        terminal().result(f"assay {__version__}")
    elif context.invoked_subcommand is None:
        _welcome()


def _welcome() -> None:
    page = terminal()
    page.result("Assay selects training data for language models.\n")
    for command, what in (
        ("assay load data.json", "read the data and say what is in it"),
        ("assay methods", "see every way to score and to select"),
        ("assay select data.json --budget 5% -o subset.json", "choose a subset to train on"),
    ):
        page.result(f"  {command}", style="cyan")
        page.result(f"      {what}")
    page.result("\n`assay --help` lists all commands.")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _end_as_interrupted()
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        code = _PIPE_CLOSED
    if code == _PIPE_CLOSED:
        # The interpreter flushes once more on the way out, into a pipe that nobody reads.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _end_as_interrupted() -> None:
    """Let a request to end do what Ctrl-C does, so that what is finished is written."""
    here = threading.current_thread() is threading.main_thread()
    if here and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _run(words: list[str]) -> int:
    try:
        result = typer.main.get_command(app).main(words, prog_name="assay", standalone_mode=False)
    except AssayError as error:
        print_error(error)
        return error.exit_code
    except typer.TyperException as error:
        print_error(_usage(error, words))
        return UsageError.exit_code
    except BrokenPipeError:
        raise
    except SystemExit as error:
        # The framework answers a closed pipe by itself, with code 1.
        return _PIPE_CLOSED if error.code == 1 else int(error.code or 0)
    except Exception as error:
        print_bug(error)
        return 1
    code = result if isinstance(result, int) else 0
    if code == _INTERRUPTED:
        print_error(AssayError("interrupted", hint=f"go on with: {command_line(words)}"))
    return code


def _usage(error: "typer.TyperException", words: Sequence[str]) -> UsageError:
    """Return what is wrong with the command line, in the form of all other errors."""
    message = error.format_message().strip().rstrip(".")
    known = [command.name or "" for command in app.registered_commands]
    first = next((word for word in words if not word.startswith("-")), "")
    if message.startswith("No such command"):
        if Path(first).exists():
            return UsageError(
                f"{first!r} is data, and what to do with it is not said",
                hint=f"assay load {first}, or assay select {first} --budget 5%",
            )
        return UsageError(
            f"no command is called {first!r}",
            hint=did_you_mean(first, known) or "`assay --help` lists them",
        )
    option, near = getattr(error, "option_name", ""), getattr(error, "possibilities", None)
    if message.startswith("No such option"):
        return UsageError(
            f"assay {first} has no option {option}".replace("assay  ", "assay "),
            hint=did_you_mean(option, near or []) or f"assay {first} --help lists them",
        )
    place = f"assay {first} --help" if first in known else "assay --help"
    return UsageError(message[:1].lower() + message[1:], hint=f"{place} shows the options")
