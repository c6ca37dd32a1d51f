"""What charts are made of: scales, ticks, markers, labels that keep apart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from assay.compare.records import Comparison
from assay.html import Html, element

_COLOURS = 8
_SHAPES = ("square", "triangle", "diamond", "down", "cross", "hexagon", "plus")
_CHARACTER = 6.9


@dataclass(frozen=True)
class Style:
    """How an arm is drawn everywhere: a class of the style sheet, and a shape."""

    colour: str
    shape: str


@dataclass(frozen=True)
class Scale:
    """From values to places on the page, linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        low, high, value = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def styles(comparison: Comparison) -> dict[str, Style]:
    """Return the style of each arm; colour and shape both tell arms apart."""
    fixed = {
        "random": Style("random", "circle"),
        "full": Style("full", "ring"),
        "base": Style("base", "ring"),
    }
    found: dict[str, Style] = {}
    place = 0
    for arm in comparison.arms:
        if arm.kind in fixed and fixed[arm.kind] not in found.values():
            found[arm.name] = fixed[arm.kind]
        else:
            found[arm.name] = Style(f"c{place % _COLOURS + 1}", _SHAPES[place % len(_SHAPES)])
            place += 1
    return found


def padded(values: Sequence[float], share: float = 0.08) -> tuple[float, float]:
    """Return a range around values, wider by a share at both ends; never empty."""
    low, high = min(values), max(values)
    margin = (high - low) * share or max(abs(high) * 0.02, 1e-3)
    return low - margin, high + margin


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return about `count` round numbers within a range: multiples of 1, 2 or 5."""
    step = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(step))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= step * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """Return powers of ten, and their 2nd and 5th multiples where there are few."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5)):
        found = [f * 10.0**e for e in exponents for f in factors if low <= f * 10.0**e <= high]
        if len(found) >= 3:
            break
    return found


def digits_for(values: Sequence[float]) -> int:
    """Return how many digits after the point tell neighbouring ticks apart."""
    step = min((b - a for a, b in pairwise(values)), default=1.0)
    return max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0


def marker(style: Style, x: float, y: float, title: str = "", size: float = 4.5) -> Html:
    """Return an arm's marker, with what appears when the pointer rests on it."""
    hint = element("title", title) if title else None
    name = f"mark {style.colour}"
    if style.shape in ("circle", "ring"):
        kind = name if style.shape == "circle" else f"{name} hollow"
        return element("circle", hint, cx=x, cy=y, r=size * 0.9, class_=kind)
    corners = [(x + size * dx, y + size * dy) for dx, dy in _OUTLINES[style.shape]]
    points = " ".join(f"{px:.1f},{py:.1f}" for px, py in corners)
    return element("polygon", hint, points=points, class_=name)


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return places moved as little as needed to be `gap` apart and between `low` and `high`.

    Neighbours that are too close form a block around the mean of its members, and blocks that meet
    become one; the result is the least-squares one.
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    blocks: list[list[int]] = []
    for index in order:
        blocks.append([index])
        while len(blocks) > 1 and _top(blocks[-1], places, gap, low, high) < (
            _top(blocks[-2], places, gap, low, high) + gap * len(blocks[-2])
        ):
            last = blocks.pop()
            blocks[-1] += last
    moved = [0.0] * len(places)
    for block in blocks:
        top = _top(block, places, gap, low, high)
        for step, index in enumerate(block):
            moved[index] = top + gap * step
    return moved


def _top(
    block: Sequence[int], places: Sequence[float], gap: float, low: float, high: float
) -> float:
    middle = sum(places[index] for index in block) / len(block)
    half = gap * (len(block) - 1) / 2
    return max(low, min(high - 2 * half, middle - half))


def shortened(text: str, length: int) -> str:
    """Return a text of at most `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "\N{HORIZONTAL ELLIPSIS}"


def text_width(text: str) -> float:
    """Return about how wide a label of a chart is."""
    return len(text) * _CHARACTER


def _regular(count: int, turn: float) -> tuple[tuple[float, float], ...]:
    angles = [turn + 2 * math.pi * i / count for i in range(count)]
    return tuple((1.05 * math.cos(angle), 1.05 * math.sin(angle)) for angle in angles)


_PLUS = (
    (-0.35, -1.1), (0.35, -1.1), (0.35, -0.35), (1.1, -0.35), (1.1, 0.35), (0.35, 0.35),
    (0.35, 1.1), (-0.35, 1.1), (-0.35, 0.35), (-1.1, 0.35), (-1.1, -0.35), (-0.35, -0.35),
)  # fmt: skip
_OUTLINES = {
    "square": ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)),
    "triangle": ((0.0, -1.1), (1.05, 0.8), (-1.05, 0.8)),
    "down": ((0.0, 1.1), (1.05, -0.8), (-1.05, -0.8)),
    "diamond": ((0.0, -1.2), (1.1, 0.0), (0.0, 1.2), (-1.1, 0.0)),
    "hexagon": _regular(6, 0.0),
    "plus": _PLUS,
    "cross": tuple(((x - y) * math.sqrt(0.5), (x + y) * math.sqrt(0.5)) for x, y in _PLUS),
}
