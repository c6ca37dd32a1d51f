"""Pictures of groups of rows: round numbers on their axes, words that agree with their counts."""

import re

import numpy as np
import polars as pl
import pytest

from assay.reports.rows.groups import Group
from assay.reports.rows.pictures import make_ups, score_pictures
from assay.reports.svg import round_numbers
from assay.samples import Reason, Scores

_TEXT = re.compile(r"<text[^>]*>([^<]*)</text>")


def _axis(values: np.ndarray) -> list[str]:
    rows = Group("pool", np.arange(len(values)), 0)
    reason = np.where(np.isnan(values), int(Reason.TOO_SHORT), int(Reason.OK)).astype(np.uint8)
    [figure] = score_pictures({"score": Scores(values, reason)}, [rows])
    name, note, *ticks = _TEXT.findall(figure)
    assert name == "pool"
    return [note, *ticks]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.034, 0.967, ["0.2", "0.4", "0.6", "0.8"]),
        (3.0, 64.0, ["20", "40", "60"]),
        (-1.3, 1.4, ["-1", "0", "1"]),
        (0, 60_000, ["20,000", "40,000"]),
    ],
)
def test_the_axis_of_a_score_has_round_numbers(low: float, high: float, ticks: list[str]) -> None:
    note, *found = _axis(np.linspace(low, high, 2001))

    assert found == ticks
    assert note.startswith("median")


def test_rows_without_a_number_are_counted() -> None:
    note, *_ = _axis(np.array([0.1, 0.2, 0.3, np.nan]))

    assert note == "median 0.20, 1 without a number"


def test_a_score_of_one_number_has_it_on_its_axis() -> None:
    assert _axis(np.full(5, 2.5)) == ["median 2.50", "2.5"]


@pytest.mark.parametrize(("rare", "words"), [(1, "1 other 0.1"), (2, "2 others 0.2")])
def test_rare_words_are_counted_in_the_right_number(rare: int, words: str) -> None:
    column = pl.Series(["common"] * (1000 - rare) + [f"rare {n}" for n in range(rare)])

    [figure] = make_ups({"task": column}, [Group("pool", np.arange(1000), 0)])

    assert words in figure


def test_round_numbers_lie_between_the_ends() -> None:
    assert round_numbers(0.1, 0.9, 4) == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert round_numbers(3, 3, 4) == [3]
