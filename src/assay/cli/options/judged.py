"""Options about records of judges, and the file that they stand in."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from assay.formats.judged.layout import JudgedLayout
    from assay.formats.judged.tables import JudgedTable
    from assay.project import Project
    from assay.workspace.judged_import import JudgedColumn

_PANEL = "Records of judges"


@dataclass(frozen=True)
class Judging:
    """Options that say how records of judges are read."""

    judged: Annotated[
        str | None,
        typer.Option(metavar="LAYOUT", show_default=False, rich_help_panel=_PANEL,
                     help="Layout of the records, instead of finding it."),
    ] = None  # fmt: skip
    candidate: Annotated[
        int | None,
        typer.Option(metavar="1|2", min=1, max=2, show_default=False, rich_help_panel=_PANEL,
                     help="Of two answers, the one that the numbers are about."),
    ] = None  # fmt: skip
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=VALUE", show_default=False, rich_help_panel=_PANEL,
                     help="Take records that say this, such as turn=1. Repeatable."),
    ] = None  # fmt: skip
    swapped: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, rich_help_panel=_PANEL,
                     help="The same pairs judged in the other order."),
    ] = None  # fmt: skip
    rows: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, rich_help_panel=_PANEL,
                     help="Data set that scores without ids were made for, a score a row."),
    ] = None  # fmt: skip
    beside: Annotated[
        str | None,
        typer.Option(metavar="SCORE", show_default=False, rich_help_panel=_PANEL,
                     help="Say how far the numbers agree with this score of the project."),
    ] = None  # fmt: skip


@dataclass(frozen=True)
class JudgedFile:
    """A file of judge records that was read.

    Attributes:
        path: of the file.
        column: the one that is taken.
        table: all that it says.
    """

    path: Path
    column: str
    table: "JudgedTable"

    def written(
        self, project: "Project", copy: Path, key: tuple[str, str] | None
    ) -> "tuple[dict[str, Any], JudgedColumn]":
        """Write the column as a plain table, and return how that is read, and what it holds."""
        from assay.pool.view import PoolView
        from assay.workspace.judged_import import (
            REASON,
            Key,
            described_verdicts,
            judged_column,
        )

        chosen = None if key is None else Key(*key)  # type: ignore[arg-type]  # as checked before
        found = judged_column(PoolView(project.pool), self.table, self.column, chosen)
        found.frame.write_parquet(copy)
        return {
            "column": found.column,
            "match": found.key.match,
            "key": found.key.column,
            "part": found.key.part,
            "reason_column": REASON,
            **described_verdicts(self.table.verdicts()),
        }, found


def judged_file(path: Path, column: str, judging: Judging) -> JudgedFile | None:
    """Return what a file of judge records says; None if it is a plain table.

    A file is a plain table where a column is named that it has.

    Raises:
        UsageError: if an option about judge records is given with a plain table.
        FormatError: if the file cannot be read.
    """
    from assay.errors import UsageError
    from assay.formats.judged.reading import read_judged

    layout = _layout(path, column, judging)
    if layout is None:
        given = next((name for name in ("candidate", "where", "swapped", "rows")
                      if getattr(judging, name)), None)  # fmt: skip
        if given is not None:
            raise UsageError(
                f"--{given} is about records of judges, and {path} is a plain table",
                hint="--judged LAYOUT, if it is one of these",
            )
        return None
    if judging.swapped is not None and not judging.swapped.is_file():
        raise UsageError(f"--swapped {str(judging.swapped)!r} is not a file")
    table = read_judged(
        path,
        layout=layout.name,
        candidate=judging.candidate,
        where=where_of(judging.where),
        swapped=judging.swapped,
        rows_of=judging.rows,
    )
    return JudgedFile(path, column or layout.main, table)


def _layout(path: Path, column: str, judging: Judging) -> "JudgedLayout | None":
    from assay.errors import FormatError
    from assay.formats.columns import column_names
    from assay.formats.judged.layouts import judged_layout
    from assay.formats.judged.plain_pickle import is_pickled
    from assay.formats.judged.reading import layout_of

    if judging.judged is not None:
        return judged_layout(judging.judged)
    try:
        if column and not is_pickled(path) and column in column_names(path):
            return None
    except FormatError:
        pass  # judge records may be read where a line of them is broken; others are refused later
    try:
        return layout_of(path)
    except FormatError:
        if is_pickled(path):
            raise
        return None


def where_of(given: Sequence[str] | None) -> dict[str, str]:
    """Return the fields that records must have, and what these must say.

    Raises:
        UsageError: if one is not written FIELD=VALUE.
    """
    from assay.errors import UsageError

    found: dict[str, str] = {}
    for each in given or []:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise UsageError(f"--where {each!r}", hint="FIELD=VALUE, such as turn=1")
        found[name] = value
    return found
