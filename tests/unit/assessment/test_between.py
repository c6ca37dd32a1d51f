"""What two datasets share, against looking at every pair."""

import numpy as np
import pytest

from assay.assessment.between import Common, equal_rows, near_rows, nearest_similarities
from assay.pool.pool import hash_array
from assay.solvers.duplicates import normalised_text


def _runs(text: str) -> set[str]:
    text = normalised_text(text)
    return {text[place : place + 5] for place in range(max(len(text) - 4, 1))} if text else set()


def _by_hand(first: list[str], second: list[str]) -> Common:
    def near(left: str, right: str) -> bool:
        a, b = _runs(left), _runs(right)
        return bool(a | b) and len(a & b) / len(a | b) >= 0.8

    return Common(
        sum(any(near(left, right) for right in second) for left in first),
        sum(any(near(right, left) for left in first) for right in second),
    )


_LONG = "Explain in a few sentences why the sky above us looks blue on a day without any clouds"
_FIRST = [
    _LONG,
    _LONG.upper(),
    f"{_LONG}!",
    "Something else entirely, which nobody repeats",
    "",
    "写一个关于春天的句子。春天来了,花都开了,鸟也在唱歌。",
]
_SECOND = [
    f"{_LONG}, please",
    "Another text that has nothing to do with the others here",
    "写一个关于春天的句子。春天来了,花都开了,鸟也在唱歌!",
    "",
]


def test_near_rows_are_those_that_comparing_every_pair_finds() -> None:
    expected = _by_hand(_FIRST, _SECOND)

    assert near_rows(_FIRST, _SECOND) == expected == Common(4, 2)
    assert near_rows(_SECOND, _FIRST) == Common(expected.second, expected.first)


def test_near_rows_do_not_depend_on_order_and_count_repeats() -> None:
    assert near_rows(_FIRST[::-1], _SECOND[::-1]) == near_rows(_FIRST, _SECOND)
    assert near_rows([_LONG] * 3, [_LONG, "else"]) == Common(3, 1)


def test_a_chain_does_not_make_two_datasets_share_a_row() -> None:
    words = _LONG.split()
    middle = " ".join([*words[:-2], "clouded"])
    end = " ".join(["Tell", *words[2:-2], "clouded"])
    assert _by_hand([_LONG], [end]) == Common(0, 0)

    assert near_rows([_LONG, middle], [end]) == _by_hand([_LONG, middle], [end])


def test_nothing_shares_nothing() -> None:
    assert near_rows([], []) == near_rows(["", ""], [""]) == Common(0, 0)


def test_equal_rows_count_on_both_sides() -> None:
    first, second = hash_array([b"a" * 16, b"b" * 16, b"a" * 16]), hash_array([b"a" * 16])

    assert equal_rows(first, second) == Common(2, 1)
    assert equal_rows(first, hash_array([])) == Common(0, 0)


@pytest.mark.parametrize("among", [False, True])
def test_the_nearest_is_the_nearest_of_all(among: bool) -> None:
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(40, 5))
    queries = vectors[:15] if among else generator.normal(size=(15, 5))
    lengths = [np.linalg.norm(each, axis=1, keepdims=True) for each in (queries, vectors)]
    cosines = (queries / lengths[0]) @ (vectors / lengths[1]).T
    if among:
        cosines[np.arange(15), np.arange(15)] = -1

    found = nearest_similarities(vectors, queries, among=among)

    assert found == pytest.approx(np.sort(cosines.max(axis=1)), abs=2e-6)


def test_an_equal_row_is_a_neighbour_and_the_row_itself_is_none() -> None:
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])

    assert nearest_similarities(vectors, vectors, among=True).tolist() == [0.0, 1.0, 1.0]
    assert nearest_similarities(vectors[:1], vectors[:1], among=True).tolist() == []


def test_a_query_without_a_vector_is_near_nothing() -> None:
    assert nearest_similarities(np.eye(2), np.zeros((3, 2))).tolist() == []
