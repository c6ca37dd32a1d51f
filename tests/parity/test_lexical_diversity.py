"""MTLD and HD-D against published test values and against definitions written out naively."""

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.texts.measures import hdd, lexicalrichness_words, mtld, type_token_ratio

# The sentence and the values are those of LexicalRichness' unit tests.
SENTENCE = "TEST text with some text numbers 42, hyphen-here, and text punctuations."
WORDS = st.lists(st.sampled_from("abcdefgh"), max_size=80)


@pytest.mark.parametrize("dash", ["-", "\u2013", "\u2014"])
def test_sentence_of_lexicalrichness_gives_its_values(dash: str) -> None:
    prepared = lexicalrichness_words(SENTENCE.replace("-", dash))
    assert len(prepared) == 10
    assert len(set(prepared)) == 8
    assert type_token_ratio(prepared) == 0.8
    assert mtld(prepared) == pytest.approx(14.000000000000004, abs=1e-12)
    assert hdd(prepared, draws=5) == pytest.approx(0.8833333333333332, abs=1e-12)


def test_text_without_a_repeated_word_has_its_own_length_as_mtld() -> None:
    assert mtld(list("abcde")) == 5


def test_measures_of_no_words_are_none() -> None:
    assert mtld([]) is None
    assert hdd([]) is None


def test_hdd_needs_as_many_words_as_draws() -> None:
    assert hdd(["a"] * 41) is None
    assert hdd(["a"] * 42) == pytest.approx(1 / 42, abs=1e-15)


def _mtld_by_segments(text: list[str]) -> Fraction:
    threshold = Fraction(72, 100)
    factors, start = Fraction(0), 0
    for end in range(1, len(text) + 1):
        if Fraction(len(set(text[start:end])), end - start) <= threshold:
            factors, start = factors + 1, end
    if start < len(text):
        ratio = Fraction(len(set(text[start:])), len(text) - start)
        factors += (1 - ratio) / (1 - threshold)
    return Fraction(len(text)) / (factors or 1)


@given(WORDS.filter(bool))
def test_mtld_equals_the_definition_in_exact_fractions(text: list[str]) -> None:
    expected = (_mtld_by_segments(text) + _mtld_by_segments(text[::-1])) / 2
    assert mtld(text) == pytest.approx(float(expected), rel=1e-12)


def test_run_whose_ratio_equals_the_threshold_is_complete() -> None:
    # 18 distinct words of 25 are exactly 0.72.
    text = [*map(str, range(18)), *["0"] * 7, "0", "1", "2", "1"]
    expected = (_mtld_by_segments(text) + _mtld_by_segments(text[::-1])) / 2
    assert mtld(text) == pytest.approx(float(expected), rel=1e-12)


@given(WORDS.filter(lambda text: len(text) >= 5), st.integers(1, 5))
def test_hdd_equals_the_hypergeometric_sum_in_exact_fractions(text: list[str], draws: int) -> None:
    total = comb(len(text), draws)
    absent = [Fraction(comb(len(text) - text.count(word), draws), total) for word in set(text)]
    expected = sum((1 - chance for chance in absent), Fraction(0)) / draws
    assert hdd(text, draws) == pytest.approx(float(expected), rel=1e-12)
