"""What a judge did not reply to in a run, why, and what to do about it."""

from assay.components.money import amount_text
from assay.components.references import name_of
from assay.errors import Parameter, Phrase, UnfinishedError, Words
from assay.judging.ledger import Ledger
from assay.models.asking import AGAIN
from assay.samples import Reason
from assay.wording import number_of


class Lacking:
    """Requests without a reply.

    Args:
        judge: its identity.
        currency: of what is spent.
    """

    def __init__(self, judge: str, currency: str) -> None:
        self._judge = name_of(judge)
        self._currency = currency
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self._counts: dict[Reason, int] = {}
        self._said = self._hint = self._spent = self._over = ""

    def note(self, reason: Reason, said: str = "", hint: str = "") -> None:
        """Take note of a request."""
        self._counts[reason] = self._counts.get(reason, 0) + 1
        self._said, self._hint = said or self._said, hint or self._hint

    def spent(self, ledger: Ledger) -> None:
        """Take note of what was spent, where money is why."""
        if Reason.BUDGET_SKIPPED not in self._counts or ledger.cap is None:
            return
        found = ledger.totals()
        parts = [f"{self._money(found.settled + found.lost)} of {self._money(ledger.cap)} is spent"]
        if found.lost:
            parts.append(
                f"{self._money(found.lost)} of it for requests of runs that were killed, at their "
                "worst case"
            )
        if found.overrun:
            parts.append(
                f"the server charged {self._money(found.overrun)} more than requests could cost"
            )
        self._spent = "; ".join(parts)

    def settle(self) -> None:
        """Say what got no reply, and begin anew.

        Raises:
            UnfinishedError: if anything did not.
        """
        counts, said, hint, spent = self._counts, self._said, self._hint, self._spent
        self.clear()
        if not counts:
            return
        requests = number_of(sum(counts.values()), "request")
        if skipped := counts.get(Reason.BUDGET_SKIPPED):
            raise UnfinishedError(
                f"{number_of(skipped, 'request')} to {self._judge} would have passed the cap: "
                f"{spent}, and one request may cost {said}",
                hint=Phrase("a higher {} goes on where this ended", Parameter("max_cost")),
            )
        if Reason.NOT_ASKED in counts:
            raise UnfinishedError(
                f"{requests} to {self._judge} have no reply at hand, and nobody is asked",
                hint=Phrase(
                    "leave {} away, or bring the replies with `assay judge import`",
                    Parameter("offline"),
                ),
            )
        reported: Words = f"{self._judge} left {requests} without a reply: {said}"
        raise UnfinishedError(reported, hint=hint or AGAIN)

    def _money(self, nano: int) -> str:
        return amount_text(nano, self._currency)
