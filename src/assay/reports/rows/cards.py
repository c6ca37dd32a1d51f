"""Rows to read: what was asked and answered, with a line that says why the row is shown."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from assay.html import Html, element
from assay.pool.pool import Pool, format_id
from assay.samples import IndexArray

_ASKED = 600
_ANSWERED = 1200


class Shown(NamedTuple):
    """A row to show, and what is said of it."""

    position: int
    notes: Sequence[str]


def cards(pool: Pool, rows: Iterable[Shown]) -> Html:
    """Return a card per row; long texts are cut, and how much is left is said."""
    shown = list(rows)
    places = np.unique(np.array([row.position for row in shown], np.int64))
    found = dict(zip(places.tolist(), pool.conversations(places), strict=True))
    drawn = []
    for row in shown:
        conversation = found[row.position]
        head = element(
            "p",
            element("code", format_id(int(pool.ids[row.position]))[:8]),
            *(element("span", note) for note in row.notes),
            class_="head",
        )
        asked = element("div", _cut(conversation.prompt, _ASKED), class_="asked")
        answered = element("div", _cut(conversation.responses, _ANSWERED), class_="answered")
        drawn.append(element("article", head, asked, answered, class_="row"))
    return element("div", *drawn, class_="rows")


def evenly(rows: IndexArray, count: int) -> list[int]:
    """Return at most `count` of some rows, in their order and at even distances."""
    if len(rows) <= count:
        return rows.tolist()
    return rows[np.linspace(0, len(rows) - 1, count).astype(np.int64)].tolist()


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} … ({len(text) - most:,} characters more)"


STYLE = """
.rows { display: grid; gap: 14px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); }
.row { background: var(--panel); border-radius: 8px; padding: 12px 14px; min-width: 0; }
h3 { margin-top: 18px; }
.row .head { display: flex; flex-wrap: wrap; gap: 2px 12px; margin: 0 0 6px; font-size: 13px;
  color: var(--soft); }
.row .asked, .row .answered { overflow-y: auto; background:
    linear-gradient(transparent, var(--panel) 60%) local bottom / 100% 3em,
    linear-gradient(transparent, var(--line)) scroll 0 calc(100% - 1px) / 100% 1em;
  background-repeat: no-repeat; }
.row .asked { font-weight: 600; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 14.5px;
  max-height: 12em; }
.row .answered { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 14.5px; margin-top: 6px;
  max-height: 18em; }
@media print { .row .asked, .row .answered { max-height: none; background: none; } }
"""
