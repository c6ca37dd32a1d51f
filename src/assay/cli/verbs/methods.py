"""``assay methods``: the catalogue, and one method explained."""

from typing import Annotated

import typer

from assay.cli.app import LOOK, verb
from assay.cli.console import terminal
from assay.cli.options.groups import Everywhere, Words

_EXAMPLE = "facility_location"


@verb(
    "methods",
    panel=LOOK,
    examples=(
        "assay methods",
        "assay methods compression_ifd",
        "assay methods k_center --bibtex",
        "assay methods my_method.py",
    ),
)
def methods(
    words: Words,
    everywhere: Everywhere,
    bibtex: Annotated[bool, typer.Option("--bibtex", help="Print the citation.")] = False,
) -> None:
    """List every method by family, or explain some.

    An explanation says what a method measures, its parameters, what it requires, what that costs,
    and the paper to cite.
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
    parsed = parse_words(words or [], everywhere.project)
    if parsed.sources:
        raise UsageError(
            f"methods takes no data, and {parsed.sources[0].location!r} is some",
            hint=f"assay load {parsed.sources[0].location}",
        )
    chosen = find_all(parsed.methods)
    if page.settings.as_json:
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
        page.next(f"assay methods {_EXAMPLE}")
