"""The page of two selections: what each has alone, what both have, and rows of each to read."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assay.html import Child, element, page, section
from assay.reports.rows.cards import Shown, cards, evenly
from assay.reports.rows.groups import GREY, Group
from assay.reports.rows.parts import STYLE, figures, making
from assay.reports.rows.side_by_side import (
    beside_each_other,
    by_meaning,
    numbers_of,
    what_rows_are,
)
from assay.wording import amount, percent
from assay.workspace.named_selection import NamedSelection

_SHOWN = 15


def difference_page(
    pair: tuple[NamedSelection, NamedSelection],
    described: Mapping[str, Any],
    *,
    stages: Mapping[str, float],
    command: Sequence[str],
) -> str:
    """Return the page; it needs nothing else, and runs no script.

    Args:
        pair: two selections of one project.
        described: what is told of them: ``tokens``, ``methods``, ``in_both``,
            ``expected_by_chance``.
        stages: seconds by what was done.
        command: the words that make it.
    """
    first, second = pair
    project = first.project
    seen = np.flatnonzero(~project.pool.held_out)
    rows = [selection.record.selection.indices for selection in pair]
    both = np.intersect1d(rows[0], rows[1])
    scores = {name: table.main for each in pair for name, table in each.score_tables().items()}
    groups = [
        Group("pool", seen, GREY),
        *(Group(each.name, own, place) for place, (each, own) in
          enumerate(zip(pair, rows, strict=True))),
    ]  # fmt: skip
    alone = [np.setdiff1d(own, both) for own in rows]
    on_map = [
        Group("pool", seen, GREY),
        *(Group(f"{each.name} alone", own, place) for place, (each, own) in
          enumerate(zip(pair, alone, strict=True))),
        Group("both", both, 2),
    ]  # fmt: skip
    by_chance = f"rows in both; {described['expected_by_chance']:,.0f} would be by chance"
    numbers = [
        (f"{len(both):,}", by_chance),
        *((f"{len(each):,}", f"rows of {each.name}, {amount(tokens)} tokens")
          for each, tokens in zip(pair, described["tokens"], strict=True)),
        (percent(described["jaccard"]), "of the rows of either are in both"),
    ]  # fmt: skip
    parts: list[Child] = [
        element("h1", f"{first.name} and {second.name}"),
        *(element("p", f"{each.name}: {method}", class_="soft")
          for each, method in zip(pair, described["methods"], strict=True)),
        figures(numbers),
        beside_each_other("Beside the pool", project, groups, scores),
        what_rows_are(project, groups),
        by_meaning(project, [group for group in on_map if len(group.rows)],
                   [each.selector for each in pair]),
        *(_rows(each, own, scores) for each, own in zip(pair, alone, strict=True)),
        making(stages, command),
    ]  # fmt: skip
    return page(f"Assay: {first.name} and {second.name}", *parts, style=STYLE)


def _rows(selection: NamedSelection, alone: Any, scores: Mapping[str, Any]) -> Child:
    if not len(alone):
        return section(f"Only in {selection.name}", element("p", "No row.", class_="soft"))
    order = selection.record.selection.indices
    ranks = np.flatnonzero(np.isin(order, alone)).astype(np.int64)
    shown = [
        Shown(int(order[rank]), [f"choice {rank + 1:,}", *numbers_of(scores, int(order[rank]))])
        for rank in evenly(ranks, _SHOWN)
    ]
    title = f"Only in {selection.name}: {len(shown)} of {len(alone):,} rows"
    return section(title, cards(selection.project.pool, shown))
