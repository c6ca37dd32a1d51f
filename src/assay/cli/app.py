"""The application: how a verb is registered, and the options that verbs share.

A verb is one function in one file. Options that belong together are the fields of a dataclass;
`verb` turns every parameter of such a type into its options, and hands the function the object.
Nothing heavy is imported at module level, so that ``assay --help`` starts at once.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, get_args, get_type_hints

import typer

from assay.cli.console import Settings, configure, terminal
from assay.cli.options.completion import complete_words
from assay.cli.options.models import DeviceOption, parse_device

if TYPE_CHECKING:
    from assay.cli.options.grammar import Source
    from assay.project import Project
    from assay.runtime import Runtime

LOOK, CHOOSE, KEEP = "Look", "Choose", "Keep house"

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
        metavar="SOURCE|METHOD",
        help="Files, folders, org/name on the Hub or '-', and methods; `name=path` names a source.",
        autocompletion=complete_words,
        show_default=False,
    ),
]
"""Words of the one grammar; see `assay.cli.options.grammar`."""


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
        typer.Option(metavar="SHARE", show_default=False,
                     help="Share of rows that selections are made without, such as 1%.",
                     rich_help_panel="Reading",),
    ] = None  # fmt: skip
    max_set_aside: Annotated[
        str | None,
        typer.Option(metavar="SHARE", show_default=False,
                     help="Share of rows that may be unusable; 2% by default.",
                     rich_help_panel="Reading",),
    ] = None  # fmt: skip
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=TEMPLATE",
                     help="Make fields of others: 'instruction=Classify: {text}'. Repeatable.",
                     rich_help_panel="Reading", show_default=False),
    ] = None  # fmt: skip
    layout: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False,
                     help="Layout of the data, instead of finding it.",
                     rich_help_panel="Reading",),
    ] = None  # fmt: skip
    split: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False,
                     help="Split to read, such as train.",
                     rich_help_panel="Reading",),
    ] = None  # fmt: skip
    config: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False,
                     help="Configuration (sub-dataset) on the Hub.",
                     rich_help_panel="Reading",),
    ] = None  # fmt: skip
    revision: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False,
                     help="Branch, tag or commit on the Hub.",
                     rich_help_panel="Reading",),
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
        typer.Option(metavar="SHARE", show_default=False,
                     help="Share of rows that may fail; 2% by default.",
                     rich_help_panel="Working",),
    ] = None  # fmt: skip
    device: DeviceOption = None


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
            optional = type(None) in get_args(get_args(kind)[0] if get_args(kind) else kind)
            missing = optional and parameter.default is inspect.Parameter.empty
            default = None if missing else parameter.default
            parameters.append(parameter.replace(annotation=kind, default=default))
            continue
        assert isinstance(kind, type)  # noqa: S101  an annotation names a class
        groups[parameter.name] = kind
        parameters += _options_of(kind)

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


def _options_of(group: type[Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    either = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [
        inspect.Parameter(field.name, either, default=field.default, annotation=hints[field.name])
        for field in dataclasses.fields(group)
    ]


def _help(function: Callable[..., None], examples: Sequence[str]) -> str:
    paragraphs = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    first, *rest = (" ".join(paragraph.split()) for paragraph in paragraphs)
    shown = "\b\n" + "\n".join(f"  [cyan]{line}[/cyan]" for line in map(_escape, examples))
    return "\n\n".join(part for part in (first, shown if examples else "", *rest) if part)


def _escape(text: str) -> str:
    return text.replace("[", r"\[")


def _configure(options: Everywhere) -> None:
    configure(Settings(quiet=options.quiet, verbose=options.verbose, as_json=options.as_json))


def runtime_of(everywhere: Everywhere, working: Working | None = None) -> "Runtime":
    """Return the runtime that the options ask for."""
    from assay.cli.options.arguments import parse_shard, parse_share
    from assay.runtime import Runtime

    runtime = Runtime(offline=everywhere.offline, progress=terminal().progress())
    if working is None:
        return runtime
    if working.workers is not None:
        runtime.workers = working.workers
    if working.shard is not None:
        runtime.shard = parse_shard(working.shard)
    if working.max_unscored is not None:
        runtime.max_unscored = parse_share(working.max_unscored, "--max-unscored")
    if working.device is not None:
        runtime.device = parse_device(working.device)
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
    from assay.cli.options.arguments import project_arguments
    from assay.components.registry import use_project_names
    from assay.methods.judged.imported import imported_names
    from assay.project import Project

    folder, arguments = project_arguments(sources, everywhere.project, reading or Reading())
    runtime = runtime_of(everywhere, working)
    runtime.plugin_files = tuple(plugin_files)
    project = Project(folder, runtime=runtime, **arguments)
    use_project_names(imported_names(project.folder))
    project.results.labels.tell = terminal().warn
    return project
