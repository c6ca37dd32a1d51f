"""Whatever a table holds, it fits the screen with all its names and numbers."""

import io

import pytest
from rich.console import Console, RenderableType

from assay.cli.console import Column, facts, table
from assay.folding import display_width

COLUMNS: list[Column] = ["arm", "budget", ("rows", "right"), ("loss", "right"),
                         ("95 % interval", "right"), ("FLOP", "right"), "why"]  # fmt: skip
ROWS = [
    ("random", "5%", 1234, "2.3456", "2.3001 to 2.3999", "1.2e+15", "nothing left out"),
    ("facility_location-quality-substance-per-task", "200k tokens", 12_345_678, "1.9000",
     "1.8765 to 1.9235", "3.4e+17", "empty response 3, too short 35, a word" + "x" * 50),
    ("春天来了花都开了你好世界", "10%", None, "", "", "", ""),
]  # fmt: skip
NUMBERS = ("1,234", "12,345,678", "2.3456", "1.9000", "2.3001 to 2.3999", "1.8765 to 1.9235",
           "1.2e+15", "3.4e+17", "5%", "10%")  # fmt: skip


def _shown(content: RenderableType, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    console.print(content)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [60, 70, 80, 100, 120, 500])
def test_every_name_and_number_is_there_and_no_line_too_wide(width: int) -> None:
    shown = _shown(table(COLUMNS, ROWS, title="a title " * 9, names=2), width)

    assert max(map(display_width, shown.splitlines())) <= width
    for word in (*NUMBERS, *(row[0] for row in ROWS)):
        assert str(word) in shown
    for heading in COLUMNS:
        assert (heading if isinstance(heading, str) else heading[0]) in shown
    assert "empty response 3," in " ".join(shown.split())


def test_one_table_where_it_fits_and_several_beside_the_same_names_where_it_does_not() -> None:
    wide, narrow = (_shown(table(COLUMNS[:6], ROWS[:1], names=2), width) for width in (80, 50))

    assert [line.split()[0] for line in wide.splitlines()[::2]] == ["arm", "random"]
    assert narrow.splitlines()[0].split()[:2] == narrow.splitlines()[4].split()[:2]
    assert narrow.count("random") == 2


def test_rows_become_lists_where_a_name_takes_the_screen() -> None:
    name = "a_name_that_takes_most_of_the_screen_by_itself"

    shown = _shown(table(["selection", ("rows", "right"), "by"], [(name, 12, "chance")]), 50)

    assert [line.split() for line in shown.splitlines()] == [
        ["selection"], ["─" * 50], [name], ["rows", "12"], ["by", "chance"],
    ]  # fmt: skip


def test_excerpts_end_in_an_ellipsis_and_leave_ids_and_scores_whole() -> None:
    rows = [("0059a1b2", -12_345.5, "asked " * 20, "答えた" * 20)]

    shown = _shown(table(["id", ("score", "right"), "asked", "answered"], rows, wrap=False), 60)

    [line] = shown.splitlines()[2:]
    assert line.startswith("0059a1b2   -12,346   asked")
    assert line.count("…") == 2
    assert display_width(line) <= 60


def test_a_column_that_holds_nothing_takes_no_room() -> None:
    shown = _shown(table(["score", "", "made"], [("mtld", "", "today")]), 80)

    assert shown.splitlines()[2] == "mtld    today"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_facts_stand_beside_short_labels_and_below_long_ones(width: int) -> None:
    path = "/data/" + "folder/" * 5 + "file.json"
    told = facts([("read", f"12 rows from {path}"), ("label" * 30, 0.5), ("none", None)])

    shown = _shown(told, width)

    assert max(map(display_width, shown.splitlines())) <= width
    assert path in shown
    assert "0.5" in shown
    assert "label" * 30 in "".join(shown.split())
