import pytest

from assay.judging.answer_places import Form
from assay.judging.option_parser import parse_option
from assay.samples import Reason
from tests.spellings import FIRST_SECOND, FIRST_SECOND_TIE, YES_NO

_YES_NO: dict[str, str | None] = {
    "yes": "yes", "Yes.": "yes", "**YES**": "yes", '"yes"': "yes", "Answer: no": "no", "是": "yes",
    "否。": "no", "结论：否": "no", "yes\nIt is fine.": "yes", "Verdict: yes": "yes",
    "yes and no": None, "Not sure": None, "no idea": None, "nothing": None, "Yes, but": None,
    "": None, "I cannot say.": None, "y": None, "yes/no": None, "yes no": None, "known": None,
}  # fmt: skip


@pytest.mark.parametrize(("reply", "expected"), _YES_NO.items())
def test_yes_or_no_stands_alone_on_the_first_line(reply: str, expected: str | None) -> None:
    parsed = parse_option(reply, YES_NO)

    assert parsed.value == expected
    assert (parsed.reason is Reason.OK) == (expected is not None)


_PAIRS: tuple[tuple[Form, str, str | None], ...] = (
    ("brackets", "Final verdict: [[A]]", "A"),
    ("brackets", "Final verdict: [[B]], not [[A]]", None),
    ("brackets", "It is a draw: [[C]]", "tie"),
    ("brackets", "[[D]]", None),
    ("result", "Response A is better. [RESULT] A", "A"),
    ("result", "Both are alike... [Response B]", "B"),
    ("result", "Both are clear. [Result: response B]", "B"),
    ("result", "I take Response B.", None),
    ("result", "Both are alike, [A]", None),
    ("last_line", "The first is better.\nVerdict: A", "A"),
    ("last_line", "The first is better. Verdict: text A.", "A"),
    ("last_line", "Verdict: A or B", None),
    ("last_line", "The first is better.\nA", None),
    ("last_line", "They are alike.\nWinner: tie", "tie"),
    ("first_line", "tie\nNone is better.", "tie"),
    ("first_line", "Assistant A", "A"),
    ("first_line", "A response that is good", None),
)


@pytest.mark.parametrize(("form", "reply", "expected"), _PAIRS)
def test_one_of_two_or_a_tie_stands_where_it_was_asked_for(
    form: Form, reply: str, expected: str | None
) -> None:
    assert parse_option(reply, FIRST_SECOND_TIE, form=form).value == expected


def test_a_tie_is_none_where_it_may_not_be_chosen() -> None:
    assert parse_option("[[C]]", FIRST_SECOND, form="brackets") == (None, Reason.PARSE_FAILED)


def test_a_cut_word_is_no_answer_and_an_echo_is_none() -> None:
    assert parse_option("no", YES_NO, finish="length") == (None, Reason.REPLY_TRUNCATED)
    assert parse_option("no\nit", YES_NO, finish="length").value == "no"
    assert parse_option("[[A]]", FIRST_SECOND, form="brackets", slots=("say [[a]]",)).value is None
    assert parse_option("Verdict: yes", YES_NO, form="last_line", slots=("Verdict: yes",)) == (
        None,
        Reason.PARSE_FAILED,
    )


def test_a_spelling_of_two_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="'A' stands for first and second"):
        parse_option("a", {"first": ("a",), "second": ("A",)})
