"""The charts of a report, as inline SVG: learning curves, and values against cost."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from assay.compare.measure import Measure
from assay.compare.statistics import Row
from assay.html import Html, element
from assay.reports.comparison.chart_parts import (
    Scale,
    Style,
    decades,
    digits_for,
    marker,
    padded,
    shortened,
    spread,
    text_width,
    ticks,
)
from assay.wording import capitalised, flops, nats, power_sign, short_count

_WIDTH, _HEIGHT = 520.0, 320.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 136.0, 14.0, 46.0
_LINE = 13.0
_NAME_LENGTH = 17
# A reference line farther away than this share of the arms' own range is named at the edge instead.
_FAR = 0.75

_Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""


@dataclass(frozen=True)
class _Frame:
    x: Scale
    y: Scale

    @property
    def bottom(self) -> float:
        return self.y.start

    @property
    def top(self) -> float:
        return self.y.end


def curves(rows: Sequence[Row], chart_styles: Mapping[str, Style], axis: str) -> Html | None:
    """Return the chart of values over budget on one evaluation set; None without a finished run.

    Random rows are a band from the lowest to the highest run, arms are lines with a whisker over
    their runs, the full data and the base model are dashed lines.

    Args:
        rows: of one evaluation set.
        chart_styles: of every arm.
        axis: what is counted, such as "rows".
    """
    drawn = [row for row in rows if row.mean and row.budget]
    if not drawn:
        return None
    references = [row for row in rows if row.mean and not row.budget]
    core = [value for row in drawn for value in row.runs]
    margin = (max(core) - min(core)) * _FAR
    near = [r for r in references if min(core) - margin <= _mean(r) <= max(core) + margin]
    frame = _frame([row.size for row in drawn], core + [_mean(row) for row in near])
    names = list(dict.fromkeys(row.arm for row in drawn if row.kind != "random"))
    measure = rows[0].measure
    parts = [_value_axis(frame, measure), _budget_axis(frame, drawn, axis)]
    parts += [_reference(frame, row, chart_styles) for row in near]
    parts.append(_band(frame, [row for row in drawn if row.kind == "random"], chart_styles))
    step = 5.0 if len(names) < 6 else 3.0
    for place, name in enumerate(names):
        shift = (place - (len(names) - 1) / 2) * step
        mine = [row for row in drawn if row.arm == name]
        parts.append(_line(frame, mine, chart_styles[name], shift))
    parts.append(_names(frame, drawn, near, chart_styles))
    parts.append(_far_away(frame, [row for row in references if row not in near]))
    title = f"{capitalised(measure.name)} over budget on {rows[0].set}"
    return _svg(title, parts)


def pareto(rows: Sequence[Row], chart_styles: Mapping[str, Style]) -> Html | None:
    """Return the chart of values against the arithmetic of choosing and training.

    A pale line leads from the cost of training alone to the total. None if no cost is known.
    """
    drawn = [
        row
        for row in rows
        if row.mean and row.kind != "base" and math.isfinite(row.total_flops) and row.total_flops
    ]
    if not drawn:
        return None
    costs = [row.total_flops for row in drawn]
    low, high = math.log10(min(costs)), math.log10(max(costs))
    margin = max(0.06 * (high - low), 0.1)
    x = Scale(10 ** (low - margin), 10 ** (high + margin), _LEFT, _WIDTH - 24, log=True)
    y_low, y_high = padded([_mean(row) for row in drawn], 0.1)
    frame = _Frame(x, Scale(y_low, y_high, _HEIGHT - _BOTTOM, _TOP))
    front = sorted((row for row in drawn if row.pareto), key=lambda row: row.total_flops)
    measure = drawn[0].measure
    parts = [_value_axis(frame, measure), _flops_axis(frame), _front(frame, front)]
    for row in drawn:
        place, height = x(row.total_flops), frame.y(_mean(row))
        begin = _tail(frame, row)[0]
        parts.append(element("path", d=_path([(begin, height), (place, height)]), class_="tail"))
        value = measure.difference(nats(_mean(row)))
        words = f"{row.label}: {value}, {flops(row.total_flops)} FLOPs"
        parts.append(marker(chart_styles[row.arm], place, height, words))
    parts.append(_front_names(frame, front, drawn))
    return _svg(f"{capitalised(measure.name)} against total cost", parts)


def _frame(sizes: Sequence[float], values: Sequence[float]) -> _Frame:
    low, high = math.log(min(sizes)), math.log(max(sizes))
    margin = (high - low) * 0.08 or 0.5
    x = Scale(math.exp(low - margin), math.exp(high + margin), _LEFT, _WIDTH - _RIGHT, log=True)
    bottom, top = padded(values)
    return _Frame(x, Scale(bottom, top, _HEIGHT - _BOTTOM, _TOP))


def _value_axis(frame: _Frame, measure: Measure) -> Html:
    marks = ticks(frame.y.low, frame.y.high)
    digits = max(2, digits_for(marks))
    parts = []
    for value in marks:
        y = frame.y(value)
        parts.append(element("path", d=_path([(_LEFT, y), (frame.x.end, y)]), class_="grid"))
        parts.append(
            element("text", f"{value:.{digits}f}", x=_LEFT - 6, y=y + 4, text_anchor="end")
        )
    middle = (frame.top + frame.bottom) / 2
    turn = f"rotate(-90 11 {middle:.0f})"
    parts.append(element("text", measure.axis(), x=11, y=middle, transform=turn, class_="axis"))
    return element("g", parts)


def _budget_axis(frame: _Frame, rows: Sequence[Row], axis: str) -> Html:
    sizes = {row.budget: row.size for row in rows}
    parts = [_base_line(frame)]
    free = -math.inf
    for budget, size in sizes.items():
        x = frame.x(size)
        parts.append(element("path", d=_path([(x, frame.bottom), (x, frame.bottom + 4)])))
        width = max(text_width(budget), text_width(short_count(size)))
        if x - width / 2 < free:
            continue
        free = x + width / 2 + 4
        parts.append(element("text", budget, x=x, y=frame.bottom + 16, text_anchor="middle"))
        below = short_count(size)
        if below != budget:
            parts.append(
                element("text", below, x=x, y=frame.bottom + 28, text_anchor="middle", class_="dim")
            )
    middle = (frame.x.start + frame.x.end) / 2
    label = f"budget, {axis} (logarithmic)"
    parts.append(element("text", label, x=middle, y=_HEIGHT - 4, class_="axis"))
    return element("g", parts, class_="ticks")


def _flops_axis(frame: _Frame) -> Html:
    parts = [_base_line(frame)]
    for value in decades(frame.x.low, frame.x.high):
        x, exponent = frame.x(value), math.floor(math.log10(value) + 1e-9)
        factor = round(value / 10.0**exponent)
        words = f"10{power_sign(exponent)}" if factor == 1 else f"{factor}·10{power_sign(exponent)}"
        parts.append(element("path", d=_path([(x, frame.bottom), (x, frame.bottom + 4)])))
        parts.append(element("text", words, x=x, y=frame.bottom + 17, text_anchor="middle"))
    middle = (frame.x.start + frame.x.end) / 2
    label = "choosing and one training, FLOPs (logarithmic)"
    parts.append(element("text", label, x=middle, y=_HEIGHT - 6, class_="axis"))
    return element("g", parts, class_="ticks")


def _base_line(frame: _Frame) -> Html:
    ends = [(frame.x.start, frame.bottom), (frame.x.end, frame.bottom)]
    return element("path", d=_path(ends), class_="base-line")


def _band(frame: _Frame, rows: Sequence[Row], chart_styles: Mapping[str, Style]) -> Html:
    if not rows:
        return Html("")
    upper = [(frame.x(row.size), frame.y(max(row.runs))) for row in rows]
    lower = [(frame.x(row.size), frame.y(min(row.runs))) for row in rows]
    if len(rows) == 1:  # a band needs two ends
        (x, top), (_, bottom) = upper[0], lower[0]
        upper, lower = [(x - 14, top), (x + 14, top)], [(x - 14, bottom), (x + 14, bottom)]
    middle = [(frame.x(row.size), frame.y(_mean(row))) for row in rows]
    parts = [element("path", d=_path(upper + lower[::-1]) + "Z", class_="band")]
    parts.append(element("path", d=_path(middle), class_="line random"))
    for row in rows:
        for number, value in enumerate(row.runs):
            title = f"{row.label}, run {number + 1}: {nats(value)}"
            x, y = frame.x(row.size), frame.y(value)
            parts.append(marker(chart_styles[row.arm], x, y, title, size=2.6))
    return element("g", parts)


def _line(frame: _Frame, rows: Sequence[Row], style: Style, shift: float) -> Html:
    points = [(frame.x(row.size) + shift, frame.y(_mean(row))) for row in rows]
    parts = [element("path", d=_path(points), class_=f"line {style.colour}")]
    for row, (x, y) in zip(rows, points, strict=True):
        ends = [(x, frame.y(min(row.runs))), (x, frame.y(max(row.runs)))]
        parts.append(element("path", d=_path(ends), class_=f"whisker {style.colour}"))
        runs = f"{len(row.runs)} run" + ("s" if len(row.runs) > 1 else "")
        parts.append(marker(style, x, y, f"{row.label}: {nats(_mean(row))} ({runs})"))
    return element("g", parts)


def _reference(frame: _Frame, row: Row, chart_styles: Mapping[str, Style]) -> Html:
    y, colour = frame.y(_mean(row)), chart_styles[row.arm].colour
    hint = element("title", f"{row.arm}: {nats(_mean(row))}")
    ends = [(frame.x.start, y), (frame.x.end, y)]
    return element("path", hint, d=_path(ends), class_=f"dashed {colour}")


def _names(
    frame: _Frame, rows: Sequence[Row], near: Sequence[Row], chart_styles: Mapping[str, Style]
) -> Html:
    """Return the name of each arm beside its last point, kept apart."""
    last = {row.arm: row for row in rows} | {row.arm: row for row in near}
    ends = {
        name: (frame.x(row.size) + 6 if row.budget else frame.x.end, frame.y(_mean(row)))
        for name, row in last.items()
    }
    places = spread([y for _, y in ends.values()], _LINE, frame.top + 4, frame.bottom)
    parts = []
    for (name, (x, y)), place in zip(ends.items(), places, strict=True):
        colour = chart_styles[name].colour
        start = frame.x.end + 6
        parts.append(
            element("path", d=_path([(x, y), (start, place), (start + 4, place)]), class_="leader")
        )
        words = shortened(name, _NAME_LENGTH)
        hint = element("title", name)
        parts.append(
            element("text", hint, words, x=start + 7, y=place + 4, class_=f"name {colour}")
        )
    return element("g", parts)


def _far_away(frame: _Frame, rows: Sequence[Row]) -> Html:
    parts = []
    above, below = frame.top + 10, frame.bottom - 8
    for row in rows:
        higher = _mean(row) > frame.y.high
        arrow = "\N{UPWARDS ARROW}" if higher else "\N{DOWNWARDS ARROW}"
        words = f"{arrow} {shortened(row.arm, _NAME_LENGTH)} at {nats(_mean(row))}"
        # Losses fall from left to right, and accuracies rise: these corners are the empty ones.
        at_end = higher == (row.measure.better == "low")
        x, anchor = (frame.x.end - 4, "end") if at_end else (frame.x.start + 6, "start")
        y = above if higher else below
        above, below = (above + _LINE, below) if higher else (above, below - _LINE)
        parts.append(element("text", words, x=x, y=y, text_anchor=anchor, class_="far"))
    return element("g", parts)


def _front(frame: _Frame, front: Sequence[Row]) -> Html:
    steps = _steps(frame, front)
    return element("path", d=_path(steps), class_="front") if steps else Html("")


def _steps(frame: _Frame, front: Sequence[Row]) -> list[tuple[float, float]]:
    points: list[tuple[float, float]] = []
    for row in front:
        place = (frame.x(row.total_flops), frame.y(_mean(row)))
        points += [(place[0], points[-1][1]), place] if points else [place]
    return points


def _tail(frame: _Frame, row: Row) -> _Box:
    begin = frame.x(max(row.training_flops, frame.x.low))
    place, height = frame.x(row.total_flops), frame.y(_mean(row))
    return min(begin, place), height - 1, place, height + 1


def _around_point(frame: _Frame, row: Row) -> _Box:
    x, y = frame.x(row.total_flops), frame.y(_mean(row))
    return x - 5, y - 5, x + 5, y + 5


def _front_names(frame: _Frame, front: Sequence[Row], drawn: Sequence[Row]) -> Html:
    """Return names of the points on the front, each where it covers no point and no other name."""
    taken = [_around_point(frame, row) for row in drawn] + [_tail(frame, row) for row in drawn]
    steps = _steps(frame, front)
    taken += [
        (min(x, other_x) - 1, min(y, other_y) - 1, max(x, other_x) + 1, max(y, other_y) + 1)
        for (x, y), (other_x, other_y) in pairwise(steps)
    ]
    parts = []
    for row in front:
        words = shortened(row.label, 2 * _NAME_LENGTH)
        x, y = frame.x(row.total_flops), frame.y(_mean(row))
        width = text_width(words)
        for left, base in _around(x, y, width):
            box = (left, base - 9, left + width, base + 3)
            inside = box[0] > _LEFT and box[2] < _WIDTH and box[1] > 0 and box[3] < frame.bottom
            if inside and not any(_overlap(box, other) for other in taken):
                parts.append(element("text", words, x=left, y=base, class_="name"))
                taken.append(box)
                break
    return element("g", parts)


def _around(x: float, y: float, width: float) -> list[tuple[float, float]]:
    beside = [(x + 8, y + 4), (x - 8 - width, y + 4)]
    under = [(x - width - 4, y + 17), (x - width / 2, y + 19), (x + 4, y + 17)]
    over = [(x + 4, y - 9), (x - width / 2, y - 10), (x - width - 4, y - 9)]
    return [under[0], beside[1], over[0], beside[0], *under[1:], *over[1:]]


def _overlap(one: _Box, other: _Box) -> bool:
    apart = one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]
    return not apart


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _svg(title: str, parts: Sequence[Html]) -> Html:
    box = f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}"
    return element("svg", parts, viewBox=box, role="img", aria_label=title)


def _mean(row: Row) -> float:
    return row.mean.value if row.mean else math.nan
