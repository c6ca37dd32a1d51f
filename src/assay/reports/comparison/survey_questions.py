"""The survey's three questions, answered by what was compared.

Source:
    arXiv:2402.05123, section 4.4.
"""

from collections.abc import Sequence

from assay.compare.contrasts import against_usual, more_data
from assay.compare.power import LEVEL
from assay.compare.records import Comparison
from assay.compare.statistics import Row
from assay.html import Html, element
from assay.reports.comparison.across_bases import across_bases
from assay.reports.comparison.table import difference_cell, titled_table
from assay.wording import capitalised, listed, whole_percent

_WORDS = {
    "random": "random rows of the same budget",
    "longest_response": "the longest responses",
    "longest_instruction": "the longest instructions",
    "full": "all rows",
}


def survey_questions(comparison: Comparison, rows: Sequence[Row]) -> list[Html | None]:
    """Return whether selection beats what is usual, gains with the base, and needs more data.

    Args:
        comparison: finished or not.
        rows: its summary on the primary set.
    """
    return [_usual(comparison, rows), across_bases(comparison, rows), _more(comparison)]


def _usual(comparison: Comparison, rows: Sequence[Row]) -> Html | None:
    """Return methods beside random rows, the longest ones, and all rows; None without a method."""
    found = against_usual(comparison)
    methods = [row for row in rows if row.kind == "method" and row.difference]
    if not methods:
        return None
    others = list(dict.fromkeys(each.other_arm for each in found))
    heads = ["Arm", "random", *others]
    lines = []
    for row in methods:
        own = {
            each.other_arm: each
            for each in found
            if (each.base, each.arm, each.budget) == (row.base, row.arm, row.budget)
        }
        estimates = [row.difference, *(own[name].estimate if name in own else None
                                       for name in others)]  # fmt: skip
        cells = [
            difference_cell(each, head) for each, head in zip(estimates, heads[1:], strict=True)
        ]
        lines.append(element("tr", element("td", row.label), cells))
    measure = comparison.set(comparison.primary).measured
    words = (
        f"How each method differs from what is usually done, on {comparison.primary}: from "
        f"{listed([_WORDS.get(head, head) for head in heads[1:]])}. "
        f"{capitalised(measure.ahead)} {measure.name} is better; intervals are of "
        f"{whole_percent(1 - LEVEL)}. Claims are made against random rows alone."
    )
    return titled_table("Does it beat conventional selection?", words, heads, lines)


def _more(comparison: Comparison) -> Html | None:
    """Return what more data gives each arm; None where no arm has two sizes."""
    found = more_data(comparison)
    if not found:
        return None
    lines = []
    for each in found:
        helps = "helps" if each.is_told_apart and each.gain > 0 else "does not show to help"
        if each.is_told_apart and each.gain < 0:
            helps = "makes it worse"
        to = f"all rows ({each.arm})" if not each.budget else each.budget
        name = f"{each.other_arm}: {each.other_budget} to {to}"
        label = f"{name}, with {each.base}" if each.base else name
        said = element("td", element("div", helps), data_label="More data")
        kind = None if helps == "helps" else "with-fault"
        cell = difference_cell(each.estimate, "Difference")
        lines.append(element("tr", element("td", label), cell, said, class_=kind))
    flat = list(dict.fromkeys(each.other_arm for each in found
                              if not (each.is_told_apart and each.gain > 0)))  # fmt: skip
    flagged = f" It does not show to help everywhere: {listed(flat)}." if flat else ""
    words = (
        f"Each budget beside the next smaller one of the same arm, on {comparison.primary}, and "
        f"all rows beside the largest; paired by question, with {whole_percent(1 - LEVEL)} "
        f"intervals.{flagged}"
    )
    heads = ["Arm and budgets", "Difference", "More data"]
    return titled_table("Does more data help?", words, heads, lines)
