"""Whatever a record says of its answer, it gives marks or a refusal, and nothing else."""

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from assay.texts.checks import cello, followbench
from assay.texts.checks.criteria import CriteriaError

_plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_values = st.recursive(
    _plain | st.sampled_from(["NULL", "json", "xml", "yaml", "longer", "|"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
_kinds = st.sampled_from([
    "NULL", "keywords", "resolve", "word-max", "word-min", "word-exact", "word-min-max",
    "sentence-max", "sentence-min", "sentence-exact", "sentence-min-max", "sample-table",
    "sample-min", "sample-mins", "sample-exact", "sample-number", "revise", "other",
])  # fmt: skip
_criteria = st.lists(
    st.fixed_dictionaries({"criterion": _kinds}, optional={"limit": _values}), max_size=3
)
_fields = (*cello.FIELDS, "input_text", "lang", "histories")
_answers = st.text(max_size=30) | st.sampled_from(
    ["{'a': 1}", "<a/>", "| a |\n|--|\n| 5 |", "a: b"]
)


@settings(max_examples=300, deadline=None)
@given(
    answer=_answers,
    record=st.fixed_dictionaries({}, optional=dict.fromkeys(_fields, _criteria | _values)),
    mended=st.booleans(),
)
def test_any_criteria_give_marks_or_are_refused(
    answer: str, record: dict[str, Any], mended: bool
) -> None:
    with contextlib.suppress(CriteriaError):
        found = cello.marks(answer, record, mended=mended)
        assert all(mark is None or 0 <= mark <= 1 for mark in (*found, found.mean))


@settings(max_examples=300, deadline=None)
@given(
    answer=_answers,
    source=st.sampled_from(["E2E", "CONLL2003", "xsum", "gsm_8k", "koala"]) | _values,
    level=st.integers(0, 5) | _values,
    example=st.sampled_from([22, 30, 1]) | _values,
    category=st.sampled_from(["example", "format", "mixed"]) | _values,
    target=st.text(max_size=10) | st.sampled_from(["{answer}", "['a']", "{{"]) | _values,
)
def test_any_question_gives_a_verdict_or_is_refused(
    answer: str, source: Any, level: Any, example: Any, category: Any, target: Any
) -> None:
    record = {
        "source": source, "level": level, "example_id": example, "category": category,
        "target": target,
    }  # fmt: skip

    with contextlib.suppress(CriteriaError):
        for tongue in ("en", "zh"):
            verdict = followbench.check(answer, record, tongue)
            assert verdict is None or 0 <= verdict.share <= 1
