"""``assay export``: write a selection that was made before."""

from assay.cli.app import KEEP, verb
from assay.cli.console import terminal
from assay.cli.options.groups import Everywhere, Words
from assay.cli.options.writing import Writing


@verb(
    "export",
    panel=KEEP,
    examples=(
        "assay export alpaca_data.json random-5pct -o subset.json",
        "assay export alpaca_data.json random-5pct --format axolotl -o subset.jsonl",
    ),
)
def export(words: Words, writing: Writing, everywhere: Everywhere) -> None:
    """Write a selection that was made before, as it came or for a trainer."""
    from assay.cli.naming import shown_path
    from assay.cli.options.names import open_named
    from assay.cli.options.replacing import check_export
    from assay.cli.options.writing import check_output, output_path, write_selection
    from assay.errors import UsageError
    from assay.workspace.stored import stored_selection

    if writing.output is None:
        raise UsageError("export needs a place to write to", hint="add -o subset.json")
    check_output(writing)
    project, names = open_named(words or [], everywhere, as_loaded=True)
    if not names:
        raise UsageError("no selection is named", hint="`assay status` lists them")
    page = terminal()
    written = []
    for name in names:
        path = output_path(writing, name if len(names) > 1 else "")
        selection = stored_selection(project, name)
        assert path is not None  # noqa: S101  an output was named above
        check_export(project, path, writing.layout_out, yes=everywhere.yes)
        made = write_selection(selection, path, writing)
        written.append(
            {
                "selection": name,
                "samples": len(selection),
                "written": made.paths,
                "export": made.facts,
            }
        )
        for one in made.paths:
            page.note(f"wrote {shown_path(one)}")
        lacking = len(made.facts["not_written"])
        count = (
            f"{len(selection) - lacking:,} of {len(selection):,}"
            if lacking
            else f"{len(selection):,}"
        )
        page.note(f"{count} samples of {name}", style="dim")
    if page.settings.as_json:
        page.document(written)
