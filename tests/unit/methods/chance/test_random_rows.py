from pathlib import Path

import numpy as np

from assay.methods.chance.random_rows import RandomNumber, RandomSample
from tests.unit.methods.planted import (
    allowance,
    chosen,
    given,
    planted_engine,
    scores_by_name,
    stream,
)

_ROWS = [(f"question {place:02d}", f"answer {place}") for place in range(40)]


def test_the_rows_of_smallest_number_are_the_sample_and_have_no_gain() -> None:
    selection = RandomSample(budget=2).select(
        allowance(4, 2), stream(), number=given(0.4, 0.1, 0.9, 0.2)
    )

    assert selection.indices.tolist() == [1, 3]
    assert np.isnan(selection.gains).all()
    assert (selection.nested, selection.stop) == (True, "budget")


def test_a_larger_random_sample_begins_with_the_smaller(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    small, large = (chosen(engine, RandomSample(budget=size)) for size in (6, 25))

    assert large[:6] == small


def test_a_random_sample_does_not_depend_on_row_order_or_on_rows_beside_it(tmp_path: Path) -> None:
    forward = planted_engine(tmp_path / "a", _ROWS)
    backward = planted_engine(tmp_path / "b", _ROWS[::-1])
    half = planted_engine(tmp_path / "c", _ROWS[:20])

    sample = chosen(forward, RandomSample(budget=40))

    assert chosen(backward, RandomSample(budget=40)) == sample
    kept = {question for question, _ in _ROWS[:20]}
    assert chosen(half, RandomSample(budget=20)) == [name for name in sample if name in kept]


def test_every_row_is_sampled_about_equally_often_over_seeds(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)
    count = dict.fromkeys((question for question, _ in _ROWS), 0)

    for seed in range(100):
        for name in chosen(engine, RandomSample(budget="25%", seed=seed)):
            count[name] += 1

    # 25 of 100 with a standard deviation of 4.3; five of them leave a fair sample alone.
    assert all(abs(times - 25) < 22 for times in count.values())
    assert len(set(count.values())) > 5


def test_the_number_of_a_row_changes_with_the_seed(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, _ROWS)

    first, second = (scores_by_name(engine, RandomNumber(seed=seed)) for seed in (0, 1))

    assert all(0 <= value < 1 for value, _ in first.values())
    assert all(first[name] != second[name] for name in first)
