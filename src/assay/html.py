"""Markup of a page that stands alone: text is text, whatever it says, and nothing is fetched.

`element` escapes every child that is not `Html` already, so a row of a dataset can only ever be
text on the page. `document` adds the frame: a policy that forbids scripts, forms and the network.
`page` has a style besides that follows the reader's light or dark setting.
"""

import html
import re
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from assay.wording import plain

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_VOID = {"br", "hr", "meta"}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


class Html(str):
    """Markup that may stand in a page as it is."""

    __slots__ = ()


Child: TypeAlias = "str | Iterable[Child] | None"
Column: TypeAlias = str | tuple[str, Literal["left", "right"]]
"""Heading of a column; numbers stand right."""


def escaped(text: str) -> Html:
    """Return text as markup that shows it, control and direction characters made visible."""
    return text if isinstance(text, Html) else Html(html.escape(plain(text), quote=False))


def joined(parts: Iterable[Child]) -> Html:
    """Return parts one after the other: text escaped, markup as it is, None left out."""
    shown = []
    for part in parts:
        if isinstance(part, str):
            shown.append(escaped(part))
        elif part is not None:
            shown.append(joined(part))
    return Html("".join(shown))


def element(name: str, /, *children: Child, **attributes: str | float | None) -> Html:
    """Return an element; text among the children and in attributes is escaped.

    Args:
        name: of the element.
        children: text, markup, or iterables of these; None is left out.
        attributes: an underscore stands for a hyphen, one at the end is dropped (`class_`);
            None leaves the attribute out.

    Raises:
        ValueError: if a name is none.
    """
    written = [_checked(name)]
    for key, value in attributes.items():
        if value is not None:
            shown = value if isinstance(value, str) else number(value)
            quoted = html.escape(plain(shown), quote=True)
            written.append(f'{_checked(key.rstrip("_").replace("_", "-"))}="{quoted}"')
    opening = f"<{' '.join(written)}>"
    return Html(opening if name in _VOID else f"{opening}{joined(children)}</{name}>")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of an element or attribute")
    return name


def number(value: float) -> str:
    """Return a number as attributes hold it: at most two places after the point."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


def table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[Child]],
    *,
    class_: str | None = None,
    heading_cells: bool = True,
) -> Html:
    """Return a table that scrolls sideways by itself where the page is narrow.

    Args:
        columns: headings.
        rows: cells, as many as columns.
        class_: class of the table.
        heading_cells: whether the first cell of a row is its heading.
    """
    named = [(column, "left") if isinstance(column, str) else column for column in columns]
    head = (element("th", text, scope="col", class_=_side(side)) for text, side in named)
    body = []
    for row in rows:
        cells = []
        for place, (cell, (heading, side)) in enumerate(zip(row, named, strict=True)):
            if place == 0 and heading_cells:
                cells.append(element("th", cell, scope="row"))
            elif isinstance(cell, Html) and cell.startswith("<td"):
                cells.append(cell)
            else:
                label = heading if isinstance(heading, str) else None
                cells.append(element("td", cell, class_=_side(side), data_label=label))
        body.append(element("tr", *cells))
    whole = element(
        "table",
        element("thead", element("tr", *head)),
        element("tbody", *body),
        class_=class_,
    )
    return element("div", whole, class_="scroll")


def _side(side: str) -> str | None:
    return "number" if side == "right" else None


def section(title: str, *children: Child, id_: str | None = None) -> Html:
    """Return a part of a page under its heading."""
    return element("section", element("h2", title), *children, id=id_)


def page(title: str, *children: Child, style: str = "", language: str = "en") -> str:
    """Return a whole page in one file.

    Args:
        title: of the window.
        children: what stands in the page's body.
        style: rules besides the common ones; written by us, never taken from data.
        language: of the page, ISO 639-1.
    """
    body = element("main", *children)
    return document(title, body, style=STYLE + style, language=language)


def document(title: str, *children: Child, style: str, language: str = "en") -> str:
    """Return a whole page in one file, with rules of its own alone.

    Args:
        title: of the window.
        children: the page's body.
        style: all its rules; written by us, never taken from data.
        language: of the page, ISO 639-1.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", title),
        element("style", Html(style)),
    )
    whole = element("html", "\n", head, "\n", element("body", *children), "\n", lang=language)
    return f"<!doctype html>\n{whole}\n"


