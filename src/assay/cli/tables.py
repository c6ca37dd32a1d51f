"""Tables and lists of facts that fit the screen they are printed on.

What a reader looks for stays at any width: the names that a line stands under, and every number,
are never cut. Where space is short, other text folds, columns go into a second table below the
first, beside the same names, and at last each row becomes a list of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from assay.folding import display_width, fold, longest_word, padded, shortened

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

Kind = Literal["name", "number", "text", "excerpt"]
"""What a column holds: the names of the lines, numbers, text that folds, or the beginnings of long
texts, which end in an ellipsis where they must."""

_GAP = 3
_INDENT = "  "
_LEAST_TEXT = 4
"""A column of text gets a quarter of the screen, if it needs as much."""
_LEAST_EXCERPT = 16
_MOST_WORD = 3
"""A word takes a third of the screen before it is divided. Names are not divided where the screen
holds them; what stands beside them has a third of it at least."""
_USUAL_LABEL = 24


@dataclass(frozen=True)
class Column:
    """A column: its heading, what it holds, and its cells from top to bottom."""

    heading: str
    kind: Kind
    cells: Sequence[str]

    @property
    def natural(self) -> int:
        """Return the width at which nothing has to fold."""
        return max(map(display_width, (self.heading, *self.cells)))

    def least(self, screen: int) -> int:
        """Return the width below which it should not be."""
        if self.kind == "number":
            heading = min(longest_word(self.heading), screen // _MOST_WORD)
            return max(heading, *map(display_width, self.cells), 1)
        if self.kind == "excerpt":
            return min(self.natural, _LEAST_EXCERPT)
        word = max(map(longest_word, (self.heading, *self.cells)))
        if self.kind == "name":
            return max(1, min(word, screen))
        return min(self.natural, max(min(word, screen // _MOST_WORD), screen // _LEAST_TEXT))

    def lines(self, text: str, width: int) -> list[str]:
        """Return a cell of this column, or its heading, as lines."""
        if self.kind == "excerpt":
            return [shortened(text, width)]
        return fold(text, width)


@dataclass(frozen=True)
class Table:
    """A table with a line under its headings.

    Attributes:
        columns: from left to right.
        title: what stands above it.
        names: how many columns, from the left, say what a line is about.
    """

    columns: Sequence[Column]
    title: str = ""
    names: int = 1

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[Text]":
        """Yield its lines, none of them wider than the console."""
        screen = options.max_width
        for line in fold(self.title, screen) if self.title else ():
            yield _line((line, "bold"))
        columns = [column for column in self.columns if column.heading.strip() or any(column.cells)]
        bands = _bands(columns, min(self.names, len(columns)), screen)
        if bands is None:
            yield from _records(columns, self.names, screen)
            return
        for place, band in enumerate(bands):
            if place:
                yield _line()
            yield from _band_lines(band, _widths(band, screen))


@dataclass(frozen=True)
class Facts:
    """Labels and what they stand for."""

    pairs: Sequence[tuple[str, str]] = field(default_factory=tuple)

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[Text]":
        """Yield its lines, none of them wider than the console."""
        yield from _fact_lines(self.pairs, options.max_width)


def _line(*parts: tuple[str, str]) -> "Text":
    """Return one line of text with styles, as it is."""
    from rich.text import Text

    line = Text.assemble(*parts, no_wrap=True, overflow="ignore")
    line.rstrip()
    return line


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _bands(columns: Sequence[Column], names: int, screen: int) -> list[list[Column]] | None:
    """Return columns as tables that fit, the names in each; None if even one column does not."""
    keys, others = list(columns[:names]), columns[names:]
    if others and _total([key.least(screen) for key in keys]) > screen - screen // _MOST_WORD:
        return None
    bands = [list(keys)]
    for column in others:
        if _fits([*bands[-1], column], screen):
            bands[-1].append(column)
        elif _fits([*keys, column], screen):
            bands.append([*keys, column])
        else:
            return None
    return bands


def _fits(columns: Sequence[Column], screen: int) -> bool:
    return _total([column.least(screen) for column in columns]) <= screen


def _widths(columns: Sequence[Column], screen: int) -> list[int]:
    """Return a width for each column: the least, and of what is left a share to those in need."""
    widths = [column.least(screen) for column in columns]
    left = screen - _total(widths)
    for kinds in (("name", "number"), ("text", "excerpt")):
        while True:
            needy = [place for place, column in enumerate(columns)
                     if column.kind in kinds and widths[place] < column.natural]  # fmt: skip
            if not needy or left <= 0:
                break
            share = max(1, left // len(needy))
            for place in needy:
                more = min(share, columns[place].natural - widths[place], left)
                widths[place] += more
                left -= more
    return widths


def _band_lines(columns: Sequence[Column], widths: Sequence[int]) -> "Iterator[Text]":
    heads = [column.lines(column.heading, width)
             for column, width in zip(columns, widths, strict=True)]  # fmt: skip
    yield from _row_lines(columns, heads, widths, style="dim", below=True)
    yield _line(("─" * _total(widths), ""))
    for cells in zip(*(column.cells for column in columns), strict=True):
        shown = [column.lines(cell, width)
                 for column, cell, width in zip(columns, cells, widths, strict=True)]  # fmt: skip
        yield from _row_lines(columns, shown, widths)


def _row_lines(
    columns: Sequence[Column],
    cells: Sequence[list[str]],
    widths: Sequence[int],
    *,
    style: str = "",
    below: bool = False,
) -> "Iterator[Text]":
    """Yield the lines of one row; with `below`, lines that are fewer stand at its bottom."""
    height = max(map(len, cells))
    for number in range(height):
        parts = []
        for column, lines, width in zip(columns, cells, widths, strict=True):
            place = number - (height - len(lines) if below else 0)
            text = lines[place] if 0 <= place < len(lines) else ""
            parts.append(padded(text, width, right=column.kind == "number"))
        yield _line(((" " * _GAP).join(parts), style))


def _records(columns: Sequence[Column], names: int, screen: int) -> "Iterator[Text]":
    """Yield each row as its names and, below them, what stands in its other columns."""
    headings = [column.heading for column in columns]
    yield from _name_lines(headings[:names], screen, "dim")
    yield _line(("─" * screen, ""))
    for place, cells in enumerate(zip(*(column.cells for column in columns), strict=True)):
        if place:
            yield _line()
        yield from _name_lines(cells[:names], screen, "bold")
        pairs = [pair for pair in zip(headings[names:], cells[names:], strict=True) if pair[1]]
        yield from _fact_lines(pairs, screen, _INDENT)


def _name_lines(names: Sequence[str], screen: int, style: str) -> "Iterator[Text]":
    """Yield names on one line where it holds them, else one below the other."""
    given = [name for name in names if name]
    together = (" " * _GAP).join(given)
    for name in [together] if display_width(together) <= screen else given:
        for line in fold(name, screen):
            yield _line((line, style))


def _fact_lines(
    pairs: Sequence[tuple[str, str]], screen: int, indent: str = ""
) -> "Iterator[Text]":
    """Yield labels with what they stand for beside them, or below where there is more room."""
    most = max(_USUAL_LABEL, screen // _MOST_WORD)
    labels = [display_width(label) for label, _ in pairs if display_width(label) <= most]
    beside = max(labels, default=0)
    for label, value in pairs:
        room = screen - len(indent) - beside - len(_INDENT)
        if display_width(label) <= most and longest_word(value) <= room:
            first, *others = fold(value, room)
            yield _line((f"{indent}{padded(label, beside)}{_INDENT}", "dim"), (first, ""))
            for line in others:
                yield _line((" " * (screen - room) + line, ""))
            continue
        for line in fold(label, screen - len(indent)):
            yield _line((indent + line, "dim"))
        for line in fold(value, screen - len(indent) - len(_INDENT)):
            yield _line((indent + _INDENT + line, ""))
