"""The table of all numbers of one evaluation set."""

from collections.abc import Mapping, Sequence

from assay.compare.bootstrap import Estimate
from assay.compare.records import Comparison
from assay.compare.statistics import Row
from assay.html import Child, Html, element
from assay.reports.comparison.chart_parts import Style
from assay.reports.comparison.forest import key
from assay.wording import (
    NOTHING,
    capitalised,
    count,
    flops,
    interval,
    nats,
    p_value,
    seconds,
    short_count,
    signed,
    times,
)

_HEADINGS = (
    "Arm", "", "Difference to random", "Holm p", "Worth", "Rows", "Tokens read",
    "Choosing", "Training", "Total",
)  # fmt: skip


def result_table(
    comparison: Comparison, rows: Sequence[Row], chart_styles: Mapping[str, Style]
) -> Html:
    """Return one line per arm and budget; arms with missing runs are red and say why."""
    name = capitalised(comparison.set(rows[0].set).measure) if rows else ""
    headings = [word or name for word in _HEADINGS]
    head = element("thead", element("tr", [element("th", word) for word in headings]))
    lines: list[Html] = []
    for budget in (*comparison.budgets, ""):
        mine = [row for row in rows if row.budget == budget]
        if not mine:
            continue
        title = f"Budget {budget}" if budget else "Without a budget"
        heading = element("th", title, colspan=str(len(_HEADINGS)))
        lines.append(element("tr", heading, class_="budget"))
        for row in mine:
            lines += _lines(row, chart_styles[row.arm], headings)
    return element("div", element("table", head, element("tbody", lines)), class_="scroll")


def _lines(row: Row, style: Style, headings: Sequence[str]) -> list[Html]:
    kind = "with-fault" if row.faults else "stands" if row.significant else None
    name = element("td", _key(style), " ", row.arm, element("small", _runs(row)))
    # A narrow screen shows a row as a list, in which every number has its heading beside it.
    labelled = zip(headings[1:], [*_measured(row), *_spent(row)], strict=True)
    cells = [element("td", element("div", cell), data_label=heading) for heading, cell in labelled]
    lines = [element("tr", name, cells, class_=kind)]
    if row.faults:
        words = "; ".join(row.faults)
        fault = element("td", words, colspan=str(len(_HEADINGS)))
        lines.append(element("tr", fault, class_="fault"))
    return lines


def _runs(row: Row) -> str:
    number = len(row.runs)
    return f"{number} run" if number == 1 else f"{number} runs"


def _measured(row: Row) -> list[list[Child]]:
    mean, found = row.mean, row.difference
    around = f"{nats(mean.low)} to {nats(mean.high)}" if mean else ""
    one_seed = found is not None and found.noise != "questions and seeds"
    note = element("small", f"one seed: {found.noise}") if found and one_seed else None
    between = element("small", interval(found.low, found.high)) if found else None
    worth = NOTHING
    if row.efficiency is not None:
        worth = f"{times(row.efficiency)}\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}"
    return [
        [nats(mean.value) if mean else NOTHING, element("small", around)],
        [signed(found.value) if found else NOTHING, between, note],
        [NOTHING if row.p_holm is None else p_value(row.p_holm)],
        [worth],
    ]


def _spent(row: Row) -> list[list[Child]]:
    if not row.runs:
        return [[NOTHING] for _ in range(5)]
    return [
        [count(row.rows)],
        _tokens(row),
        [flops(row.selection_flops), element("small", seconds(row.selection_seconds))],
        [flops(row.training_flops), element("small", seconds(row.training_seconds))],
        [flops(row.total_flops), element("small", seconds(row.total_seconds))],
    ]


def _tokens(row: Row) -> list[Child]:
    """Return the tokens that one epoch reads, those of the whole rows, and those of all epochs."""
    every = element("small", f"{short_count(row.tokens)} over all epochs")
    if not row.chosen_tokens > 0:
        return [NOTHING, every]
    return [
        count(row.read_tokens),
        element("small", f"of rows of {count(row.chosen_tokens)}"),
        every,
    ]


def _key(style: Style) -> Html:
    drawing = key(style)
    return Html(drawing.replace("<svg ", '<svg class="key" ', 1))


def titled_table(title: str, words: str, heads: Sequence[str], lines: Sequence[Html]) -> Html:
    """Return a section with a table: what it is, in words, and its lines."""
    table = element(
        "table",
        element("thead", element("tr", [element("th", word) for word in heads])),
        element("tbody", lines),
    )
    return element(
        "section",
        element("h2", title),
        element("p", words),
        element("div", table, class_="scroll"),
    )


def difference_cell(found: Estimate | None, label: str, note: str = "") -> Html:
    """Return a difference with its interval.

    Args:
        found: the difference; None for none.
        label: heading of the column, for narrow screens.
        note: what stands behind the interval.
    """
    if found is None:
        return element("td", element("div", NOTHING), data_label=label)
    around = element("small", f"{interval(found.low, found.high)}{note}")
    return element("td", element("div", signed(found.value), around), data_label=label)
