import math

import pytest

from assay import wording as words


@pytest.mark.parametrize(
    ("value", "expected"),
    [(-0.01234, "−0.0123"), (0.004, "+0.0040"), (-0.00001, "0.0000"), (0.0, "0.0000")],
)
def test_signed(value: float, expected: str) -> None:
    assert words.signed(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0004, "< 0.001"), (0.0126, "0.013"), (1.0, "1.000")]
)
def test_p_values(value: float, expected: str) -> None:
    assert words.p_value(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0 s"),
        (0.42, "0.4 s"),
        (48, "48 s"),
        (192, "3.2 min"),
        (18_000, "5.0 h"),
        (2e5, "2.3 d"),
    ],
)
def test_seconds(value: float, expected: str) -> None:
    assert words.seconds(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0, "0"), (3.24e15, "3.2\N{NO-BREAK SPACE}·\N{NO-BREAK SPACE}10¹⁵")]
)
def test_flops(value: float, expected: str) -> None:
    assert words.flops(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (520, "520"),
        (2_600, "2.6k"),
        (13_000, "13k"),
        (999_600, "1M"),
        (4.68e6, "4.68M"),
        (2e9, "2B"),
    ],
)
def test_short_counts(value: float, expected: str) -> None:
    assert words.short_count(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(None, "–"), (0.67, "0.67"), (2.44, "2.4"), (31.4, "31")]
)
def test_times(value: float | None, expected: str) -> None:
    assert words.times(value) == expected


@pytest.mark.parametrize("form", [words.nats, words.count, words.seconds, words.flops])
def test_what_is_not_known_is_a_dash(form: object) -> None:
    assert form(math.nan) == "–"  # type: ignore[operator]


def test_lists() -> None:
    assert [words.listed(list("abc"[:n])) for n in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_counts_agree_with_their_noun() -> None:
    assert words.number_of(1, "seed") == "1 seed"
    assert words.number_of(1_200, "run") == "1,200 runs"
