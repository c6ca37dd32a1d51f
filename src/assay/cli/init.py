"""``assay init``: write a first configuration."""

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.app import KEEP, Everywhere, verb
from assay.console import terminal


@verb(
    "init",
    panel=KEEP,
    examples=("assay init alpaca_data.json", "assay init tatsu-lab/alpaca -o alpaca.yaml"),
)
def init(
    everywhere: Everywhere,
    source: Annotated[
        str | None,
        typer.Argument(help="Data; the only data file here by default.", show_default=False),
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="File to write.")
    ] = Path("assay.yaml"),
) -> None:  # fmt: skip
    """Write a commented configuration for the data it sees; it runs as it is.

    Format, fields, rows and languages are found out; budget and methods are a suggestion.
    """
    import os

    from assay.cli.arguments import shown_path
    from assay.config_init import find_data, initial_config, look_at, stem_of
    from assay.console import confirmed
    from assay.errors import DataError
    from assay.files import write_text
    from assay.formats.records import SourceSpec

    if output.exists() and not confirmed(f"write over {output}?", yes=everywhere.yes):
        raise DataError(f"{output} exists", hint="name another file with -o, or add -y")
    location = find_data(Path()) if source is None else source
    seen = look_at(SourceSpec(location), offline=everywhere.offline)
    local = Path(location).exists()
    named = os.path.relpath(location, output.parent) if local else location
    write_text(output, initial_config(named, seen, stem=stem_of(location)))
    page = terminal()
    if page.settings.as_json:
        page.document({"file": str(output), "rows": seen.rows, "set_aside": seen.set_aside,
                       "fields": seen.fields, "languages": dict(seen.languages)})  # fmt: skip
        return
    page.result(f"wrote {shown_path(output)} for {seen.rows:,} rows of {location}")
    page.next(f"assay run {output} -n", f"assay run {output}")
