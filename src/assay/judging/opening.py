"""Puts a judge together: who answers, what is kept of it, what it costs and what it can do."""

import contextlib
import json
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from assay.backends.endpoint.answers import Answer, Attempt
from assay.backends.endpoint.client import Client
from assay.backends.endpoint.failures import Cause, RefusedError, UnansweredError, cause_of
from assay.backends.endpoint.file_routes import FileRoutes
from assay.backends.endpoint.judge_address import JudgeAddress, file_identity, find_judge
from assay.backends.endpoint.judge_service import JudgeService
from assay.backends.endpoint.judge_service import open_judge as open_service
from assay.backends.endpoint.retries import Patience
from assay.backends.pins import is_pinned, split_pin
from assay.components.money import parse_amount
from assay.components.references import is_endpoint
from assay.errors import ConfigError, ModelLoadError, Parameter, Phrase
from assay.judging.batch_run import BatchRun
from assay.judging.batch_service import RoutedBatches
from assay.judging.capabilities import Capabilities
from assay.judging.judge import Judge, RefusedRequestError, Sent
from assay.judging.kept import KeptReplies
from assay.judging.known_capabilities import ASSUMED, known, remember, remember_currency
from assay.judging.paid_questions import PaidQuestions
from assay.judging.payment import Payment
from assay.judging.prices import Price, parse_price, price_of, read_prices
from assay.judging.probing import probe
from assay.judging.store import ReplyStore
from assay.models.workplace import Workplace
from assay.samples import Reason


class Place(Workplace, Protocol):
    """Where judges are asked: what may be spent there, and how much of this machine is used."""

    @property
    def threads(self) -> int:
        """Return how many processors are used."""

    @property
    def shard(self) -> tuple[int, int] | None:
        """Return which part of the work is done here, of how many."""

    @property
    def price(self) -> str:
        """Return what judges cost, as it was typed, or the path of a file of prices."""

    @property
    def max_cost(self) -> str:
        """Return the most that they may cost, as it was typed; empty for no bound."""


# What stands between may have given up waiting for a reply that comes, and is charged for.
_MAYBE_CHARGED = {0, 408, 499, 502, 504, 524}
_REFUSED_FROM_THE_START = 8
_REASONS = {Cause.TOO_LONG: Reason.TOO_LONG, Cause.FILTERED: Reason.REFUSED}


