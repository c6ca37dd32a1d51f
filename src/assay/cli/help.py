"""Help for narrow screens.

The framework stands an option, its value and its meaning side by side, and cuts off words where a
screen has no room for that. Here every option has its line, and its meaning stands beside or below.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup

from assay.cli.console import facts, terminal

_PANELS_FIT = 80
"""Columns from which on the framework cuts nothing off."""
_EXAMPLES = "\b"
"""Begins a paragraph of command lines, one below the other."""


class Verb(TyperCommand):
    """A verb, whose help fits the screen."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        if terminal().out.width >= _PANELS_FIT:
            super().format_help(ctx, formatter)
        else:
            _write(self, ctx, {})


class Verbs(TyperGroup):
    """All verbs, whose help fits the screen."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        if terminal().out.width >= _PANELS_FIT:
            super().format_help(ctx, formatter)
            return
        verbs = [(name, verb, (verb.help or "").partition("\n\n")[0])
                 for name, verb in self.commands.items() if isinstance(verb, Verb)]  # fmt: skip
        _write(self, ctx, _by_panel((verb.rich_help_panel or "Commands", (name, first))
                                    for name, verb, first in verbs))  # fmt: skip


def _write(command: Verb | Verbs, ctx: Any, verbs: dict[str, list[tuple[str, str]]]) -> None:
    page = terminal()
    page.result(command.get_usage(ctx))
    for paragraph in (command.help or "").split("\n\n"):
        page.result()
        for line, style in _lines(paragraph, page.out.width):
            page.result(line, style=style)
    for panel, pairs in (_options(command, ctx) | verbs).items():
        page.result()
        page.result(panel, style="bold")
        page.result(facts(pairs))


def _lines(paragraph: str, width: int) -> Iterator[tuple[str, str]]:
    """Yield the lines of a paragraph, and their style."""
    from rich.text import Text

    from assay.cli.shell import typed_lines
    from assay.folding import fold

    text = Text.from_markup(paragraph.removeprefix(_EXAMPLES)).plain.strip()
    if not paragraph.startswith(_EXAMPLES):
        yield from ((line, "") for line in fold(text, width))
        return
    for example in text.split("\n"):
        first, *others = typed_lines(example.strip(), width, indent=2)
        yield from ((line, "cyan") for line in (f"  {first}", *others))


def _options(command: Verb | Verbs, ctx: Any) -> dict[str, list[tuple[str, str]]]:
    """Return names and meanings of words and options by their panels, those without one first."""
    found = [
        (
            getattr(each, "rich_help_panel", None)
            or ("Arguments" if isinstance(each, TyperArgument) else "Options"),
            each.get_help_record(ctx),
        )
        for each in command.get_params(ctx)
    ]
    panels = _by_panel((panel, record) for panel, record in found if record is not None)
    first = {name: panels[name] for name in ("Arguments", "Options") if name in panels}
    return first | panels


def _by_panel(
    entries: Iterable[tuple[str, tuple[str, str]]],
) -> dict[str, list[tuple[str, str]]]:
    panels: dict[str, list[tuple[str, str]]] = {}
    for panel, entry in entries:
        panels.setdefault(panel, []).append(entry)
    return panels
