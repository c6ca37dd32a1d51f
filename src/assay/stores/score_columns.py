"""Names of a score's columns in the table that is kept of it.

Beside every column stand its reasons and flags, under its name and a word after a dot. A column may
be called anything, such as a class of somebody's model, so what would be taken for one of these is
written otherwise.
"""

from urllib.parse import unquote

import polars as pl

OWN = ("id", "reason", "flags")
"""Columns of a table that are no score's."""


def stored_name(column: str) -> str:
    """Return the name under which a column is kept: its own, unless it is like one of ours."""
    escaped = column.replace("%", "%25").replace(".", "%2E")
    return f"%{ord(column[0]):02X}{column[1:]}" if column in OWN else escaped


def column_name(stored: str) -> str:
    """Return the name of a column that is kept under another, or the same."""
    return unquote(stored)


def beside(column: str, what: str) -> str:
    """Return where the reasons or the flags of a column are kept.

    Args:
        column: its name.
        what: "reason" or "flags".
    """
    return what if column == "value" else f"{stored_name(column)}.{what}"


def columns_in(table: pl.DataFrame) -> list[str]:
    """Return the columns of the score that a table holds, the main one first."""
    return [column_name(name) for name in table.columns if name not in OWN and "." not in name]
