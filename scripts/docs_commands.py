"""The page of the command line, made from its own help."""

import inspect
import re
from typing import Any

import typer

from assay.cli.app import app
from assay.cli.options import grammar
from assay.cli.options.groups import Everywhere, Loading, Working
from scripts.docs_text import page, table

_SHARED = {"Loading": Loading, "Working": Working, "Everywhere": Everywhere}
_MARKUP = re.compile(r"(?<!\\)\[/?(?:cyan|bold|dim|yellow|green)\]")


def commands() -> dict[str, Any]:
    """Return every verb, in the order of ``assay --help``."""
    group: Any = typer.main.get_command(app)
    return dict(group.commands)


def options(command: Any) -> list[Any]:
    """Return the options of a verb."""
    return [parameter for parameter in command.params if parameter.opts[0].startswith("-")]


def command_page() -> str:
    """Return the page that describes every verb and every option."""
    verbs = commands()
    rows = [(f"[`{name}`](#assay-{name})", _parts(verb)[0]) for name, verb in verbs.items()]
    blocks: list[list[str] | str] = [
        "# Command line",
        table(["Command", "What it does"], rows),
        "## Words",
        _grammar(),
        "## Exit codes",
        table(
            ["Code", "Meaning"],
            [
                (0, "done"),
                (1, "an error that you can act on; the hint says how"),
                (2, "the command line is wrong"),
                (3, "finished but incomplete; the same line goes on"),
                (4, "another line has to run first; the hint is that line"),
                (130, "interrupted; the same line goes on"),
            ],
        ),
        "Results go to standard output, everything else to standard error.",
        "## Shared options",
        "Verbs that read data, or work on it, take these.",
    ]
    for panel in _SHARED:
        blocks += [f"### {panel}", _options_table(_shared_options(verbs, panel))]
    for name, verb in verbs.items():
        blocks += _verb(name, verb)
    return page(*blocks)


def _grammar() -> str:
    text = inspect.cleandoc(grammar.__doc__ or "")
    return text.partition("\n\n")[2].replace("``", "`")


def _shared_options(verbs: dict[str, Any], panel: str) -> list[Any]:
    found = {
        option.opts[-1]: option
        for verb in verbs.values()
        for option in options(verb)
        if option.rich_help_panel == panel
    }
    return list(found.values())


def _verb(name: str, verb: Any) -> list[list[str] | str]:
    first, examples, rest = _parts(verb)
    blocks: list[list[str] | str] = [f"## assay {name}", first]
    if examples:
        blocks.append(["```console", *(f"$ {line}" for line in examples), "```"])
    if rest:
        blocks.append(rest)
    words = [parameter for parameter in verb.params if parameter not in options(verb)]
    if words:
        described = [(f"`{word.metavar or word.name.upper()}`", word.help or "") for word in words]
        blocks.append(table(["Word", "Meaning"], described))
    own = [option for option in options(verb) if option.rich_help_panel not in _SHARED]
    if own:
        blocks.append(_options_table(own))
    shared = [p for p in _SHARED if any(o.rich_help_panel == p for o in options(verb))]
    if shared:
        links = ", ".join(f"[{panel}](#{panel.lower()})" for panel in shared)
        blocks.append(f"Also takes the options of {links}.")
    return blocks


def _parts(verb: Any) -> tuple[str, list[str], str]:
    """Return the first sentence, the example lines and the rest of a verb's help."""
    text = _MARKUP.sub("", verb.help or "").replace("\\[", "[").replace("``", "`")
    paragraphs = [part for part in text.split("\n\n") if part.strip()]
    examples: list[str] = []
    rest: list[str] = []
    for paragraph in paragraphs[1:]:
        if paragraph.startswith("\b"):
            examples += [line.strip() for line in paragraph.splitlines()[1:]]
        else:
            rest.append(paragraph)
    return " ".join(paragraphs[0].split()), examples, "\n\n".join(rest)


def _options_table(found: list[Any]) -> list[str]:
    rows = []
    for option in found:
        takes = "" if option.is_flag else f" {option.metavar or _value_name(option)}"
        default = "" if option.is_flag or option.default in (None, "") else f"`{option.default}`"
        rows.append((f"`{', '.join(option.opts)}{takes}`", default, option.help or ""))
    return table(["Option", "Default", "Meaning"], rows)


def _value_name(option: Any) -> str:
    kinds = {int: "NUMBER", float: "NUMBER"}
    annotation = option.type_descriptor.annotation
    return kinds.get(annotation, "PATH" if "path" in str(annotation).lower() else "TEXT")
