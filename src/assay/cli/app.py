"""The application: how a verb is registered, and the options that verbs share.

A verb is one function in one file. Options that belong together are the fields of a dataclass;
`verb` turns every parameter of such a type into its options, and hands the function the object.
Nothing heavy is imported at module level, so that ``assay --help`` starts at once.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, get_args, get_type_hints

import typer

from assay.cli.console import Settings, configure
from assay.cli.help import Verb, Verbs
from assay.cli.options.groups import Everywhere

LOOK, CHOOSE, KEEP = "Look", "Choose", "Keep house"

app = typer.Typer(
    name="assay",
    cls=Verbs,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def verb(
    name: str, *, panel: str, examples: Sequence[str] = (), cls: type[Verb] = Verb
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a verb; parameters that are option groups become their options.

    Args:
        name: the word on the command line.
        panel: heading under which ``assay --help`` lists it.
        examples: command lines that its help opens with.
        cls: reads the words that follow it.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        expanded = _expand(function)
        expanded.__doc__ = _help(function, examples)
        app.command(name, cls=cls, rich_help_panel=panel)(expanded)
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
    configure(
        Settings(
            quiet=options.quiet,
            verbose=options.verbose,
            as_json=options.as_json,
            offline=options.offline,
        )
    )
