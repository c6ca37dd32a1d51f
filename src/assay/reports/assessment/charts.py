"""The charts of the page: distributions, languages and tasks, and variety."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from assay.assessment.records import Assessment, DatasetRecord, Histogram, MakeUp
from assay.assessment.wording import language_name
from assay.html import Child, Html, element, joined
from assay.reports.svg import (
    COLOURS,
    Bars,
    Curve,
    Part,
    Point,
    colour,
    curves,
    histograms,
    part_colour,
    short_name,
    stacked_bar,
    swatch,
)
from assay.wording import percent, quantity

_LISTED_PARTS = 6
_LEAST_PART = 0.005
_TICKS = 8


def named(found: Assessment, record: DatasetRecord) -> Html:
    """Return a dataset's name beside its colour."""
    return joined([swatch(colour(found.datasets.index(record))), record.name])


def _tokens(edge: float) -> str:
    if edge >= 1e6:
        return f"{edge / 1e6:.0f}M"
    return f"{edge / 1e3:.0f}k" if edge >= 1e4 else f"{edge:,.0f}"


_PANELS: Sequence[tuple[str, str, Callable[[float], str], float | None]] = (
    ("instruction", "Instruction, tokens", _tokens, None),
    ("response", "Answer, tokens", _tokens, None),
    ("compression_ifd", "Compression IFD", lambda edge: f"{edge:g}", 1.0),
    ("ifd", "IFD", lambda edge: f"{edge:g}", 1.0),
    ("perplexity", "Perplexity of the answer", _tokens, None),
)
"""Name of a distribution, its heading, the text of an edge, and where a line stands."""


def distributions(found: Assessment) -> Iterator[Html]:
    """Yield small histograms of every number, datasets one below the other."""
    yield element(
        "p",
        "Each to its own height; the triangle marks the median. Every two bars of tokens and "
        "perplexity are a doubling.",
        class_="soft",
    )
    panels = []
    for name, title, text, line in _PANELS:
        drawn = _panel(found, name, title, text, line)
        if drawn is not None:
            panels.append(element("figure", element("figcaption", title), drawn))
    yield element("div", *panels, class_="grid")


def _panel(
    found: Assessment, name: str, title: str, text: Callable[[float], str], line: float | None
) -> Html | None:
    """Return the histograms of one number over all datasets, cut to the bins that are used."""
    held = [(place, each.distributions[name]) for place, each in enumerate(found.datasets)
            if name in each.distributions and each.distributions[name].scored]  # fmt: skip
    if not held:
        return None
    edges = held[0][1].histogram.edges
    used = [place for _, each in held for place, count in enumerate(each.histogram.counts) if count]
    first, last = min(used), max(used) + 1
    if line is not None:
        last = max(last, edges.index(line) + 1)
    rows = []
    for place, each in held:
        middle = each.quantiles["p50"]
        said = quantity(middle)
        at = _place_of(middle, each.histogram) - first
        rows.append(
            Bars(
                short_name(found.datasets[place].name),
                [count / each.scored for count in each.histogram.counts[first:last]],
                place,
                note=f"median {said}",
                marks=[(at, f"half of the rows have at most {said}")],
            )
        )
    return histograms(
        rows,
        [_bin(edges, place, text) for place in range(first, last)],
        _ticks(edges, first, last, text),
        label=f"{title} of {len(rows)} datasets",
        line=None if line is None else edges.index(line) - first,
    )


def _place_of(value: float, histogram: Histogram) -> float:
    """Return where a value lies in bins, between two edges by its distance."""
    edges = histogram.edges
    place = max((i for i, edge in enumerate(edges) if edge <= value), default=0)
    upper = edges[place + 1] if place + 1 < len(edges) else 2 * edges[place]
    if edges[place] == int(edges[place]) and upper - edges[place] == 1:
        return place + 0.5  # one whole number has the whole bin
    return place + min(max((value - edges[place]) / (upper - edges[place]), 0.0), 1.0)


def _bin(edges: Sequence[float], place: int, text: Callable[[float], str]) -> str:
    if place + 1 == len(edges):
        return f"{text(edges[place])} or more"
    return f"{text(edges[place])} to below {text(edges[place + 1])}"


