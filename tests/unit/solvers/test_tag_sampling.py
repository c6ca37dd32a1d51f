import numpy as np
import pytest

from assay.solvers.tag_sampling import diverse_order
from tests.tagged import sets_of


def _passes_written_out(tags: list[set[int]], allowed: list[bool]) -> list[int]:
    """Return the order of the sampling as its description reads."""
    left = sorted((row for row in range(len(tags)) if allowed[row]), key=lambda r: -len(tags[r]))
    taken: list[int] = []
    while True:
        covered: set[int] = set()
        before = len(taken)
        for row in list(left):
            if tags[row] - covered:
                taken.append(row)
                covered |= tags[row]
                left.remove(row)
        if len(taken) == before:
            return taken


@pytest.mark.parametrize("seed", range(200))
def test_one_walk_gives_what_all_passes_give(seed: int) -> None:
    rng = np.random.Generator(np.random.Philox(seed))
    count, names = int(rng.integers(0, 40)), int(rng.integers(1, 9))
    tags = [set(rng.integers(0, names, rng.integers(0, 5)).tolist()) for _ in range(count)]
    allowed = (rng.random(count) < 0.8).tolist()

    found = diverse_order(sets_of(tags, names), np.array(allowed, np.bool_))

    assert found.rows.tolist() == _passes_written_out(tags, allowed)


def test_gains_are_tags_new_to_the_pass() -> None:
    tags = [{0}, {0, 1, 2}, {1, 3}, {2}, set(), {0, 1, 2}]

    found = diverse_order(sets_of(tags, 4), np.ones(6, np.bool_))

    # First {0 1 2} and the 3 of {1 3}; then the equal row; then one row of one tag each.
    assert found.rows.tolist() == [1, 2, 5, 0, 3]
    assert found.gains.tolist() == [3, 1, 3, 1, 1]


def test_rows_without_tags_are_never_taken() -> None:
    found = diverse_order(sets_of([set(), set()], 0), np.ones(2, np.bool_))

    assert found.rows.tolist() == []
