"""The picture of the default's evidence: candidates as points between two yardsticks each."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from assay.html import Html, element, joined, number
from scripts.docs_default_evidence import (
    HEADLINE,
    LONGEST,
    OLD,
    RANDOM,
    WIDE,
    Compared,
    Evidence,
)

_WIDTH = 760.0
_PANEL = 380.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 16.0, 34.0, 50.0
_LINE = 16.0
_COLUMNS = 2
_APART = 15.5
_STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  fill: #5f6368; }
.paper { fill: #ffffff; }
.title { font-weight: 650; font-size: 14px; fill: #1c1c1e; }
.axis { stroke: #dadce0; fill: none; }
.lead { stroke: #75797e; }
.whisker { fill: none; stroke-width: 1.5; }
.band { fill: #0072b2; fill-opacity: 0.12; }
.default { fill: #d55e00; } .random { fill: #0072b2; } .longest { fill: #009e73; }
.old { fill: #a0568c; } .other { fill: #75797e; }
.whisker.default { stroke: #d55e00; } .whisker.longest { stroke: #009e73; }
.whisker.old { stroke: #a0568c; }
.inside { font-size: 9.5px; font-weight: 650; fill: #ffffff; text-anchor: middle; }
.named { font-weight: 650; }
@media (prefers-color-scheme: dark) {
  text { fill: #9aa0a6; }
  .paper { fill: #16181b; }
  .title { fill: #e8eaed; }
  .axis { stroke: #3c4043; } .lead { stroke: #9aa0a6; }
  .band { fill: #56b4e9; }
  .default { fill: #f08a4b; } .random { fill: #56b4e9; } .longest { fill: #35c79c; }
  .old { fill: #dd9bc3; } .other { fill: #9aa0a6; }
  .whisker.default { stroke: #f08a4b; } .whisker.longest { stroke: #35c79c; }
  .whisker.old { stroke: #dd9bc3; }
  .inside { fill: #16181b; }
}
.whisker { fill: none; }
"""
"""Colours as in the package's own pages, light and dark."""


_NOTES = (
    "Blue bands: 95 of 100 random selections of this size lie there.",
    "The cross at longest is as wide; those at losses are intervals of 95 %.",
)


@dataclass(frozen=True)
class Mark:
    """A candidate in a panel: its values on both axes, and how far its intervals reach."""

    name: str
    x: float
    y: float
    x_ends: tuple[float, float] | None = None
    y_ends: tuple[float, float] | None = None


@dataclass(frozen=True)
class Axis:
    """From values to places; `bend` is what values are drawn by."""

    name: str
    low: float
    high: float
    start: float
    stop: float
    ticks: Sequence[tuple[float, str]]
    bend: Callable[[float], float] = float

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        low, high, at = self.bend(self.low), self.bend(self.high), self.bend(value)
        return self.start + (at - low) / (high - low) * (self.stop - self.start)


def picture(evidence: Evidence) -> str:
    """Return the picture as a file."""
    panels = [_rated(evidence), *(_lost(found) for found in evidence.comparisons if found.target)]
    labels = _labels(evidence)
    paper = element("rect", width="100%", height="100%", class_="paper")
    parts: list[Html] = [element("style", Html(_STYLE)), paper]
    top = 0.0
    for title, across, up, marks, bands in panels:
        drawn = _panel(title, across, up, marks, bands, labels)
        parts.append(element("g", drawn, transform=f"translate(0 {number(top)})"))
        top += _PANEL
    key, tall = _key(labels)
    parts.append(element("g", key, transform=f"translate(0 {number(top)})"))
    svg = element(
        "svg",
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(_WIDTH)} {number(top + tall)}",
        role="img",
        aria_label="Candidates for the default between the yardsticks",
    )
    return f"<!-- Written by python -m scripts.make_docs -->\n{svg}\n"


Panel = tuple[str, Axis, Axis, list[Mark], Sequence[tuple[float, float, str]]]
"""Title, axes, points, and bands: both ends and the axis, "x" or "y"."""


