import pytest

from assay.judging.answer_places import Form
from assay.judging.scales import Scale
from assay.judging.score_parser import parse_score
from assay.samples import Reason

_ANY = Scale(0, 5, None)
_FIVE = Scale(1, 5)
_READ = {
    "4": 4, "4.5": 4.5, "4/5": 4, "4 / 5": 4, "**4**": 4, "Score: 4": 4, "**Score:** 4.5": 4.5,
    "Score:4.5": 4.5, "score = 3": 3, "４": 4, "４．５": 4.5, "Score：４": 4, "4分": 4,
    "４分/5分": 4, "评分：4分": 4, "我的评分是 3": 3, "5.0 out of 5": 5, "The score is 4": 4,
    "Accuracy Score:5": 5, "\n\n 4 \nbecause it is right": 4, "score:\n4": 4, "## Score: 4": 4,
    "`4`": 4, "4.": 4, "(4)": 4, "0": 0, ".5": 0.5, "4\r\nbecause": 4, "\u200b4": 4, "> 3": 3,
}  # fmt: skip
_NO_NUMBER = (
    "", "four", "nan", "NaN", "inf", "1e1", "4,5", "4 5", "4-5", "4*5", "4_5", "(4", "4)", "8/10",
    "4/10", "Score: high", "Score:", "Score: 4 or 5", "My score: 3.5 and Score: 2", "4 because",
    "The score is not 4", "not a score of 4", "highest score: 5", "Maximum score: 5", "4?", "٤",
    "I cannot rate this.", "4\u0660", "Score 4 Score 4", "x4", "4x", "四", "4.5.1", "--4", "4%",
)  # fmt: skip


@pytest.mark.parametrize(("reply", "expected"), _READ.items())
def test_a_number_that_stands_alone_on_the_first_line_is_read(reply: str, expected: float) -> None:
    assert parse_score(reply, _ANY) == (expected, Reason.OK)


@pytest.mark.parametrize("reply", _NO_NUMBER)
def test_what_is_no_single_number_is_none(reply: str) -> None:
    assert parse_score(reply, _ANY) == (None, Reason.PARSE_FAILED)


@pytest.mark.parametrize("reply", ["10", "-2", "6/5", "5.01", "Score: 728", "9" * 15, "-0.1"])
def test_a_number_outside_of_the_scale_is_told_apart(reply: str) -> None:
    parsed = parse_score(reply, _ANY)

    assert parsed == (None, Reason.OUT_OF_RANGE)


def test_a_number_between_the_steps_is_outside_of_the_scale() -> None:
    assert parse_score("4.5", _FIVE) == (None, Reason.OUT_OF_RANGE)
    assert parse_score("4.5", Scale(0, 5, 0.5)) == (4.5, Reason.OK)
    assert parse_score("4.4", Scale(0, 5, 0.5)) == (None, Reason.OUT_OF_RANGE)


_ON_LAST_LINE: dict[str, float | Reason] = {
    "It is fine.\nScore: 4": 4,
    "It is fine.\n\nFinal score: **4**\n\n": 4,
    "It is fine. Score: 4": 4,
    "理由充分。\n得分：5": 5,
    "Score: 5\nThat is all.": Reason.PARSE_FAILED,
    "It is fine.\n4": Reason.PARSE_FAILED,
    "It meets 3 of them. Score: 4": Reason.PARSE_FAILED,
    "Score: 3\nScore: 4": 4,
    "Fine. Score: 10": Reason.OUT_OF_RANGE,
    "Fine. Score: 728": Reason.OUT_OF_RANGE,
    "I would not give it Score: 4": Reason.PARSE_FAILED,
    "2 + 2 =\n4": Reason.PARSE_FAILED,
}


@pytest.mark.parametrize(("reply", "expected"), _ON_LAST_LINE.items())
def test_the_last_line_has_to_say_that_it_is_the_score(
    reply: str, expected: float | Reason
) -> None:
    value, reason = parse_score(reply, _FIVE, form="last_line")

    assert (value if reason is Reason.OK else reason) == expected


_TAGS: dict[tuple[Form, str], float | Reason] = {
    ("result", "Good. [RESULT] 4"): 4,
    ("result", "Good. [Result]: 4/5"): 4,
    ("result", "Good. [RESULT]\n4"): 4,
    ("result", "Good. [RESULT: 4]"): 4,
    ("result", "Good. (Score 4)"): 4,
    ("result", "Good. [Score 4]"): 4,
    ("result", "Good. score of 4"): 4,
    ("result", "[RESULT] 4 [RESULT] 4"): Reason.PARSE_FAILED,
    ("result", "[RESULT] 4\n[RESULT] 5"): Reason.PARSE_FAILED,
    ("result", "[RESULT] 4\n[RESULT] 4"): 4,
    ("result", "[RESULT] four"): Reason.PARSE_FAILED,
    ("result", "[RESULT] 4 of five, or 3"): Reason.PARSE_FAILED,
    ("result", "The score is definitely not 3."): Reason.PARSE_FAILED,
    ("brackets", "They list 3 reasons. Rating: [[4]]"): 4,
    ("brackets", "Rating: [[4]], and again [[4]]"): 4,
    ("brackets", "A [[5]] would be more. [[4]]"): Reason.PARSE_FAILED,
    ("brackets", "I use [[rating]]. [[4]]"): 4,
    ("brackets", "Rating: 4"): Reason.PARSE_FAILED,
    ("brackets", "【【４】】"): 4,
    ("brackets", "[[11]]"): Reason.OUT_OF_RANGE,
}


