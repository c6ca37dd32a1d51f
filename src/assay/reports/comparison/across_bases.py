"""Whether a selection gains as much on one base model as on another."""

import math
from collections.abc import Sequence

from assay.compare.power import LEVEL
from assay.compare.records import Comparison
from assay.compare.statistics import Row
from assay.components.references import short_name
from assay.html import Html, element
from assay.reports.comparison.table import difference_cell, titled_table
from assay.solvers.students_t import student_quantile
from assay.wording import NOTHING, interval, p_value, signed, whole_percent

_TITLE = "Does a better base model gain more?"


def across_bases(comparison: Comparison, rows: Sequence[Row]) -> Html:
    """Return the differences to random rows on every base model, side by side.

    Args:
        comparison: of one base model, which leaves the question open, or of several.
        rows: its summary on the primary set.
    """
    if len(comparison.bases) == 1:
        said = element("p", "One base model was compared.")
        return element("section", element("h2", _TITLE), said)
    heads = ["Arm", *(short_name(base) for base in comparison.bases), "Gains more"]
    lines = []
    for first in rows:
        if first.is_claim and first.base == comparison.bases[0]:
            same = [row for row in rows if (row.arm, row.budget) == (first.arm, first.budget)]
            label = f"{first.arm} at {first.budget}"
            cells = [*(_cell(row) for row in same), _more(same[0], same[-1])]
            lines.append(element("tr", element("td", label), cells))
    measure = comparison.set(comparison.primary).measured
    words = (
        f"Difference to random rows of the same budget and base model on {comparison.primary}, "
        f"{measure.ahead} {measure.name} being better, with {whole_percent(1 - LEVEL)} intervals. "
        f"The last column is by how much more {short_name(comparison.bases[-1])} gains than "
        f"{short_name(comparison.bases[0])}; values per token count other tokens where base models "
        "have tokenizers of their own."
    )
    return titled_table(_TITLE, words, heads, lines)


def _cell(row: Row) -> Html:
    note = "" if row.p_holm is None else f"; Holm p {p_value(row.p_holm)}"
    return difference_cell(row.difference, short_name(row.base), note)


def _more(first: Row, last: Row) -> Html:
    """Return by how much more the last base model gains than the first, both trained apart."""
    one, other = first.difference, last.difference
    if one is None or other is None:
        return element("td", element("div", NOTHING), data_label="Gains more")
    variances = (one.standard_error**2, other.standard_error**2)
    value, variance = last.gain - first.gain, sum(variances)
    below = sum(part**2 / each.freedom for part, each in zip(variances, (one, other), strict=True))
    freedom = variance**2 / below if below > 0 else math.inf
    half = student_quantile(1 - LEVEL / 2, freedom) * math.sqrt(variance)
    around = element("small", interval(value - half, value + half))
    return element("td", element("div", signed(value), around), data_label="Gains more")
