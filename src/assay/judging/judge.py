"""A judge: replies to requests, at the price and up to the cap that are set for it.

What it has replied is kept before anyone is told of it.
"""

import asyncio
import contextlib
import gc
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from assay.components.money import spent_text
from assay.judging.capabilities import Capabilities
from assay.judging.kept import KeptReplies
from assay.judging.lacking import Lacking
from assay.judging.ledger import Ledger
from assay.judging.paid_questions import probe_scope
from assay.judging.payment import CappedError, Payment, Purse
from assay.judging.replies import NoReplyError, Reply, read_reply
from assay.judging.requests import Request
from assay.judging.secret import nonce
from assay.judging.stored_reply import StoredReply
from assay.samples import Reason


class RefusedRequestError(Exception):
    """A judge gives no reply to a request.

    Attributes:
        reason: why: REFUSED and TOO_LONG are its last word, TRANSIENT may pass.
        hint: what to do about it.
    """

    def __init__(self, reason: Reason, said: str, hint: str = "") -> None:
        super().__init__(said)
        self.reason = reason
        self.hint = hint


@dataclass(frozen=True)
class Sent:
    """An answer as it came.

    Attributes:
        content: what its JSON says.
        text: the same as it came.
        seconds: that the try took which was answered.
        attempts: how often it was sent.
    """

    content: Any
    text: str
    seconds: float = 0.0
    attempts: int = 1


