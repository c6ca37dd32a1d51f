"""Groups are plain lists of prices here: a group takes each of its rows that still fits, in order.

The right answers are worked out by hand, or by a division of rows one by one.
"""

from collections.abc import Sequence

import numpy as np
import pytest

from assay.samples import Selection
from assay.solvers.shares import Taken, largest_remainder, proportional, spend_in_shares


def test_largest_remainder_adds_up_and_favours_the_larger_rest() -> None:
    parts = largest_remainder(10, np.array([5.0, 3.0, 2.4]), np.array([100, 100, 100]))

    assert parts.tolist() == [5, 3, 2]
    assert largest_remainder(3, np.ones(2), np.array([9, 9])).tolist() == [2, 1]


def test_remainders_that_are_equal_but_for_the_last_digits_go_to_the_lower_index() -> None:
    # 0.1, 0.2 and 0.7 of 5 are 0.5, 1.0 and 3.5, though not in binary.
    for total in (5, 15, 25, 35, 45):
        parts = largest_remainder(total, np.array([0.1, 0.2, 0.7]), np.full(3, 100))
        assert parts.tolist() == [(total + 5) // 10, total // 5, (7 * total - 5) // 10]


def test_real_parts_keep_their_proportion_when_one_is_full() -> None:
    parts = proportional(10.0, np.array([4.0, 2.0, 1.0, 0.0]), np.array([2.5, 100, 100, 100]))

    assert parts.tolist() == [2.5, 5.0, 2.5, 0.0]
    assert proportional(9.0, np.ones(2), np.array([3.0, 4.0])).tolist() == [3.0, 4.0]


def test_what_a_full_group_cannot_take_goes_to_the_others() -> None:
    parts = largest_remainder(10, np.array([8.0, 1.0, 1.0]), np.array([3, 100, 2]))

    assert parts.tolist() == [3, 5, 2]


def test_a_group_without_weight_gets_nothing() -> None:
    assert largest_remainder(4, np.array([0.0, 1.0]), np.array([9, 9])).tolist() == [0, 4]


def _spend(
    total: float,
    prices: Sequence[Sequence[float]],
    *,
    weights: Sequence[float] | None = None,
    most: Sequence[int] | None = None,
) -> list[list[int]]:
    """Return the places of the rows that each group takes; `most` ends a group's wishes early."""

    def take(group: int, part: float) -> Taken:
        spent = 0.0
        chosen: list[int] = []
        wanted = len(prices[group]) if most is None else most[group]
        for place, price in enumerate(prices[group]):
            if len(chosen) < wanted and spent + price <= part:
                chosen.append(place)
                spent += price
        others = [p for place, p in enumerate(prices[group]) if place not in chosen]
        over = len(chosen) >= wanted
        following = np.inf if over or not others else min(others)
        indices = np.array(chosen, np.int64)
        picks = Selection(indices, np.zeros(len(chosen)), nested=False, stop="budget")
        return Taken(picks, spent, following)

    sums = np.array([float(sum(group)) for group in prices])
    share = sums if weights is None else np.array(weights, np.float64)
    found = spend_in_shares(total, share, sums, take, whole=False)
    return [found[g].indices.tolist() if g in found else [] for g in range(len(prices))]


def _spent(taken: list[list[int]], prices: Sequence[Sequence[float]]) -> list[float]:
    return [sum(prices[g][place] for place in rows) for g, rows in enumerate(taken)]


def test_parts_are_in_proportion_to_what_groups_cost() -> None:
    prices = [[10.0] * 100, [90.0] * 100]

    assert _spent(_spend(9000, prices), prices) == [900, 8100]


def test_what_a_group_has_no_rows_for_goes_to_the_others_by_their_weights() -> None:
    prices = [[10.0] * 3, [10.0] * 100, [10.0] * 100]

    # 30 of the 200 that are its part; the other 570 are shared 2 to 1.
    assert _spent(_spend(600, prices, weights=[3, 2, 1]), prices) == [30, 380, 190]


def test_what_a_group_does_not_want_goes_to_the_others() -> None:
    prices = [[10.0] * 100, [10.0] * 100, [10.0] * 100]

    taken = _spend(600, prices, weights=[1, 1, 2], most=[2, 100, 100])

    # 20 instead of 150; 580 shared 1 to 2 are 193.3 and 386.7: 19 and 38 rows, and one more for
    # the larger rest.
    assert _spent(taken, prices) == [20, 190, 390]


def test_a_row_longer_than_its_groups_part_leaves_the_part_to_the_others() -> None:
    prices = [[60.0], [10.0] * 10]

    # 30 and 50 are the parts; the long row fits neither its own nor all that is left.
    assert _spend(80, prices) == [[], [0, 1, 2, 3, 4, 5, 6, 7]]


def test_a_row_longer_than_its_groups_part_is_taken_if_what_is_left_in_all_pays_for_it() -> None:
    prices = [[50.0, 50.0, 50.0], [30.0] * 5]

    # 80 each: one row of 50 and two of 30. What is left, 50, pays for either; the second group
    # has 20 of its part unspent, the first 30.
    assert _spend(160, prices) == [[0, 1], [0, 1]]


def test_equal_rests_go_to_the_group_named_first() -> None:
    assert _spend(30, [[20.0] * 4, [20.0] * 4]) == [[0], []]


def test_groups_without_weight_or_rows_get_nothing() -> None:
    assert _spend(50, [[10.0] * 9, [], [10.0] * 9], weights=[0, 1, 2]) == [[], [], [0, 1, 2, 3, 4]]


def test_nothing_to_spend_buys_only_what_is_free() -> None:
    assert _spend(0, [[10.0, 0.0], [10.0]]) == [[1], []]


@pytest.mark.parametrize("seed", range(40))
def test_where_rows_cost_the_same_it_is_the_largest_remainder_of_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, size=5)
    weights = rng.integers(1, 9, size=5)
    rows = int(rng.integers(0, sizes.sum() + 1))
    price = float(rng.integers(1, 50))

    taken = _spend(
        rows * price + float(rng.integers(0, int(price))),
        [[price] * int(size) for size in sizes],
        weights=weights.tolist(),
    )

    if not _is_tied(rows, weights, sizes):
        assert [len(group) for group in taken] == _hamilton(rows, weights, sizes)
    assert sum(len(group) for group in taken) == rows


