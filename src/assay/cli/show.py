"""``assay show``: rows to read, with their scores and what became of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.app import LOOK, Everywhere, Words, verb
from assay.console import terminal

if TYPE_CHECKING:
    from assay.project import Project

_RANDOM_ROWS = 3


@verb(
    "show",
    panel=LOOK,
    examples=(
        "assay show alpaca_data.json",
        "assay show alpaca_data.json 0059a1b2c3d4e5f6",
        "assay show alpaca_data.json random-5pct --limit 5",
        "assay show alpaca_data.json compression_ifd",
    ),
)
def show(
    words: Words,
    everywhere: Everywhere,
    limit: Annotated[
        int, typer.Option(min=1, help="Rows to show of a selection or a score.")
    ] = 10,
    full: Annotated[
        bool, typer.Option("--full", help="Show long texts to their end.")
    ] = False,
) -> None:  # fmt: skip
    """Show rows by id, the first of a selection, the ends of a score, or a few at random.

    The beginning of an id is enough. A row comes with its scores, its place among all rows by
    each, and why selections took it or left it.
    """
    from assay.cli.names import open_named
    from assay.stored import find_result, row_ids

    project, names = open_named(words or [], everywhere)
    if not names:
        names = row_ids(project.pool.ids[:_RANDOM_ROWS])
    ids = [row_id for name in names for row_id in _ids(project, name)]
    if ids:
        _show_rows(project, ids, full=full)
    listed = [find_result(project, name) for name in names if not _ids(project, name)]
    for result in listed:
        _show_list(project, result.name, result.kind, limit)


def _ids(project: "Project", word: str) -> list[int]:
    """Return the row whose id begins with a word, if it looks like an id at all."""
    from assay.stored import rows_with_prefix

    return rows_with_prefix(project, word)


def _show_rows(project: "Project", ids: Sequence[int], *, full: bool) -> None:
    from assay.cli.rows_report import describe_row, row_parts

    page = terminal()
    described = [describe_row(project, row_id) for row_id in ids]
    if page.settings.as_json:
        page.document(described)
        return
    for place, row in enumerate(described):
        page.result() if place else None
        for part in row_parts(row, full=full):
            page.result(part)


def _show_list(project: "Project", name: str, kind: str, limit: int) -> None:
    from assay.cli.arguments import shown_source
    from assay.cli.rows_report import listed_rows, listing
    from assay.pool import format_id

    page = terminal()
    rows: list[dict[str, Any]] = listed_rows(project, name, kind, limit)
    if page.settings.as_json:
        page.document({"name": name, "kind": kind, "rows": rows})
        return
    page.result(listing(name, kind, rows))
    if rows:
        page.next(f"assay show {shown_source(project)} {format_id(int(rows[0]['id'], 16))[:8]}")
