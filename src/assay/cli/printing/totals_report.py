"""What is printed of all rows together."""

from typing import TYPE_CHECKING

from assay.cli.console import table, terminal

if TYPE_CHECKING:
    from assay.components.totals import Totals


def print_totals(name: str, totals: "Totals") -> None:
    """Print numbers of all rows, a line each; nothing if there are none.

    Args:
        name: of the score's result.
        totals: its tables.
    """
    if not totals:
        return
    lines = [
        (group, heading, f"{number:.3f}")
        for group, numbers in totals.items()
        for heading, number in numbers.items()
    ]
    title = f"{name}, all rows together"
    terminal().result(table(["table", "name", ("value", "right")], lines, title=title, names=2))