def _rated(evidence: Evidence) -> Panel:
    kinds, budget = evidence.kinds, HEADLINE
    far_up = WIDE * evidence.rating_error(budget)
    far_across = WIDE * evidence.taken_error(kinds, budget)
    marks = []
    for name in evidence.candidates:
        x, y = evidence.taken(name), evidence.rating(name)
        wide = name == LONGEST
        marks.append(
            Mark(
                name,
                x,
                y,
                (x - far_across, x + far_across) if wide else None,
                (y - far_up, y + far_up) if wide else None,
            )
        )
    share = next(iter(evidence.spoiled.values()))["spoiled_share"]
    bands = [(share - far_across, share + far_across, "x"), (-far_up, far_up, "y")]
    most = max(mark.x for mark in marks) * 1.08
    steps = [at for at in (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5) if at <= most]
    across = Axis(
        f"share of the selection that is spoiled at {HEADLINE} (less is better)",
        0.0,
        most,
        _LEFT,
        _WIDTH - _RIGHT,
        [(at, f"{100 * at:.0f} %") for at in steps],
        # Wide where candidates lie close together, and 0 has a place.
        lambda value: math.log(max(value, 0.0) + 0.01),
    )
    up = _vertical("rating above the pool", [*(m.y for m in marks), far_up, *_ends(marks, "y")])
    return "A judge's rating, and spoiled rows taken", across, up, marks, bands


def _lost(found: Compared) -> Panel:
    target = found.losses[found.target or ""]
    own = found.losses[found.own]
    marks = []
    for name, left in own.items():
        right = target.get(name)
        if name == RANDOM:
            marks.append(Mark(name, 0.0, 0.0))
        elif right and left.difference is not None and right.difference is not None:
            wide = name in (LONGEST, "default", OLD)
            marks.append(
                Mark(
                    name,
                    left.difference,
                    right.difference,
                    (left.low or 0.0, left.high or 0.0) if wide else None,
                    (right.low or 0.0, right.high or 0.0) if wide else None,
                )
            )
    xs = [*(mark.x for mark in marks), *_ends(marks, "x")]
    low, high = _padded(xs)
    across = Axis(
        "loss on the pool's own held-out rows, minus random's (less is better)",
        low,
        high,
        _LEFT,
        _WIDTH - _RIGHT,
        _round_ticks(low, high),
    )
    up = _vertical("loss on LIMA, minus random's", [*(m.y for m in marks), *_ends(marks, "y")])
    return f"Losses of tuned models: {found.label}", across, up, marks, ()


def _vertical(name: str, values: Sequence[float]) -> Axis:
    low, high = _padded(values)
    return Axis(name, low, high, _PANEL - _BOTTOM, _TOP, _round_ticks(low, high))


def _ends(marks: Sequence[Mark], axis: str) -> list[float]:
    ends = [mark.x_ends if axis == "x" else mark.y_ends for mark in marks]
    return [value for pair in ends if pair for value in pair]


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.07 * (high - low) or 0.01
    return low - margin, high + margin


def _round_ticks(low: float, high: float, count: int = 6) -> list[tuple[float, str]]:
    rough = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    places = [place * step for place in range(first, last + 1)]
    minus = "\N{MINUS SIGN}"
    return [(at, f"{at + 0.0:.{digits}f}".replace("-", minus)) for at in places]


def _panel(
    title: str,
    across: Axis,
    up: Axis,
    marks: Sequence[Mark],
    bands: Sequence[tuple[float, float, str]],
    labels: Mapping[str, str],
) -> Html:
    parts = [element("text", title, x=0, y=16, class_="title")]
    parts += [_band(band, across, up) for band in bands]
    parts += _grid(across, up)
    # The named points come last, so that no number hides them.
    ordered = sorted(marks, key=lambda mark: labels[mark.name] == mark.name)
    for mark in ordered:
        parts += _whiskers(mark, across, up)
    taken: list[tuple[float, float]] = []
    over: list[Html] = []
    for mark in reversed(ordered):
        x, y = across(mark.x), up(mark.y)
        numbered = labels[mark.name] != mark.name
        at = _free(x, y, taken) if numbered else (x, y)
        taken += [at] if numbered else [at, *_under_name(at, mark.name)]
        dot, name = _point(mark, (x, y), at, labels[mark.name])
        parts += dot
        over += name
    return joined([*parts, *over])


def _under_name(at: tuple[float, float], name: str) -> list[tuple[float, float]]:
    """Return places along a name beside a point, which numbers are to leave free."""
    return [(at[0] + 10 + step, at[1] - 11) for step in range(0, 7 * len(name), 12)]


