"""The application: how a verb is registered, and the options that verbs share.

A verb is one function in one file. Options that belong together are the fields of a dataclass;
`verb` turns every parameter of such a type into its options, and hands the function the object.
Nothing heavy is imported at module level, so that ``assay --help`` starts at once.
"""

import dataclasses
import functools
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeAlias, get_type_hints

import typer

from assay import __version__
from assay.cli.completion import complete_words
from assay.console import Settings, configure, print_bug, print_error, terminal
from assay.errors import AssayError, UsageError, did_you_mean

if TYPE_CHECKING:
    from assay.cli.grammar import Source
    from assay.project import Project
    from assay.runtime import Runtime

LOOK, CHOOSE, KEEP = "Look", "Choose", "Keep house"
_PIPE_CLOSED = 141  # as the shell reports a program that a closed pipe ended

app = typer.Typer(
    name="assay",
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Words: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SOURCE]... [METHOD]...",
        help="Files, folders, org/name on the Hub or '-', and methods; `name=path` names a source.",
        autocompletion=complete_words,
        show_default=False,
    ),
]
"""Words of the one grammar; see `assay.cli.grammar`."""


@dataclass(frozen=True)
class Everywhere:
    """Options that every verb takes."""

    project: Annotated[
        Path | None,
        typer.Option(
            "-p", "--project", help="Project folder; <data>.assay beside the data by default.",
            rich_help_panel="Everywhere", show_default=False,
        ),
    ] = None  # fmt: skip
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="One JSON document on stdout.", rich_help_panel="Everywhere"
        ),
    ] = False  # fmt: skip
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Only errors.", rich_help_panel="Everywhere")
    ] = False
    verbose: Annotated[
        bool,
        typer.Option("-v", "--verbose", help="Say more; show tracebacks.",
                     rich_help_panel="Everywhere"),
    ] = False  # fmt: skip
    yes: Annotated[
        bool, typer.Option("-y", "--yes", help="Ask nothing.", rich_help_panel="Everywhere")
    ] = False
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Never touch the network.", rich_help_panel="Everywhere"),
    ] = False


@dataclass(frozen=True)
class Reading:
    """Options that say how sources are read."""

    hold_out: Annotated[
        str | None,
        typer.Option(help="Share of rows that no method ever sees, such as 1%.",
                     rich_help_panel="Reading", show_default=False),
    ] = None  # fmt: skip
    max_set_aside: Annotated[
        str | None,
        typer.Option(help="Share of rows that may be unusable; 2% by default.",
                     rich_help_panel="Reading", show_default=False),
    ] = None  # fmt: skip
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=TEMPLATE",
                     help="Make fields of others: 'instruction=Classify: {text}'. Repeatable.",
                     rich_help_panel="Reading", show_default=False),
    ] = None  # fmt: skip
    layout: Annotated[
        str | None,
        typer.Option(help="Layout of the data, instead of finding it.",
                     rich_help_panel="Reading", show_default=False),
    ] = None  # fmt: skip
    split: Annotated[
        str | None,
        typer.Option(help="Split to read, such as train.", rich_help_panel="Reading",
                     show_default=False),
    ] = None  # fmt: skip
    config: Annotated[
        str | None,
        typer.Option(help="Configuration (sub-dataset) on the Hub.", rich_help_panel="Reading",
                     show_default=False),
    ] = None  # fmt: skip
    revision: Annotated[
        str | None,
        typer.Option(help="Branch, tag or commit on the Hub.", rich_help_panel="Reading",
                     show_default=False),
    ] = None  # fmt: skip


@dataclass(frozen=True)
class Working:
    """Options that say how work is done, never what."""

    dry_run: Annotated[
        bool,
        typer.Option("-n", "--dry-run", help="Say what would be done and how long it would take.",
                     rich_help_panel="Working"),
    ] = False  # fmt: skip
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes; one per core by default.",
                     rich_help_panel="Working", show_default=False),
    ] = None  # fmt: skip
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Do the I-th of N parts of the row-wise work, from 1.",
                     rich_help_panel="Working", show_default=False),
    ] = None  # fmt: skip
    max_unscored: Annotated[
        str | None,
        typer.Option(help="Share of rows that may fail; 2% by default.",
                     rich_help_panel="Working", show_default=False),
    ] = None  # fmt: skip


