"""Datasets side by side, for people."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from assay.assessment.figures import Figure, figures, pair_tables
from assay.assessment.records import Assessment
from assay.cli.console import Column, table
from assay.wording import plain

if TYPE_CHECKING:
    from rich.console import RenderableType


def assessment_parts(found: Assessment) -> "Iterator[RenderableType]":
    """Yield what a person reads about datasets side by side."""
    from rich.padding import Padding
    from rich.text import Text

    for each in found.datasets:
        yield Text(plain(each.name), style="bold")
        for remark in each.remarks:
            yield Padding(Text(plain(f"- {remark}")), (0, 0, 0, 2))
    names = [each.name for each in found.datasets]
    for title, rows in figures(found):
        yield Text()
        yield table(_columns(title, names), [_cells(row) for row in rows])
    for title, what, cells in pair_tables(found):
        yield Text()
        yield table(
            _columns("", names),
            [(name, *row) for name, row in zip(names, cells, strict=True)],
            title=f"{title}: {what}",
        )
    for note in [*(f"left out: {reason}" for reason in found.left_out), *found.notes]:
        yield Text()
        yield Text(plain(note), style="yellow")


def _columns(title: str, names: Sequence[str]) -> list[Column]:
    return [title, *((name, "right") for name in names)]


def _cells(row: Figure) -> list[str]:
    return [row.name, *row.cells]