class Wire(Protocol):
    """What carries requests to a judge."""

    @property
    def parallel(self) -> int:
        """Return how many requests are under way at a time, at most."""

    @property
    def stopped(self) -> str:
        """Return why nothing is sent any more; empty while it is."""

    async def send(self, route: str, body: bytes, payment: Payment) -> Sent:
        """Return the answer, asked for again where a failure may pass; every try is paid for.

        Raises:
            RefusedRequestError: if there is none.
            CappedError: if there is no money for another try.
        """

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Return the result of work that runs in the loop in which requests are sent."""

    def resume(self) -> None:
        """Send again."""

    def break_off(self) -> None:
        """Send nothing more until `resume`, and give up what is under way."""

    def close(self) -> None:
        """Let go of all connections."""


@contextlib.contextmanager
def _old_objects_left_alone() -> Iterator[None]:
    """Spare the garbage collector what was made before: it takes a tenth of a second each time.

    Meanwhile nothing is sent and no answer is read, whatever is under way.
    """
    alone = not gc.get_freeze_count()
    if alone:
        gc.freeze()
    try:
        yield
    finally:
        if alone:
            gc.unfreeze()


class Judge:
    """A judge that is asked.

    Args:
        kept: its replies so far, its price, and what it can do.
        wire: carries requests; None asks nobody, so that only what is kept is known.
        model: its name at the server.
        cap: most that may be spent, in billionths of the currency; None for no bound.
        scopes: what the run spends under, of all its judges: the cap covers it. It is added to.
    """

    def __init__(
        self,
        kept: KeptReplies,
        wire: Wire | None,
        model: str,
        *,
        cap: int | None,
        scopes: list[str] | None = None,
    ) -> None:
        self._kept = kept
        self._wire = wire
        self._model = model
        self._cap = cap
        self._scope = ""
        self._scopes = [] if scopes is None else scopes
        self._ledger: Ledger | None = None
        self._purse: Purse | None = None
        self._slots = asyncio.Semaphore(1)
        self._pool: ThreadPoolExecutor | None = None
        self._run: Callable[[Coroutine[Any, Any, Any]], Any] = asyncio.run
        self._lacking = Lacking(kept.identity, kept.price.currency)

    @property
    def identity(self) -> str:
        """What tells it from every other judge; keys are taken over it."""
        return self._kept.identity

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return self._kept.capabilities

    @property
    def parallel(self) -> int:
        """Requests that are under way at a time, at most."""
        return 1 if self._wire is None else self._wire.parallel

    def producer(self) -> Mapping[str, str]:
        """Return what is known of it."""
        return {"judge": self.identity}

    def kept(self, keys: Sequence[bytes]) -> dict[bytes, Reply]:
        """Return the replies that are at hand, by key."""
        return self._kept.find(keys)

    # Asking

    @contextlib.contextmanager
    def spending(self, scope: str) -> Iterator[None]:
        """Reply to requests, counting what is spent under a scope.

        The cap covers what was ever spent under it, under those before it in this run, and to find
        out what the judge can do.
        """
        self._scope = scope
        for each in (scope, probe_scope(self.identity)):
            if each not in self._scopes:
                self._scopes.append(each)
        counted = (scope, *(each for each in self._scopes if each != scope))
        ledger = self._ledger = Ledger(self._kept.store, counted, self._cap)
        self._purse, self._slots = Purse(ledger), asyncio.Semaphore(self.parallel)
        with _old_objects_left_alone(), asyncio.Runner() as alone:
            self._run = alone.run if self._wire is None else self._wire.run
            # One thread where nobody is asked: it has a single loop, in which nothing waits.
            threads = 1 if self._wire is None else 2
            with ThreadPoolExecutor(threads, thread_name_prefix="judge") as self._pool:
                try:
                    yield
                except BaseException:
                    self.break_off()
                    raise
        self._lacking.spent(ledger)
        ledger.close()

    def spent_words(self) -> str:
        """Return what is spent under the cap, as ``0.12 of 5.00 USD``; "" where nobody is paid.

        What killed processes may have spent counts as spent.
        """
        if self._ledger is None or self._kept.price.is_free:
            return ""
        return spent_text(self._ledger.spent, self._cap, self._kept.price.currency)

    def start(self, work: Coroutine[Any, Any, Any]) -> "Future[Any]":
        """Begin work in the loop in which requests are sent."""
        assert self._pool is not None  # noqa: S101  within `spending`
        return self._pool.submit(self._run, work)

    async def reply(self, request: Request, key: bytes) -> Reply:
        """Return the reply to a request of which none was kept, and keep it if it is a last word.

        Another process may have asked the same meanwhile; whoever calls knows what this one has.
        """
        async with self._slots:
            if found := self._kept.find_elsewhere([key]):
                return found[key]
            if self._wire is None:
                return self._without(Reason.NOT_ASKED)
            if why := self._wire.stopped:
                return self._without(Reason.TRANSIENT, why)
            return await self._ask(self._wire, request, key)

    def _without(self, reason: Reason, said: str = "", hint: str = "") -> Reply:
        self._lacking.note(reason, said, hint)
        return Reply(reason)

    async def _ask(self, wire: Wire, request: Request, key: bytes) -> Reply:
        assert self._purse is not None  # noqa: S101  within `spending`
        body = request.body(self._model, nonce(self._kept.secret, key))
        payment = Payment(self._purse, self._kept.worst(request, len(body)))
        try:
            sent = await wire.send(request.route, body, payment)
        except CappedError:
            return self._without(Reason.BUDGET_SKIPPED, self._kept.money(payment.worst))
        except RefusedRequestError as error:
            if error.reason.kind == "unfinished":
                return self._without(error.reason, str(error), error.hint)
            refused = Sent(None, str(error))
            await self._kept.store.keep(self._stored(request, key, Reply(error.reason), refused, 0))
            return Reply(error.reason)
        except BaseException:
            payment.abandon()
            raise
        try:
            reply = read_reply(sent.content)
        except NoReplyError as error:
            await payment.lose()
            return self._without(Reason.TRANSIENT, f"an answer of it holds {error}")
        cost = self._kept.cost(reply, payment.worst)
        await payment.settle(cost, self._stored(request, key, reply, sent, cost))
        return reply

    def _stored(
        self, request: Request, key: bytes, reply: Reply, sent: Sent, cost: int
    ) -> StoredReply:
        return StoredReply(
            key,
            self.identity,
            request.described.decode("utf-8", "surrogatepass"),
            sent.text,
            outcome=reply.outcome,
            prompt_tokens=reply.usage.prompt,
            completion_tokens=reply.usage.completion,
            cached_tokens=reply.usage.cached,
            reasoning_tokens=reply.usage.reasoning,
            cost=cost,
            latency_ms=round(sent.seconds * 1000),
            attempts=sent.attempts,
            scope=self._scope,
            created=time.time_ns() // 1000,
        )

    # Whoever works with it

    def begin(self) -> None:
        """Take up work, after whatever stopped it before."""
        self._lacking.clear()
        if self._wire is not None:
            self._wire.resume()

    def break_off(self) -> None:
        """Give up what is under way."""
        if self._wire is not None:
            self._wire.break_off()

    def close(self) -> None:
        """Let go of all connections."""
        if self._wire is not None:
            self._wire.close()
        self._kept.store.close()

    def settle(self) -> None:
        """Say what got no reply.

        Raises:
            UnfinishedError: if anything did not, with what to do about it.
        """
        self._lacking.settle()
