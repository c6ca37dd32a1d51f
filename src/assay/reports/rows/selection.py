"""The page of a selection: what was chosen beside the pool, rows to read, what it cost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from assay.html import Child, element, page, section
from assay.reports.rows.cards import Shown, cards, evenly
from assay.reports.rows.groups import GREY, Group
from assay.reports.rows.parts import STYLE, figures, making, warnings
from assay.reports.rows.side_by_side import beside_each_other, by_meaning, numbers_of, what_rows_are
from assay.samples import Flag, Reason
from assay.wording import amount, capitalised, number_text, percent, times
from assay.workspace.named_selection import NamedSelection
from assay.workspace.shapes import TINY

SHOWN = 30
_FIRST = 10
_PER_REASON = 3


def selection_page(
    selection: NamedSelection,
    described: Mapping[str, Any],
    *,
    stages: Mapping[str, float],
    command: Sequence[str],
    why: Callable[[int], str],
) -> str:
    """Return the page; it needs nothing else, and runs no script.

    Args:
        selection: what was chosen.
        described: what is known of it: ``tokens``, ``method_text``, ``shape``, ``lopsided``,
            ``training_cost``.
        stages: seconds by what was done.
        command: the words that make it.
        why: a reason's code in words.
    """
    project = selection.project
    seen = np.flatnonzero(~project.pool.held_out)
    groups = [
        Group("pool", seen, GREY),
        Group("chosen", selection.record.selection.indices, 0),
    ]
    scores = selection.score_columns(only_read=True)
    parts: list[Child] = [
        element("h1", selection.name),
        element("p", described["method_text"], class_="soft"),
        _figures(selection, described, len(seen)),
        *warnings(described["lopsided"]),
        beside_each_other("Chosen beside the pool", project, groups, scores),
        what_rows_are(project, groups),
        by_meaning(project, groups, [selection.selector]),
        section(f"Chosen: {min(SHOWN, len(selection))} rows to read", _chosen(selection, scores)),
        section("Left out, and why", _left(selection, scores, why)),
        making(
            stages,
            command,
            *map(_sentence, selection.record.facts.get("remarks", ())),
            *(_sentence(f"ties: {ties}") for ties in [selection.record.ties] if ties),
            _cost(described),
        ),
    ]
    return page(f"Assay: {selection.name}", *parts, style=STYLE)


def _figures(selection: NamedSelection, described: Mapping[str, Any], rows: int) -> Child:
    chosen, pool = described["shape"]["chosen"], described["shape"]["pool"]
    return figures(
        [
            (f"{len(selection):,}", f"rows of {rows:,} ({percent(len(selection) / rows)})"),
            (amount(described["tokens"]), "tokens"),
            (f"{chosen['median_characters']:,.0f}",
             f"characters in the median answer ({pool['median_characters']:,.0f} in the pool)"),
            (times(chosen["text_bytes"] / max(pool["text_bytes"], 1)),
             "times the pool's text per row"),
            (percent(chosen["tiny"]),
             f"of answers under {TINY} characters ({percent(pool['tiny'])} in the pool)"),
        ]
    )  # fmt: skip


def _chosen(selection: NamedSelection, scores: Mapping[str, Any]) -> Child:
    order = selection.record.selection.indices
    places = [*range(min(_FIRST, len(order)))]
    rest = np.arange(len(places), len(order), dtype=np.int64)
    places += evenly(rest, SHOWN - len(places))
    gains, unit = selection.record.selection.gains, selection.record.selection.gain_unit
    rows = []
    for rank in places:
        notes = [f"choice {rank + 1:,}"]
        if unit not in ("", "score") and not np.isnan(gains[rank]):
            notes.append(f"gain {number_text(float(gains[rank]))}")
        position = int(order[rank])
        rows.append(Shown(position, [*notes, *numbers_of(scores, position)]))
    return cards(selection.project.pool, rows)


def _left(
    selection: NamedSelection, scores: Mapping[str, Any], why: Callable[[int], str]
) -> Iterator[Child]:
    reasons = selection.record.reason
    counts = np.bincount(reasons, minlength=256)
    codes = [int(code) for code in np.argsort(-counts, kind="stable") if counts[code]]
    codes = [code for code in codes if code not in (Reason.OK, Reason.HELD_OUT)]
    if not codes:
        yield element("p", "Nothing was left out.", class_="soft")
        return
    listed = ", ".join(f"{why(code)}: {int(counts[code]):,}" for code in codes)
    yield element("p", listed, class_="soft")
    others = [code for code in codes if code != Reason.NOT_CHOSEN]
    share = {code: min(_PER_REASON, int(counts[code])) for code in others[: SHOWN // _PER_REASON]}
    free = SHOWN - sum(share.values())
    if Reason.NOT_CHOSEN in codes:
        share = {int(Reason.NOT_CHOSEN): free} | share
    rows = []
    for code, count in share.items():
        for position in evenly(np.flatnonzero(reasons == code).astype(np.int64), count):
            rows.append(
                Shown(position, [_why(selection, position, why), *numbers_of(scores, position)])
            )
    yield cards(selection.project.pool, rows)


def _why(selection: NamedSelection, position: int, why: Callable[[int], str]) -> str:
    """Return why a row was left out, and for which flags."""
    record = selection.record
    flags = 0 if record.flags is None else int(record.flags[position])
    reported = why(int(record.reason[position]))
    return f"{reported}: {Flag(flags).words}" if flags else reported


def _sentence(remark: str) -> str:
    return f"{capitalised(remark)}."


def _cost(described: Mapping[str, Any]) -> str:
    cost = described["training_cost"]
    hours = cost["hours"]
    took = f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.1f} minutes"
    return (
        f"Training a model of {amount(cost['parameters'])} parameters on these rows for "
        f"{cost['epochs']:g} epochs takes about {took} at a sustained "
        f"{cost['operations_per_second'] / 1e12:g} TFLOP/s, 6 operations per parameter and token."
    )
