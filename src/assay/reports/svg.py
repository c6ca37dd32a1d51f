"""Small charts as inline SVG: histograms, stacked bars and curves, coloured by the page's style.

All are drawn in units of their own and scale to the width that they get. A hover shows the number
behind every mark, without a script.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from assay.html import Child, Html, element, joined, number

COLOURS = 7
"""Colours for things that are told apart; what comes after them is grey."""
WIDTH = 340.0

_ROW = 46.0
_NAME = 24.0
_AXIS = 22.0
_BAR = 22.0
_LEFT = 44.0
_TOP = 10.0
_LETTER = 6.4
_NAME_CHARACTERS = 34


class Bars(NamedTuple):
    """One row of a histogram: a name, its share of rows in each bin, and its colour's number.

    `note` is shown at the right end of the name's line; `marks` are places in bins, such as a
    median, with what they are.
    """

    name: str
    shares: Sequence[float]
    colour: int
    note: str = ""
    marks: Sequence[tuple[float, str]] = ()


class Part(NamedTuple):
    """One part of a stacked bar: a name, its share of the whole, and its colour's number."""

    name: str
    share: float
    colour: int


class Point(NamedTuple):
    """A point of a curve; `low` and `high` bound a band where there is one."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


class Curve(NamedTuple):
    """A curve: a name, its points by rising x, and its colour's number."""

    name: str
    points: Sequence[Point]
    colour: int


def colour(place: int) -> str:
    """Return the colour of the place-th thing, grey after the last."""
    return f"var(--c{place if 0 <= place < COLOURS else COLOURS})"


def part_colour(place: int) -> str:
    """Return the colour of the place-th part of a whole, grey after the last."""
    return f"var(--p{place if 0 <= place < COLOURS else COLOURS})"


def short_name(name: str) -> str:
    """Return a name that fits beside a chart."""
    return name if len(name) <= _NAME_CHARACTERS else f"{name[: _NAME_CHARACTERS - 1]}…"


def round_numbers(low: float, high: float, count: int) -> list[float]:
    """Return round numbers between two ends, about `count`."""
    wide = high - low
    if wide <= 0:
        return [low]
    rough = wide / count
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * times for times in (1, 2, 2.5, 5, 10) if size * times >= rough)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [place * step for place in range(first, last + 1)]


def swatch(shade: str) -> Html:
    """Return a small square in a colour."""
    return element("span", class_="swatch", style=f"background:{shade}")


def drawing(width: float, height: float, label: str, *children: Child) -> Html:
    """Return a drawing; `label` says what is seen to those who do not see it."""
    return element(
        "svg", *children, viewBox=f"0 0 {number(width)} {number(height)}", role="img",
        aria_label=label, xmlns="http://www.w3.org/2000/svg",
    )  # fmt: skip


def _text(x: float, y: float, text: str, *, anchor: str = "start", class_: str = "") -> Html:
    return element("text", text, x=x, y=y, text_anchor=anchor, class_=class_ or None)


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Html:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def histograms(
    rows: Sequence[Bars],
    bins: Sequence[str],
    ticks: Sequence[tuple[float, str]],
    *,
    label: str,
    line: float | None = None,
) -> Html:
    """Return histograms one below the other over the same bins, each to its own height.

    Args:
        rows: what is drawn; shares are of all rows, so bars of one name sum to at most 1.
        bins: what each bin holds, for the hover.
        ticks: places on the axis in bins, 0 is the left edge of the first, with their text.
        label: what is seen, in a few words.
        line: place of a vertical line through the bars of every row, in bins.
    """
    step = WIDTH / max(len(bins), 1)
    height = len(rows) * (_ROW + _NAME) + _AXIS
    parts: list[Html] = []
    for place, row in enumerate(rows):
        base = (place + 1) * (_ROW + _NAME)
        parts += _histogram(row, bins, base, step)
        if line is not None:  # beside the bars only, for a name stands above them
            parts.append(_line(line * step, base - _ROW, line * step, base, "mark"))
    floor = len(rows) * (_ROW + _NAME)
    for at, text in ticks:
        parts.append(_line(at * step, floor, at * step, floor + 4, "axis"))
        anchor = "start" if at == 0 else "end" if at == len(bins) else "middle"
        parts.append(_text(at * step, floor + 18, text, anchor=anchor))
    return drawing(WIDTH, height, label, *parts)


def _histogram(row: Bars, bins: Sequence[str], base: float, step: float) -> list[Html]:
    top = max(row.shares, default=0.0)
    parts = [_text(0, base - _ROW - 3, row.name, class_="name")]
    if row.note:
        parts.append(_text(WIDTH, base - _ROW - 3, row.note, anchor="end"))
    for place, share in enumerate(row.shares):
        if share > 0:
            tall = max(_ROW * share / top, 0.75)
            tip = element("title", f"{bins[place]}: {share:.1%} of rows")
            parts.append(
                element("rect", tip, x=place * step + 0.5, y=base - tall, width=step - 1,
                        height=tall, fill=colour(row.colour))
            )  # fmt: skip
    parts.append(_line(0, base, WIDTH, base, "axis"))
    for at, text in row.marks:
        x = at * step
        tip = element("title", text)
        parts.append(
            element("path", tip, d=f"M{number(x - 4)} {number(base + 6)}l4 -6l4 6z",
                    fill="var(--ink)")
        )  # fmt: skip
    return parts


