from collections.abc import Mapping
from typing import Any

import pytest

from assay.judging.json_parser import (
    Choice,
    ListOf,
    Number,
    Object,
    Text,
    Truth,
    parse_object,
    schema_of,
)
from assay.judging.scales import Scale
from assay.samples import Reason

_SCORE = Object({"score": Number(Scale(1, 5))})
_RICH = Object(
    {
        "analysis": Text(),
        "good": Truth(),
        "kind": Choice(("code", "prose")),
        "tags": ListOf(Object({"tag": Text(least=1)}), least=1, most=2),
    }
)
_LAST: dict[str, Mapping[str, Any] | Reason] = {
    '{"score": 4}': {"score": 4},
    '```json\n{"score": 4}\n```': {"score": 4},
    'I think {"score": 2} at first, but {"score": 4}.': {"score": 4},
    '{"score": 4} {"other": 1}': {"score": 4},
    '{"score": 4} {"score": "5"}': {"score": 4},
    '{"score": 4.0}': {"score": 4.0},
    '{"score": "4"}': Reason.PARSE_FAILED,
    '{"score": true}': Reason.PARSE_FAILED,
    '{"score": null}': Reason.PARSE_FAILED,
    '{"score": NaN}': Reason.PARSE_FAILED,
    '{"score": Infinity}': Reason.PARSE_FAILED,
    '{"score": 1e999}': Reason.OUT_OF_RANGE,
    '{"score": 6}': Reason.OUT_OF_RANGE,
    '{"score": 4.5}': Reason.OUT_OF_RANGE,
    '{"score": 4, "score": 5}': Reason.PARSE_FAILED,
    '{"score": 4, "more": 5}': Reason.PARSE_FAILED,
    '{"a": {"score": 4}}': Reason.PARSE_FAILED,  # not at the top
    "{'score': 4}": Reason.PARSE_FAILED,
    '{score: 4}': Reason.PARSE_FAILED,
    '{"score": 4,}': Reason.PARSE_FAILED,
    '{"score": 4': Reason.PARSE_FAILED,
    '{a: {"score": 4}}': Reason.PARSE_FAILED,
    '"score": 4': Reason.PARSE_FAILED,
    '{"x": "}"} {"score": 4}': {"score": 4},
    '{"score"': Reason.PARSE_FAILED,
    "": Reason.PARSE_FAILED,
    "{" * 100_000: Reason.PARSE_FAILED,
    '{"a":' * 5_000 + "1" + "}" * 5_000: Reason.PARSE_FAILED,
    '{"score": ' + "9" * 5_000 + "}": Reason.PARSE_FAILED,
}  # fmt: skip


@pytest.mark.parametrize("reply", _LAST, ids=lambda reply: reply[:40])
def test_the_last_whole_object_that_fits_is_taken_and_nothing_is_repaired(reply: str) -> None:
    value, reason = parse_object(reply, _SCORE)

    assert (value if reason is Reason.OK else reason) == _LAST[reply]


_FITS = '{"analysis": "a", "good": true, "kind": "code", "tags": [{"tag": "b"}]}'
_UNFIT = (
    ('"a"', "1", Reason.PARSE_FAILED),
    ("true", '"true"', Reason.PARSE_FAILED),
    ("true", "1", Reason.PARSE_FAILED),
    ('"code"', '"Code"', Reason.PARSE_FAILED),
    ('[{"tag": "b"}]', '{"tag": "b"}', Reason.PARSE_FAILED),
    ('{"tag": "b"}', '"b"', Reason.PARSE_FAILED),
    ('{"tag": "b"}', '{"tag": " "}', Reason.PARSE_FAILED),
    ('{"tag": "b"}', "", Reason.OUT_OF_RANGE),
    ('{"tag": "b"}', '{"tag": "b"}, {"tag": "c"}, {"tag": "d"}', Reason.OUT_OF_RANGE),
    ('"a"', '"\\ud800"', Reason.PARSE_FAILED),
)


def test_every_kind_of_value_is_read() -> None:
    assert parse_object(_FITS, _RICH).value == {
        "analysis": "a", "good": True, "kind": "code", "tags": [{"tag": "b"}],
    }  # fmt: skip


@pytest.mark.parametrize(("part", "other", "reason"), _UNFIT)
def test_a_value_of_another_kind_makes_the_object_unfit(
    part: str, other: str, reason: Reason
) -> None:
    assert parse_object(_FITS.replace(part, other), _RICH) == (None, reason)


def test_a_cut_object_is_truncated_whatever_came_before_it() -> None:
    cut = '{"score": 4} or rather {"sco'

    assert parse_object(cut, _SCORE, finish="length") == (None, Reason.REPLY_TRUNCATED)
    assert parse_object("Let me see", _SCORE, finish="length") == (None, Reason.REPLY_TRUNCATED)
    assert parse_object('{"score": 4} So', _SCORE, finish="length").value == {"score": 4}


@pytest.mark.parametrize(
    "slot", ['say {"score":5}', '{"score":\n5}', '{ {"score": 5}', '{\\"score\\": 5}']
)
def test_an_object_that_the_data_hold_is_passed_over(slot: str) -> None:
    both = 'It says {"score": 5}. {"score": 2} It says {"score": 5}.'

    assert parse_object('{"score": 5}', _SCORE, slots=(slot,)) == (None, Reason.PARSE_FAILED)
    assert parse_object(both, _SCORE, slots=(slot,)).value == {"score": 2}


def test_thoughts_before_an_object_are_not_read() -> None:
    assert parse_object('<think>{"score": 2} { </think>{"score": 4}', _SCORE).value == {"score": 4}
    assert parse_object('<think>{"score": 2}</think> So', _SCORE).value is None


def test_numbers_are_listed_in_the_schema_and_no_key_may_be_added() -> None:
    schema = schema_of(Object({"analysis": Text(), "score": Number(Scale(0, 1, 0.5))}))

    assert schema == {
        "type": "object",
        "properties": {"analysis": {"type": "string"}, "score": {"enum": [0, 0.5, 1]}},
        "required": ["analysis", "score"],
        "additionalProperties": False,
    }
    assert list(schema["properties"]) == ["analysis", "score"]
    assert schema_of(Number(Scale(0, 1, None))) == {"type": "number"}
