"""Pictures of groups of rows: lengths, turns, scores, and what the rows are of."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import polars as pl

from assay.html import Html, element
from assay.pool.pool import Pool
from assay.reports.rows.groups import Groups
from assay.reports.svg import (
    COLOURS,
    Bars,
    Part,
    colour,
    histograms,
    part_colour,
    round_numbers,
    short_name,
    stacked_bar,
    swatch,
)
from assay.samples import FloatArray, Scores
from assay.wording import number_of, percent, quantity, short_count
from assay.workspace.shapes import row_measures

_SCORE_BINS = 32
_TAIL = 0.005
_LISTED_WORDS = 6
_LEAST_SHARE = 0.005
_MOST_TICKS = 7
Ticks: TypeAlias = Sequence[tuple[float, str]]
"""Places on an axis in bins, with their text."""
_LENGTHS = (
    ("characters", "Characters of the answers"),
    ("prompt", "Characters of the prompts"),
)


def legend(groups: Groups) -> Html:
    """Return the groups beside their colours."""
    items = (
        element("span", swatch(colour(group.colour)), f"{group.name}, {len(group.rows):,} rows",
                class_="item")
        for group in groups
    )  # fmt: skip
    return element("p", *items, class_="legend")


def length_pictures(pool: Pool, groups: Groups) -> Iterator[Html]:
    """Yield a figure of each length, and of turns where rows have several."""
    measured = row_measures(pool)
    for name, title in _LENGTHS:
        values = measured[name]
        edges = _doublings(max(float(values[group.rows].max()) for group in groups))
        yield _figure(title, values, groups, edges, short_count, _ticks_of_counts(edges))
    turns = measured["turns"]
    most = max(float(turns[group.rows].max()) for group in groups)
    if most > 1:
        edges = [float(n) for n in range(1, min(int(most), 20) + 1)]
        ticks = [(place + 0.5, f"{edge:.0f}") for place, edge in enumerate(edges)]
        yield _figure("Answers of a row", turns, groups, edges, short_count, ticks)


def score_pictures(scores: Mapping[str, Scores], groups: Groups) -> Iterator[Html]:
    """Yield a figure of each score; rows without a number are counted beside it."""
    for name, table in scores.items():
        every = np.concatenate([table.values[group.rows] for group in groups])
        known = every[~np.isnan(every)]
        if not len(known):
            continue
        low, high = np.quantile(known, [_TAIL, 1 - _TAIL])
        step = (high - low) / _SCORE_BINS
        edges = [float(low + place * step) for place in range(_SCORE_BINS)] if step else [low]
        yield _figure(name, table.values, groups, edges, _short_number, _ticks_of_numbers(edges))


def make_ups(words: Mapping[str, pl.Series], groups: Groups) -> Iterator[Html]:
    """Yield a figure of each attribute of which some row has another word than the others.

    Args:
        words: of every row of the pool, by attribute.
        groups: what is shown.
    """
    for attribute, column in words.items():
        counts = [Counter(column.gather(group.rows).to_list()) for group in groups]
        if len(set().union(*counts)) < 2:
            continue
        most: Counter[str] = Counter()
        for count in counts:
            most |= Counter({word: n / count.total() for word, n in count.items()})
        common = [word for word, share in most.most_common(_LISTED_WORDS) if share >= _LEAST_SHARE]
        drawn = [
            _make_up(group.name, group.colour, count, common)
            for group, count in zip(groups, counts, strict=True)
        ]
        yield element("figure", element("figcaption", attribute.capitalize()), *drawn)


def _make_up(name: str, group_colour: int, counts: Counter[str], common: Sequence[str]) -> Html:
    whole = max(counts.total(), 1)
    parts = [
        Part(word or "not stated", counts[word] / whole, place)
        for place, word in enumerate(common)
        if counts[word]
    ]
    rest = counts.total() - sum(counts[word] for word in common)
    if rest:
        parts.append(
            Part(number_of(len(set(counts) - set(common)), "other"), rest / whole, COLOURS)
        )
    items = (
        element("span", swatch(part_colour(part.colour)), f"{part.name} {percent(part.share)}",
                class_="item")
        for part in parts
    )  # fmt: skip
    return element(
        "div",
        element("div", swatch(colour(group_colour)), name),
        stacked_bar(parts, label=f"what {name} is of"),
        element("div", *items, class_="legend"),
        class_="make-up",
    )


def _figure(
    title: str,
    values: FloatArray,
    groups: Groups,
    edges: Sequence[float],
    text: Callable[[float], str],
    ticks: Ticks,
) -> Html:
    rows = []
    for group in groups:
        own = values[group.rows]
        known = own[~np.isnan(own)]
        bins = np.clip(np.searchsorted(edges, known, side="right") - 1, 0, len(edges) - 1)
        counts = np.bincount(bins, minlength=len(edges))
        middle = float(np.median(known)) if len(known) else math.nan
        marks = [] if math.isnan(middle) else [(_place(edges, middle), "half have at most that")]
        note = f"median {quantity(middle)}" if known.size else "no number"
        if len(known) < len(own):
            note += f", {len(own) - len(known):,} without a number"
        shares = [count / max(len(own), 1) for count in counts.tolist()]
        rows.append(Bars(short_name(group.name), shares, group.colour, note, marks))
    names = [f"from {text(edge)}" for edge in edges]
    chart = histograms(rows, names, ticks, label=title)
    return element("figure", element("figcaption", title), chart)


def _short_number(value: float) -> str:
    return short_count(value) if abs(value) >= 100 else f"{value:.2g}"


def _ticks_of_counts(edges: Sequence[float]) -> Ticks:
    """Return at most seven of the edges that are powers of 2, 4, 16 ...; of few edges, all."""
    step = 1
    while True:
        places = [p for p, edge in enumerate(edges) if edge > 0 and math.log2(edge) % step == 0]
        if len(places) <= _MOST_TICKS:
            return [(float(place), f"{edges[place]:,.0f}") for place in places]
        step *= 2


def _ticks_of_numbers(edges: Sequence[float]) -> Ticks:
    """Return round numbers where they lie between edges that are equally far apart."""
    if len(edges) == 1:
        return [(0.0, _short_number(edges[0]))]
    step = edges[1] - edges[0]
    ticks = round_numbers(edges[0], edges[-1] + step, _MOST_TICKS - 2)
    return [((tick - edges[0]) / step, f"{tick:,.6g}") for tick in ticks]


def _place(edges: Sequence[float], value: float) -> float:
    place = int(np.clip(np.searchsorted(edges, value, side="right") - 1, 0, len(edges) - 1))
    if place + 1 == len(edges):
        return place + 0.5
    share = (value - edges[place]) / (edges[place + 1] - edges[place])
    return place + min(max(share, 0.0), 1.0)


def _doublings(most: float) -> list[float]:
    """Return edges 0, 1, 2, 4, then two to every doubling, up to `most`."""
    edges = [0.0, 1.0, 2.0, 4.0]
    power = 3.0
    while (edge := float(round(2**power))) <= most:
        edges.append(edge)
        power += 0.5
    return edges
