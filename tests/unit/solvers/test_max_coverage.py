import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from assay.samples import IndexArray
from assay.solvers.arrays import Candidates
from assay.solvers.max_coverage import max_coverage
from assay.solvers.nearest import Neighbors, neighbors_above

# A star with centre 0, a pair, and a row alone.
EDGES = [(0, 1), (0, 2), (0, 3), (4, 5)]


def graph_of(rows: int, edges: list[tuple[int, int]]) -> Neighbors:
    """Both directions of every edge, at similarity 1."""
    lists: list[list[int]] = [[] for _ in range(rows)]
    for left, right in edges:
        lists[left].append(right)
        lists[right].append(left)
    indptr = np.concatenate([[0], np.cumsum([len(found) for found in lists])]).astype(np.int64)
    indices = np.array([row for found in lists for row in sorted(found)], dtype=np.int32)
    ones = np.ones(len(indices), dtype=np.float32)
    return Neighbors(indptr, indices, ones, np.empty(0, dtype=np.int64))


def covers(rows: int, edges: list[tuple[int, int]]) -> NDArray[np.bool_]:
    """Whether a row covers another, shape (n, n)."""
    matrix = np.eye(rows, dtype=np.bool_)
    for left, right in edges:
        matrix[left, right] = matrix[right, left] = True
    return matrix


def worth(matrix: NDArray[np.bool_], weights: IndexArray, rows: tuple[int, ...]) -> int:
    return int(weights[matrix[list(rows)].any(axis=0)].sum()) if rows else 0


@st.composite
def problems(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]], IndexArray]:
    rows = draw(st.integers(1, 9))
    pairs = list(itertools.combinations(range(rows), 2))
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    weights = draw(st.lists(st.integers(0, 5), min_size=rows, max_size=rows))
    return rows, edges, np.array(weights, dtype=np.int64)


@given(problems(), st.integers(1, 6))
def test_picks_are_those_of_the_naive_greedy(
    problem: tuple[int, list[tuple[int, int]], IndexArray], count: int
) -> None:
    rows, edges, weights = problem
    matrix = covers(rows, edges)
    expected: list[int] = []
    while len(expected) < min(count, rows - 1):
        now = worth(matrix, weights, tuple(expected))
        gains = [
            -1 if row in expected else worth(matrix, weights, (*expected, row)) - now
            for row in range(rows)
        ]
        if max(gains) == 0:
            break
        expected.append(gains.index(max(gains)))

    found = max_coverage(graph_of(rows, edges), Candidates(min(count, rows - 1)), weights=weights)

    assert found.indices.tolist() == expected
    covered = worth(matrix, weights, tuple(expected)) / max(int(weights.sum()), 1)
    assert float(found.gains.sum()) == pytest.approx(covered)


@given(problems(), st.integers(1, 5))
def test_the_greedy_covers_its_part_of_the_best_possible(
    problem: tuple[int, list[tuple[int, int]], IndexArray], count: int
) -> None:
    rows, edges, weights = problem
    matrix = covers(rows, edges)
    subsets = itertools.combinations(range(rows), min(count, rows))
    best = max(worth(matrix, weights, subset) for subset in subsets)

    found = max_coverage(graph_of(rows, edges), Candidates(count), weights=weights)

    ours = worth(matrix, weights, tuple(found.indices.tolist()))
    assert ours >= (1 - 1 / np.e) * best - 1e-9


def test_a_star_a_pair_and_a_row_alone() -> None:
    found = max_coverage(graph_of(7, EDGES), Candidates(3))

    assert found.indices.tolist() == [0, 4, 6]
    assert found.gains.tolist() == pytest.approx([4 / 7, 2 / 7, 1 / 7])
    assert (found.stop, found.gain_unit) == ("budget", "share of the pool covered")


def test_when_all_is_covered_it_ends() -> None:
    found = max_coverage(graph_of(7, EDGES), Candidates(5))

    assert found.indices.tolist() == [0, 4, 6]
    assert found.stop == "no_gain"


def test_filling_covers_the_pool_once_more_with_the_rest() -> None:
    found = max_coverage(graph_of(7, EDGES), Candidates(6), fill=True)

    # Without r0, r4 and r6: r1 covers itself and r0, then r5 two, then r2 and r3 themselves.
    assert found.indices.tolist() == [0, 4, 6, 1, 5, 2]
    assert found.gains.tolist() == pytest.approx(np.array([4, 2, 1, 2, 2, 1]) / 7)
    assert found.stop == "budget"


def test_filling_begins_anew_where_the_start_covers_all() -> None:
    graph, start = graph_of(7, EDGES), np.array([0, 4, 6])

    whole, once = (max_coverage(graph, Candidates(6, start=start), fill=f) for f in (True, False))

    # As above: what the start covers is all, and the rest covers it once more.
    assert whole.indices.tolist() == [0, 4, 6, 1, 5, 2]
    assert once.indices.tolist() == [0, 4, 6]


