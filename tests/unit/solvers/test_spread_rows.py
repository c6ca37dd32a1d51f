"""Rows spread over groups and sizes: every beginning holds each group's share."""

from fractions import Fraction

import numpy as np

from assay.samples import IndexArray
from assay.solvers.spread_rows import spread_rows


def _by_hand(line: list[int], count: int, shift: float) -> list[int]:
    """Return the picks along a line, one at a time, with exact fractions."""
    taken: list[int] = []
    for number in range(count):
        digits = reversed(f"{number:b}")
        at = sum((Fraction(int(d), 2 ** (k + 1)) for k, d in enumerate(digits)), Fraction(0))
        place = int((at + Fraction(shift)) % 1 * len(line))
        while line[place % len(line)] in taken:
            place += 1
        taken.append(line[place % len(line)])
    return taken


def test_the_picks_are_those_of_the_sequence_along_the_line() -> None:
    rng = np.random.default_rng(0)
    groups, sizes = rng.integers(-1, 4, 60), rng.integers(1, 9, 60).astype(float)
    rows = np.sort(rng.choice(60, 41, replace=False))
    means = {g: sizes[rows][groups[rows] == g].mean() for g in set(groups[rows].tolist())}
    line = sorted(rows.tolist(), key=lambda row: (means[groups[row]], sizes[row], row))

    for shift in (0.0, 0.375, 0.96875):
        found = spread_rows(groups, sizes, rows, 41, shift=shift)
        assert found.tolist() == _by_hand(line, 41, shift)


def test_every_beginning_has_about_the_share_of_each_group() -> None:
    rng = np.random.default_rng(1)
    groups, sizes = rng.choice(5, 2000, p=[0.5, 0.3, 0.1, 0.07, 0.03]), rng.uniform(size=2000)
    found = spread_rows(groups, sizes, np.arange(2000), 400, shift=0.3)

    for count in (20, 50, 100, 400):
        shares = np.bincount(groups[found[:count]], minlength=5) / count
        np.testing.assert_allclose(
            shares, np.bincount(groups, minlength=5) / 2000, atol=3.0 / count
        )
        middle = np.median(sizes[found[:count]])
        assert abs(middle - 0.5) < 0.15


def test_all_or_none_are_taken_where_there_are_few() -> None:
    none: IndexArray = np.empty(0, np.int64)
    groups, sizes = np.zeros(5, np.int64), np.ones(5)

    assert spread_rows(groups, sizes, none, 3, shift=0.5).tolist() == []
    assert sorted(spread_rows(groups, sizes, np.arange(5), 9, shift=0.99).tolist()) == [
        0,
        1,
        2,
        3,
        4,
    ]
