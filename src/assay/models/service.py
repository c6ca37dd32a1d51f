"""What a service would be asked, told without asking it: the border to the backends."""

from dataclasses import dataclass, replace
from typing import Any, Protocol

from assay.components.decoding import Decoding
from assay.components.money import NANO, amount_text
from assay.models.generation import Prompts, Writer
from assay.models.language_model import Questions
from assay.wording import count, short_count


@dataclass(frozen=True)
class Money:
    """What requests cost, in billionths of a currency.

    Attributes:
        low: if every reply were empty.
        high: if every reply were as long as it may be.
        currency: three letters.
    """

    low: int
    high: int
    currency: str

    def facts(self) -> dict[str, Any]:
        """Return it for programs, in units of the currency."""
        return {
            "least": self.low / NANO,
            "at_most": self.high / NANO,
            "currency": self.currency,
        }

    def words(self) -> str:
        """Return it as ``1.20 to 3.40 USD``."""
        low, high = amount_text(self.low, self.currency), amount_text(self.high, self.currency)
        return low if low == high else f"{low.removesuffix(f' {self.currency}')} to {high}"


@dataclass(frozen=True)
class Price:
    """Requests to a service, and tokens in and out.

    Attributes:
        fewest: requests for the rows, where the service takes several in one; those that are sent
            again after a failure, and the few that a service is opened with, come on top.
        most: requests where it takes one row at a time.
        tokens_in: that are sent.
        tokens_out: that may be answered, at most.
        exact: whether the requests are counted, or else estimated.
        counted: whether the tokens that are sent are counted, or else estimated.
        money: what they cost; None where nobody is paid.
    """

    fewest: int = 0
    most: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    exact: bool = True
    counted: bool = True
    money: Money | None = None

    def __add__(self, other: "Price") -> "Price":
        """Return both together."""
        return Price(
            self.fewest + other.fewest,
            self.most + other.most,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.exact and other.exact,
            self.counted and other.counted,
            _sum(self.money, other.money),
        )

    def times(self, factor: float) -> "Price":
        """Return about the price of so many times the rows."""
        return Price(
            round(self.fewest * factor),
            round(self.most * factor),
            round(self.tokens_in * factor),
            round(self.tokens_out * factor),
            money=self.money
            and replace(
                self.money,
                low=round(self.money.low * factor),
                high=round(self.money.high * factor),
            ),
        ).estimated()

    def estimated(self) -> "Price":
        """Return the same as an estimate."""
        return replace(self, exact=False, counted=False)

    def words(self) -> str:
        """Return it as ``about 2,000 requests, about 310k tokens in, at most 256k out``."""
        several = "" if self.fewest == self.most else f"{count(self.fewest)} to "
        requests = "request" if self.most == 1 else "requests"
        money = f", {self.money.words()}" if self.money and self.most else ""
        return (
            f"{'' if self.exact else 'about '}{several}{count(self.most)} {requests}, "
            f"{'' if self.counted else 'about '}{short_count(self.tokens_in)} tokens in, "
            f"at most {short_count(self.tokens_out)} out{money}"
        )

    def facts(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "requests": [self.fewest, self.most],
            "requests_estimated": not self.exact,
            "tokens_in": self.tokens_in,
            "tokens_in_estimated": not self.counted,
            "tokens_out_at_most": self.tokens_out,
            **({} if self.money is None else {"money": self.money.facts()}),
        }


def _sum(first: Money | None, second: Money | None) -> Money | None:
    """Return both together; of two currencies nothing, for they are not added."""
    if first is None or second is None:
        return first or second
    if first.currency != second.currency:
        return None
    return Money(first.low + second.low, first.high + second.high, first.currency)


class Unasked(Writer, Protocol):
    """A model of a service that is never asked: it tells what it would be asked."""

    def price_of_questions(self, questions: Questions) -> Price:
        """Return what reading costs."""

    def price_of_prompts(self, prompts: Prompts, decoding: Decoding) -> Price:
        """Return what writing costs."""