class ClientWire:
    """Carries requests to a judge by the one client.

    Args:
        service: that answers.
    """

    def __init__(self, service: JudgeService) -> None:
        self._service = service
        self._base = service.address.base
        self._client = service.client
        self._answered = self._refused = 0
        self._given_up = ""

    @property
    def parallel(self) -> int:
        """How many requests are under way at a time, at most."""
        return self._client.parallel

    @property
    def stopped(self) -> str:
        """Why nothing is sent any more; empty while it is."""
        return str(self._client.why_stopped) if self._client.stopped else self._given_up

    async def send(self, route: str, body: bytes, payment: Payment) -> Sent:
        """Return the answer, asked for again where a failure may pass; every try is paid for.

        Raises:
            RefusedRequestError: if there is none.
            CappedError: if there is no money for another try.
        """
        try:
            answer = await self._client.send(
                f"{self._base}/{route}", body, accounts=_Accounts(payment)
            )
        except RefusedError as error:
            reason = _REASONS.get(error.cause, Reason.TRANSIENT)
            self._give_up_on(error)
            raise RefusedRequestError(reason, str(error), error.hint) from error
        except UnansweredError as error:
            raise RefusedRequestError(Reason.TRANSIENT, str(error), error.hint) from error
        self._answered += 1
        return Sent(answer.content, answer.text, answer.seconds, answer.attempts)

    def _give_up_on(self, error: RefusedError) -> None:
        """Send nothing more where it is not the text of one row that is refused."""
        if error.cause in _REASONS:
            return
        self._refused += 1
        if error.cause is Cause.UNSUPPORTED or (
            not self._answered and self._refused >= _REFUSED_FROM_THE_START
        ):
            self._given_up = str(error)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Return the result of work that runs in the loop in which requests are sent."""
        return self._client.run(work)

    def resume(self) -> None:
        """Send again."""
        self._answered = self._refused = 0
        self._given_up = ""
        self._client.resume()

    def break_off(self) -> None:
        """Send nothing more until `resume`, and give up what is under way."""
        self._client.break_off()

    def close(self) -> None:
        """Let go of all connections."""
        self._service.close()


class _Accounts:
    """Pays for the tries of a request."""

    def __init__(self, payment: Payment) -> None:
        self._payment = payment

    async def begin(self) -> None:
        """Set money aside for a try."""
        await self._payment.begin()

    async def end(self, attempt: Attempt | None) -> None:
        """Settle a try that was not answered; one that was is settled by what it holds."""
        if attempt is not None and isinstance(attempt.found, Answer):
            return
        if attempt is not None and attempt.reached and may_be_charged(attempt):
            await self._payment.lose()
        else:
            self._payment.release()


def may_be_charged(attempt: Attempt) -> bool:
    """Return whether a server may charge for a try that it did not answer."""
    return attempt.status in _MAYBE_CHARGED or 200 <= attempt.status < 300


def kept_replies(pinned: str, runtime: Place) -> tuple[KeptReplies, JudgeAddress]:
    """Return what a judge has replied so far, and what its name stands for. Nobody is asked.

    Raises:
        ModelLoadError: if the name stands for no judge.
        ConfigError: if nobody has said what it costs, or a price or the cap is none.
    """
    named = find_judge(pinned)
    store = ReplyStore(runtime.cache / "judge")
    kept = KeptReplies(
        named.identity, store, known(store.folder, named.identity), _price(named, runtime)
    )
    _cap(kept.price.currency, runtime)
    return kept, named


def judge_identity(pinned: str) -> str:
    """Return what is part of the key of each of a judge's replies; its file need not be here.

    Raises:
        ModelLoadError: if the name stands for no judge.
    """
    if is_pinned(pinned) and not is_endpoint(pinned):
        return file_identity(split_pin(pinned)[1])
    return find_judge(pinned).identity


class Probed(NamedTuple):
    """What is known of a judge.

    Attributes:
        name: what a person calls it, with the digest of its file or its label.
        identity: what its replies are kept under.
        found: what it can do.
        anew: whether it was asked now.
        changed: names of the findings that were others before.
    """

    name: str
    identity: str
    found: Capabilities
    anew: bool
    changed: tuple[str, ...] = ()


def probed(name: str, runtime: Place, *, again: bool = False) -> Probed:
    """Return what a judge can do; it is asked where that is not known, or to be known anew.

    Raises:
        ModelLoadError: if the name stands for no judge, or it does not answer, denies access, lacks
            the model, or may not be asked.
    """
    named = find_judge(name)
    folder = runtime.cache / "judge"
    before = known(folder, named.identity)
    if before is not ASSUMED and not again:
        return Probed(named.pinned, named.identity, before, anew=False)
    if runtime.offline and not _is_local(named):
        raise ModelLoadError(
            f"{named.name} was not probed yet, and nobody is asked",
            hint=Phrase(
                "leave {} away, or bring what was found with `assay judge import`",
                Parameter("offline"),
            ),
        )
    service = open_service(named, runtime, threads=runtime.threads)
    try:
        found = probe(service)
    finally:
        service.close()
    remember(folder, named.identity, found)
    others = {} if before is ASSUMED else before.findings()
    changed = tuple(
        what
        for what, finding in found.findings().items()
        if what in others and others[what].standing is not finding.standing
    )
    return Probed(named.pinned, named.identity, found, anew=True, changed=changed)


def open_judge(pinned: str, runtime: Place, scopes: list[str]) -> Judge:
    """Return a judge that is asked; what it can do is probed once.

    Args:
        pinned: its name.
        runtime: how to work.
        scopes: what all judges of the run spend under, which one cap covers.

    Raises:
        ModelLoadError: if it does not answer, denies access, or lacks the model.
        ConfigError: as `kept_replies`.
    """
    kept, named = kept_replies(pinned, runtime)
    cap = _cap(kept.price.currency, runtime)
    if runtime.offline and named.file is None and not _is_local(named):
        return Judge(kept, None, named.name, cap=cap, scopes=scopes)
    service = open_service(named, runtime, threads=runtime.threads)
    try:
        if kept.capabilities is ASSUMED:
            questions = PaidQuestions(service, kept, cap)
            found = probe(questions)
            questions.close()
            remember(kept.store.folder, named.identity, found)
            kept = replace(kept, capabilities=found)
        if not kept.price.is_free:
            remember_currency(kept.store.folder, named.identity, kept.price.currency)
        wire = ClientWire(service)
        return Judge(kept, wire, service.address.model, cap=cap, scopes=scopes)
    except BaseException:
        service.close()
        raise


@contextlib.contextmanager
def open_batches(
    pinned: str, runtime: Place, scope: str, *, share: float = 1.0
) -> Iterator[tuple[BatchRun, Callable[[Coroutine[Any, Any, Any]], Any]]]:
    """Yield a run of batches at the service of a judge, and what runs its work.

    Args:
        pinned: address of the judge; what runs in a file takes no batches.
        runtime: where it is asked.
        scope: what the cost is counted under.
        share: of the price that a batch costs, as the service says.

    Raises:
        ModelLoadError: if it cannot be reached, or takes no batches.
        ConfigError: as `kept_replies`, and if the share is none.
    """
    kept, named = kept_replies(pinned, runtime)
    if named.address is None:
        raise ModelLoadError(
            f"{named.name} runs on this machine, which takes no batches",
            hint="leave out the batch: it would be no cheaper",
        )
    if kept.capabilities is ASSUMED:  # what can be asked has to be known before rows are put
        open_judge(pinned, runtime, []).close()
        kept = kept_replies(pinned, runtime)[0]
    kept = replace(kept, price=kept.price.share(share))
    cap = _cap(kept.price.currency, runtime)
    with contextlib.closing(open_service(named, runtime, threads=runtime.threads)) as service:
        address = service.address
        with contextlib.closing(Client(address.base, _ONCE)) as once:
            routes = RoutedBatches(FileRoutes(address.base, service.client, once), UnansweredError)
            path = urlsplit(address.base).path
            run = BatchRun(kept, routes, address.model, path, scope, cap, _last_word)
            yield run, service.client.run


_ONCE = Patience(1, (), asked=0.0)


def _last_word(status: int, body: Any) -> Reason | None:
    """Return why a judge replies to a line with an error for good; None if it may pass."""
    cause, _ = cause_of(status, json.dumps(body).encode())
    return _REASONS.get(cause)


def _is_local(named: JudgeAddress) -> bool:
    return named.address is None or named.address.is_local


def _price(named: JudgeAddress, runtime: Place) -> Price:
    text = runtime.price
    typed = "=" in text and not text.endswith(".toml")
    address = named.address
    return price_of(
        "" if address is None else address.host,
        named.name if address is None else address.model,
        is_local=_is_local(named),
        given=parse_price(text) if typed else None,
        table=read_prices(Path(text)) if text and not typed else None,
    )


def _cap(currency: str, runtime: Place) -> int | None:
    """Return the most that may be spent here: of work that is shared out, its share."""
    if not runtime.max_cost:
        return None
    amount = parse_amount(runtime.max_cost, currency)
    if amount.currency != currency:
        raise ConfigError(
            Phrase(
                "the price is in {}, and {} in {}", currency, Parameter("max_cost"), amount.currency
            ),
            hint=Parameter("max_cost", f"5 {currency}"),
        )
    return amount.nano // (runtime.shard[1] if runtime.shard else 1)
