"""What a service would be asked, told without asking it: the border to the backends."""

from dataclasses import dataclass, replace
from typing import Any, Protocol

from assay.components.decoding import Decoding
from assay.models.generation import Prompts, Writer
from assay.models.language_model import Questions
from assay.wording import count, short_count


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
    """

    fewest: int = 0
    most: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    exact: bool = True
    counted: bool = True

    def __add__(self, other: "Price") -> "Price":
        """Return both together."""
        return Price(
            self.fewest + other.fewest,
            self.most + other.most,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.exact and other.exact,
            self.counted and other.counted,
        )

    def times(self, factor: float) -> "Price":
        """Return about the price of so many times the rows."""
        return Price(
            round(self.fewest * factor),
            round(self.most * factor),
            round(self.tokens_in * factor),
            round(self.tokens_out * factor),
        ).estimated()

    def estimated(self) -> "Price":
        """Return the same as an estimate."""
        return replace(self, exact=False, counted=False)

    def words(self) -> str:
        """Return it as ``about 2,000 requests, about 310k tokens in, at most 256k out``."""
        several = "" if self.fewest == self.most else f"{count(self.fewest)} to "
        requests = "request" if self.most == 1 else "requests"
        return (
            f"{'' if self.exact else 'about '}{several}{count(self.most)} {requests}, "
            f"{'' if self.counted else 'about '}{short_count(self.tokens_in)} tokens in, "
            f"at most {short_count(self.tokens_out)} out"
        )

    def facts(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "requests": [self.fewest, self.most],
            "requests_estimated": not self.exact,
            "tokens_in": self.tokens_in,
            "tokens_in_estimated": not self.counted,
            "tokens_out_at_most": self.tokens_out,
        }


class Unasked(Writer, Protocol):
    """A model of a service that is never asked: it tells what it would be asked."""

    def price_of_questions(self, questions: Questions) -> Price:
        """Return what reading costs."""

    def price_of_prompts(self, prompts: Prompts, decoding: Decoding) -> Price:
        """Return what writing costs."""
