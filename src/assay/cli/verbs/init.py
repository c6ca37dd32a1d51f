"""``assay init``: write a first configuration."""

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.app import KEEP, verb
from assay.cli.console import terminal
from assay.cli.options.groups import Everywhere, Loading


@verb(
    "init",
    panel=KEEP,
    examples=(
        "assay init alpaca_data.json",
        "assay init reviews.csv --map 'instruction=Classify: {text}' --map 'response={label}'",
        "assay init tatsu-lab/alpaca -o alpaca.yaml",
    ),
)
def init(
    everywhere: Everywhere,
    reading: Loading,
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
    import dataclasses
    import os

    from assay.cli.console import confirmed
    from assay.cli.naming import shown_path, typed_path
    from assay.cli.options.grammar import parse_assignments
    from assay.cli.options.parsing import parse_share
    from assay.cli.printing.next_lines import joined
    from assay.config.proposal import find_data, initial_config, look_at, stem_of
    from assay.errors import DataError
    from assay.files import write_text
    from assay.formats.records import SourceSpec

    if output.exists() and not confirmed(f"write over {output}?", yes=everywhere.yes):
        raise DataError(f"{output} exists", hint="name another file with -o, or add -y")
    location = find_data(Path()) if source is None else source
    spec = SourceSpec(
        location,
        config=reading.config,
        split=reading.split,
        revision=reading.revision,
        layout=reading.layout,
        mapping=dict(parse_assignments(reading.mapping, "--map")) if reading.mapping else None,
    )
    seen = look_at(spec, offline=everywhere.offline)
    if Path(location).exists():
        spec = dataclasses.replace(spec, location=os.path.relpath(location, output.parent))
    most, folder = reading.max_set_aside, everywhere.project
    text = initial_config(
        spec,
        seen,
        stem=stem_of(location),
        project=None if folder is None else os.path.relpath(folder, output.parent),
        hold_out=parse_share(reading.hold_out, "--hold-out") if reading.hold_out else 0.0,
        max_set_aside=parse_share(most, "--max-set-aside") if most else None,
    )
    write_text(output, text)
    page = terminal()
    if page.settings.as_json:
        page.document({"file": str(output), "rows": seen.rows, "set_aside": seen.set_aside,
                       "fields": seen.fields, "languages": dict(seen.languages)})  # fmt: skip
        return
    page.result(f"wrote {shown_path(output)} for {seen.rows:,} rows of {location}")
    page.next(joined("run", typed_path(output), "-n"), joined("run", typed_path(output)))
