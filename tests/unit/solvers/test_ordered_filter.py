import math

import numpy as np
import pytest

from assay.errors import NonFiniteError
from assay.samples import FloatArray, IndexArray
from assay.solvers import ordered_filter as module
from assay.solvers.arrays import Candidates
from assay.solvers.ordered_filter import ordered_filter

# Cosines: a-b and b-c 0.95, a-c 0.805; z shares nothing with any.
_ANGLE = math.acos(0.95)
A, B, C = ([math.cos(turn * _ANGLE), math.sin(turn * _ANGLE), 0.0] for turn in range(3))
Z = [0.0, 0.0, 1.0]


def planted(rows: int = 300, width: int = 16, copies: int = 30) -> FloatArray:
    """Random directions of which some are near-duplicates of others, and some of those again."""
    generator = np.random.Generator(np.random.Philox(3))
    vectors = generator.standard_normal((rows, width))
    of, by = generator.permutation(rows)[: 2 * copies].reshape(2, -1)
    vectors[by] = vectors[of] + 0.2 * generator.standard_normal((copies, width))
    vectors[of[:10]] = vectors[by[10:20]] + 0.4 * generator.standard_normal((10, width))
    return vectors


def cosines(vectors: FloatArray) -> FloatArray:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    between: FloatArray = unit @ unit.T
    return between


def by_definition(between: FloatArray, order: IndexArray, threshold: float) -> list[int]:
    kept: list[int] = []
    for row in order.tolist():
        if all(between[row, other] <= threshold for other in kept):
            kept.append(row)
    return kept


def in_batches(
    between: FloatArray, order: IndexArray, threshold: float, batch_size: int
) -> list[int]:
    """The published rule: one row, then batches whose rows also look at each other."""
    walk = order.tolist()
    kept = walk[:1]
    for first in range(1, len(walk), batch_size):
        batch = walk[first : first + batch_size]
        kept += [
            row
            for place, row in enumerate(batch)
            if all(between[row, other] <= threshold for other in [*kept, *batch[:place]])
        ]
    return kept


def shuffled(rows: int, seed: int = 0) -> IndexArray:
    return np.random.Generator(np.random.Philox(seed)).permutation(rows)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.6, 0.9, 0.97])
def test_rows_are_kept_by_definition(threshold: float) -> None:
    vectors, order = planted(), shuffled(300)

    found = ordered_filter(vectors, order, Candidates(None), threshold=threshold)

    expected = by_definition(cosines(vectors), order, threshold)
    assert found.kept.tolist() == expected
    assert found.rejected.tolist() == [row for row in order.tolist() if row not in expected]
    assert len(found.rejected) > 0
    assert found.stop == "exhausted"


@pytest.mark.parametrize("batch_size", [2, 3, 7, 64, 1000])
def test_batches_reject_by_the_published_rule(batch_size: int) -> None:
    vectors, order = planted(), shuffled(300)

    found = ordered_filter(vectors, order, Candidates(None), threshold=0.5, batch_size=batch_size)

    expected = in_batches(cosines(vectors), order, 0.5, batch_size)
    assert found.kept.tolist() == expected
    assert expected != by_definition(cosines(vectors), order, 0.5)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 1000])
@pytest.mark.parametrize(("block_rows", "kept_at_once"), [(2, 1), (3, 7), (64, 1000)])
def test_sizes_of_blocks_change_nothing(
    monkeypatch: pytest.MonkeyPatch, batch_size: int, block_rows: int, kept_at_once: int
) -> None:
    vectors, order = planted(), shuffled(300)
    whole = ordered_filter(vectors, order, Candidates(None), threshold=0.5, batch_size=batch_size)
    monkeypatch.setattr(module, "_BLOCK_ROWS", block_rows)
    monkeypatch.setattr(module, "_KEPT_AT_ONCE", kept_at_once)

    found = ordered_filter(vectors, order, Candidates(None), threshold=0.5, batch_size=batch_size)

    assert found.kept.tolist() == whole.kept.tolist()
    assert found.rejected.tolist() == whole.rejected.tolist()


