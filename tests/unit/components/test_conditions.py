"""Conditions as people write them become filters."""

from typing import Any

import pytest

from assay.components.component import Selector
from assay.components.conditions import condition_texts, filters
from assay.components.descriptions import describe
from assay.errors import UsageError


def _chain(selector: Selector | None) -> list[dict[str, Any]]:
    found = []
    while selector is not None:
        described = describe(selector)
        described.pop("within", None)
        found.append(described)
        selector = selector.within
    return found[::-1]


@pytest.mark.parametrize(
    ("text", "described"),
    [
        ("language=en", {"method": "where", "attribute": "language", "values": ["en"]}),
        (
            "task!=a=b",
            {"method": "where", "attribute": "task", "values": ["a=b"], "keep": False},
        ),
        (
            "source~^web",
            {"method": "where_field", "field": "source", "condition": {"pattern": "^web"}},
        ),
        ("stars>3", {"method": "where_field", "field": "stars", "condition": {"above": 3.0}}),
        ("a.b<=-1e3", {"method": "where_field", "field": "a.b", "condition": {"at_most": -1000.0}}),
        ("n < 2", {"method": "where_field", "field": "n", "condition": {"below": 2.0}}),
        (
            "kind!=x",
            {"method": "where_field", "field": "kind",
             "condition": {"words": ["x"], "keep": False}},
        ),
        (
            "record.response=x",
            {"method": "where_field", "field": "response", "condition": {"words": ["x"]}},
        ),
        (
            "response!~(?i)as an ai",
            {"method": "where_text", "condition": {"pattern": "(?i)as an ai", "keep": False}},
        ),
        (
            "prompt.words>=3",
            {"method": "where_text", "part": "prompt", "measure": "words",
             "condition": {"at_least": 3.0}},
        ),
        (
            "response.refusals=0",
            {"method": "where_text", "measure": "refusals", "condition": {"words": ["0"]}},
        ),
    ],
)  # fmt: skip
def test_a_condition_is_one_filter(text: str, described: dict[str, Any]) -> None:
    found = _chain(filters([text]))

    assert [{k: v for k, v in step.items() if k in described} for step in found] == [described]


def test_words_of_one_name_are_alternatives_and_everything_else_holds_together() -> None:
    found = _chain(filters(["kind=a", "n>1", "kind=b", "n<5", "kind!=c"]))

    assert [step["condition"] for step in found] == [
        {"words": ["a", "b"]}, {"words": ["c"], "keep": False}, {"above": 1.0}, {"below": 5.0},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("words", "is no condition"),
        ("=x", "is no condition"),
        ("n>=many", "'many' is not a number"),
        ("n>=nan", "finite number"),
        ("response.words<inf", "finite number"),
        ("n~", "names no pattern"),
        ("response.shouts=0", "no measure 'shouts'"),
        ("response>5", "asked for a pattern"),
        ("response.words~5", "words is a number"),
        ("kind~(", "is no pattern"),
    ],
)
def test_what_is_none_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        filters([text])


@pytest.mark.parametrize(
    ("where", "texts"),
    [
        (None, []),
        ("a=1", ["a=1"]),
        (["a=1", "b>2"], ["a=1", "b>2"]),
        ({"language": ["en", "de"], "n": 3}, ["language=en", "language=de", "n=3"]),
        ({"flag": [True, False]}, ["flag=true", "flag=false"]),
    ],
)
def test_configuration_files_and_python_write_them_in_several_forms(
    where: object, texts: list[str]
) -> None:
    assert condition_texts(where) == texts


def test_another_form_is_refused() -> None:
    with pytest.raises(UsageError, match="where = 3"):
        condition_texts(3)


@pytest.mark.parametrize("where", [{"language": None}, {"language": ["en", None]}, {"n": {"a": 1}}])
def test_a_word_that_is_none_is_refused(where: object) -> None:
    with pytest.raises(UsageError, match="is no word"):
        condition_texts(where)
