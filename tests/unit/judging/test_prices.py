"""Prices are the user's own, and sums are exact and never too low."""

import datetime
from fractions import Fraction
from math import ceil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.components.money import Amount, amount_text, parse_amount, parse_nano
from assay.errors import ConfigError
from assay.judging.prices import FREE, Price, parse_price, price_of, read_prices

_TOML = """
as_of = 2026-01-31
currency = "EUR"

["api.example.com"]
"small-*" = { in = 0.15, out = 0.6, cached = 0.075 }
"small-two" = { in = 1, out = 2, currency = "USD" }
"*" = { in = 10, out = 20 }
"""


def _write(folder: Path, text: str) -> Path:
    path = folder / "prices.toml"
    path.write_text(text)
    return path


def test_a_typed_price_is_per_million_tokens() -> None:
    price = parse_price("in=0.15,out=0.6")

    assert price == Price(150_000_000, 600_000_000, 150_000_000, "USD")
    # 1,000 tokens read at 150 billionths, 10 written at 600.
    assert price.cost(1000, 10) == 1000 * 150 + 10 * 600
    assert str(price) == "0.15 USD in, 0.60 USD out per million tokens"


def test_cached_tokens_have_their_own_price_where_one_is_named() -> None:
    price = parse_price("in=0.15, out=0.6, cached=0.075, currency=eur")

    assert price.cost(1000, 0, cached=400) == 600 * 150 + 400 * 75
    assert price.cost(10, 0, cached=400) == 10 * 75
    assert price.currency == "EUR"
    assert "0.075 EUR cached" in str(price)


def test_a_part_of_a_billionth_counts_as_one() -> None:
    assert parse_price("in=0.0001,out=0").cost(1, 0) == 1
    assert parse_price("in=0,out=0").cost(10**9, 10**9) == 0


@given(
    prices=st.tuples(*[st.integers(0, 10**11)] * 3),
    prompt=st.integers(0, 10**6),
    cached=st.integers(0, 10**6),
    written=st.integers(0, 10**5),
)
def test_no_cost_is_below_the_exact_one_or_above_the_worst(
    prices: tuple[int, int, int], prompt: int, cached: int, written: int
) -> None:
    price = Price(*prices)
    read_before = min(cached, prompt)
    exact = Fraction(
        (prompt - read_before) * prices[0] + written * prices[1] + read_before * prices[2], 10**6
    )

    assert price.cost(prompt, written, cached) == ceil(exact)
    assert price.cost(prompt, written, cached) <= price.worst(prompt, written)


@pytest.mark.parametrize(
    "text",
    ["", "0.15", "in=0.15", "in=1,out=x", "in=-1,out=1", "in=1,in=2,out=1", "in=1,out=1,uot=2",
     "in=nan,out=1", "in=inf,out=1", "in=1,out=1,currency=euro", "in=0.0000000001,out=1"],
)  # fmt: skip
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_price(text)


def test_of_a_file_the_nearest_pattern_of_the_host_stands(tmp_path: Path) -> None:
    table = read_prices(_write(tmp_path, _TOML))

    small = table.find("api.example.com", "small-one")
    assert small is not None
    assert (small.prompt, small.cached, small.currency) == (150_000_000, 75_000_000, "EUR")
    assert small.source == "prices.toml, as of 2026-01-31"
    named = table.find("api.example.com", "small-two")
    assert named is not None
    assert (named.prompt, named.currency) == (10**9, "USD")
    assert table.find("api.example.com", "large") == table.hosts["api.example.com"]["*"]
    assert table.find("other.example.com", "small-one") is None
    assert table.as_of == str(datetime.date(2026, 1, 31))


@pytest.mark.parametrize(
    ("text", "said"),
    [("[a]\nb = {in = 1, out = 1}", "of when"), ("as_of = 2026-01-31\na = 3", "no table"),
     ("as_of = 2026-01-31\n[a]\nb = 3", "no table"), ("as_of", "TOML"),
     ("as_of = 2026-01-31\n[a]\nb = {in = 1}", "does not say what 'out' costs"),
     ("as_of = 2026-01-31\n[a]\nb = {in = true, out = 1}", "no amount")],
)  # fmt: skip
def test_a_file_that_is_wrong_is_told_by_its_name(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_prices(_write(tmp_path, text))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_prices(tmp_path / "none.toml")


def test_this_machine_is_free_unless_a_price_is_given() -> None:
    given_price = parse_price("in=1,out=1")

    assert price_of("127.0.0.1", "m", is_local=True) is FREE
    assert price_of("127.0.0.1", "m", is_local=True, given=given_price) is given_price
    assert str(FREE) == "free"


def test_a_price_that_nobody_has_said_is_refused_with_what_to_say(tmp_path: Path) -> None:
    table = read_prices(_write(tmp_path, "as_of = 2026-01-31"))

    with pytest.raises(ConfigError, match="nobody has said what 'm' at h costs") as told:
        price_of("h", "m", is_local=False, table=table)

    assert "in=0.15,out=0.6" in (told.value.hint or "")
    assert str(table.path) in told.value.message


# Amounts


@pytest.mark.parametrize(
    ("text", "amount"),
    [("5", Amount(5 * 10**9)), ("0.25 EUR", Amount(250_000_000, "EUR")),
     (" 1usd ", Amount(10**9, "USD")), ("0", Amount(0))],
)  # fmt: skip
def test_amounts_are_read(text: str, amount: Amount) -> None:
    assert parse_amount(text) == amount


@pytest.mark.parametrize("text", ["", "five", "-1", "1.2.3", "1 dollar", "$5", "1e3", "."])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_amount(text)


@pytest.mark.parametrize(
    ("nano", "text"),
    [(0, "0.00 USD"), (1_250_000_000, "1.25 USD"), (3_100_000, "0.0031 USD"),
     (999_000_000_000, "999.00 USD"), (1, "0.0000000010 USD")],
)  # fmt: skip
def test_amounts_are_shown_to_two_digits_at_least(nano: int, text: str) -> None:
    assert amount_text(nano) == text
    assert str(Amount(nano)) == text


def test_a_number_is_taken_exactly() -> None:
    assert parse_nano("0.1") + parse_nano("0.2") == parse_nano("0.3")
