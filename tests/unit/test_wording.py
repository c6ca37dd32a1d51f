import math

import pytest

from assay import wording as words
from assay.wording import (
    all_without_folders,
    cell_text,
    jsonable,
    number_text,
    one_line,
    plain,
    size_text,
    without_folders,
)


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
    assert words.number_of(2, "reply") == "2 replies"
    assert words.number_of(2, "day") == "2 days"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\rb", "a\\x0db"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\u202eback", "\\u202eback"),
        ("日本語 é", "日本語 é"),
    ],
)
def test_control_characters_are_visible(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123456, "0.1235"), (2.0, "2"), (1234567.8, "1,234,568"), (float("nan"), "-")],
)
def test_numbers_have_four_digits(value: float, text: str) -> None:
    assert number_text(value) == text


def test_cells_are_told_as_a_person_would() -> None:
    assert [cell_text(v) for v in (None, True, 12345, "x\x07")] == ["", "yes", "12,345", "x\\x07"]


def test_nan_is_null_in_json() -> None:
    assert jsonable({"a": (1, float("nan"), float("inf")), 2: "b"}) == {
        "a": [1, None, None],
        "2": "b",
    }


def test_one_line_is_cut_with_an_ellipsis() -> None:
    assert one_line("a  b\nc", 10) == "a b c"
    assert one_line("abcdefghij" * 9, 10) == "abcdefghi…"


@pytest.mark.parametrize(
    ("size", "text"), [(12, "12 B"), (2048, "2.0 KiB"), (5 * 2**30, "5.0 GiB")]
)
def test_sizes_have_units(size: float, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data/models/tiny@0123456789abcdef", "tiny@0123456789abcdef"),
        ("ifd(model=/data/my models (v2)/tiny@0123456789abcdef,dtype=float32)",
         "ifd(model=tiny@0123456789abcdef,dtype=float32)"),
        ("assay compare '/data/my own/rows.json' --base /m/tiny --best=/out/best.json",
         "assay compare 'rows.json' --base tiny --best=best.json"),
        ("read by /data/models/tiny/.", "read by tiny."),
        ("~/models/tiny is missing, /data/rows.json: row 3", "tiny is missing, rows.json: row 3"),
        (r"C:\Users\anna\models\tiny@0123456789ab", "tiny@0123456789ab"),
        ("a/b or ../models/tiny, 5/8 of them", "a/b or ../models/tiny, 5/8 of them"),
        ("http://localhost:8000/v1#qwen and org/name@0123456789ab",
         "http://localhost:8000/v1#qwen and org/name@0123456789ab"),
        ("nats / token and I/O", "nats / token and I/O"),
    ],
)  # fmt: skip
def test_what_is_sent_to_others_says_no_folders(text: str, expected: str) -> None:
    assert without_folders(text) == expected


def test_a_home_with_a_blank_in_its_name_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna maria")

    told = without_folders("/home/anna maria/models/tiny has no weights")

    assert told == "tiny has no weights"


def test_plain_content_is_rid_of_folders_throughout() -> None:
    content = {"method": "ifd(model=/m/x)", "files": [{"file": "/d/a.json", "rows": 3}], "n": None}

    assert all_without_folders(content) == {
        "method": "ifd(model=x)", "files": [{"file": "a.json", "rows": 3}], "n": None,
    }  # fmt: skip
