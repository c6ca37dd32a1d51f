"""Whether a selection gains as much on one base model as on another."""

from collections.abc import Sequence

from assay.compare.power import LEVEL
from assay.compare.records import Comparison
from assay.compare.statistics import Row
from assay.components.references import short_name
from assay.html import Html, element
from assay.wording import NOTHING, interval, p_value, signed, whole_percent


def across_bases(comparison: Comparison, rows: Sequence[Row]) -> Html:
    """Return the differences to random rows on every base model, side by side.

    Args:
        comparison: of several base models.
        rows: its summary on the primary set.
    """
    heads = ["Arm", *(short_name(base) for base in comparison.bases)]
    lines = []
    for first in rows:
        if first.is_claim and first.base == comparison.bases[0]:
            same = [row for row in rows if (row.arm, row.budget) == (first.arm, first.budget)]
            label = f"{first.arm} at {first.budget}"
            lines.append(element("tr", element("td", label), [_cell(row) for row in same]))
    measure = comparison.set(comparison.primary).measured
    words = (
        f"Difference to random rows of the same budget and base model on {comparison.primary}, "
        f"{measure.ahead} {measure.name} being better, with {whole_percent(1 - LEVEL)} intervals. "
        "Every base model has a tokenizer of its own, so values per token are to be compared "
        "within a column alone."
    )
    table = element(
        "table",
        element("thead", element("tr", [element("th", word) for word in heads])),
        element("tbody", lines),
    )
    return element(
        "section",
        element("h2", "On every base model"),
        element("p", words),
        element("div", table, class_="scroll"),
    )


def _cell(row: Row) -> Html:
    found, on = row.difference, short_name(row.base)
    if found is None:
        return element("td", element("div", NOTHING), data_label=on)
    p = "" if row.p_holm is None else f"; Holm p {p_value(row.p_holm)}"
    around = element("small", f"{interval(found.low, found.high)}{p}")
    return element("td", element("div", signed(found.value), around), data_label=on)