@pytest.mark.parametrize(
    ("names", "batch_size", "kept"),
    [
        ("ABC", 1, "AC"),  # C is near B alone, and B is not there
        ("ABC", 2, "A"),  # B and C share a batch, so B takes C with it
        ("ABC", 3, "A"),
        ("ZABC", 2, "ZAC"),  # A and B share a batch, C is in the next
        ("ZABC", 3, "ZA"),
        ("ZABC", 1, "ZAC"),
    ],
)
def test_what_becomes_of_a_chain_depends_on_the_batches(
    names: str, batch_size: int, kept: str
) -> None:
    known = {"A": A, "B": B, "C": C, "Z": Z}
    vectors = np.array([known[name] for name in names])

    found = ordered_filter(
        vectors, np.arange(len(names)), Candidates(None), threshold=0.9, batch_size=batch_size
    )

    assert "".join(names[row] for row in found.kept) == kept


def test_a_cosine_equal_to_the_threshold_is_tolerated_and_one_above_it_is_not() -> None:
    vectors = np.array([[1.0, 0.0], [0.6, 0.8]])

    assert len(ordered_filter(vectors, np.arange(2), Candidates(None), threshold=0.6).kept) == 2
    assert (
        len(ordered_filter(vectors, np.arange(2), Candidates(None), threshold=0.599998).kept) == 1
    )


@pytest.mark.parametrize("offset", [-0.3, 0.0, 0.3])
def test_cosines_near_the_threshold_are_rounded_and_not_estimated(offset: float) -> None:
    # Row 0, then rows at cosines of one step of 2**-20 each around the threshold; what is left of
    # their length lies in directions of their own, so that they are unlike each other.
    steps = np.arange(-20, 21)
    threshold = 0.1
    cosine = (round(threshold * 2**20) + steps + offset) / 2**20
    vectors = np.zeros((42, 43))
    vectors[0, 0] = 1.0
    vectors[1:, 0] = cosine
    vectors[1 + np.arange(41), 1 + np.arange(41)] = np.sqrt(1 - cosine**2)
    rotation = np.linalg.qr(np.random.Generator(np.random.Philox(1)).standard_normal((43, 43))).Q

    found = ordered_filter(vectors @ rotation, np.arange(42), Candidates(None), threshold=threshold)

    assert found.kept.tolist() == [0, *(1 + np.flatnonzero(steps <= 0)).tolist()]


def test_a_count_ends_the_walk_and_nothing_after_it_is_rejected() -> None:
    vectors = np.array([A, B, Z, A, C])

    found = ordered_filter(vectors, np.arange(5), Candidates(2), threshold=0.9)

    assert found.kept.tolist() == [0, 2]
    assert found.rejected.tolist() == [1]
    assert found.stop == "budget"


@pytest.mark.parametrize("count", range(40))
def test_every_count_gives_a_beginning_of_the_whole(count: int) -> None:
    vectors, order = planted(60), shuffled(60)

    for batch_size in (1, 4):
        whole = ordered_filter(
            vectors, order, Candidates(None), threshold=0.3, batch_size=batch_size
        ).kept
        part = ordered_filter(
            vectors, order, Candidates(count), threshold=0.3, batch_size=batch_size
        )
        assert part.kept.tolist() == whole[:count].tolist()
        assert part.stop == ("budget" if count <= len(whole) else "exhausted")


def test_a_row_that_does_not_fit_is_passed_over_and_rejects_nobody() -> None:
    vectors = np.array([Z, A, B, Z, C])
    costs = np.array([2.0, 9.0, 3.0, 1.0, 1.0])

    found = ordered_filter(
        vectors, np.arange(5), Candidates(None, costs=costs, limit=6.0), threshold=0.9
    )

    # A is too dear, so B stays; the second Z is a copy, C is near B.
    assert found.kept.tolist() == [0, 2]
    assert found.rejected.tolist() == [3, 4]
    assert found.stop == "budget"


