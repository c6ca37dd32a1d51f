"""Pictures of a judge's numbers: how many rows have each, and what others say of these."""

import math

from assay.agreement.judge_report import Against, JudgeReport
from assay.agreement.judge_wording import step_text
from assay.html import Html, element, number
from assay.reports.svg import Bars, colour, drawing, histograms
from assay.wording import number_text

_WIDTH, _HEIGHT = 520.0, 220.0
_LEFT, _RIGHT, _TOP, _FLOOR = 40.0, 12.0, 10.0, 30.0


def number_chart(found: JudgeReport) -> Html | None:
    """Return how many rows have each number, and where the best of them end."""
    bins = found.histogram
    if not bins or not found.scored:
        return None
    names = [step_text(each.low, each.high) for each in bins]
    shares = [each.rows / found.scored for each in bins]
    line = _place(found, found.cut.ties.value)
    every = max(1, math.ceil(len(bins) / 6))
    exact = all(each.low == each.high for each in bins)
    ticks = [
        (place + (0.5 if exact else 0.0), number_text(bins[place].low))
        for place in range(0, len(bins), every)
    ]
    note = "" if line is None else f"the best {found.cut.count:,} end at the line"
    drawn = histograms(
        [Bars(found.name, shares, 0, note)],
        names,
        ticks,
        label=f"rows by {found.name}",
        line=line,
    )
    return element("div", drawn, style="max-width:520px;margin:0 0 14px")


def _place(found: JudgeReport, value: float) -> float | None:
    """Return where a number is in bins."""
    for place, each in enumerate(found.histogram):
        if each.low <= value <= each.high:
            width = each.high - each.low
            return place + (0.5 if not width else (value - each.low) / width)
    return None


def calibration_chart(name: str, against: Against) -> Html:
    """Return the mean label of each number of a judge with its bounds."""
    steps = against.steps
    low = min(step.label.low for step in steps)
    high = max(step.label.high for step in steps)
    wide = (_WIDTH - _LEFT - _RIGHT) / len(steps)
    tall = _HEIGHT - _TOP - _FLOOR

    def height(value: float) -> float:
        return _TOP + tall * (1 - (value - low) / (high - low if high > low else 1))

    parts = [
        element("line", x1=_LEFT, x2=_LEFT, y1=_TOP, y2=_TOP + tall, class_="axis"),
        element("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=_TOP + tall, y2=_TOP + tall,
                class_="axis"),
    ]  # fmt: skip
    for value in (low, (low + high) / 2, high):
        parts.append(
            element("text", number_text(value), x=_LEFT - 6, y=height(value) + 4, text_anchor="end")
        )
    for place, step in enumerate(steps):
        x = _LEFT + (place + 0.5) * wide
        told = (
            f"{step_text(step.low, step.high)}: {step.label.value:.2f}, from {step.label.low:.2f} "
            f"to {step.label.high:.2f}, {step.rows:,} rows"
        )
        parts += [
            element("line", element("title", told), x1=x, x2=x, y1=height(step.label.high),
                    y2=height(step.label.low), stroke=colour(0), stroke_width=2),
            element("circle", element("title", told), cx=number(x),
                    cy=number(height(step.label.value)), r=4, fill=colour(0)),
            element("text", number_text(step.low), x=x, y=_HEIGHT - 10, text_anchor="middle"),
        ]  # fmt: skip
    label = f"mean {against.name} by {name}"
    return element(
        "div", drawing(_WIDTH, _HEIGHT, label, *parts), style="max-width:560px;margin:0 0 14px"
    )