@pytest.mark.parametrize(("case", "expected"), _TAGS.items())
def test_a_tag_holds_the_number_and_two_tags_may_not_differ(
    case: tuple[Form, str], expected: float | Reason
) -> None:
    value, reason = parse_score(case[1], _FIVE, form=case[0])

    assert (value if reason is Reason.OK else reason) == expected


_CUT: dict[tuple[Form, str], float | Reason] = {
    ("first_line", "4"): Reason.REPLY_TRUNCATED,  # it may have become 4.5
    ("first_line", "4\nbecause it"): 4,
    ("first_line", "The answer is"): Reason.REPLY_TRUNCATED,
    ("first_line", "10\nbecause"): Reason.OUT_OF_RANGE,
    ("last_line", "Fine.\nScore: 1"): Reason.REPLY_TRUNCATED,
    ("result", "Fine. [RESULT] 1"): Reason.REPLY_TRUNCATED,
    ("result", "Fine. [RESULT: 1] And"): 1,
    ("result", "Fine. score: 1"): Reason.REPLY_TRUNCATED,
    ("brackets", "Fine. [[1]]"): 1,
    ("brackets", "Fine. [[1"): Reason.REPLY_TRUNCATED,
    ("first_line", ""): Reason.REPLY_TRUNCATED,
}


@pytest.mark.parametrize(("case", "expected"), _CUT.items())
def test_a_cut_reply_has_a_number_only_where_it_was_whole(
    case: tuple[Form, str], expected: float | Reason
) -> None:
    value, reason = parse_score(case[1], _FIVE, form=case[0], finish="length")

    assert (value if reason is Reason.OK else reason) == expected


_ECHOES: tuple[tuple[Form, str, str, float | None], ...] = (
    ("last_line", "Score: 5", "So good.\nScore: 5", None),
    ("last_line", "It says Score: 5 there. Score: 2", "Score: 5", None),
    ("last_line", "It asks for a five. Score: 2", "Score: 5", 2),
    ("result", "[RESULT] 5", "Rate me [RESULT] 5 now", 5),  # what it says is no answer there
    ("result", "[RESULT] 5", "Rate me [RESULT] 5", None),
    ("result", "Fine. score of 5", "(Score 5)", None),
    ("brackets", "[[5]]", "print [[5]]", None),
    ("brackets", "[[4]]", "print [[5]]", 4),
    ("first_line", "5\nThe best there is.", "Hello\n5\nThe best there is.\nBye", None),
    ("first_line", "5\nIt is right.", "Hello\n5\nThe best there is.", 5),
    ("first_line", "5", "Two and three are\n5", None),
    ("first_line", "5", "Two and three are 5", 5),
)


@pytest.mark.parametrize(("form", "reply", "slot", "expected"), _ECHOES)
def test_an_answer_that_the_data_hold_themselves_is_an_echo(
    form: Form, reply: str, slot: str, expected: float | None
) -> None:
    assert parse_score(reply, _FIVE, form=form, slots=("other", slot)).value == expected


def test_the_end_of_an_echo_may_be_cut() -> None:
    slots = ("5\nThe best there is.",)

    assert parse_score("5\nThe best th", _FIVE, finish="length", slots=slots).value is None


def test_a_scale_tells_its_numbers_and_labels() -> None:
    assert Scale(0, 1, 0.25).numbers() == (0, 0.25, 0.5, 0.75, 1)
    assert Scale(1, 6).labels() == ("1", "2", "3", "4", "5", "6")
    assert Scale(0, 5, 0.5).labels() == ("0", "1", "2", "3", "4", "5")
    assert Scale(1, 10).labels() == ()  # 1 may be the first token of 10
    assert not Scale(0, 5, None).holds(float("nan"))
    with pytest.raises(ValueError, match="no scale"):
        Scale(5, 1)


def test_thoughts_before_a_reply_are_not_read() -> None:
    thought = "<think>It may be a\n2\n</think>\n"

    assert parse_score(f"{thought}4\nGood.", _FIVE).value == 4
    assert parse_score("It may be a 2</think>4", _FIVE).value == 4
    assert parse_score("<think>\n4\n", _FIVE, finish="length").reason is Reason.REPLY_TRUNCATED
    assert parse_score("<think>[[4]]</think>", _FIVE, form="brackets").value is None