def test_the_walk_ends_when_nothing_left_can_be_paid_for() -> None:
    vectors = np.array([Z, A, Z, B])
    costs = np.array([2.0, 3.0, 1.0, 1.0])

    found = ordered_filter(
        vectors, np.arange(4), Candidates(None, costs=costs, limit=5.0), threshold=0.9
    )

    assert found.kept.tolist() == [0, 1]
    assert found.rejected.tolist() == []
    assert found.stop == "budget"


def test_enough_for_everything_is_exhausted() -> None:
    vectors = np.array([Z, A, B])

    found = ordered_filter(
        vectors, np.arange(3), Candidates(None, costs=np.ones(3), limit=3.0), threshold=0.9
    )

    assert found.kept.tolist() == [0, 1]
    assert found.stop == "exhausted"


def test_zero_rows_are_like_nothing_and_are_kept() -> None:
    vectors = np.array([[0.0, 0.0, 0.0], A, [0.0, 0.0, 0.0], A])

    for threshold in (0.0, 0.9):
        assert ordered_filter(
            vectors, np.arange(4), Candidates(None), threshold=threshold
        ).kept.tolist() == [0, 1, 2]


def test_length_and_number_format_of_vectors_do_not_matter() -> None:
    vectors = planted().astype(np.float16)
    lengths = np.exp2(np.arange(300) % 5)[:, None]
    expected = ordered_filter(
        vectors, np.arange(300), Candidates(None), threshold=0.5
    ).kept.tolist()

    for other in (vectors.astype(np.float32), vectors.astype(np.float64) * lengths):
        assert (
            ordered_filter(other, np.arange(300), Candidates(None), threshold=0.5).kept.tolist()
            == expected
        )


def test_a_threshold_of_one_keeps_copies_and_one_just_below_does_not() -> None:
    vectors = np.array([A, A, B, A])

    for threshold, kept in ((1.0, [0, 1, 2, 3]), (0.99, [0, 2])):
        found = ordered_filter(vectors, np.arange(4), Candidates(None), threshold=threshold)
        assert found.kept.tolist() == kept


def test_only_rows_of_the_order_are_read() -> None:
    vectors = np.array([A, [np.nan] * 3, C, B])

    assert ordered_filter(
        vectors, np.array([3, 0]), Candidates(None), threshold=0.9
    ).kept.tolist() == [3]
    with pytest.raises(NonFiniteError):
        ordered_filter(vectors, np.array([3, 1]), Candidates(None), threshold=0.9)


def test_an_empty_order_and_a_count_of_none_are_empty_answers() -> None:
    nothing = ordered_filter(np.array([A]), np.empty(0, np.int64), Candidates(None), threshold=0.9)
    none = ordered_filter(np.array([A]), np.array([0]), Candidates(0), threshold=0.9)

    assert (len(nothing.kept), nothing.stop) == (0, "exhausted")
    assert (len(none.kept), len(none.rejected), none.stop) == (0, 0, "budget")


def test_rows_that_are_not_allowed_are_passed_as_if_they_were_not_in_the_order() -> None:
    vectors = np.array([A, [np.nan] * 3, A, B, C])
    allowed = np.array([True, False, True, False, True])

    found = ordered_filter(vectors, np.arange(5), Candidates(None, allowed=allowed), threshold=0.9)

    alone = ordered_filter(vectors, np.array([0, 2, 4]), Candidates(None), threshold=0.9)
    assert found.kept.tolist() == alone.kept.tolist()
    assert found.rejected.tolist() == alone.rejected.tolist() == [2]


@pytest.mark.parametrize("wrong", [{"threshold": 1.5}, {"threshold": -0.1}, {"batch_size": 0}])
def test_what_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    arguments = {"threshold": 0.9} | wrong

    with pytest.raises(ValueError, match="must"):
        ordered_filter(np.array([A]), np.array([0]), Candidates(None), **arguments)  # type: ignore[arg-type]


def test_neither_a_negative_count_nor_a_start_is_taken() -> None:
    for candidates in (Candidates(-1), Candidates(None, start=np.array([0]))):
        with pytest.raises(ValueError, match=r"negative|no start"):
            ordered_filter(np.array([A]), np.array([0]), candidates, threshold=0.9)
