import math

import pytest

from assay.texts.checks.character_bleu import character_bleu


def test_a_copy_is_one_and_other_letters_are_none() -> None:
    assert character_bleu("the tide is high", "the tide is high") == pytest.approx(1.0)
    assert character_bleu("xyz", "abc") == 0.0
    assert character_bleu("", "abc") == 0.0
    assert character_bleu("abc", "") == 0.0


def test_it_is_the_value_that_was_worked_out() -> None:
    # "abcdex" of "abcdef": 5 of 6 characters, 4 of 5 pairs, 3 of 4, 2 of 3; equal lengths.
    expected = (5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25

    assert character_bleu("abcdex", "abcdef") == pytest.approx(expected, rel=1e-12)


def test_a_short_text_is_brought_down_and_a_long_one_is_not() -> None:
    assert character_bleu("abcde", "abcdefghij") == pytest.approx(math.exp(1 - 2), rel=1e-12)
    # Each run counts as often as the source has it: 5, 4, 3 and 2 of 10, 9, 8 and 7.
    expected = (5 / 10 * 4 / 9 * 3 / 8 * 2 / 7) ** 0.25
    assert character_bleu("abcde12345", "abcde") == pytest.approx(expected, rel=1e-12)


def test_a_run_counts_no_more_often_than_the_source_has_it() -> None:
    expected = (4 / 8 * 3 / 7 * 2 / 6 * 1 / 5) ** 0.25

    assert character_bleu("aaaaaaaa", "aaaa") == pytest.approx(expected, rel=1e-12)


def test_an_order_without_a_match_leaves_nothing() -> None:
    assert 0 < character_bleu("acegacegaceg", "abcdefgh") < 1e-60
    assert character_bleu("ab", "abc") < 1e-60
