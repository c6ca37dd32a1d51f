"""Text keeps to its columns, and no word or number is divided without need."""

import pytest

from assay.folding import (
    beginning,
    display_width,
    fold,
    longest_word,
    padded,
    shortened,
    shortened_inside,
)

TEXTS = {
    "a sentence": "A sentence of several words, one of them 12,345.67 and one -0.0123.",
    "a path": "/data/models/a-rather-long-name-of-a-checkpoint_2026-01-02/epoch.3",
    "a label": "best by facility_location(quality=substance(at_least=0.123),encoder=assay:encoder)",
    "wide letters": "春天来了花都开了你好世界" * 4,
    "mixed": "name_of_a_thing=春天来了 ä ö 🙂🙂 end",
    "letters only": "x" * 90,
    "lines": "one\n\n  two three\nfour",
    "nothing": "",
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("width", [4, 11, 20, 60, 200])
def test_folded_text_fits_and_is_whole(name: str, width: int) -> None:
    lines = fold(TEXTS[name], width)

    assert all(display_width(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(TEXTS[name].split())


@pytest.mark.parametrize("width", [12, 20, 33])
def test_a_word_that_fits_a_line_is_never_divided(width: int) -> None:
    text = "one 12,345.67 -0.0123 a_name-of 10:53 2026-01-02 x(y=1)"

    lines = fold(text, width)

    assert " ".join(lines).split() == text.split()


def test_a_long_word_ends_its_lines_where_its_parts_end() -> None:
    assert fold("longest_response(unit_of_length=words)", 24) == [
        "longest_response(",
        "unit_of_length=words)",
    ]
    assert fold("/data/models/checkpoint-12/last", 14) == [
        "/data/models/",
        "checkpoint-12/",
        "last",
    ]


def test_a_number_inside_a_long_word_is_not_divided() -> None:
    lines = fold("threshold=0.12345678,limit=1,234,567;at=10:53:12", 22)

    assert [number in "\n".join(lines) for number in ("0.12345678", "1,234,567", "10:53:12")] == [
        True, True, True,
    ]  # fmt: skip


def test_text_is_shortened_at_its_end_or_inside() -> None:
    assert shortened("one two three", 8) == "one two…"
    assert shortened("one", 3) == "one"
    assert shortened("春天来了", 6) == "春天…"
    assert shortened_inside("checkpoint-12345", 9) == "chec…2345"
    assert display_width(shortened_inside("春天来了花都开了", 9)) <= 9


def test_widths_are_those_of_a_terminal() -> None:
    assert display_width("春天\nabc") == 4
    assert longest_word("a 春天来了 b") == 8
    assert beginning("春天", 1) == "春"
    assert padded("春", 4) == "春  "
    assert padded("春", 4, right=True) == "  春"