def test_filling_ends_where_rows_have_no_weight() -> None:
    weights = np.array([1, 1, 0, 0, 0, 0, 0])

    found = max_coverage(
        graph_of(7, EDGES), Candidates(6, start=np.array([0])), weights=weights, fill=True
    )

    # Of the rows left r1 covers both that count, r2 and r3 cover r0, and no other covers any.
    assert found.indices.tolist() == [0, 1, 2, 3]
    assert found.stop == "no_gain"


def test_under_a_limit_it_ends_when_all_is_covered_unless_the_limit_pays_for_all() -> None:
    graph, costs = graph_of(7, EDGES), np.full(7, 2.0)

    short = max_coverage(graph, Candidates(7, costs=costs, limit=13.0))
    filled = max_coverage(graph, Candidates(7, costs=costs, limit=13.0), fill=True)
    whole = max_coverage(graph, Candidates(7, costs=costs, limit=14.0))

    assert (short.indices.tolist(), short.stop) == ([0, 4, 6], "no_gain")
    assert (filled.indices.tolist(), filled.stop) == ([0, 4, 6, 1, 5, 2], "budget")
    assert (len(whole.indices), whole.stop) == (7, "exhausted")


def test_filling_to_the_end_takes_every_row_once() -> None:
    found = max_coverage(graph_of(7, EDGES), Candidates(7), fill=True)

    assert sorted(found.indices.tolist()) == list(range(7))
    assert found.stop == "exhausted"


def test_as_many_as_there_are_is_all_of_them() -> None:
    found = max_coverage(graph_of(7, EDGES), Candidates(9))

    assert found.indices.tolist() == [0, 4, 6, 1, 2, 3, 5]
    assert found.gains[3:].tolist() == [0.0] * 4
    assert found.stop == "exhausted"


def test_weights_decide_what_is_worth_covering() -> None:
    weights = np.array([1, 1, 1, 1, 1, 9, 1])

    found = max_coverage(graph_of(7, EDGES), Candidates(2), weights=weights)

    assert found.indices.tolist() == [4, 0]
    assert found.gains.tolist() == pytest.approx([10 / 15, 4 / 15])


def test_a_start_is_covered_first_and_counts() -> None:
    found = max_coverage(graph_of(7, EDGES), Candidates(3, start=np.array([1])))

    # r1 covers r0 and itself; r0 then still covers r2 and r3, as many as r4 does; r0 is lower.
    assert found.indices.tolist() == [1, 0, 4]
    assert found.gains.tolist() == pytest.approx([np.nan, 2 / 7, 2 / 7], nan_ok=True)


def test_rows_that_are_not_allowed_are_neither_picked_nor_covered() -> None:
    allowed = np.array([False, True, True, True, True, True, True])

    found = max_coverage(graph_of(7, EDGES), Candidates(3, allowed=allowed))

    assert found.indices.tolist() == [4, 1, 2]
    assert found.gains.tolist() == pytest.approx([2 / 6, 1 / 6, 1 / 6])


def test_costs_are_kept_and_rows_that_fit_no_more_passed_over() -> None:
    costs = np.array([9.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])

    found = max_coverage(graph_of(7, EDGES), Candidates(7, costs=costs, limit=3.0))

    assert found.indices.tolist() == [1, 4, 2]
    assert found.stop == "budget"


def test_prefixes_are_the_answers_to_smaller_budgets() -> None:
    generator = np.random.Generator(np.random.Philox(0))
    graph = neighbors_above(generator.standard_normal((300, 4)), 0.8)
    whole = max_coverage(graph, Candidates(200), fill=True)

    for count in (1, 20, 111):
        part = max_coverage(graph, Candidates(count), fill=True)
        assert part.indices.tolist() == whole.indices[:count].tolist()


def test_a_range_search_covers_by_cosine() -> None:
    generator = np.random.Generator(np.random.Philox(1))
    vectors = generator.standard_normal((200, 5))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    near = unit @ unit.T >= 0.6

    found = max_coverage(neighbors_above(vectors, 0.6), Candidates(10))

    covered = np.zeros(200, dtype=np.bool_)
    for pick, gain in zip(found.indices.tolist(), found.gains.tolist(), strict=True):
        new = (near & ~covered).sum(axis=1)
        assert new[pick] == new.max() == round(gain * 200)
        covered |= near[pick]


def test_under_a_limit_one_costly_row_may_keep_out_many_that_cover_more() -> None:
    # Row 0 covers itself and 10 others for 90; nine hubs cover 10 rows each for 10.
    edges = [(0, row) for row in range(1, 11)]
    hubs = range(11, 101, 10)
    edges += [(hub, hub + step) for hub in hubs for step in range(1, 10)]
    costs = np.full(101, 1000.0)
    costs[0], costs[list(hubs)] = 90.0, 10.0

    found = max_coverage(graph_of(101, edges), Candidates(101, costs=costs, limit=90.0))

    assert found.indices.tolist() == [0]
    reached, possible = found.gains.sum() * 101, 90
    assert reached == pytest.approx(11)
    assert reached < (1 - 1 / np.e) * possible
    in_rows = max_coverage(graph_of(101, edges), Candidates(9))
    assert in_rows.gains.sum() * 101 >= (1 - 1 / np.e) * 91