STYLE = """
:root {
  --paper: #ffffff; --ink: #1c1c1e; --soft: #5f6368; --line: #dadce0; --panel: #f6f7f9;
  --heat: 0, 114, 178; --accent: #0072b2;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #a0568c; --c4: #2f8fc4; --c5: #b07a00;
  --c6: #5b5fc7; --c7: #7a7a7a;
  --p0: #332288; --p1: #ccb752; --p2: #117733; --p3: #79bfe6; --p4: #882255; --p5: #44aa99;
  --p6: #8a8a2b; --p7: #b4b7bb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181b; --ink: #e8eaed; --soft: #9aa0a6; --line: #3c4043; --panel: #1f2226;
    --heat: 86, 180, 233; --accent: #56b4e9;
    --c0: #56b4e9; --c1: #f08a4b; --c2: #35c79c; --c3: #dd9bc3; --c4: #8fd0f5; --c5: #e6b03c;
    --c6: #a3a6f0; --c7: #a8a8a8;
    --p0: #8f86d6; --p1: #ddcc77; --p2: #4fa56b; --p3: #88ccee; --p4: #c0699c; --p5: #66c2b0;
    --p6: #b9b94f; --p7: #5f6368;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main { max-width: 1120px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; font-weight: 650; }
h2 { font-size: 21px; margin: 44px 0 12px; font-weight: 650; }
h3 { font-size: 16px; margin: 0 0 6px; font-weight: 650; overflow-wrap: anywhere; }
p { margin: 0 0 10px; max-width: 75ch; }
.soft, figcaption, .note { color: var(--soft); font-size: 14px; }
.scroll { overflow-x: auto; margin: 0 0 14px; }
table { border-collapse: collapse; font-size: 14.5px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 5px 14px 5px 0; vertical-align: top; font-weight: 400; }
thead th { color: var(--soft); border-bottom: 1px solid var(--line); vertical-align: bottom; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
tbody th { color: var(--soft); }
.number { text-align: right; white-space: nowrap; }
figure { margin: 0; min-width: 0; }
figcaption { margin-bottom: 6px; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
svg text.name { fill: var(--ink); }
svg .axis { stroke: var(--line); stroke-width: 1; fill: none; }
svg .mark { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 3 3; fill: none; }
.grid { display: grid; gap: 28px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); }
.grid > *, .cards > * { min-width: 0; }
.swatch { display: inline-block; width: .75em; height: .75em; border-radius: 2px;
  margin-right: .45em; vertical-align: -.02em; }
details { margin: 0 0 10px; }
h1, summary, p, li { overflow-wrap: anywhere; }
@media (max-width: 640px) {
  main { padding: 20px 16px 48px; }
  .stacked, .stacked tbody, .stacked tr, .stacked th, .stacked td { display: block; }
  .stacked thead { display: none; }
  .stacked tbody tr + tr > * { border-top: 0; }
  .stacked tbody tr + tr { border-top: 1px solid var(--line); }
  .stacked tr { padding: 6px 0; }
  .stacked th, .stacked td { padding: 1px 0; max-width: none; min-width: 0; }
  .stacked td[data-label] { display: flex; justify-content: space-between; gap: 14px;
    text-align: right; white-space: normal; overflow-wrap: normal; }
  .stacked td[data-label]::before { content: attr(data-label); color: var(--soft);
    text-align: left; overflow-wrap: anywhere; flex: 0 9 auto; min-width: 5em; max-width: 55%; }
}
summary { cursor: pointer; }
@media print { main { max-width: none; padding: 0; } section { break-inside: avoid; } }
"""
"""Rules that every page has: colours as variables, so that charts follow light and dark.

``--c0`` to ``--c6`` are for things that are compared, ``--p0`` to ``--p6`` for the parts that one
thing consists of, number 7 for the rest. They are after the palettes of Okabe and Ito and of Tol,
whose colours differ in lightness, too, so that any kind of colour vision tells them apart.
"""
