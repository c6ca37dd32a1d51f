"""``assay load``: read data and say what is in it."""

import sys
from typing import TYPE_CHECKING

from assay.cli.app import LOOK, verb
from assay.cli.console import terminal
from assay.cli.options.groups import Everywhere, Loading, Words, Working
from assay.cli.options.opening import open_project

if TYPE_CHECKING:
    from assay.project import Project


@verb(
    "load",
    panel=LOOK,
    examples=(
        "assay load alpaca_data.json",
        "assay load chat=sharegpt.json dolly=dolly.jsonl -p mix",
        "assay load reviews.csv --map 'instruction=Classify: {text}' --map 'response={label}'",
        "assay load tatsu-lab/alpaca --hold-out 1%",
    ),
)
def load(words: Words, reading: Loading, everywhere: Everywhere, working: Working) -> None:
    """Read data, say what is in it, and keep it as a project.

    Finds the format, sets unusable rows aside with the reason, counts duplicates and languages.
    """
    from assay.cli.options.grammar import parse_words
    from assay.cli.printing.loading_report import describe_load, load_tables
    from assay.cli.recording import recorded, write_config
    from assay.errors import UsageError

    parsed = parse_words(words or [], everywhere.project)
    if parsed.methods:
        raise UsageError(
            f"load takes data, and {parsed.methods[0]!r} is a method",
            hint=f"assay score DATA {parsed.methods[0]}",
        )
    project = open_project(parsed.sources, everywhere, reading, working=working)
    with recorded(project, "load", sys.argv[2:]) as run:
        write_config(run, project)
        description = describe_load(project)
    page = terminal()
    if page.settings.as_json:
        page.document(description)
        return
    for part in load_tables(project, description):
        page.result(part)
    _end(project)


def _end(project: "Project") -> None:
    from assay.cli.naming import shown_path
    from assay.cli.printing.next_lines import first_selection
    from assay.progress import format_seconds

    page = terminal()
    page.note(
        f"made {shown_path(project.folder)} in {format_seconds(project.load_seconds)}", style="dim"
    )
    page.next(first_selection(project), "assay methods")
