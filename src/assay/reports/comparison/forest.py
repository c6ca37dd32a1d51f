"""Differences to random with their intervals: a plot whose numbers can be read and copied."""

from collections.abc import Mapping, Sequence

from assay.compare.measure import Measure
from assay.compare.statistics import Row
from assay.html import Html, element
from assay.reports.comparison.chart_parts import Scale, Style, digits_for, marker, padded, ticks
from assay.wording import interval, p_value, signed

_MINUS = "\N{MINUS SIGN}"


def forest(rows: Sequence[Row], chart_styles: Mapping[str, Style]) -> Html | None:
    """Return one line per arm and budget: its difference, interval and p-value; None if none has.

    Lines that stand after Holm's correction are in full ink.
    """
    drawn = [row for row in rows if row.difference]
    if not drawn:
        return None
    ends = [end for row in drawn if (d := row.difference) for end in (d.low, d.high)]
    low, high = padded([*ends, 0.0], 0.04)
    scale = Scale(low, high, 0.0, 100.0)
    parts: list[Html] = []
    for budget in dict.fromkeys(row.budget for row in drawn):
        parts.append(element("div", f"Budget {budget}", class_="group"))
        for row in drawn:
            if row.budget == budget:
                parts += _cells(row, chart_styles[row.arm], scale)
    return element("div", parts, _axis(scale, drawn[0].measure), class_="forest")


def key(style: Style) -> Html:
    """Return an arm's marker for use in running text."""
    return element("svg", marker(style, 8, 8, size=5.5), viewBox="0 0 16 16", aria_hidden="true")


def _cells(row: Row, style: Style, scale: Scale) -> list[Html]:
    found = row.difference
    if found is None:
        return []
    faint = None if row.significant else "no"
    left, right = scale(found.low), scale(found.high)
    place = f"left:{scale(found.value):.2f}%"
    track = element(
        "div",
        element("i", class_="zero", style=f"left:{scale(0.0):.2f}%"),
        element("i", class_="span", style=f"left:{left:.2f}%;width:{right - left:.2f}%"),
        element("svg", marker(style, 8, 8, row.label), viewBox="0 0 16 16", style=place),
        class_=f"track {style.colour} {faint or ''}".strip(),
    )
    p = "" if row.p_holm is None else f", Holm p {p_value(row.p_holm)}"
    numbers = element(
        "div",
        element("b", signed(found.value)),
        element("span", f"{interval(found.low, found.high)}{p}"),
        class_=f"number {faint or ''}".strip(),
    )
    return [element("div", key(style), row.arm, class_="who"), track, numbers]


def _axis(scale: Scale, measure: Measure) -> list[Html]:
    marks = ticks(scale.low, scale.high, 6)
    digits = max(2, digits_for(marks))
    labels = []
    for value in marks:
        words = "0" if abs(value) < 1e-12 else f"{value:+.{digits}f}".replace("-", _MINUS)
        labels.append(element("span", words, style=f"left:{scale(value):.2f}%"))
    left, right = ("better", "worse") if measure.better == "low" else ("worse", "better")
    sides = [
        element("span", f"\N{LEFTWARDS ARROW} {left} than random"),
        element("span", f"{right} \N{RIGHTWARDS ARROW}"),
    ]
    blank = element("div", class_="blank")
    return [
        element("div"),
        element("div", labels, class_="axis-ticks"),
        blank,
        element("div"),
        element("div", sides, class_="sides"),
        blank,
    ]
