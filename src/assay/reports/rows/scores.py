"""The page of scores: how they are distributed, and the rows at both ends and in the middle."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from assay.components.component import Scorer
from assay.html import Child, element, page, section
from assay.reports.rows.cards import Shown, cards
from assay.reports.rows.groups import Group
from assay.reports.rows.parts import STYLE, figures, making
from assay.reports.rows.side_by_side import beside_each_other, by_meaning, what_rows_are
from assay.samples import Reason, Scores
from assay.wording import capitalised, number_text
from assay.workspace.workspace import Workspace

_SHOWN = 10


def score_page(
    project: Workspace,
    scores: Mapping[str, tuple[Scorer, Scores]],
    *,
    stages: Mapping[str, float],
    command: Sequence[str],
    why: Callable[[int], str],
    remarks: Sequence[str] = (),
) -> str:
    """Return the page; it needs nothing else, and runs no script.

    Args:
        project: whose rows they are.
        scores: by the names of their results.
        stages: seconds by what was done.
        command: the words that make it.
        why: a reason's code in words.
        remarks: what else is to be known of them.
    """
    groups = [Group("pool", np.flatnonzero(~project.pool.held_out), 0)]
    tables = {name: found for name, (_, found) in scores.items()}
    scored = [(f"{int((found.reason == 0).sum()):,}", f"rows with a number of {name}")
              for name, found in tables.items()]  # fmt: skip
    title = ", ".join(scores)
    parts: list[Child] = [
        element("h1", title),
        *(element("p", f"{name}: {scorer.summary()} {scorer.prefer.capitalize()} is better.",
                  class_="soft") for name, (scorer, _) in scores.items()),
        figures([(f"{len(project.pool):,}", "rows"), *scored]),
        beside_each_other("Distributions", project, groups, tables),
        what_rows_are(project, groups),
        by_meaning(project, groups, [scorer for scorer, _ in scores.values()]),
        *(_ends(project, name, found, why) for name, found in tables.items()),
        making(stages, command, *(f"{capitalised(remark)}." for remark in remarks)),
    ]  # fmt: skip
    return page(f"Assay: {title}", *parts, style=STYLE)


def _ends(project: Workspace, name: str, found: Scores, why: Callable[[int], str]) -> Child:
    known = np.flatnonzero(~np.isnan(found.values))
    order = known[np.argsort(found.values[known], kind="stable")]
    middle = max(0, len(order) // 2 - _SHOWN // 2)
    parts: list[Child] = []
    for heading, rows in (
        ("Highest", order[::-1][:_SHOWN]),
        ("In the middle", order[middle : middle + _SHOWN]),
        ("Lowest", order[:_SHOWN]),
    ):
        shown = [Shown(row, [f"{name} {number_text(float(found.values[row]))}"])
                 for row in rows.tolist()]  # fmt: skip
        parts += [element("h3", heading), cards(project.pool, shown)]
    without = np.flatnonzero(~np.isin(found.reason, (Reason.OK, Reason.HELD_OUT)))
    if len(without):
        shown = [Shown(row, [why(int(found.reason[row]))]) for row in without[:_SHOWN].tolist()]
        heading = f"Without a number: {len(shown)} of {len(without):,} rows"
        parts += [element("h3", heading), cards(project.pool, shown)]
    return section(name, *parts)
