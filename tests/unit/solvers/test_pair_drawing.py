"""Circles of pairs: all are linked, and few pairs change with what is added."""

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.random_numbers import philox, row_uniform
from assay.samples import IdArray, IndexArray
from assay.solvers.pair_drawing import pairs_in_circles

_KEYS: IdArray = np.sort(philox(np.arange(50, dtype=np.uint64), (3, 4)))
_NONE = np.zeros(50, np.bool_)


def _drawn(
    keys: IdArray = _KEYS, aside: NDArray[np.bool_] = _NONE, rounds: int = 1, seed: int = 0
) -> IndexArray:
    places = [row_uniform(keys, seed=seed, purpose=f"test/{number}") for number in range(rounds)]
    return pairs_in_circles(places, aside[: len(keys)])


def _named(pairs: IndexArray, keys: IdArray) -> set[tuple[int, int]]:
    return {(int(keys[a]), int(keys[b])) for a, b in pairs.tolist()}


def test_a_round_is_one_circle_through_all() -> None:
    pairs = _drawn()

    assert len(pairs) == 50
    assert np.bincount(pairs.ravel()).tolist() == [2] * 50
    reached, frontier = {0}, {0}
    while frontier:
        beside = {b for a, b in pairs.tolist() if a in frontier}
        beside |= {a for a, b in pairs.tolist() if b in frontier}
        frontier = beside - reached
        reached |= frontier
    assert len(reached) == 50


def test_rounds_add_pairs_and_keep_those_before() -> None:
    one, three = _drawn(rounds=1), _drawn(rounds=3)

    assert _named(one, _KEYS) < _named(three, _KEYS)
    assert 140 < len(three) <= 150
    assert (three[:, 0] < three[:, 1]).all()


def test_pairs_hang_on_keys_and_the_seed() -> None:
    assert _drawn().tolist() == _drawn().tolist()
    assert _drawn(seed=1).tolist() != _drawn().tolist()


def test_one_more_changes_one_pair_of_a_round() -> None:
    without = np.delete(_KEYS, 20)

    before, after = _named(_drawn(without), without), _named(_drawn(), _KEYS)

    assert len(before - after) == 1
    assert len(after - before) == 2


def test_what_is_set_aside_is_paired_with_others_and_changes_none_of_theirs() -> None:
    aside = _NONE.copy()
    aside[[5, 6, 30]] = True
    others = np.delete(_KEYS, [5, 6, 30])

    pairs = _drawn(aside=aside)

    both = aside[pairs].sum(axis=1)
    assert both.max() == 1, "no two of them together"
    assert _named(pairs[both == 0], _KEYS) == _named(_drawn(others), others)
    assert np.bincount(pairs[both == 1][aside[pairs[both == 1]]])[[5, 6, 30]].tolist() == [2, 2, 2]


@pytest.mark.parametrize(("count", "pairs"), [(0, 0), (1, 0), (2, 1), (3, 3)])
def test_of_few_each_pair_is_there_once(count: int, pairs: int) -> None:
    assert len(_drawn(_KEYS[:count], rounds=5)) == pairs
