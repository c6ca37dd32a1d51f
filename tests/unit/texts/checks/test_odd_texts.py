"""No answer, whatever it is, makes a rule hang or crash."""

import time
from typing import Any

import pytest

from assay.texts.checks.cello import marks
from assay.texts.checks.demands import count_demands
from assay.texts.checks.followbench import check
from assay.texts.checks.parseable import FORMS
from tests.unit.texts.checks.odd_texts import ODD

_SECONDS = 30
"""Each takes a few; going back over these texts again and again takes hours."""


@pytest.fixture(autouse=True)
def _in_a_moment() -> Any:
    started = time.perf_counter()
    yield
    assert time.perf_counter() - started < _SECONDS


def _record(form: str, language: str) -> dict[str, Any]:
    keywords = {"criterion": "keywords", "limit": ["a", "1"]}
    kinds = {"sample-table": 3, "sample-number": 3, "word-max": 3, "sentence-exact": 3}
    return {
        "Answer_format": [{"criterion": "resolve", "limit": form}, keywords],
        "Input_depdent_query": [keywords],
        "Count_limit": [{"criterion": kind, "limit": limit} for kind, limit in kinds.items()],
        "input_text": "a1 " * 100,
        "lang": language,
    }


@pytest.mark.parametrize(("form", "language"), [*((form, "eg") for form in FORMS), ("json", "ch")])
def test_criteria_of_cello(form: str, language: str) -> None:
    record = _record(form, language)

    for text in ODD:
        # The reader of YAML is the slowest; its limit has a test of its own.
        found = marks(text[:50_000] if form == "yaml" else text, record)
        assert all(mark is not None and 0 <= mark <= 1 for mark in (*found[:2], found[3]))


@pytest.mark.parametrize(
    "source",
    ["cnn_dailymail", "xsum", "samsum", "gigaword", "arxiv", "gsm_8k", "BBH_time", "BBH_logical",
     "E2E", "WIKIEVENTS"],
)  # fmt: skip
def test_rules_of_followbench(source: str) -> None:
    record = {"category": "mixed", "source": source, "level": 5, "target": "x"}

    for text in ODD:
        for tongue in ("en", "zh"):
            verdict = check(text, record, tongue)
            assert verdict is not None
            assert not verdict.all_met


@pytest.mark.parametrize("example", [22, 30])
def test_rules_of_formats(example: int) -> None:
    record = {"category": "format", "source": "koala", "level": 5, "example_id": example}

    assert not any(verdict.all_met for text in ODD if (verdict := check(text, record, "en")))


def test_demands_of_instructions() -> None:
    assert all(count_demands(text) >= 0 for text in ODD)
