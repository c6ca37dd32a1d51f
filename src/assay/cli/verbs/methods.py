"""``assay methods``: the catalogue, and one method explained."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.app import LOOK, verb
from assay.cli.console import terminal
from assay.cli.options.groups import Everywhere, Words

if TYPE_CHECKING:
    from assay.components.base import Component

_EXAMPLE = "facility_location"


@verb(
    "methods",
    panel=LOOK,
    examples=(
        "assay methods",
        "assay methods --which",
        "assay methods compression_ifd",
        "assay methods k_center --example",
        "assay methods k_center --bibtex",
        "assay methods my_method.py",
    ),
)
def methods(
    words: Words,
    everywhere: Everywhere,
    bibtex: Annotated[bool, typer.Option("--bibtex", help="Print the citation.")] = False,
    which: Annotated[
        bool, typer.Option("--which", help="Say which one to take, by what you have and want.")
    ] = False,
    example: Annotated[
        bool, typer.Option("--example", help="Work out three rows, number by number.")
    ] = False,
) -> None:
    """List every method by family, or explain some.

    An explanation says what a method measures and how, when to choose it, its parameters, what it
    requires, what that costs, what it was compared with, and the paper to cite.
    """
    from assay.cli.options.grammar import parse_words
    from assay.cli.printing.catalogue import (
        bibtex_entry,
        catalogue,
        describe_method,
        explanation,
        find_all,
    )
    from assay.errors import UsageError

    page = terminal()
    if which:
        _guide(words or [])
        return
    parsed = parse_words(words or [], everywhere.project)
    if parsed.sources:
        raise UsageError(
            f"methods takes no data, and {parsed.sources[0].location!r} is some",
            hint=f"assay load {parsed.sources[0].location}",
        )
    chosen = find_all(parsed.methods)
    if example:
        _work_out(chosen, named=bool(parsed.methods))
    elif page.settings.as_json:
        page.document([describe_method(method) for method in chosen])
    elif bibtex:
        for method in chosen:
            page.result(bibtex_entry(method))
    elif parsed.methods:
        for place, method in enumerate(chosen):
            page.result() if place else None
            for part in explanation(method):
                page.result(part)
    else:
        for part in catalogue(chosen):
            page.result(part)
        page.note()
        page.next("assay methods --which", f"assay methods {_EXAMPLE}")


def _guide(words: Sequence[str]) -> None:
    """Print which method to take.

    Raises:
        UsageError: if a method is named already.
    """
    from assay.cli.printing.which_method import GUIDE, guide_parts
    from assay.errors import UsageError

    if words:
        raise UsageError(f"--which says what to name, and {words[0]!r} is named")
    page = terminal()
    if page.settings.as_json:
        page.document([advice._asdict() for advice in GUIDE])
        return
    for part in guide_parts():
        page.result(part)


def _work_out(chosen: "list[type[Component]]", *, named: bool) -> None:
    """Print the examples of some methods; of those that were not named, where there are any."""
    from assay.cli.printing.method_guide import has_example
    from assay.cli.printing.worked_example import describe_example, example_parts, worked_example

    page = terminal()
    # A name may be that of a score and of a selection, of which one has an example.
    shown = [method for method in chosen if has_example(method)] or (chosen if named else [])
    if page.settings.as_json:
        page.document([describe_example(method) for method in shown])
        return
    for place, method in enumerate(shown):
        page.result() if place else None
        for part in example_parts(method, worked_example(method)):
            page.result(part)