def _free(x: float, y: float, taken: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the place nearest to a point at which a number covers no other mark."""
    tries = [(x, y)] + [
        (x + far * math.cos(turn * math.pi / 6), y + far * math.sin(turn * math.pi / 6))
        for far in (17.0, 25.0, 34.0, 50.0)
        for turn in range(12)
    ]
    return next(
        (
            (left, top)
            for left, top in tries
            if all(math.hypot(left - one, top - other) >= _APART for one, other in taken)
        ),
        (x, y),
    )


def _band(band: tuple[float, float, str], across: Axis, up: Axis) -> Html:
    low, high, axis = band
    if axis == "x":
        left, right, top, floor = across(low), across(high), up.stop, up.start
    else:
        left, right, top, floor = across.start, across.stop, up(high), up(low)
    return element("rect", x=left, y=top, width=right - left, height=floor - top, class_="band")


def _grid(across: Axis, up: Axis) -> list[Html]:
    parts = []
    for value, words in up.ticks:
        y = up(value)
        parts.append(element("line", x1=across.start, x2=across.stop, y1=y, y2=y, class_="axis"))
        parts.append(element("text", words, x=across.start - 8, y=y + 4, text_anchor="end"))
    for value, words in across.ticks:
        x = across(value)
        parts.append(element("line", x1=x, x2=x, y1=up.start, y2=up.stop, class_="axis"))
        parts.append(element("text", words, x=x, y=up.start + 17, text_anchor="middle"))
    middle = (across.start + across.stop) / 2
    parts.append(element("text", across.name, x=middle, y=up.start + 35, text_anchor="middle"))
    height = (up.start + up.stop) / 2
    parts.append(
        element(
            "text",
            up.name,
            text_anchor="middle",
            transform=f"translate(14 {number(height)}) rotate(-90)",
        )
    )
    return parts


def _colour(name: str) -> str:
    """Return the class of a candidate."""
    named = {"default": "default", RANDOM: "random", LONGEST: "longest", OLD: "old"}
    return named.get(name, "other")


def _whiskers(mark: Mark, across: Axis, up: Axis) -> list[Html]:
    x, y = across(mark.x), up(mark.y)
    paths = []
    if mark.x_ends:
        paths.append(
            f"M{number(across(mark.x_ends[0]))} {number(y)}H{number(across(mark.x_ends[1]))}"
        )
    if mark.y_ends:
        paths.append(f"M{number(x)} {number(up(mark.y_ends[0]))}V{number(up(mark.y_ends[1]))}")
    return [element("path", d=path, class_=f"whisker {_colour(mark.name)}") for path in paths]


def _point(
    mark: Mark, place: tuple[float, float], at: tuple[float, float], label: str
) -> tuple[list[Html], list[Html]]:
    """Return a candidate's place, and what stands over all places: its number or name."""
    (x, y), shade = place, _colour(mark.name)
    tip = element("title", f"{mark.name}: {mark.x:.4g} across, {mark.y:.4g} up")
    if label != mark.name:
        left, top = at
        moved = at != place
        lead = element("line", x1=x, y1=y, x2=left, y2=top, class_="lead") if moved else None
        return [joined([element("circle", tip, cx=x, cy=y, r=2.5, class_=shade), lead])], [
            element("circle", cx=left, cy=top, r=7.5, class_=shade),
            element("text", label, x=left, y=top + 3.4, class_="inside"),
        ]
    # A name that would leave the picture stands before its point.
    before = x + 10 + 7 * len(label) > _WIDTH
    side = {"x": x - 10, "text_anchor": "end"} if before else {"x": x + 10}
    return [], [
        element("circle", tip, cx=x, cy=y, r=6, class_=shade),
        element("text", label, y=y - 7, class_=f"named {shade}", **side),
    ]


def _labels(evidence: Evidence) -> dict[str, str]:
    """Return what stands at each point: a name, or a number that the key explains."""
    named = (evidence.default, RANDOM, LONGEST, OLD)
    others = [name for name in evidence.candidates if name not in named]
    for found in evidence.comparisons:
        arms = found.losses[found.own]
        others += [name for name in arms if name not in named and name not in others]
    return {name: name for name in named} | {n: str(i) for i, n in enumerate(others, 1)}


def _key(labels: Mapping[str, str]) -> tuple[Html, float]:
    """Return what the numbers mean, and how tall that is."""
    numbered = [(label, name) for name, label in labels.items() if label != name]
    lines = math.ceil(len(numbered) / _COLUMNS)
    parts = []
    for place, (label, name) in enumerate(numbered):
        column, line = divmod(place, lines)
        x, y = 10 + column * _WIDTH / _COLUMNS, 14 + line * _LINE
        parts.append(element("circle", cx=x, cy=y - 4, r=7, class_=_colour(name)))
        parts.append(element("text", label, x=x, y=y - 0.6, class_="inside"))
        parts.append(element("text", name, x=x + 14, y=y))
    for place, words in enumerate(_NOTES):
        parts.append(element("text", words, x=2, y=14 + (lines + place) * _LINE + 6))
    return joined(parts), (lines + len(_NOTES)) * _LINE + 18
