"""``assay schema``: the JSON schema of configuration files."""

from typing import Annotated

import typer

from assay.cli.app import KEEP, verb
from assay.cli.console import terminal
from assay.cli.options.completion import complete_words
from assay.cli.options.groups import Everywhere

RECORDS = "comparison"


@verb(
    "schema",
    panel=KEEP,
    examples=(
        "assay schema > assay.schema.json",
        "assay schema quota",
        "assay schema comparison",
    ),
)
def schema(
    everywhere: Everywhere,
    method: Annotated[
        str | None,
        typer.Argument(help="One method.", show_default=False, autocompletion=complete_words),
    ] = None,
) -> None:
    """Print the JSON schema of configuration files, or of one method in them.

    An editor that knows it completes methods and parameters, and marks mistakes. Begin a file with
    ``# yaml-language-server: $schema=assay.schema.json``. `comparison` is the schema of the records
    that `assay compare` writes.
    """
    if method == RECORDS:
        from assay.compare.record_schema import comparison_schema

        terminal().document(comparison_schema())
        return
    from assay.config.schema import config_schema, method_schema

    terminal().document(config_schema() if method is None else method_schema(method))
