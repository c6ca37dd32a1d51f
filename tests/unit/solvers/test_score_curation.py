"""Votes, doubts and cures, by hand and by an oracle that looks at one row at a time."""

import math
from collections import Counter

import numpy as np
import pytest

from assay.samples import FloatArray, IndexArray
from assay.solvers import score_curation
from assay.solvers.nearest import Neighbors, nearest_neighbors
from assay.solvers.score_curation import (
    Doubts,
    LabelledNeighbors,
    cured,
    doubts,
    label_triples,
    labelled_neighbors,
    long_tail,
    votes_among,
    wrong_shares,
)


def _graph(lists: dict[int, list[tuple[int, float]]], rows: int) -> Neighbors:
    counts = [len(lists.get(row, [])) for row in range(rows)]
    flat = [pair for row in range(rows) for pair in lists.get(row, [])]
    return Neighbors(
        np.concatenate([[0], np.cumsum(counts)]),
        np.array([row for row, _ in flat], np.int32),
        np.array([similar for _, similar in flat], np.float32),
        np.flatnonzero(np.array(counts) == 0),
    )


# Neighbours


def test_rows_without_a_label_are_nobodys_neighbours() -> None:
    graph = _graph({0: [(1, 0.9), (2, 0.5), (3, 0.25)], 1: [(0, 0.9)], 2: [(1, 0.5)]}, 4)

    near = labelled_neighbors(graph, np.array([True, False, True, True]), 2)

    assert near.rows.tolist() == [[2, 3], [0, -1], [-1, -1], [-1, -1]]
    assert near.similarities.tolist() == [[0.5, 0.25], [np.float32(0.9), 0], [0, 0], [0, 0]]


def test_a_triple_needs_a_label_and_two_neighbours_that_have_one() -> None:
    near = LabelledNeighbors(
        np.array([[1, 2], [0, 2], [0, -1], [0, 1]], np.int32), np.ones((4, 2), np.float32)
    )

    assert label_triples(np.array([4, 5, 6, -1]), near).tolist() == [[4, 5, 6], [5, 4, 6]]


# Votes


def test_votes_weigh_as_much_as_neighbours_are_similar() -> None:
    near = LabelledNeighbors(
        np.array([[1, 2, 3], [-1, -1, -1], [0, -1, -1], [0, 1, 2]], np.int32),
        np.array([[0.75, 0.5, -0.5], [0, 0, 0], [0.5, 0, 0], [0.5, 0.25, -0.5]], np.float32),
    )

    votes = votes_among(np.arange(4), np.array([0, 1, 1, 2]), near, classes=3, voters=3)

    # 0: itself 1 - (2 * 0.25 - 0.5) = 1, rows 1 and 2; the third neighbour is no voter any more.
    assert votes[0].tolist() == [1.0, 1.25, 0.0]
    # 1 has nobody to ask, 2 weighs as much as its only neighbour.
    assert votes[1].tolist() == [0.0, 1.0, 0.0]
    assert votes[2].tolist() == [0.5, 0.5, 0.0]
    assert votes[3].tolist() == [0.5, 0.25, 0.75]


def test_only_rows_of_the_part_vote_and_opposite_ones_do_not() -> None:
    near = LabelledNeighbors(
        np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]], np.int32),
        np.array([[0.75, 0.5, -0.25]] * 4, np.float32),
    )

    votes = votes_among(np.array([0, 2, 3]), np.array([0, 0, 1, 2]), near, classes=3, voters=4)

    # Its second neighbour is opposite, so that it is further from the first than that: 1 + 0.25.
    assert votes[0].tolist() == [1.25, 0.5, 0.0]


# How many are wrong


def test_the_share_that_is_wrong_is_bayes_rule() -> None:
    matrix = np.array([[0.8, 0.2], [0.4, 0.6]])
    prior, labels = np.array([0.5, 0.5]), np.array([0.6, 0.4])

    assert wrong_shares(matrix, prior, labels).tolist() == pytest.approx(
        [1 - 0.4 / 0.6, 0.25], abs=1e-4
    )


def test_shares_of_none_and_all_are_taken_for_a_twentieth_less() -> None:
    matrix = np.array([[1.0, 0.0], [1.0, 0.0]])

    assert wrong_shares(matrix, np.array([0.9, 0.1]), np.array([0.8, 0.2])).tolist() == [0.05, 0.95]


# Doubts


