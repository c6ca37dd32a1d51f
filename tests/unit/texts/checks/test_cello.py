from typing import Any

import pytest

from assay.texts.checks.cello import demands, marks
from assay.texts.checks.criteria import CriteriaError
from assay.texts.checks.parseable import TooLongError


def _criteria(kind: str, limit: object) -> list[dict[str, object]]:
    return [{"criterion": kind, "limit": limit}]


def _formatted(form: object, words: object) -> dict[str, Any]:
    return {"Answer_format": [*_criteria("resolve", form), *_criteria("keywords", words)]}


def test_each_group_has_its_mark_and_the_mean_is_of_those_there_are() -> None:
    record = {
        **_formatted("json", ["name", "age"]),
        "Input_depdent_query": _criteria("NULL", "NULL"),
        "Task_prescribed_phrases": _criteria("keywords", ["sea", "sky", "sun", "moon"]),
        "Count_limit": _criteria("NULL", "NULL"),
    }

    found = marks("{'name': 'sea and sky and sun'}", record)

    assert found.answer_format == (1 + 0.5) / 2
    assert found.input_dependent_query is None
    assert found.task_prescribed_phrases == 0.75
    assert found.count_limit is None
    assert found.mean == 0.75
    assert demands(record) == 3


def test_what_is_copied_from_the_input_is_taken_away() -> None:
    record = {"Input_depdent_query": _criteria("keywords", ["tide"])}

    copied = marks("the tide is high", {**record, "input_text": "the tide is high"})
    own = marks("QQtideQQ", {**record, "input_text": "zzz"})
    missed = marks("the ebb", {**record, "input_text": "the ebb"})
    alone = marks("the tide is high", {**record, "input_text": float("nan")})

    assert copied.input_dependent_query == pytest.approx(0.0, abs=1e-12)
    assert own.input_dependent_query == 1.0
    assert missed.input_dependent_query == 0.0
    assert alone.input_dependent_query == 1.0
    assert marks("NULL tide", {**record, "input_text": "NULL"}).input_dependent_query == 1.0


def test_an_empty_answer_is_an_answer() -> None:
    record = {
        **_formatted("list", ["a"]),
        "Count_limit": _criteria("word-min", 10),
        "lang": "eg",
    }

    found = marks("", record)

    assert (found.answer_format, found.count_limit, found.mean) == (0.0, 0.0, 0.0)


def test_a_record_without_criteria_has_no_mark() -> None:
    assert marks("anything", {}).mean is None
    assert demands({"Count_limit": _criteria("NULL", "NULL")}) == 0


def test_published_and_mended_readings_differ_where_criteria_say_something_else() -> None:
    answer = "<a>5</a>"
    in_a_list = _formatted(["xml"], ["<a>"])
    as_text = {"Input_depdent_query": _criteria("keywords", "a5x")}
    twice = {
        "Task_prescribed_phrases": [*_criteria("keywords", ["a"]), *_criteria("keywords", ["q"])]
    }

    assert marks(answer, in_a_list).answer_format == 0.5
    assert marks(answer, in_a_list, mended=True).answer_format == 1.0
    assert marks(answer, as_text).input_dependent_query == pytest.approx(2 / 3)
    assert marks(answer, as_text, mended=True).input_dependent_query == 0.0
    assert marks(answer, twice).task_prescribed_phrases == 1.0
    assert marks(answer, twice, mended=True).task_prescribed_phrases == 0.5
    assert marks("a word", _formatted("yaml", ["a"])).answer_format == 1.0
    assert marks("a word", _formatted("yaml", ["a"]), mended=True).answer_format == 0.5


def test_a_revision_is_compared_with_the_last_answer_of_its_history() -> None:
    record = {"Count_limit": _criteria("revise", "longer"), "lang": "ch"}
    earlier, itself = ["shorten", "a long answer"], ["again", "short"]

    def mark(histories: object, **how: bool) -> float | None:
        return marks("short", {**record, "histories": histories}, **how).count_limit

    assert mark([earlier]) == 0.0
    assert mark([earlier, itself]) == 1.0
    assert mark([earlier, itself], mended=True) == 0.0
    assert mark([]) is None
    assert mark([earlier, ["again", None]]) == 0.0
    assert mark([earlier, ["again", None]], mended=True) is None


@pytest.mark.parametrize(
    "record",
    [
        {"Answer_format": "json"},
        {"Answer_format": ["json"]},
        {"Answer_format": [{"limit": 3}]},
        {"Task_prescribed_phrases": _criteria("keywords", [])},
        {"Task_prescribed_phrases": _criteria("keywords", "")},
        {"Task_prescribed_phrases": _criteria("keywords", [1])},
        {"Count_limit": _criteria("word-max", "100")},
        {"Count_limit": _criteria("word-max", float("nan"))},
        {"Count_limit": _criteria("word-max", True)},
        {"Count_limit": _criteria("sample-min", [["a"]])},
        {"Count_limit": _criteria("revise", "better"), "histories": [["a", "b"]]},
        {"Count_limit": _criteria("revise", "longer"), "histories": "long"},
        {"Count_limit": _criteria("revise", "longer"), "histories": [["a"]]},
    ],
)
def test_criteria_that_cannot_be_read_are_refused(record: dict[str, Any]) -> None:
    with pytest.raises(CriteriaError):
        marks("answer", {"lang": "eg", **record})


def test_an_answer_of_any_length_ends_in_a_mark_or_in_too_long() -> None:
    record = _formatted("json", ["a"])

    assert marks("x" * 1_000_000, record).answer_format == 0.0
    with pytest.raises(TooLongError):
        marks("x" * 1_000_001, record)