def stacked_bar(parts: Sequence[Part], *, label: str, width: float = WIDTH) -> Html:
    """Return one bar whose parts are as long as their shares; short ones are named on hover."""
    drawn: list[Html] = []
    x = 0.0
    for part in parts:
        long = width * part.share
        tip = element("title", f"{part.name}: {part.share:.1%}")
        drawn.append(
            element("rect", tip, x=x, y=0, width=max(long - 1, 0.3), height=_BAR,
                    fill=part_colour(part.colour))
        )  # fmt: skip
        x += long
    return drawing(width, _BAR, label, *drawn)


def curves(
    lines: Sequence[Curve],
    *,
    label: str,
    x_name: str,
    log_x: bool = False,
    from_zero: bool = True,
    width: float = 480.0,
    height: float = 240.0,
) -> Html:
    """Return curves over common axes, with bands where points have bounds, named at their ends.

    Args:
        lines: what is drawn; those without points are left out.
        label: what is seen, in a few words.
        x_name: name of the axis below.
        log_x: whether equal ratios of x are equally wide.
        from_zero: whether the axis at the left begins at 0.
        width: of the drawing, in units that letters of 11 stand in.
        height: of the drawing.
    """
    points = [point for line in lines for point in line.points]
    if not points:
        return drawing(width, _AXIS, label, _text(0, 14, "nothing to draw"))
    bounds = [value for p in points for value in (p.y, p.low, p.high) if value is not None]
    low = 0.0 if from_zero and min(bounds) >= 0 else min(bounds)
    vertical = _Axis(low, max(bounds), height - 34, _TOP)
    xs = [point.x for point in points]
    named = max(len(line.name) for line in lines if line.points)
    horizontal = _Axis(min(xs), max(xs), _LEFT, width - 12 - _LETTER * named, log=log_x)
    parts = [*_frame(vertical, horizontal, xs, x_name)]
    for line in lines:
        parts += _curve(line, horizontal, vertical)
    parts.append(_end_names(lines, horizontal, vertical))
    return drawing(width, height, label, *parts)


class _Axis:
    """Places of numbers between two ends."""

    def __init__(
        self, low: float, high: float, start: float, stop: float, *, log: bool = False
    ) -> None:
        self._log = log
        self.low, self.high = low, high
        self.start, self.stop = start, stop
        self._from, self._to = self._scaled(low), self._scaled(high)

    def _scaled(self, value: float) -> float:
        return math.log(value) if self._log else value

    def __call__(self, value: float) -> float:
        width = self._to - self._from
        share = (self._scaled(value) - self._from) / width if width else 0.5
        return self.start + share * (self.stop - self.start)

    def ticks(self, count: int = 4) -> list[float]:
        """Return round numbers between the ends, about `count`."""
        return round_numbers(self.low, self.high, count)


def _frame(vertical: _Axis, horizontal: _Axis, xs: Sequence[float], x_name: str) -> list[Html]:
    parts: list[Html] = []
    for value in vertical.ticks():
        y = vertical(value)
        parts.append(_line(horizontal.start, y, horizontal.stop, y, "axis"))
        parts.append(_text(horizontal.start - 6, y + 4, f"{value:g}", anchor="end"))
    y = vertical.start
    last = -math.inf
    for value in sorted(set(xs)):
        x = horizontal(value)
        if x - last < 34:
            continue
        last = x
        parts.append(_text(x, y + 16, f"{value:,.6g}", anchor="middle"))
    middle = (horizontal.start + horizontal.stop) / 2
    parts.append(_text(middle, y + 31, x_name, anchor="middle"))
    return parts


def _curve(line: Curve, horizontal: _Axis, vertical: _Axis) -> list[Html]:
    parts: list[Html] = []
    banded = [(p, p.low, p.high) for p in line.points if p.low is not None and p.high is not None]
    if len(banded) > 1:
        upper = [f"{number(horizontal(p.x))} {number(vertical(high))}" for p, _, high in banded]
        lower = [f"{number(horizontal(p.x))} {number(vertical(low))}" for p, low, _ in banded]
        outline = "M" + "L".join([*upper, *reversed(lower)]) + "Z"
        parts.append(element("path", d=outline, fill=colour(line.colour), fill_opacity=0.18))
    places = [(horizontal(p.x), vertical(p.y), p) for p in line.points]
    path = "M" + "L".join(f"{number(x)} {number(y)}" for x, y, _ in places)
    if len(places) > 1:
        parts.append(
            element("path", d=path, fill="none", stroke=colour(line.colour), stroke_width=2)
        )
    for x, y, point in places:
        tip = element("title", f"{line.name}: {point.y:.4g} at {point.x:,.6g}")
        parts.append(element("circle", tip, cx=x, cy=y, r=3, fill=colour(line.colour)))
    return parts


def _end_names(lines: Sequence[Curve], horizontal: _Axis, vertical: _Axis) -> Html:
    """Return names beside the last points, moved apart where they would overlap."""
    ends = [(vertical(line.points[-1].y), line) for line in lines if line.points]
    ends.sort(key=lambda end: end[0])
    parts: list[Html] = []
    last = -math.inf
    for y, line in ends:
        last = max(y, last + 13)
        x = horizontal(line.points[-1].x) + 8
        parts.append(
            element("text", line.name, x=x, y=last + 4, style=f"fill:{colour(line.colour)}")
        )
    return joined(parts)
