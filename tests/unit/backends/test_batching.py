"""Batches of token sequences: what may differ is how they are run, never which."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assay.backends.batching import Group, batches, shared_beginnings
from assay.rendering.encoding import TokenIds


@st.composite
def collections_of_sequences(draw: st.DrawFn) -> list[TokenIds]:
    """Return sequences of which some begin alike, some are equal, some are tiny."""
    openings = [list(range(place, place + length)) for place, length in ((0, 20), (3, 40), (0, 15))]
    kinds = st.sampled_from([[], *openings])
    tails = st.lists(st.integers(0, 5), min_size=0, max_size=6)
    rows = draw(st.lists(st.tuples(kinds, tails), min_size=0, max_size=40))
    return [np.array([*opening, *tail] or [7], np.int32) for opening, tail in rows]


def _check_groups(groups: Sequence[Group], sequences: Sequence[TokenIds]) -> None:
    places = sorted(int(place) for group in groups for place in group.members)
    assert places == list(range(len(sequences)))
    for group in groups:
        for place in group.members:
            before = len(group.prefix)
            assert sequences[place][:before].tolist() == group.prefix.tolist()
            assert len(sequences[place]) > before


@given(collections_of_sequences())
def test_every_sequence_is_in_one_group_and_begins_as_the_group_does(
    sequences: list[TokenIds],
) -> None:
    groups = shared_beginnings(sequences)

    _check_groups(groups, sequences)
    again = shared_beginnings(sequences)
    assert [g.members.tolist() for g in again] == [g.members.tolist() for g in groups]


@given(collections_of_sequences())
def test_nothing_is_shared_unless_it_is_wanted(sequences: list[TokenIds]) -> None:
    groups = shared_beginnings(sequences, share=False)

    _check_groups(groups, sequences)
    assert all(len(group.prefix) == 0 for group in groups)
    assert len(groups) <= 1


@given(collections_of_sequences(), st.randoms(use_true_random=False))
def test_groups_hold_the_same_sequences_in_whatever_order_they_come(
    sequences: list[TokenIds], random: object
) -> None:
    order = list(range(len(sequences)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = [sequences[place] for place in order]

    def contents(found: Sequence[Group], of: Sequence[TokenIds]) -> object:
        return sorted(
            (group.prefix.tolist(), sorted(of[place].tolist() for place in group.members))
            for group in found
        )

    assert contents(shared_beginnings(shuffled), shuffled) == contents(
        shared_beginnings(sequences), sequences
    )


def test_a_long_common_beginning_is_found_whole() -> None:
    common = list(range(50))
    sequences = [np.array([*common, place], np.int32) for place in range(100, 112)]

    (group,) = shared_beginnings(sequences)

    assert group.prefix.tolist() == common


def test_of_equal_sequences_the_last_token_is_left_over() -> None:
    sequences = [np.arange(30, dtype=np.int32)] * 10

    (group,) = shared_beginnings(sequences)

    assert group.prefix.tolist() == list(range(29))


def test_numbers_of_several_bytes_do_not_confuse_the_search() -> None:
    # As bytes, low ones first, 256 sorts before 1; what is common has to come out all the same.
    tails = ([1, 256], [256, 1], [65_536, 1], [1, 1], [255, 9], [256, 256], [2, 2], [511, 5])
    sequences = [np.array([*range(20), *tail], np.int32) for tail in tails]

    (group,) = shared_beginnings(sequences)

    assert group.prefix.tolist() == list(range(20))


def test_a_few_sequences_are_not_worth_a_forward_of_their_own() -> None:
    sequences = [np.array([*range(50), place], np.int32) for place in range(3)]

    (group,) = shared_beginnings(sequences)

    assert len(group.prefix) == 0


@given(collections_of_sequences(), st.integers(1, 300))
def test_batches_hold_every_member_once_and_keep_the_budget(
    sequences: list[TokenIds], budget: int
) -> None:
    for group in shared_beginnings(sequences):
        made = batches(group, sequences, budget)

        placed = [int(place) for batch in made for place in batch.members]
        assert sorted(placed) == sorted(group.members.tolist())
        for batch in made:
            assert batch.prefix.tolist() == group.prefix.tolist()
            own = [len(sequences[place]) - len(group.prefix) for place in batch.members]
            assert own[0] == max(own)
            assert len(own) * own[0] <= budget or len(own) == 1


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.integers(1, 300))
def test_lengths_fall_from_batch_to_batch_and_ties_keep_their_order(
    lengths: list[int], budget: int
) -> None:
    sequences = [np.zeros(length, np.int32) for length in lengths]
    group = Group(np.empty(0, np.int32), np.arange(len(lengths)))

    placed = [int(place) for batch in batches(group, sequences, budget) for place in batch.members]

    assert placed == sorted(range(len(lengths)), key=lambda place: (-lengths[place], place))


@given(st.integers(1, 60), st.integers(1, 40), st.integers(1, 300))
def test_batches_of_equal_lengths_are_as_full_as_the_budget_allows(
    length: int, count: int, budget: int
) -> None:
    sequences = [np.zeros(length, np.int32)] * count
    group = Group(np.empty(0, np.int32), np.arange(count))

    sizes = [len(batch.members) for batch in batches(group, sequences, budget)]

    assert max(sizes[:-1], default=1) == min(sizes[:-1], default=1)
    assert len(sizes) == -(-count // max(1, budget // length))
