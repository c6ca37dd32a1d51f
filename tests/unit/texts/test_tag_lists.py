import json
import time

import pytest

from assay.samples import Reason
from assay.texts.tag_lists import MOST_TAGS, TagList, read_tags


@pytest.mark.parametrize(
    ("reply", "tags"),
    [
        ('["a", " b\\n b "]', ("a", "b b")),
        ('[{"tag": "a", "explanation": "x"}, {"tag": "b"}]', ("a", "b")),
        ('{"tag": "a", "explanation": "x"}', ("a",)),
        ('{"tag": "a"}\n{"tag": "b"}', ("a", "b")),
        ('{"tags": ["a", {"tag": "b"}]}', ("a", "b")),
        ('[["a"], ["b", "a"]]', ("a", "b")),
        ('```json\n["a"]\n```', ("a",)),
        ('The tags [see below] are: [{"tag": "a"}]. Done.', ("a",)),
        ('Of {"text": 3} they are ["a"]', ("a",)),
        ('"[\\"a\\"]"', ("a",)),
        ('{"tag": "a", "tag": "b"}', ("a", "b")),
        ('[{"TAG": "标签"}, {"tag": "étiquette"}]', ("标签", "étiquette")),
        ('["a", "a"]', ("a",)),
        ('["a", 5, null, {"label": "x"}, "", "b"]', ("a", "b")),
        ('["a", "b",]', ("a", "b")),
        ("[]", ()),
        ('{"tags": []}', ()),
    ],
)
def test_lists_of_any_form_are_read(reply: str, tags: tuple[str, ...]) -> None:
    assert read_tags(reply) == TagList(tags)


@pytest.mark.parametrize(
    "reply",
    [
        '[{"tag": "a", "explanation": "x"}, {"tag": "b", "explana',
        '["a", "b',
        '["a", ',
        '[{"tag": "a"}, {"tag": "b\\u00',
        '{"tag": "a"}, {"tag": "b"',
        '```json\n["a", "b',
    ],
)
def test_a_list_that_broke_off_counts_as_far_as_it_is_whole(reply: str) -> None:
    assert read_tags(reply) == TagList(("a",), is_cut=True)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I cannot tag this.",
        "math",
        '"math"',
        "null",
        "3",
        "{}",
        "['a']",
        '[{"tag": 5}]',
        '[{"tag": null}, {"label": "x"}]',
        '[{"tag": "broken o',
        '["\\ud800"]',
        # Wrong in its middle: the rest is not read in place of the whole.
        '[{"tag": "a"}, {"tag": "b", "explanation": "says "x""}, {"tag": "c"}]',
        '[{"tag": "b", "explanation": "says "x""}, {"tag": "c"}]',
        "[" * 100_000,
        '{"a":' * 30_000,
    ],
)
def test_what_is_no_list_of_tags_is_a_failure_and_no_tag(reply: str) -> None:
    assert read_tags(reply) == TagList((), Reason.PARSE_FAILED)


def test_more_tags_than_anyone_names_are_out_of_range() -> None:
    many = [f"t{place}" for place in range(MOST_TAGS + 1)]

    assert len(read_tags(json.dumps(many[:-1])).tags) == MOST_TAGS
    assert read_tags(json.dumps(many)) == TagList((), Reason.OUT_OF_RANGE)
    # A model that goes round in circles says the same again, and may never come to an end.
    assert read_tags(json.dumps(["t"] * 60)).reason == Reason.OUT_OF_RANGE
    assert read_tags(json.dumps(many)[:-1]).reason == Reason.OUT_OF_RANGE


def test_each_turn_may_have_a_list_of_its_own() -> None:
    turns = [[f"{turn}-{place}" for place in range(40)] for turn in "ab"]

    assert len(read_tags(turns).tags) == 80


def test_values_that_are_parsed_already_are_read_alike() -> None:
    assert read_tags([{"tag": "a"}, "b"]) == TagList(("a", "b"))
    assert read_tags({"tag": "a", "explanation": "[]"}) == TagList(("a",))
    assert read_tags(3.0).reason == Reason.PARSE_FAILED


@pytest.mark.parametrize("unit", ['["', '[{"', '["a"', '[["x",', '{"a":1}', "```", '[{"tag":"a"},'])
def test_a_hostile_text_takes_no_longer_than_a_plain_one(unit: str) -> None:
    started = time.perf_counter()

    read_tags(unit * (200_000 // len(unit)))

    assert time.perf_counter() - started < 2
