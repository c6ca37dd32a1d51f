import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assay.solvers.duplicates import (
    connected_groups,
    exact_groups,
    normalised_text,
    representatives,
)

PAIRS = st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30)


def test_case_width_and_white_space_are_levelled() -> None:
    assert normalised_text(" Ｈello\u00a0\nWORLD ") == "hello world"
    assert normalised_text("STRASSE") == normalised_text("Straße")
    assert normalised_text("e\u0301") == normalised_text("É")


def test_punctuation_and_accents_are_kept() -> None:
    assert normalised_text("resume?") != normalised_text("résumé?")
    assert normalised_text("yes!") != normalised_text("yes?")


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalised_text(text)
    assert normalised_text(once) == once


def test_equal_keys_are_named_by_their_first_row() -> None:
    assert exact_groups(["b", "a", "b", "", "a", ""]).tolist() == [0, 1, 0, 3, 1, 3]


def _components(count: int, pairs: list[tuple[int, int]]) -> list[int]:
    labels = list(range(count))
    for _ in range(count):
        for left, right in pairs:
            labels[left] = labels[right] = min(labels[left], labels[right])
    return labels


@given(PAIRS)
def test_groups_are_the_connected_components(pairs: list[tuple[int, int]]) -> None:
    found = connected_groups(20, np.array(pairs, dtype=np.int64).reshape(-1, 2))
    assert found.tolist() == _components(20, pairs)


def test_long_chain_in_any_order_is_one_group() -> None:
    chain = np.column_stack((np.arange(9999), np.arange(1, 10000)))
    shuffled = np.random.default_rng(1).permutation(chain)[:, ::-1]
    assert not connected_groups(10000, shuffled).any()


def test_rows_without_pairs_are_groups_of_their_own() -> None:
    assert connected_groups(3, np.empty((0, 2), dtype=np.int64)).tolist() == [0, 1, 2]
    assert connected_groups(0, np.empty((0, 2), dtype=np.int64)).tolist() == []


def test_lowest_index_of_each_group_is_kept() -> None:
    assert representatives(np.array([7, 3, 7, 3, 5])).tolist() == [0, 1, 4]


def test_preferred_row_of_each_group_is_kept_and_ties_go_to_the_lowest_index() -> None:
    groups = np.array([0, 0, 0, 3, 3, 5, 5, 7])
    prefer = np.array([1.0, 2.0, 2.0, np.nan, -9.0, np.nan, np.nan, np.nan])
    assert representatives(groups, prefer).tolist() == [1, 4, 5, 7]


def test_a_row_with_the_lowest_possible_preference_still_beats_one_without() -> None:
    prefer = np.array([np.nan, -np.inf])
    assert representatives(np.array([0, 0]), prefer).tolist() == [1]