def _ticks(
    edges: Sequence[float], first: int, last: int, text: Callable[[float], str]
) -> list[tuple[float, str]]:
    """Return at most eight edges with their text: powers of 2, 4 ..., or multiples of 0.1 ..."""
    places = range(first, min(last, len(edges) - 1) + 1)
    for step in (1, 2, 4, 8):
        chosen = [place for place in places if _is_round(edges, place, step)]
        if len(chosen) <= _TICKS:
            break
    return [(place - first, text(edges[place])) for place in chosen]


def _is_round(edges: Sequence[float], place: int, step: int) -> bool:
    if edges[-1] < 2:  # twentieths
        return place % (2 * step) == 0
    power = math.log2(edges[place]) if edges[place] else 0.5
    return power == int(power) and int(power) % step == 0


def make_ups(found: Assessment) -> Html | None:
    """Return what languages and tasks the rows are of; None if each dataset has but one."""
    parts: list[Child] = []
    for title, made, name in (
        ("Languages", lambda record: record.languages, language_name),
        ("Tasks", lambda record: record.tasks, lambda word: word or "not stated"),
    ):
        figure = _make_up(found, title, made, name)
        if figure is not None:
            parts.append(figure)
    return element("div", *parts, class_="grid") if parts else None


def _make_up(
    found: Assessment,
    title: str,
    made: Callable[[DatasetRecord], MakeUp],
    name: Callable[[str], str],
) -> Html | None:
    """Return one bar per dataset; a word that several show has one colour."""
    records = [each for each in found.datasets if each.rows]
    if all(made(each).distinct == 1 for each in records):
        return None  # the table says it
    common = _common_colours([made(record) for record in records])
    drawn: list[Child] = []
    for record in records:
        shown = _parts(made(record), record.rows, common, name)
        legend = [
            element("span", swatch(part_colour(part.colour)),
                    f"{short_name(part.name)} {percent(part.share)}", class_="item")
            for part in shown
        ]  # fmt: skip
        drawn.append(
            element(
                "div",
                element("div", named(found, record)),
                stacked_bar(shown, label=f"{title} of {record.name}"),
                element("div", *legend, class_="legend"),
                class_="make-up",
            )
        )
    return element("figure", element("figcaption", title), *drawn)


def _large(made: MakeUp) -> list[str]:
    """Return the words that are shown by themselves."""
    rows = sum(made.words.values()) + made.others
    most = max(made.words.values())
    shown = [w for w, count in made.words.items() if count >= _LEAST_PART * rows or count == most]
    return shown[:_LISTED_PARTS]


def _parts(
    made: MakeUp, rows: int, common: Mapping[str, int], name: Callable[[str], str]
) -> list[Part]:
    """Return the largest parts, and all others as one; rows without a word are grey."""
    large = _large(made)
    free = (place for place in range(COLOURS) if place not in common.values())
    shown = []
    for word in large:
        place = common[word] if word in common else next(free, COLOURS) if word else COLOURS
        shown.append(Part(name(word), made.words[word] / rows, place))
    others = rows - sum(made.words[word] for word in large)
    if others:
        count = made.distinct - len(large)
        shown.append(Part(f"{count:,} other{'s' * (count > 1)}", others / rows, COLOURS))
    return shown


def _common_colours(made: Sequence[MakeUp]) -> dict[str, int]:
    """Return colours of the words that several datasets show, so that they agree."""
    shown = [word for each in made for word in _large(each) if word]
    several = [word for word in dict.fromkeys(shown) if shown.count(word) > 1]
    return {word: place for place, word in enumerate(several[:COLOURS])}


def varieties(found: Assessment) -> Iterator[Html]:
    """Yield how variety grows with the number of random rows."""
    yield element(
        "p",
        "A larger set always holds more different rows, so samples of equal size are compared: at "
        "the same place on the axis, the higher curve is the more varied dataset.",
        class_="soft",
    )
    drawn = []
    for title, points in (
        ("Vendi score: as varied as so many rows with nothing in common",
         [[Point(v.rows, v.vendi) for v in each.variety] for each in found.datasets]),
        ("Mean distance to the nearest other row",
         [[Point(v.rows, v.distance) for v in each.variety] for each in found.datasets]),
    ):  # fmt: skip
        lines = [
            Curve(short_name(each.name), own, place)
            for place, (each, own) in enumerate(zip(found.datasets, points, strict=True))
        ]
        chart = curves(lines, label=title, x_name="random rows", log_x=True)
        drawn.append(element("figure", element("figcaption", title), chart))
    yield element("div", *drawn, class_="grid")
