"""What lengths alone tell of numbers, and nothing where there is nothing to tell."""

from pathlib import Path

import numpy as np
import pytest

from assay.agreement.length_control import length_control, told_by_length, words_of
from assay.pool.view import PoolView
from assay.solvers.ranks import spearman
from tests.unit.methods.planted import planted_engine


def _drawn(rows: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(5)
    prompt, response = rng.integers(1, 40, rows) * 1.0, rng.integers(1, 300, rows) * 1.0
    return prompt, response, rng.random(rows), rng.normal(size=rows)


def test_what_follows_length_is_told_of_rows_that_were_not_learned_from() -> None:
    prompt, response, part, _ = _drawn(400)
    numbers = np.log1p(response) - 0.5 * np.log1p(prompt)

    assert spearman(told_by_length(prompt, response, numbers, part), numbers) > 0.99


def test_what_does_not_follow_length_is_not_told() -> None:
    prompt, response, part, noise = _drawn(400)

    assert abs(spearman(told_by_length(prompt, response, noise, part), noise)) < 0.15


def test_a_row_is_told_by_the_other_parts_alone() -> None:
    """One wild number moves what is told of others, and never what is told of its own part."""
    prompt, response, part, noise = _drawn(100)
    before = told_by_length(prompt, response, noise, part)
    wild = noise.copy()
    wild[7] += 1000
    after = told_by_length(prompt, response, wild, part)
    own = (part * 5).astype(int) == int(part[7] * 5)

    assert np.array_equal(before[own], after[own])
    assert not np.isclose(before[~own], after[~own]).any()


def test_a_pool_is_read_and_few_rows_tell_nothing(tmp_path: Path) -> None:
    rows = [(f"Question {place}?", "word " * (1 + place)) for place in range(60)]
    view = PoolView(planted_engine(tmp_path, rows).pool)
    words = words_of(view, np.arange(60))
    few = words_of(view, np.arange(20))

    found = length_control(view, words, words.response)

    assert sorted(words.response.tolist()) == [float(1 + place) for place in range(60)]
    assert found.rows == 60
    assert found.told.value == pytest.approx(1.0, abs=0.01)
    assert np.isnan(length_control(view, few, words.response).told.value)
