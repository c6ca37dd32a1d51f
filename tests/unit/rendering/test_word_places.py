"""Words put back in place of their marks."""

import pytest

from assay.rendering.word_places import Slot, cut_at_marks, fit_words


def _fit(shown: str, words: dict[str, str], text: str) -> list[str] | int:
    return fit_words(cut_at_marks(shown, list(words)), words, text)


def test_a_text_is_cut_at_its_marks() -> None:
    assert cut_at_marks("a1b2c", ["1", "2"]) == [Slot("a", "1"), Slot("b", "2"), Slot("c")]
    assert cut_at_marks("abc", []) == [Slot("abc")]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("[\n x \n]", "\n x \n"),
        ("[x]", "x"),
        ("[ x \n]", " x \n"),
        ("[\n x]", "\n x"),
        ("[ x]", " x"),
    ],
)
def test_blanks_at_the_ends_of_words_may_be_gone(text: str, kept: str) -> None:
    assert _fit("[1]", {"1": "\n x \n"}, text) == [kept]


@pytest.mark.parametrize("text", ["[x\n ]", "[\nx]", "[ y ]", "[ x ", "[ x ]]", ""])
def test_nothing_else_may_be_gone(text: str) -> None:
    assert isinstance(_fit("[1]", {"1": "\n x \n"}, text), int)


def test_it_is_told_where_a_text_goes_another_way() -> None:
    words = {"1": "a", "2": "b"}

    assert _fit("[1][2]", words, "(a)(b)") == 0
    assert _fit("[1][2]", words, "[a][B]") == 1
    assert _fit("[1][2]", words, "[a][b}") == 2


def test_blanks_that_can_be_of_the_words_or_of_the_format_are_tried_both_ways() -> None:
    words = {"1": "a ", "2": " b"}

    assert _fit("1 2", words, "a  b") in (["a ", "b"], ["a", " b"])
    assert _fit("1 2.", words, "a   b.") == ["a ", " b"]
    assert _fit("1 2.", words, "a b.") == ["a", "b"]


def test_a_text_without_marks_has_to_be_the_same() -> None:
    assert _fit("abc", {}, "abc") == []
    assert isinstance(_fit("abc", {}, "abd"), int)


def test_thousands_of_turns_are_no_matter() -> None:
    words = {f"<{n}>": f" {n} " for n in range(5000)}

    found = _fit("".join(f"[{mark}]" for mark in words), words,
                 "".join(f"[{n} ]" for n in range(5000)))  # fmt: skip

    assert found == [f"{n} " for n in range(5000)]
