from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.solvers.tag_merging import MergedTags, MergeOptions, implied_tags, merge_tags
from assay.solvers.tag_sets import TagSets, renamed
from tests.tagged import sets_of

_OFF = MergeOptions(least=1, distance=0.0, support=10**6, confidence=1.0)


def _apart(places: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.eye(200)[places]


def _merged(sets: TagSets, forms: list[str] | None = None, **options: float) -> MergedTags:
    own = [str(place) for place in range(sets.tag_count)]
    return merge_tags(sets, forms or own, _apart, _OFF._replace(**options))  # type: ignore[arg-type]


def test_tags_of_few_rows_are_left_out() -> None:
    found = _merged(sets_of([[0, 1], [0], [2, 0]], 3), least=2)

    assert found.target.tolist() == [0, -1, -1]
    assert found.sizes.tolist() == [3, 1, 1, 1, 1]


def test_of_one_form_the_most_frequent_stands_for_all_ties_to_the_first() -> None:
    sets = sets_of([[0, 1], [1], [2], [3]], 4)

    assert _merged(sets, ["a", "a", "b", "b"]).target.tolist() == [1, 1, 2, 2]


def test_a_chain_of_close_tags_is_one() -> None:
    angles = np.radians([0.0, 15.0, 30.0, 60.0])
    vectors = np.column_stack([np.cos(angles), np.sin(angles)])
    sets = sets_of([[0], [1], [2], [2], [3]], 4)

    found = merge_tags(
        sets, list("abcd"), lambda places: vectors[places], _OFF._replace(distance=0.05)
    )

    assert found.target.tolist() == [2, 2, 2, 3]
    assert found.sizes.tolist() == [4, 4, 4, 2, 2]


def test_tags_without_a_vector_are_like_no_other() -> None:
    sets = sets_of([[0], [1]], 2)

    found = merge_tags(sets, list("ab"), lambda p: np.zeros((len(p), 3)), _OFF)

    assert found.target.tolist() == [0, 1]


def test_a_tag_that_implies_another_becomes_it() -> None:
    sets = sets_of([[0, 1], [0, 1], [1], [1, 2], [2]], 3)

    assert implied_tags(sets, support=2, confidence=1.0).tolist() == [1, 1, 2]
    assert implied_tags(sets, support=3, confidence=1.0).tolist() == [0, 1, 2]
    assert implied_tags(sets, support=1, confidence=0.5).tolist() == [1, 1, 1]


def test_a_share_that_is_just_enough_is_enough() -> None:
    sets = sets_of([[0, 1]] * 99 + [[0]] + [[1]] * 20, 2)

    assert implied_tags(sets, support=40, confidence=0.99).tolist() == [1, 1]
    assert implied_tags(sets, support=99, confidence=0.991).tolist() == [0, 1]


def test_tags_that_imply_each_other_become_the_most_frequent_ties_to_the_first() -> None:
    circle = sets_of([[0, 1, 2]] * 9 + [[1]], 3)
    tied = sets_of([[0, 1]] * 9, 2)

    assert implied_tags(circle, support=1, confidence=0.9).tolist() == [1, 1, 1]
    assert implied_tags(tied, support=1, confidence=0.9).tolist() == [0, 0]


def test_what_comes_of_implications_may_imply_more() -> None:
    # 0 becomes 1. Only then do all rows of 2 have 1.
    rows = [[0, 1]] * 4 + [[0, 2]] + [[1, 2]] * 4 + [[1]] * 9
    sets = sets_of(rows, 3)
    once = implied_tags(sets, support=4, confidence=0.8)

    assert once.tolist() == [1, 1, 1]
    strict = _merged(sets, support=4, confidence=0.8)
    assert strict.target.tolist() == [1, 1, 1]
    later = sets_of([[0, 1]] * 8 + [[0, 2]] * 2 + [[1, 2]] * 7 + [[1]] * 9, 3)
    assert implied_tags(later, support=4, confidence=0.8).tolist() == [1, 1, 2]
    assert _merged(later, support=4, confidence=0.8).target.tolist() == [1, 1, 1]


def _written_out(
    rows: list[set[int]], forms: list[str], vectors: NDArray[np.float64], options: MergeOptions
) -> list[set[int]]:
    """Return the rows after four steps, by sets and loops."""

    def counts() -> Counter[int]:
        return Counter(tag for row in rows for tag in row)

    def best(tags: set[int]) -> int:
        many = counts()
        return min(tags, key=lambda tag: (-many[tag], tag))

    def replace(groups: list[set[int]]) -> list[set[int]]:
        to = {tag: best(group) for group in groups for tag in group}
        return [{to.get(tag, tag) for tag in row} for row in rows]

    many = counts()
    rows = [{tag for tag in row if many[tag] >= options.least} for row in rows]
    present = set(counts())
    rows = replace(
        [{t for t in present if forms[t] == form} for form in {forms[t] for t in present}]
    )
    groups = [{tag} for tag in counts()]
    for one, other in combinations(sorted(counts()), 2):
        if 1 - vectors[one] @ vectors[other] <= options.distance:
            joined = [group for group in groups if one in group or other in group]
            groups = [g for g in groups if g not in joined] + [set().union(*joined)]
    rows = replace(groups)
    while True:
        many = counts()
        arrows: dict[int, int] = {}
        for one in many:
            behind = set()
            for other in many:
                both = sum(one in row and other in row for row in rows)
                enough = both >= options.support and both / many[one] >= options.confidence
                if other != one and enough:
                    behind.add(other)
            if behind:
                arrows[one] = best(behind)
        if not arrows:
            return rows
        end = {}
        for tag in many:
            path = [tag]
            while path[-1] in arrows and arrows[path[-1]] not in path:
                path.append(arrows[path[-1]])
            circle = path[path.index(arrows[path[-1]]) :] if path[-1] in arrows else [path[-1]]
            end[tag] = best(set(circle))
        rows = [{end[tag] for tag in row} for row in rows]


@pytest.mark.parametrize("seed", range(300))
def test_random_rows_become_what_the_steps_written_out_make_of_them(seed: int) -> None:
    rng = np.random.Generator(np.random.Philox(seed))
    count, names = int(rng.integers(5, 40)), int(rng.integers(2, 12))
    share = rng.random(names) ** 2
    rows = [set(np.flatnonzero(rng.random(names) < share).tolist()) for _ in range(count)]
    forms = [str(form) for form in rng.integers(0, names, names)]
    vectors = rng.standard_normal((names, 2))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    options = MergeOptions(int(rng.integers(1, 4)), 0.002, int(rng.integers(1, 6)), 0.8)
    sets = sets_of(rows, names)

    found = renamed(sets, merge_tags(sets, forms, lambda p: vectors[p], options).target)

    expected = _written_out(rows, forms, vectors, options)
    assert [set(part) for part in _rows(found)] == expected
    again = merge_tags(found, forms, lambda p: vectors[p], options)
    assert renamed(found, again.target).indices.tolist() == found.indices.tolist()


def _rows(sets: TagSets) -> list[list[int]]:
    return [part.tolist() for part in np.split(sets.indices, sets.indptr[1:-1])]
