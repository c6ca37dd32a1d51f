"""Questions that find out what a judge can do are paid from the same cap as all others."""

import json
from collections.abc import Mapping
from typing import Any

from assay.errors import Parameter, Phrase, UnfinishedError
from assay.judging.kept import FORMAT_TOKENS, KeptReplies, limit_of
from assay.judging.ledger import Ledger
from assay.judging.replies import read_usage
from assay.models.asking import Answered, Asks

_UNLIMITED_TOKENS = 4096  # of a reply to a question that sets no limit


def probe_scope(judge: str) -> str:
    """Return what it is counted under to find out what a judge can do."""
    return f"probe/{judge}"


class PaidQuestions:
    """Asks single questions, each with its worst case set aside first.

    Args:
        asks: puts them.
        kept: what the judge's tokens cost, and where that is counted.
        cap: most that may be spent, in billionths; None for no bound.
    """

    def __init__(self, asks: Asks, kept: KeptReplies, cap: int | None) -> None:
        self._asks = asks
        self._kept = kept
        self._cap = cap
        self._ledger = Ledger(kept.store, (probe_scope(kept.identity),), cap)

    def ask(self, route: str, question: Mapping[str, Any]) -> Answered:
        """Return what came back; see `assay.models.asking.Asks`.

        Raises:
            UnfinishedError: if the question could pass the cap; it is not asked then.
        """
        size = len(json.dumps(question, ensure_ascii=False).encode("utf-8", "replace"))
        most = limit_of(question) or _UNLIMITED_TOKENS
        worst = self._kept.price.worst(size + FORMAT_TOKENS, most)
        reservation = self._ledger.reserve(worst)
        if reservation is None:
            raise self._capped(worst)
        answered = self._asks.ask(route, question)  # if that fails, it stays set aside
        if not answered.taken:
            self._ledger.release(reservation)
            return answered
        body = answered.body
        usage = read_usage(body.get("usage") if isinstance(body, dict) else None)
        self._ledger.settle(reservation, self._kept.price_of(usage, worst)).result()
        return answered

    def _capped(self, worst: int) -> UnfinishedError:
        money = self._kept.money
        return UnfinishedError(
            f"to find out what the judge can do, a question may cost {money(worst)}, of "
            f"{money(self._ledger.left or 0)} that may still be spent",
            hint=Phrase("a higher {}", Parameter("max_cost")),
        )

    def close(self) -> None:
        """Give back what was set aside and not used."""
        self._ledger.close()
