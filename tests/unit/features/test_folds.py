"""Rows that belong together stay together, and nothing else moves a row."""

import numpy as np
import pytest

from assay.features.folds import fold_of, kept_together, set_aside
from assay.samples import IndexArray


def _by_search(texts: IndexArray, groups: IndexArray) -> list[int]:
    """Return for each row the lowest text of all that a walk from it reaches."""
    found = []
    for start in range(len(texts)):
        reached, ahead = {start}, [start]
        while ahead:
            here = ahead.pop()
            for other in range(len(texts)):
                same = texts[here] == texts[other] or groups[here] == groups[other] >= 0
                if same and other not in reached:
                    reached.add(other)
                    ahead.append(other)
        found.append(min(int(texts[row]) for row in reached))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_rows_are_joined_over_any_number_of_steps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    texts = rng.integers(0, 20, 30)
    groups = rng.integers(-1, 18, 30)

    assert kept_together(texts, groups).tolist() == _by_search(texts, groups)
    assert kept_together(texts, np.full(30, -1)).tolist() == texts.tolist()


def test_a_fold_is_a_matter_of_the_word_and_the_seed_alone() -> None:
    words = np.arange(1000, dtype=np.uint64) * np.uint64(7_777_777)
    order = np.random.default_rng(0).permutation(1000)
    whole = fold_of(words, 5, seed=1, purpose="a")

    assert fold_of(words[order], 5, seed=1, purpose="a").tolist() == whole[order].tolist()
    assert fold_of(words[:7], 5, seed=1, purpose="a").tolist() == whole[:7].tolist()
    assert sorted(set(whole.tolist())) == [0, 1, 2, 3, 4]
    assert np.bincount(whole).min() > 150
    for other in (
        fold_of(words, 5, seed=2, purpose="a"),
        fold_of(words, 5, seed=1, purpose="b"),
    ):
        assert 0.1 < (other == whole).mean() < 0.3


def test_a_share_is_set_aside_and_rows_of_a_word_are_not_parted() -> None:
    words = np.repeat(np.arange(50, dtype=np.uint64), 4)

    aside = set_aside(words, 0.15, seed=0, purpose="a")

    assert 30 <= np.count_nonzero(aside) <= 33
    assert all(len(set(aside[words == word].tolist())) == 1 for word in range(50))
    assert not set_aside(np.zeros(9, np.uint64), 0.15, seed=0, purpose="a").any()
    assert set_aside(np.array([1, 2], np.uint64), 0.15, seed=0, purpose="a").sum() == 1