def _ideal(rows: int, weights: np.ndarray, sizes: np.ndarray) -> list[float]:
    """Return real parts: full groups first keep what they have, one after the other."""
    full: set[int] = set()
    while True:
        left = rows - sum(int(sizes[g]) for g in full)
        of = sum(int(weights[g]) for g in range(len(sizes)) if g not in full)
        parts = [
            float(sizes[g]) if g in full else left * int(weights[g]) / of for g in range(len(sizes))
        ]
        over = {g for g in range(len(sizes)) if g not in full and parts[g] >= sizes[g]}
        if not over or len(full | over) == len(sizes):
            return [min(part, float(size)) for part, size in zip(parts, sizes, strict=True)]
        full |= over


def _is_tied(rows: int, weights: np.ndarray, sizes: np.ndarray) -> bool:
    rests = sorted(round(part % 1, 9) for part in _ideal(rows, weights, sizes) if part % 1)
    return len(set(rests)) < len(rests)


def _hamilton(rows: int, weights: np.ndarray, sizes: np.ndarray) -> list[int]:
    parts = _ideal(rows, weights, sizes)
    counts = [int(part + 1e-9) for part in parts]
    for group in sorted(range(len(parts)), key=lambda g: (counts[g] - parts[g], g)):
        counts[group] += sum(counts) < rows
    return counts


@pytest.mark.parametrize("seed", range(60))
def test_no_row_is_left_that_could_be_paid_and_no_group_is_far_from_its_part(seed: int) -> None:
    rng = np.random.default_rng(seed)
    prices = [
        rng.integers(1, rng.integers(2, 60), size=rng.integers(1, 15)).astype(float).tolist()
        for _ in range(rng.integers(1, 6))
    ]
    everything = sum(map(sum, prices))
    total = float(rng.integers(0, int(everything) + 20))

    taken = _spend(total, prices)

    spent = _spent(taken, prices)
    left = total - sum(spent)
    assert left >= 0
    for rows, group in zip(taken, prices, strict=True):
        unchosen = [price for place, price in enumerate(group) if place not in rows]
        assert all(price > left for price in unchosen)
        # Its part holds no row more: what is unspent of it is less than its cheapest row.
        part = total * sum(group) / everything
        assert not unchosen or min(unchosen) > part - sum(group[place] for place in rows)


def test_another_order_of_the_groups_changes_nothing_where_none_are_tied() -> None:
    prices = [[7.0, 30.0, 4.0], [11.0, 12.0, 13.0], [50.0, 3.0]]

    there, back = _spend(90, prices), _spend(90, prices[::-1])

    assert there == back[::-1]