def verb(
    name: str, *, panel: str, examples: Sequence[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a verb; parameters that are option groups become their options.

    Args:
        name: the word on the command line.
        panel: heading under which ``assay --help`` lists it.
        examples: command lines that its help opens with.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        expanded = _expand(function)
        expanded.__doc__ = _help(function, examples)
        app.command(name, rich_help_panel=panel)(expanded)
        return function

    return register


def _expand(function: Callable[..., None]) -> Callable[..., None]:
    """Return the function with every option group replaced by the options it holds."""
    hints = get_type_hints(function, include_extras=True)
    groups: dict[str, type[Any]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        kind = hints[parameter.name]
        if not dataclasses.is_dataclass(kind):
            parameters.append(parameter.replace(annotation=kind))
            continue
        assert isinstance(kind, type)  # noqa: S101  an annotation names a class
        groups[parameter.name] = kind
        inner = get_type_hints(kind, include_extras=True)
        parameters += [
            inspect.Parameter(
                field.name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=field.default,
                annotation=inner[field.name],
            )
            for field in dataclasses.fields(kind)
        ]

    def call(**given: Any) -> None:
        for group, kind in groups.items():
            own = {field.name: given.pop(field.name) for field in dataclasses.fields(kind)}
            given[group] = kind(**own)
            if isinstance(given[group], Everywhere):
                _configure(given[group])
        function(**given)

    functools.update_wrapper(call, function)
    del call.__wrapped__  # type: ignore[attr-defined]  # its signature is not the one shown
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return call


def _help(function: Callable[..., None], examples: Sequence[str]) -> str:
    first, _, rest = inspect.cleandoc(function.__doc__ or "").partition("\n\n")
    shown = "\b\n" + "\n".join(f"  [cyan]{line}[/cyan]" for line in map(_escape, examples))
    return "\n\n".join(part for part in (first, shown if examples else "", rest) if part)


def _escape(text: str) -> str:
    return text.replace("[", r"\[")


def _configure(options: Everywhere) -> None:
    configure(Settings(quiet=options.quiet, verbose=options.verbose, as_json=options.as_json))


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
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        code = _PIPE_CLOSED
    if code == _PIPE_CLOSED:
        # The interpreter flushes once more on the way out, into a pipe that nobody reads.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


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
    if code == 130:
        from assay.cli.words import command_line  # noqa: PLC0415

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
    place = f"assay {first} --help" if first in known else "assay --help"
    return UsageError(message[:1].lower() + message[1:], hint=f"{place} shows the options")


def runtime_of(everywhere: Everywhere, working: Working | None = None) -> "Runtime":
    """Return the runtime that the options ask for."""
    from assay.cli.words import parse_shard, parse_share  # noqa: PLC0415
    from assay.runtime import Runtime  # noqa: PLC0415

    runtime = Runtime(offline=everywhere.offline, progress=terminal().progress())
    if working is None:
        return runtime
    if working.workers is not None:
        runtime.workers = working.workers
    if working.shard is not None:
        runtime.shard = parse_shard(working.shard)
    if working.max_unscored is not None:
        runtime.max_unscored = parse_share(working.max_unscored, "--max-unscored")
    return runtime


def open_project(
    sources: Sequence["Source"],
    everywhere: Everywhere,
    reading: Reading | None = None,
    *,
    working: Working | None = None,
    plugin_files: Sequence[Path] = (),
) -> "Project":
    """Return the project of some sources, read as before unless the options say otherwise.

    Without sources it is the project of ``-p``, or the only one in the working folder.

    Raises:
        AssayError: if the data cannot be read, or nothing says which project is meant.
    """
    from assay.cli.words import project_arguments  # noqa: PLC0415
    from assay.project import Project  # noqa: PLC0415

    folder, arguments = project_arguments(sources, everywhere.project, reading or Reading())
    runtime = runtime_of(everywhere, working)
    runtime.plugin_files = tuple(plugin_files)
    return Project(folder, runtime=runtime, **arguments)
