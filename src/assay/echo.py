"""What Python and notebooks echo of a value: a line that says what it is, and a small table.

A value is often the last expression of a cell, and may hold a million numbers or the text of a
hostile row. Its repr is one line; what a notebook shows is made with the kit of all pages, so text
is text.
"""

import reprlib
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, Protocol, TypeVar

from assay.html import Child, Column, Html, element, joined, table
from assay.wording import cell_text, one_line

_TEXT = 72
_CELL = 160
_CARDS = 10


class _Short(reprlib.Repr):
    """A repr that tells what arrays and columns are instead of what they hold."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = 4
        self.maxstring = self.maxother = _TEXT

    def repr_ndarray(self, value: Any, level: int) -> str:
        """Return the shape and type of an array."""
        return f"<{' x '.join(map(str, value.shape)) or 'one'} {value.dtype}>"

    def repr_Series(self, value: Any, level: int) -> str:  # noqa: N802  the name of the type
        """Return the length and type of a column."""
        return f"<{len(value)} {value.dtype}>"

    def repr_DataFrame(self, value: Any, level: int) -> str:  # noqa: N802
        """Return the shape of a table."""
        return f"<table of {value.height} rows>"


_short = _Short()


def brief(value: object) -> str:
    """Return a repr of a few dozen characters, whatever the value holds."""
    return _short.repr(value)


class Brief:
    """Base of dataclasses whose repr is one line, whatever their fields hold.

    A dataclass has to be declared with ``repr=False`` to have it from here.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        reported = ((each.name, getattr(self, each.name)) for each in fields(self) if each.repr)  # type: ignore[arg-type]
        shown = ", ".join(f"{name}={brief(value)}" for name, value in reported)
        return f"{type(self).__name__}({shown})"


def card(
    title: str,
    facts: Iterable[tuple[str, object]],
    columns: Sequence[Column] = (),
    rows: Iterable[Sequence[object]] = (),
) -> str:
    """Return what a notebook shows of a value; every word is escaped, long ones are shortened.

    Args:
        title: what it is.
        facts: labels and what they stand for; None is left out.
        columns: headings of a table; none for no table.
        rows: its cells.
    """
    reported = [(label, value) for label, value in facts if value is not None]
    parts: list[Child] = [element("strong", _cell(title))]
    if reported:
        lines = ([element("dt", label), element("dd", _cell(value))] for label, value in reported)
        parts.append(element("dl", *(joined(pair) for pair in lines)))
    if columns:
        cells = ([_cell(value) for value in row] for row in rows)
        parts.append(table(columns, cells, class_="dataframe", heading_cells=False))
    return element("div", *parts, class_="assay")


class _HasCard(Protocol):
    def _repr_html_(self) -> str: ...


_Shown = TypeVar("_Shown", bound=_HasCard)


class Cards(list[_Shown]):
    """A list of which a notebook shows the cards, where it shows nothing of another list."""

    def _repr_html_(self) -> str:
        cards = [Html(each._repr_html_()) for each in self[:_CARDS]]
        rest = element("div", f"and {len(self) - _CARDS:,} more") if len(self) > _CARDS else None
        return element("div", *cards, rest)


def _cell(value: object) -> str:
    return one_line(cell_text(value), _CELL)
