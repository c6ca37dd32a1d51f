"""What a judge's numbers lean to, on rows of which the lengths are known."""

from pathlib import Path

import numpy as np
import pytest

from assay.agreement.judges import between_judges, leanings
from assay.pool.view import PoolView
from tests.rows import make_pool


def test_numbers_that_are_lengths_go_with_length_alone(tmp_path: Path) -> None:
    lengths = np.random.default_rng(0).permutation(60) + 1
    pairs = [("word " * (60 - place), "said " * int(n)) for place, n in enumerate(lengths)]
    pool = make_pool(tmp_path, pairs)
    view = PoolView(pool)
    values = np.array([len(each.responses.split()) for each in view.conversations()], np.float64)
    values[:3] = np.nan

    found = leanings(view, values)

    assert found.answer_words.value == pytest.approx(1)
    assert found.answer_words.low > 0.99
    assert abs(found.prompt_words.value) < 0.5
    assert found.budget == 2  # 5 % of the 57 rows that have a number
    assert found.ties.taken == 1
    assert leanings(view, -values, sign=-1.0).ties.better == found.ties.better
    assert leanings(view, np.full(60, np.nan)).budget == 0


def test_two_judges_are_compared_the_same_way_every_time() -> None:
    first = np.random.default_rng(1).integers(1, 6, 80).astype(float)
    second = np.where(np.arange(80) % 4 == 0, 6 - first, first)

    assert between_judges(first, second) == between_judges(first, second)
    assert between_judges(first, second).exact.value == np.mean(first == second)
