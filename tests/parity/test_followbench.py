"""FollowBench's questions: their targets satisfy its rules, and harder ones show more demands."""

import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from assay.texts.checks.demands import count_demands
from assay.texts.checks.followbench import check
from assay.texts.checks.level_rules import Tongue

_QUESTIONS = Path(__file__).parents[2] / "../shared/data/parity/followbench"
_FOLDERS: dict[Tongue, str] = {"en": "data", "zh": "data_zh"}
_LINES = 5
"""Right answers of more than one line, which the published template refuses."""
_GROUPS = ("content", "format", "mixed", "situation", "style")

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not _QUESTIONS.is_dir(), reason="needs ../shared/data/parity/followbench"),
]


def _questions(tongue: Tongue, group: str) -> list[dict[str, Any]]:
    path = _QUESTIONS / _FOLDERS[tongue] / f"{group}_constraints.json.gz"
    found: list[dict[str, Any]] = json.loads(gzip.decompress(path.read_bytes()))
    return found


@pytest.mark.parametrize("tongue", ["en", "zh"])
def test_every_rule_is_found_and_every_right_answer_is_right(tongue: Tongue) -> None:
    by_rule = 0
    for group in _GROUPS:
        for record in _questions(tongue, group):
            verdict = check("no answer at all", record, tongue)
            by_rule += verdict is not None
            if verdict is not None and record["source"] == "CONLL2003":
                assert check(json.loads(record["target"].replace("'", '"'))[0], record, tongue)
            elif verdict is not None and record["target"]:
                told = check(record["target"], record, tongue)
                assert told is not None
                assert told.all_met

    # Five levels of content, situation, format and mixed questions.
    assert by_rule == {"en": 5 * (12 + 8 + 2 + 8), "zh": 5 * (10 + 8 + 1 + 7)}[tongue]


@pytest.mark.parametrize("tongue", ["en", "zh"])
def test_an_example_is_checked_by_the_template_of_its_target(tongue: Tongue) -> None:
    for record in _questions(tongue, "example"):
        form = record["target"].removeprefix("{instruction}\n").format(answer="the sea")

        right, wrong = (check(text, record, tongue) for text in (form, f"Well. {form}"))

        assert right is not None
        assert right.all_met
        assert wrong is not None
        assert wrong.all_met == record["target"].startswith("{instruction}\n{answer}")


def test_right_answers_of_examples_fit_where_they_are_one_line() -> None:
    records = [record for record in _questions("en", "example") if "answer" in record]

    fitting = [check(record["answer"], record, "en") for record in records]
    met = [verdict is not None and verdict.all_met for verdict in fitting]

    assert len(records) == 200
    assert sum(met) == 200 - _LINES
    odd = [record["answer"] for record, holds in zip(records, met, strict=True) if not holds]
    assert all("\n" in answer for answer in odd)


@pytest.mark.parametrize("tongue", ["en", "zh"])
def test_the_hardest_level_reads_as_more_demands_than_the_plain_question(tongue: Tongue) -> None:
    levels: dict[tuple[str, int], dict[int, int]] = defaultdict(dict)
    for group in ("format", "mixed", "style"):
        for record in _questions(tongue, group):
            at = levels[group, record["example_id"]]
            at[record["level"]] = count_demands(record["instruction"])

    pairs = [(at[0], at[5]) for at in levels.values()]
    more = sum(hardest > plain for plain, hardest in pairs)
    fewer = sum(hardest < plain for plain, hardest in pairs)

    assert more >= 0.9 * len(pairs)
    assert fewer <= 0.05 * len(pairs)
