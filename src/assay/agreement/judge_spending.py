"""What judges have cost: replies that are used, tries that failed, and what may be under way."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from assay.components.money import amount_text
from assay.components.references import name_of
from assay.echo import Brief
from assay.features.judging_pass import AsksJudge
from assay.judging.known_capabilities import currency_of
from assay.judging.opening import judge_identity
from assay.judging.store import ReplyStore
from assay.judging.stored_reply import StoredReply

_AT_ONCE = 4000
Asking: TypeAlias = Iterable[tuple[str, AsksJudge]]
"""Names of scores, each with something that a judge is asked for."""


@dataclass(frozen=True, repr=False)
class Money(Brief):
    """What was spent on what a judge is asked for, about the rows of a pool. In billionths.

    Attributes:
        currency: three letters.
        settled: what requests are known to have cost, those that failed included.
        lost: worst case of requests of runs that were killed.
        open: worst case of what may be under way now.
        overrun: by how much a server charged more than requests could cost; part of `settled`.
    """

    currency: str
    settled: int
    lost: int
    open: int
    overrun: int

    @property
    def is_nothing(self) -> bool:
        """Whether nothing was ever spent or set aside."""
        return not (self.settled or self.lost or self.open)

    def text(self, nano: int) -> str:
        """Return an amount as it is shown."""
        return amount_text(nano, self.currency)

    def words(self) -> str:
        """Return it in one line: ``1.20 USD, 0.03 USD more of runs that were killed``."""
        parts = [self.text(self.settled)]
        if self.lost:
            parts.append(f"at most {self.text(self.lost)} more of runs that were killed")
        if self.open:
            parts.append(f"at most {self.text(self.open)} more under way")
        return ", ".join(parts)


def scope_of(pool: str, feature: AsksJudge) -> str:
    """Return what spending is counted under.

    Args:
        pool: name of the file of the rows, without its ending.
        feature: what a judge is asked for; settled.
    """
    return f"{pool}/{feature.row_key}"


def money_of(store: ReplyStore, pool: str, feature: AsksJudge) -> Money:
    """Return what was spent on a feature of the rows of a pool; see `scope_of`."""
    return _money(store, [scope_of(pool, feature)], judge_identity(feature.judge))


def _money(store: ReplyStore, scopes: Collection[str], judge: str) -> Money:
    found = store.totals(scopes)
    currency = currency_of(store.folder, judge)
    return Money(currency, found.settled, found.lost, found.open, found.overrun)


@dataclass(frozen=True, repr=False)
class Account(Brief):
    """What was spent on one thing that a judge was asked for, about rows of a project.

    Attributes:
        scores: that rest on it; none where it was only tried, or they are gone.
        judge: its name; empty where no score says it.
        money: all that was spent.
    """

    scores: Sequence[str]
    judge: str
    money: Money


def accounts_of(store: ReplyStore, pools: Collection[str], scores: Asking) -> list[Account]:
    """Return what judges have cost for the rows of some pools, dearest first.

    Args:
        store: where it is counted.
        pools: names of the files of rows, without their ending.
        scores: names of scores with what judges are asked for them; settled.
    """
    names: dict[str, list[str]] = {}
    features: dict[str, AsksJudge] = {}
    for name, feature in scores:
        names.setdefault(feature.row_key, []).append(name)
        features[feature.row_key] = feature
    scopes: dict[str, list[str]] = {}
    for scope in store.scopes():
        pool, _, key = scope.partition("/")
        if pool in pools:
            scopes.setdefault(key, []).append(scope)
    found = []
    for key, own in scopes.items():
        feature_ = features.get(key)
        judge = "" if feature_ is None else feature_.judge
        money = _money(store, own, judge_identity(judge) if judge else "")
        if not money.is_nothing:
            found.append(Account(tuple(dict.fromkeys(names.get(key, ()))), name_of(judge), money))
    return sorted(found, key=lambda each: (-each.money.settled, each.scores))


@dataclass(frozen=True, repr=False)
class Spending(Brief):
    """What the replies that values rest on have taken.

    Attributes:
        replies: that values rest on, each once.
        without: of these, those that are a refusal or too long.
        prompt_tokens: as the server counts.
        completion_tokens: as the server counts, hidden reasoning included.
        cached_tokens: of those of the prompts, what the server had read before.
        reasoning_tokens: of those of the replies, what is hidden.
        uncounted: replies of which the server does not say.
        asked_once_more: replies to requests that were put once more, for of the first nothing could
            be read.
        tries_again: tries beyond the first, for the first failed on the way.
        median_seconds: that a reply took; NaN where nobody measured.
        cost: of these replies, in billionths, wherever it was counted.
        beside: what else was spent on the feature: failed tries, and replies that count no more.
        money: all that was spent on the feature.
    """

    replies: int
    without: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    uncounted: int
    asked_once_more: int
    tries_again: int
    median_seconds: float
    cost: int
    beside: int
    money: Money


def spending_of(
    store: ReplyStore, keys: Iterable[bytes], pool: str, feature: AsksJudge
) -> Spending:
    """Return what the replies under some keys have taken.

    Args:
        store: where they are kept.
        keys: of the replies that values rest on.
        pool: see `scope_of`.
        feature: that has the values; settled.
    """
    replies = list(_found(store, sorted(set(keys))))
    money = money_of(store, pool, feature)
    scope = scope_of(pool, feature)
    own = sum(reply.cost for reply in replies if reply.scope == scope)
    latencies = [reply.latency_ms / 1000 for reply in replies if reply.latency_ms]
    repeats = int(getattr(feature, "repeats", 1))
    return Spending(
        replies=len(replies),
        without=sum(bool(reply.outcome) for reply in replies),
        prompt_tokens=sum(reply.prompt_tokens or 0 for reply in replies),
        completion_tokens=sum(reply.completion_tokens or 0 for reply in replies),
        cached_tokens=sum(reply.cached_tokens for reply in replies),
        reasoning_tokens=sum(reply.reasoning_tokens for reply in replies),
        uncounted=sum(
            not reply.outcome and None in (reply.prompt_tokens, reply.completion_tokens)
            for reply in replies
        ),
        asked_once_more=sum(_repeat(reply) >= repeats for reply in replies),
        tries_again=sum(max(reply.attempts - 1, 0) for reply in replies),
        median_seconds=float(np.median(latencies)) if latencies else float("nan"),
        cost=sum(reply.cost for reply in replies),
        beside=max(money.settled - own, 0),
        money=money,
    )


def _found(store: ReplyStore, keys: list[bytes]) -> Iterable[StoredReply]:
    for start in range(0, len(keys), _AT_ONCE):
        yield from store.find(keys[start : start + _AT_ONCE]).values()


def _repeat(reply: StoredReply) -> int:
    try:
        return int(json.loads(reply.request).get("repeat", 0))
    except (AttributeError, TypeError, ValueError):
        return 0  # brought here from elsewhere
