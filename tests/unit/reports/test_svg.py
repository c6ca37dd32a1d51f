"""Charts show the numbers they are given, and nothing of a name is markup."""

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from assay.reports.svg import (
    COLOURS,
    WIDTH,
    Bars,
    Curve,
    Part,
    Point,
    colour,
    curves,
    histograms,
    part_colour,
    stacked_bar,
)

HOSTILE = "<script>alert(1)</script>"
SPACE = "{http://www.w3.org/2000/svg}"


def _all(drawing: str, name: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(drawing).iter(SPACE + name))


def _texts(drawing: str, name: str) -> list[str]:
    return [part.text or "" for part in _all(drawing, name)]


def test_bars_are_as_tall_as_their_shares() -> None:
    drawn = histograms(
        [Bars("a", [0.5, 0.25, 0.0, 0.125], 0)],
        ["0", "1", "2", "3"],
        [(0, "0"), (4, "4")],
        label="x",
    )

    heights = [float(bar.attrib["height"]) for bar in _all(drawn, "rect")]
    assert len(heights) == 3
    assert heights[1] == pytest.approx(heights[0] / 2, abs=0.02)
    assert heights[2] == pytest.approx(heights[0] / 4, abs=0.02)
    assert _texts(drawn, "title") == [
        "0: 50.0% of rows", "1: 25.0% of rows", "3: 12.5% of rows"
    ]  # fmt: skip


def test_every_row_has_its_own_height_and_base() -> None:
    drawn = histograms([Bars("a", [1.0], 0), Bars("b", [0.1], 1)], ["all"], [], label="x")

    first, second = _all(drawn, "rect")
    assert first.attrib["height"] == second.attrib["height"]
    assert float(second.attrib["y"]) > float(first.attrib["y"]) + float(first.attrib["height"])
    assert first.attrib["fill"] != second.attrib["fill"]


def test_a_reference_line_does_not_run_through_names() -> None:
    rows = [Bars("a", [1.0], 0, "median 1"), Bars("b", [0.1], 1, "median 1")]
    drawn = histograms(rows, ["all"], [], label="x", line=0.5)

    bars, names = _all(drawn, "rect"), _all(drawn, "text")
    lines = [line for line in _all(drawn, "line") if line.attrib["class"] == "mark"]
    assert len(lines) == len(bars)
    for bar, line in zip(bars, lines, strict=True):
        assert line.attrib["y1"] == bar.attrib["y"]
        top, bottom = float(line.attrib["y1"]), float(line.attrib["y2"])
        assert bottom == pytest.approx(top + float(bar.attrib["height"]))
        assert not any(top < float(name.attrib["y"]) <= bottom for name in names)


def test_a_rare_bin_can_be_seen() -> None:
    drawn = histograms([Bars("a", [0.9999, 0.0001], 0)], ["0", "1"], [], label="x")

    assert float(_all(drawn, "rect")[1].attrib["height"]) > 0.5


def test_parts_fill_the_bar_in_order() -> None:
    drawn = stacked_bar([Part("a", 0.5, 0), Part("b", 0.3, 1), Part("c", 0.2, 99)], label="x")

    places = [(float(p.attrib["x"]), float(p.attrib["width"])) for p in _all(drawn, "rect")]
    assert [x for x, _ in places] == pytest.approx([0, 0.5 * WIDTH, 0.8 * WIDTH], abs=0.01)
    assert places[-1][0] + places[-1][1] == pytest.approx(WIDTH, abs=1.1)
    assert _all(drawn, "rect")[2].attrib["fill"] == part_colour(COLOURS)


def test_higher_numbers_stand_higher_and_larger_ones_further_right() -> None:
    points = [Point(10, 1.0), Point(100, 3.0), Point(1000, 2.0)]
    drawn = curves([Curve("a", points, 0)], label="x", x_name="n", log_x=True)

    x, y = ([float(dot.attrib[axis]) for dot in _all(drawn, "circle")] for axis in ("cx", "cy"))
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.02)
    assert y[1] < y[2] < y[0]
    assert (y[0] - y[2]) == pytest.approx((y[0] - y[1]) / 2, abs=0.02)


def test_a_band_goes_up_one_way_and_back_the_other() -> None:
    points = [Point(0, 1.0, 0.5, 1.5), Point(1, 1.0, 0.0, 2.0)]
    drawn = curves([Curve("a", points, 0)], label="x", x_name="n")

    band = next(p for p in _all(drawn, "path") if p.attrib["fill"] != "none")
    corners = [pair.split() for pair in band.attrib["d"].strip("MZ").split("L")]
    assert len(corners) == 4
    across = [corner[0] for corner in corners]
    assert across == [across[0], across[1], across[1], across[0]]
    assert float(corners[1][1]) < float(corners[0][1]) < float(corners[3][1])


def test_names_at_the_ends_do_not_overlap() -> None:
    lines = [Curve(name, [Point(1, 1.0), Point(2, 1.0)], 0) for name in "abc"]
    drawn = curves(lines, label="x", x_name="n")

    at = [float(text.attrib["y"]) for text in _all(drawn, "text") if text.text in {"a", "b", "c"}]
    assert all(later - earlier >= 12 for earlier, later in pairwise(at))


@pytest.mark.parametrize(
    "drawn",
    [
        curves([], label="x", x_name="n"),
        curves([Curve("a", [], 0)], label="x", x_name="n"),
        curves([Curve("a", [Point(5, 0.0)], 0)], label="x", x_name="n", log_x=True),
        histograms([], [], [], label="x"),
        histograms([Bars("a", [0.0], 0)], ["0"], [], label="x"),
        stacked_bar([], label="x"),
    ],
)
def test_nothing_to_draw_is_drawn(drawn: str) -> None:
    assert ElementTree.fromstring(drawn).tag == SPACE + "svg"


def test_names_are_text() -> None:
    drawings = [
        histograms([Bars(HOSTILE, [1.0], 0, note=HOSTILE)], [HOSTILE], [(0, HOSTILE)],
                   label=HOSTILE),
        stacked_bar([Part(HOSTILE, 1.0, 0)], label=HOSTILE),
        curves([Curve(HOSTILE, [Point(1, 1.0)], 0)], label=HOSTILE, x_name=HOSTILE),
    ]  # fmt: skip

    for drawn in drawings:
        assert "<script" not in drawn
        assert ElementTree.fromstring(drawn).attrib["aria-label"] == HOSTILE


def test_what_comes_after_the_last_colour_is_grey() -> None:
    assert [colour(0), colour(COLOURS), colour(99), colour(-1)] == [
        "var(--c0)", "var(--c7)", "var(--c7)", "var(--c7)"
    ]  # fmt: skip
