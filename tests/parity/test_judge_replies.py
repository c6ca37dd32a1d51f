"""Replies that judges gave and others have read, read by us.

Where a published parser gives a number that the reply does not hold, or none where it holds one, we
differ from it and every such string is listed.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from assay.judging.option_parser import parse_option
from assay.judging.scales import Parsed, Scale
from assay.judging.score_parser import parse_score
from assay.samples import Reason
from tests.spellings import FIRST_SECOND_TIE

_DATA = Path(__file__).parents[2] / "../shared/data"
_TABLE = _DATA / "parity/reference/judge_parsers/expected.json"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(
        not (_TABLE.exists() and (_DATA / "records").exists()),
        reason="needs ../shared/data/parity/reference and ../shared/data/records",
    ),
]
_OTHERWISE: dict[str, float | Reason] = {
    # A number that the published parser does not see, or sees a digit of.
    "Score: 4.5": 4.5,
    "Score:4.5": 4.5,
    "The score is 4": 4,
    "4.5/5": 4.5,
    "**4.5**": 4.5,
    "\n4": 4,
    "Score: 4\nreason": 4,
    "5.0 out of 5": 5,
    "score:\n4": 4,
    # A number for it, and none of the scale or none at all.
    "nan": Reason.PARSE_FAILED,
    "1e1": Reason.PARSE_FAILED,
    "10": Reason.OUT_OF_RANGE,
    "-2": Reason.OUT_OF_RANGE,
}


def _published(answer: float | str) -> float | Reason:
    is_number = not isinstance(answer, str) and answer >= 0
    return float(answer) if is_number else Reason.PARSE_FAILED


def _ours(parsed: Parsed[float]) -> float | Reason:
    return parsed.reason if parsed.value is None else parsed.value


def test_alpagasus_replies_are_read_as_its_code_does_or_better() -> None:
    content = json.loads(_TABLE.read_text(encoding="utf-8"))
    table = content["alpagasus/rating/chatgpt_rating.py"]["table"]

    read = {reply: _ours(parse_score(reply, Scale(0, 5, None))) for reply, _ in table}

    # NaN is a text in the table.
    expected = {reply: _OTHERWISE.get(reply, _published(answer)) for reply, answer in table}
    assert read == expected
    assert set(_OTHERWISE) <= set(read)


def _records(name: str) -> list[dict[str, Any]]:
    with gzip.open(_DATA / "records" / name, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def test_scores_of_mt_bench_are_read_from_its_replies() -> None:
    records = _records("mt_bench_gpt-4_single.jsonl.gz")

    read = [
        parse_score(record["judgment"], Scale(1, 10, None), form="brackets").value
        for record in records
    ]

    assert read == [record["score"] for record in records]
    assert len(read) == 60


@pytest.mark.parametrize(("order", "first"), [("g1", "model_1"), ("g2", "model_2")])
def test_verdicts_of_mt_bench_are_read_from_its_replies(order: str, first: str) -> None:
    second = {"model_1": "model_2", "model_2": "model_1"}[first]
    winners = {"A": first, "B": second, "tie": "tie"}
    records = _records("mt_bench_gpt-4_pair.jsonl.gz")

    read = [
        parse_option(record[f"{order}_judgment"], FIRST_SECOND_TIE, form="brackets").value
        for record in records
    ]

    assert [winners[str(one)] for one in read] == [record[f"{order}_winner"] for record in records]
    assert len(read) == 60
