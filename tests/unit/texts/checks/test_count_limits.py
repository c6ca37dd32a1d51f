import pytest

from assay.texts.checks.count_limits import (
    Answered,
    count_han,
    count_latin_words,
    count_limit,
    count_sentences,
)
from assay.texts.checks.criteria import Criterion

_TABLE = "Here:\n| a | b |\n|--|--|\n| 1 | 2 |\n| 3 | 9 |\nAll 77 done."


def _mark(text: str, *criteria: tuple[str, object], chinese: bool = False) -> float | None:
    return count_limit(Answered(text, chinese), [Criterion(*each) for each in criteria])


def _mended(text: str, *criteria: tuple[str, object], chinese: bool = False) -> float | None:
    asked = [Criterion(*each) for each in criteria]
    return count_limit(Answered(text, chinese), asked, mended=True)


def test_han_characters_and_words_with_a_letter_or_digit_are_counted() -> None:
    assert count_han("今天is好的。") == 4
    assert count_latin_words("It is - 3 o'clock ！ … 好") == 4


def test_sentences_end_in_a_mark() -> None:
    assert count_sentences("好。很好！真的吗？\n最后", chinese=True) == 3
    assert count_sentences("。。好。", chinese=True) == 1
    assert count_sentences('He said "no." Is it 3.5? Yes... e', chinese=False) == 4
    assert count_sentences("", chinese=False) == 0


@pytest.mark.parametrize(
    ("kind", "limit", "text", "expected"),
    [
        ("word-max", 4, "one two three", 1.0),
        ("word-max", 2, "one two three four", 0.5),
        ("word-max", -1, "", 0.0),
        ("word-min", 4, "one", 0.25),
        ("word-min", 4, "one two three four five", 1.0),
        ("sentence-exact", 2, "One. Two.", 1.0),
        ("sentence-exact", 2, "One.", 0.0),
        ("sentence-min", 4, "One.", 0.25),
        ("sentence-min-max", [1, 2], "One. Two. Three.", 0.0),
        ("sample-min", [["<a>", 2], ["<b>", 1]], "<a><a>", 0.5),
        ("sample-table", 2, _TABLE, 1.0),
        ("sample-table", 3, _TABLE, 0.0),
        ("sample-table", 0, "no table", 0.0),
        ("sample-number", 3, "1. a 2. b 3. c", 1.0),
        ("sample-number", 3, "1. a 2. b 3. c in 2023", 0.0),
        ("sample-number", 3, "nothing", 0.0),
        ("sample-number", 3, "\u0663", 1.0),
        ("sample-number", 3, "0" * 5000 + "3", 1.0),
        ("sample-number", 3, "3 " + "9" * 100_000, 0.0),
    ],
)
def test_each_limit_has_the_mark_that_was_worked_out(
    kind: str, limit: object, text: str, expected: float
) -> None:
    assert _mark(text, (kind, limit)) == expected
    assert _mended(text, (kind, limit)) == expected


def test_chinese_is_counted_in_characters() -> None:
    assert _mark("今天很好", ("word-max", 2), chinese=True) == 0.5
    assert _mark("今天很好", ("word-max", 2)) == 1.0


def test_kinds_are_averaged_and_samples_count_once() -> None:
    limits = ("word-max", 2), ("sentence-exact", 1)

    assert _mark("one two three four.", *limits) == 0.75
    assert _mark(_TABLE, ("sample-table", 7), ("sample-number", 9)) == 1.0


def test_what_follows_a_table_is_asked_of_the_table() -> None:
    assert _mark(_TABLE, ("sample-number", 9)) == 0.0
    assert _mark(_TABLE, ("sample-table", 7), ("sample-number", 77)) == 0.0


def test_published_scores_pass_over_what_mended_ones_count() -> None:
    exact = ("sample-exact", [["<a>", 2]])
    many = ("sample-mins", [["<a>", 1]])

    assert _mark("<a>", exact) is None
    assert _mended("<a>", exact) == 0.0
    assert _mended("<a>", many) == 1.0
    assert _mark("<a> 5", exact, ("sample-number", 5)) is None
    assert _mended("<a> 5", exact, ("sample-number", 5)) == 1.0
    assert _mark("one two", ("word-exact", 1)) == 1.0
    assert _mended("one two", ("word-exact", 1)) == 0.5
    assert _mended("one two", ("word-min-max", [1, 3])) == 1.0
    assert _mark("One. Two.", ("sentence-max", 1)) is None
    assert _mended("One. Two.", ("sentence-max", 1)) == 0.5


def test_a_criterion_of_nothing_ends_the_list() -> None:
    assert _mark("one two", ("NULL", "NULL"), ("word-max", 1)) is None
    assert _mark("5", ("sample-number", 5), ("NULL", "NULL")) is None
    assert _mark("anything") is None
