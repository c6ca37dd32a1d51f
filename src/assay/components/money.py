"""Amounts of money: whole billionths of a currency, and how they are typed and shown."""

import re
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from assay.errors import ConfigError

NANO = 1_000_000_000
"""Billionths in one unit of a currency."""
DEFAULT_CURRENCY = "USD"
_CURRENCY = re.compile(r"[A-Z]{3}")
_MOST = 10**9
_CENT_DIGITS = 2


class Amount(NamedTuple):
    """Money: billionths of a currency, and the currency's three letters."""

    nano: int
    currency: str = DEFAULT_CURRENCY

    def __str__(self) -> str:
        """Return it as it is shown, to the cent, and to two digits below one."""
        return amount_text(self.nano, self.currency)


def parse_amount(text: str, currency: str = DEFAULT_CURRENCY) -> Amount:
    """Return an amount that was typed: ``5``, ``0.25``, ``5 USD``, ``5EUR``.

    Args:
        text: what was typed.
        currency: of a bare number.

    Raises:
        ConfigError: if it is no amount, or negative.
    """
    found = re.fullmatch(r"\s*([0-9.]+)\s*([A-Za-z]*)\s*", text)
    if found is None:
        raise ConfigError(f"{text!r} is no amount of money", hint="such as 5, or 0.25 EUR")
    return Amount(parse_nano(found[1]), parse_currency(found[2] or currency))


def parse_currency(text: str) -> str:
    """Return the three letters of a currency.

    Raises:
        ConfigError: if it has another form.
    """
    letters = text.upper()
    if not _CURRENCY.fullmatch(letters):
        raise ConfigError(f"{text!r} is no currency", hint="three letters, such as USD")
    return letters


def parse_nano(text: str | int | Decimal) -> int:
    """Return billionths of a number of units, exactly.

    Raises:
        ConfigError: if it is no number from 0 up, or finer than a billionth.
    """
    try:
        number = Decimal("NaN") if isinstance(text, bool) else Decimal(text)
    except (InvalidOperation, TypeError, ValueError):
        number = Decimal("NaN")
    if not number.is_finite() or not 0 <= number <= _MOST or number * NANO % 1:
        raise ConfigError(
            f"{str(text)!r} is no amount of money", hint="a number from 0 up, such as 0.15"
        )
    return int(number * NANO)


def amount_text(nano: int, currency: str = DEFAULT_CURRENCY) -> str:
    """Return an amount as it is shown: ``1.25 USD``, ``0.0031 USD``."""
    units = Decimal(nano) / NANO
    digits = _CENT_DIGITS if not nano else max(_CENT_DIGITS, 1 - units.adjusted())
    return f"{units:.{digits}f} {currency}"


def spent_text(spent: int, cap: int | None, currency: str = DEFAULT_CURRENCY) -> str:
    """Return what was spent of what may be: ``0.12 of 5.00 USD``, or ``0.12 USD`` without a cap."""
    text = amount_text(spent, currency)
    if cap is None:
        return text
    return f"{text.removesuffix(f' {currency}')} of {amount_text(cap, currency)}"
