"""Two scores at the head of a reply, and what is none."""

import pytest

from assay.formats.judged.two_scores import two_scores


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("8 9\nReasons with 3 numbers, 4 and 5.", (8, 9)),
        ("\n\n8, 9", (8, 9)),
        ("8.5,7", (8.5, 7)),
        ("8/9", (8, 9)),
        ("8/10 and 9.5/10", (8, 9.5)),
        ("Assistant 1: 8, Assistant 2: 9", (8, 9)),
        ("Assistant A: 8\tAssistant B: 10", (8, 10)),
        ("**8** **9**", (8, 9)),
        ("Scores: 0 10.", (0, 10)),
    ],
)
def test_two_numbers_from_0_to_10_are_scores(reply: str, found: tuple[float, float]) -> None:
    assert two_scores(reply) == found


@pytest.mark.parametrize(
    "reply",
    [None, "", "  \n ", "8", "8 9 7", "-1 -1", "11 9", "8,5 9,0", "both are good\n8 9", "9a 8b"],
)
def test_anything_else_is_none(reply: str | None) -> None:
    assert two_scores(reply) is None
