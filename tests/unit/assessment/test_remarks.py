"""Sentences say measured numbers, and only where these stand out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from assay.assessment.measures import share_of
from assay.assessment.records import (
    DatasetRecord,
    Distribution,
    Histogram,
    MakeUp,
    PairRecord,
)
from assay.assessment.remarks import remarks
from assay.assessment.wording import language_name
from assay.wording import amount, listed, part, percent, quantity


def _spread(p50: float, p95: float, unscored: Mapping[str, int] | None = None) -> Distribution:
    missing = unscored or {}
    return Distribution(
        1000, 1000 - sum(missing.values()), missing, p50, {"p50": p50, "p95": p95},
        Histogram((0,), (1000,)),
    )  # fmt: skip


def _record(**changes: Any) -> DatasetRecord:
    plain = DatasetRecord(
        name="a", source="a", rows=1000, set_aside={}, held_out=0, sampled=500, tokens=123_456,
        several_answers=share_of(0, 1000), exact_copies=share_of(0, 1000),
        near_copies=share_of(0, 1000), alike=share_of(0, 500), nearest={}, learned=0.9,
        distributions={"response": _spread(50, 200), "compression_ifd": _spread(0.8, 1.0)},
        above_one=None, languages=MakeUp({"en": 1000}, 1, 0), tasks=MakeUp({"": 1000}, 1, 0),
        variety=(), examples=(),
    )  # fmt: skip
    return replace(plain, **changes)


def _said(**changes: Any) -> list[str]:
    return remarks(_record(**changes), [], 500)


def test_a_plain_dataset_has_its_size_and_language_and_nothing_else() -> None:
    assert _said() == [
        "1,000 rows, about 123,000 tokens; the median answer has 50.",
        "All rows are English.",
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"exact_copies": share_of(120, 1000)}, "12 % exact duplicates (120 rows)."),
        ({"languages": MakeUp({"en": 667, "zh": 333}, 2, 0)},
         "Languages are mixed: two thirds English and one third Chinese."),
        ({"languages": MakeUp({"zh": 990, "en": 10}, 2, 0)}, "Nearly all rows are Chinese."),
        ({"near_copies": share_of(30, 1000)},
         "3 % of rows would go if one of every group of near-duplicates stayed (30 rows)."),
        ({"several_answers": share_of(600, 1000)}, "60 % of rows hold several answers."),
        ({"learned": 0.031},
         "The encoder knows 3.1 % of the letters: closeness here is of wording, not of meaning."),
        ({"set_aside": {"broken": 3}}, "3 records could not be read and are left out."),
        ({"tasks": MakeUp({"qa": 745, "code": 255}, 2, 0)},
         "Three quarters of rows are of one task, qa."),
        ({"distributions": {"response": _spread(5, 200), "compression_ifd": _spread(1, 1)}},
         "Answers are short: half have at most 5 tokens."),
        ({"distributions": {"response": _spread(5, 2000), "compression_ifd": _spread(1, 1)}},
         "Some answers are long: one in twenty has 2,000 tokens or more."),
        ({"distributions": {"response": _spread(50, 200),
                            "compression_ifd": _spread(1, 1, {"EMPTY_RESPONSE": 20})}},
         "2 % of answers are empty (20 rows)."),
        ({"rows": 1, "sampled": 1, "languages": MakeUp({"en": 1}, 1, 0)},
         "Too few rows for shares and quantiles to mean much."),
    ],
)  # fmt: skip
def test_what_passes_its_threshold_is_said_with_its_number(
    changes: dict[str, Any], sentence: str
) -> None:
    assert sentence in _said(**changes)


def test_a_share_of_a_sample_is_said_with_its_interval() -> None:
    [said] = [s for s in _said(above_one=share_of(100, 500, whole=False)) if "IFD" in s]

    assert said == (
        "To the model, the prompt makes 20 % of answers less likely, not more (IFD above 1; 17 % "
        "to 24 % of all)."
    )


def test_what_is_in_another_dataset_is_said_once() -> None:
    pair = PairRecord(
        "a", "b", share_of(0, 1000), share_of(250, 1000), share_of(300, 500, whole=False), {}
    )

    said = remarks(_record(), [pair, replace(pair, of="b", within="a")], 500)

    assert said[2:] == ["A quarter of its rows (250) are in b, too, equal or nearly so."]


def test_closeness_in_meaning_is_said_as_of_a_sample() -> None:
    pair = PairRecord("a", "b", share_of(0, 1000), share_of(0, 1000),
                      share_of(300, 500, whole=False), {})  # fmt: skip

    assert "About 60 % of rows have one close in meaning in b." in remarks(_record(), [pair], 500)


def test_a_dataset_without_rows_says_so_alone() -> None:
    assert remarks(_record(rows=0), [], 500) == [
        "Holds no usable row, so nothing could be measured."
    ]


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "-"), (0.0, "0 %"), (0.0004, "< 0.1 %"), (0.024, "2.4 %"), (0.123, "12 %"),
     (0.05, "5 %"), (0.995, "99.5 %"), (0.9999, "> 99.9 %"), (1.0, "100 %")],
)  # fmt: skip
def test_shares_have_the_digits_they_deserve(share: float | None, text: str) -> None:
    assert percent(share) == text


def test_words_stand_for_shares_near_them() -> None:
    assert [part(share) for share in (1.0, 0.34, 0.5, 0.4, 0.251)] == [
        "all", "one third", "half", "40 %", "a quarter"
    ]  # fmt: skip


def test_amounts_and_quantities() -> None:
    assert [amount(n) for n in (0, 999, 9999, 123_456, 999_600, 2_960_000, 3e9)] == [
        "0", "999", "9,999", "123,000", "1 million", "2.96 million", "3 billion"
    ]  # fmt: skip
    assert [quantity(n) for n in (4, 0.944, 45.25, 399.5, 1.48e10)] == [
        "4", "0.94", "45.2", "400", "14.8 billion"
    ]  # fmt: skip


def test_languages_and_lists() -> None:
    assert [language_name(code) for code in ("zh", "und", "xx", "")] == [
        "Chinese", "no language", "xx", "not stated"
    ]  # fmt: skip
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "", "a", "a and b", "a, b and c"
    ]  # fmt: skip
