from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.reports.comparison.chart_parts import (
    Scale,
    decades,
    digits_for,
    padded,
    spread,
    styles,
    ticks,
)
from tests.unit.compare.synthetic import synthetic


@given(st.lists(st.floats(0, 100), min_size=1, max_size=7))
def test_labels_are_apart_inside_and_in_order(places: list[float]) -> None:
    moved = spread(places, 13.0, 0.0, 100.0)

    ordered = sorted(moved)
    assert all(b - a >= 13.0 - 1e-6 for a, b in pairwise(ordered))
    assert ordered[0] >= -1e-6
    assert ordered[-1] <= 100.0 + 1e-6
    by_place = [moved[i] for i in sorted(range(len(places)), key=lambda i: places[i])]
    assert by_place == ordered


def test_labels_that_are_apart_stay() -> None:
    assert spread([50.0, 10.0], 13.0, 0.0, 100.0) == [50.0, 10.0]


def test_two_labels_at_one_place_move_equally() -> None:
    assert spread([50.0, 50.0], 10.0, 0.0, 100.0) == [45.0, 55.0]


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_inside_and_few(low: float, span: float) -> None:
    found = ticks(low, low + span)

    assert 2 <= len(found) <= 7
    slack = span * 1e-6 + abs(low) * 1e-12  # what low + span is rounded to
    assert low - slack <= found[0]
    assert found[-1] <= low + span + slack


def test_ticks_by_hand() -> None:
    assert ticks(1.13, 1.27) == pytest.approx([1.15, 1.2, 1.25])
    assert digits_for([0.0, 0.005, 0.01]) == 3


def test_decades_have_company_where_they_are_few() -> None:
    assert decades(1e14, 2e16) == [1e14, 1e15, 1e16]
    assert decades(1.5e15, 6e15) == pytest.approx([2e15, 5e15])


def test_scales_reach_both_ends() -> None:
    scale = Scale(10.0, 1_000.0, 0.0, 200.0, log=True)

    assert [scale(value) for value in (10.0, 100.0, 1_000.0)] == pytest.approx([0.0, 100.0, 200.0])


def test_equal_values_have_a_range_too() -> None:
    low, high = padded([2.0, 2.0])

    assert low < 2.0 < high


def test_no_two_arms_look_alike() -> None:
    effects = {f"arm{number}": 0.0 for number in range(40)}
    found = styles(synthetic(effects, questions=2, seeds=1, draws=1, budgets=("5%",)))

    looks = [style for name, style in found.items() if name.startswith("arm")]
    assert len(set(looks)) == 40
    assert len({style.shape for style in looks[:7]}) == 7
