"""Rows are judged by batches: what is to be asked next goes up, what comes down is kept.

Replies lie under the same keys as if each had been asked for, so that a score is computed from them
afterwards at no cost, and what a batch has left out is asked for like anything else.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from assay.judging.batch import DEFAULT_LIMITS, Batches, BatchService
from assay.judging.batch_files import BatchAnswer, BatchItem, BatchLimits
from assay.judging.kept import KeptReplies
from assay.judging.ledger import Ledger
from assay.judging.questioning import Questions, next_asked
from assay.judging.replies import NoReplyError, Reply, read_reply
from assay.judging.requests import Request
from assay.judging.secret import nonce
from assay.judging.stored_reply import StoredReply
from assay.samples import Reason

_ANSWERED = 200


class BatchOutcome(NamedTuple):
    """What came of a call.

    Attributes:
        handed_in: requests that went up in this call.
        held_back: requests that did not, because the cap does not cover their worst case.
        kept: replies that came down in this call and are kept.
        open: requests of batches that are under way.
        unanswered: requests that batches ended without: expired, failed, or answered with an error.
        spent: of the scope so far, in billionths.
        said: what the service says of batches that failed.
    """

    handed_in: int
    held_back: int
    kept: int
    open: int
    unanswered: int
    spent: int
    said: tuple[str, ...]


@dataclass(frozen=True)
class BatchRun:
    """Judging of one scope by batches at one service.

    Attributes:
        kept: replies at hand, and the price: that of a batch.
        service: takes batches.
        model: name of the judge there.
        path: of the address where the routes begin, such as "/v1".
        scope: what is counted.
        cap: most that may be spent under the scope, in billionths; None for no bound.
        refusal: tells of an error's status and body why it is the judge's last word; None if
            asking again may mend it.
        limits: of a file.
    """

    kept: KeptReplies
    service: BatchService
    model: str
    path: str
    scope: str
    cap: int | None
    refusal: Callable[[int, Any], Reason | None]
    limits: BatchLimits = DEFAULT_LIMITS

    async def go_on(
        self,
        rows: Callable[[], Iterable[Questions[Any]]],
        *,
        hand_in: bool = True,
        wait: bool = False,
    ) -> BatchOutcome:
        """Take down what is over, and hand in what is to be asked next.

        A process may end at any moment: the next call finds its batches.

        Args:
            rows: returns the questions of all rows, anew at every call.
            hand_in: whether anything goes up; without, only what is under way is looked after.
            wait: until nothing is under way, which may take a day for each round of questions.
        """
        ledger = Ledger(self.kept.store, [self.scope], self.cap)
        try:
            return await self._go_on(ledger, rows, hand_in=hand_in, wait=wait)
        finally:
            ledger.close()

    async def _go_on(
        self,
        ledger: Ledger,
        rows: Callable[[], Iterable[Questions[Any]]],
        *,
        hand_in: bool,
        wait: bool,
    ) -> BatchOutcome:
        asked = self._next(rows())
        given_up: set[bytes] = set()
        handed_in = held_back = kept = 0
        batches = Batches(
            self.kept.store, ledger, self.service, lambda answer: self._stored(answer, asked),
            scope=self.scope,
        )  # fmt: skip
        while True:
            found = await batches.collect(wait=wait)
            kept += found.kept
            given_up |= set(found.unanswered)
            if not hand_in:
                break
            asked = self._next(rows())
            # What one batch of this call has ended without is not handed in again by the same.
            left = {key: request for key, request in asked.items() if key not in given_up}
            now = await self._hand_in(batches, left)
            handed_in += now
            under_way = sum(len(job.keys) for job in batches.jobs())
            held_back = max(len(left) - under_way, 0)
            if not wait or not now:
                break
        open_ = sum(len(job.keys) for job in batches.jobs())
        said = tuple(getattr(self.service, "said", ()))
        return BatchOutcome(handed_in, held_back, kept, open_, len(given_up), ledger.spent, said)

    def _next(self, rows: Iterable[Questions[Any]]) -> dict[bytes, Request]:
        """Return what is to be asked next, each once."""
        judge = self.kept.identity

        def find(key: bytes) -> Reply | None:
            return self.kept.find([key]).get(key)

        return {
            request.key(judge): request for row in rows for request in next_asked(row, judge, find)
        }

    async def _hand_in(self, batches: Batches, asked: dict[bytes, Request]) -> int:
        """Hand in requests, those of each route apart; return how many went up."""
        count = 0
        for route in sorted({request.route for request in asked.values()}):
            items = [
                self._item(key, request) for key, request in asked.items() if request.route == route
            ]
            count += await batches.submit(items, f"{self.path}/{route}", self.limits)
        return count

    def _item(self, key: bytes, request: Request) -> BatchItem:
        body = request.body(self.model, nonce(self.kept.secret, key))
        return BatchItem(key, body, self.kept.worst(request, len(body)))

    def _stored(self, answer: BatchAnswer, asked: dict[bytes, Request]) -> StoredReply | None:
        """Return what is kept of an answer; None of one that is to be asked for anew."""
        reply, cost = self._read(answer, asked.get(answer.key))
        if reply is None:
            return None
        request = asked.get(answer.key)
        described = b"{}" if request is None else request.described
        return StoredReply(
            answer.key,
            self.kept.identity,
            described.decode("utf-8", "surrogatepass"),
            json.dumps(answer.body, ensure_ascii=False),
            outcome=reply.outcome,
            prompt_tokens=reply.usage.prompt,
            completion_tokens=reply.usage.completion,
            cached_tokens=reply.usage.cached,
            reasoning_tokens=reply.usage.reasoning,
            cost=cost,
            scope=self.scope,
            created=time.time_ns() // 1000,
        )

    def _read(self, answer: BatchAnswer, request: Request | None) -> tuple[Reply | None, int]:
        if answer.status != _ANSWERED:
            reason = self.refusal(answer.status, answer.body) if answer.status else None
            return (None if reason is None else Reply(reason)), 0
        try:
            reply = read_reply(answer.body)
        except NoReplyError:
            return None, 0
        size = 0 if request is None else len(self._item(answer.key, request).body)
        worst = 0 if request is None else self.kept.worst(request, size)
        return reply, self.kept.cost(reply, worst)