def _oracle(
    labels: IndexArray, vectors: FloatArray, wrong: FloatArray, parts: list[IndexArray]
) -> Doubts:
    """Return the same from the vectors, by loops and sets, with three voters."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = np.round((unit @ unit.T) * 2**20) / 2**20
    flags, times = Counter[int](), Counter[int]()
    suggested: dict[int, Counter[int]] = {row: Counter() for row in range(len(labels))}
    for rows in parts:
        part = rows.tolist()
        backing, winner = {}, {}
        for row in part:
            times[row] += 1
            others = sorted((r for r in part if r != row), key=lambda r: (-cosines[row, r], r))
            first, second = others[0], others[1]
            votes = [0.0] * len(wrong)
            for voter in (first, second):
                votes[labels[voter]] += max(0.0, cosines[row, voter])
            distances = 1 - cosines[row, first], 1 - cosines[row, second]
            votes[labels[row]] += max(0.0, 1 - (2 * distances[0] - distances[1]))
            length = math.sqrt(sum(vote * vote for vote in votes))
            backing[row] = votes[labels[row]] / length if length else 0.0
            winner[row] = votes.index(max(votes))
        for label, share in enumerate(wrong):
            own = sorted((r for r in part if labels[r] == label), key=lambda r: backing[r])
            most = 1 + math.floor(share * (len(own) - 1) + 1e-9)
            for row in own:
                if sum(backing[other] <= backing[row] for other in own) <= most:
                    flags[row] += 1
                    suggested[row][winner[row]] += 1
    noise, best, confidence = [], [], []
    for row, label in enumerate(labels.tolist()):
        noise.append((flags[row] + 1) / (times[row] + 2))
        total = sum(suggested[row].values()) + len(wrong)
        shares = [
            -1.0 if c == label else (suggested[row][c] + 1) / total for c in range(len(wrong))
        ]
        best.append(shares.index(max(shares)))
        confidence.append(max(shares) * noise[-1])
    return Doubts(np.array(noise), np.array(best), np.array(confidence))


@pytest.mark.parametrize("seed", [0, 1])
def test_rounds_of_votes_are_those_of_the_rules_written_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(60, 3))
    labels = rng.integers(0, 4, 60)
    wrong, rows = np.array([0.2, 0.05, 0.5, 0.33]), np.arange(60)
    parts = [np.sort(rng.choice(rows, 48, replace=False)) for _ in range(7)]
    near = labelled_neighbors(nearest_neighbors(vectors, 40), np.ones(60, np.bool_), 40)

    found = doubts(labels, near, wrong, parts, voters=3)

    expected = _oracle(labels, vectors, wrong, parts)
    np.testing.assert_allclose(found.noise, expected.noise, atol=1e-12)
    assert found.suggested.tolist() == expected.suggested.tolist()
    np.testing.assert_allclose(found.confidence, expected.confidence, atol=1e-9)
    assert len(set(found.noise.tolist())) > 5


def _line(labels: list[int]) -> tuple[IndexArray, LabelledNeighbors]:
    """Return labels of rows that are all copies of each other."""
    vectors = np.ones((len(labels), 2))
    graph = nearest_neighbors(vectors, len(labels))
    return np.array(labels), labelled_neighbors(graph, np.array(labels) >= 0, len(labels))


def test_rows_that_are_backed_equally_are_not_doubted_where_too_many_would_be() -> None:
    labels, near = _line([0] * 10)

    found = doubts(labels, near, np.array([0.3, 0.3]), [np.arange(10)] * 5, voters=4)

    assert set(found.noise.tolist()) == {1 / 7}


def test_a_lone_label_among_copies_of_another_is_doubted_and_replaced() -> None:
    labels, near = _line([0] * 9 + [1])
    wrong = np.array([0.05, 0.95])

    found = doubts(labels, near, wrong, [np.arange(10)] * 51, voters=5)

    assert found.noise[9] == pytest.approx(52 / 53)
    assert found.confidence[9] == pytest.approx(52 / 53 * 52 / 53)
    assert cured(labels, found, 0.5).tolist() == [0] * 10
    assert cured(labels, found, 0.97).tolist() == labels.tolist()


def test_a_row_without_a_label_takes_no_part() -> None:
    labels, near = _line([0, 0, 1, 1, -1, 0])

    found = doubts(labels, near, np.array([0.4, 0.4]), [np.array([0, 1, 2, 3, 5])] * 9, voters=3)

    assert np.isnan(found.noise).tolist() == [False] * 4 + [True, False]
    assert found.suggested[4] == -1
    assert cured(labels, found, 0.1)[4] == -1


def test_what_is_probably_right_is_kept_however_sure_the_suggestion() -> None:
    found = Doubts(np.array([0.5, 0.51]), np.array([1, 1]), np.array([0.45, 0.45]))

    assert cured(np.zeros(2, np.int64), found, 0.4).tolist() == [0, 1]


def test_order_of_the_rows_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    vectors, labels = rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
    order, wrong = rng.permutation(40), np.array([0.3, 0.3, 0.3])
    parts = [rng.permutation(40)[:28] for _ in range(11)]

    def noise(rows: IndexArray) -> FloatArray:
        near = labelled_neighbors(nearest_neighbors(vectors[rows], 20), np.ones(40, np.bool_), 20)
        inside = [np.flatnonzero(np.isin(rows, part)) for part in parts]
        return doubts(labels[rows], near, wrong, inside, voters=5).noise

    assert noise(order).tolist() == noise(np.arange(40))[order].tolist()


# Long tail


def test_the_long_tail_is_the_hyperbolic_tangent_of_half_the_mean_distance() -> None:
    graph = _graph({0: [(1, 0.9), (2, 0.5), (3, 0.1)], 1: [(0, 1.0)], 2: [(0, -1.0)]}, 4)

    found = long_tail(graph, 2)

    distance = 1 - (float(np.float32(0.9)) + 0.5) / 2
    assert found[0] == round(2 / (1 + math.exp(-distance)) - 1, 4)
    assert found[1:3].tolist() == [0.0, round(math.tanh(1.0), 4)]
    assert np.isnan(found[3])


@pytest.mark.parametrize("distance", [0.0, 0.1, 0.7, 2.0])
def test_the_two_forms_of_the_long_tail_are_one(distance: float) -> None:
    assert 2 / (1 + math.exp(-distance)) - 1 == pytest.approx(math.tanh(distance / 2), abs=1e-15)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    vectors, labels = rng.normal(size=(90, 4)), rng.integers(-1, 3, 90)
    graph, rows = nearest_neighbors(vectors, 30), np.flatnonzero(labels >= 0)
    parts = [np.sort(rng.permutation(rows)[:50]) for _ in range(5)]

    def found() -> Doubts:
        near = labelled_neighbors(graph, labels >= 0, 12)
        return doubts(labels, near, np.array([0.3, 0.2, 0.1]), parts, voters=6)

    whole = found()
    monkeypatch.setattr(score_curation, "_BLOCK_ROWS", 7)

    for mine, theirs in zip(whole, found(), strict=True):
        assert np.array_equal(mine, theirs, equal_nan=True)
