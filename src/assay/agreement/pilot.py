"""A pilot: a judge is asked about a few random rows, and what all would cost is told from these."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.agreement.judge_replies import Exchange, Replies, judge_features, rows_in_view, told_of
from assay.agreement.judge_spending import Spending, spending_of
from assay.agreement.label_coverage import Coverage, coverage_of
from assay.agreement.sample_reading import SampleReading, sampled_rows
from assay.components.component import Scorer
from assay.components.money import amount_text
from assay.components.references import name_of
from assay.echo import Brief
from assay.engine.row_work import RowWork
from assay.errors import ConfigError, UsageError
from assay.features.judging_pass import JudgedFeature
from assay.judging.prices import Price
from assay.outcomes import reason_counts
from assay.pool.pool import format_id
from assay.pool.view import PoolView
from assay.samples import FloatArray, IndexArray, Reason
from assay.solvers.proportions import QUANTILE, Share, share_of
from assay.workspace.workspace import Workspace

_RATED_REQUESTS = 8  # of fewer a rate says nothing


@dataclass(frozen=True, repr=False)
class Estimate(Brief):
    """What the rows that were not asked about would take, from those that were.

    Attributes:
        rows: different texts without a judgment.
        requests: expected.
        tokens_in: expected.
        tokens_out: expected.
        cost: expected, in billionths.
        low: lower end of the 95 % interval of the cost.
        high: its upper end.
        currency: three letters.
        seconds: at the rate of the pilot; NaN where that is not known.
    """

    rows: int
    requests: float
    tokens_in: float
    tokens_out: float
    cost: float
    low: float
    high: float
    currency: str
    seconds: float

    def money(self) -> str:
        """Return the cost with its spread: ``1.20 USD, 95 % from 1.00 to 1.40``."""
        if not self.high > 0:
            return "nothing"
        told = amount_text(round(self.cost), self.currency)
        if math.isnan(self.low):
            return told
        low, high = (amount_text(round(each), self.currency) for each in (self.low, self.high))
        return f"{told}, 95 % from {low} to {high}"


@dataclass(frozen=True, repr=False)
class PilotRow(Brief):
    """A row that was asked about.

    Attributes:
        id: of the row.
        asked: its question.
        answered: its answer.
        exchanges: requests with their replies.
        read: what was read of each reply that counts: numbers, or why there are none.
        value: of the score; NaN where it has none, or depends on other rows.
        reason: why it has none; OK if it has one.
    """

    id: str
    asked: str
    answered: str
    exchanges: Sequence[Exchange]
    read: Sequence[Mapping[str, Any] | Reason]
    value: float
    reason: Reason


@dataclass(frozen=True, repr=False)
class PilotPart(Brief):
    """What one judge was asked for.

    Attributes:
        judge: its name.
        feature: what it was asked for.
        parsed: share of the rows asked about of which something was read.
        reasons: why nothing was read of the others, by reason.
        coverage: probability that fell on labels; None where it was not read.
        spending: tokens, tries and money so far.
        rest: what all other rows would take.
    """

    judge: str
    feature: str
    parsed: Share
    reasons: Mapping[str, int]
    coverage: Coverage | None
    spending: Spending
    rest: Estimate


@dataclass(frozen=True, repr=False)
class Pilot(Brief):
    """What came of a pilot.

    Attributes:
        method: that asks, with its parameters.
        rows: in the pool.
        sample: rows that were asked about.
        passing: of these, those that pass the method's own rule; None where it has none, or scores
            depend on other rows.
        parts: of each judge.
        shown: the rows.
    """

    method: str
    rows: int
    sample: int
    passing: int | None
    parts: Sequence[PilotPart]
    shown: Sequence[PilotRow]


def pilot(project: Workspace, scorer: Scorer, *, sample: int, seed: int = 0) -> Pilot:
    """Ask about some random rows; what was replied counts for all later runs.

    Args:
        project: whose rows they are.
        scorer: that asks a judge.
        sample: rows at most.
        seed: of the sample; a larger sample of the same seed only adds rows.

    Raises:
        UsageError: if it asks no judge.
        UnfinishedError: if a row got no reply, such as for the cap.
    """
    asked = judge_features(project, scorer)
    features = [each for each in asked if isinstance(each, JudgedFeature)]
    if len(features) < len(asked):
        raise UsageError(
            f"{scorer.name} asks a judge about several rows at a time, and a sample of single ones "
            "tells nothing of that",
            hint="score a file of some fifty rows by it, and look at `assay judge report`",
        )
    if not features:
        raise UsageError(
            f"{scorer.name} asks no judge", hint="`assay methods judged` lists those that do"
        )
    rows = sampled_rows(project, sample, seed=seed)
    parts = [_Part(project, feature, rows) for feature in features]
    try:
        found = [part.asked() for part in parts]
        values, reasons, passing = _scores(project, scorer, rows)
        return Pilot(
            scorer.label(),
            len(project.pool),
            len(rows),
            passing,
            found,
            _shown(project, rows, parts, values, reasons),
        )
    finally:
        for part in parts:
            part.replies.close()


def _scores(
    project: Workspace, scorer: Scorer, rows: IndexArray
) -> tuple[FloatArray, Sequence[int], int | None]:
    try:
        scores = SampleReading(project, rows).reader(scorer.name, scorer, timed=False).scores
    except ConfigError:  # a row's score depends on others
        return np.full(len(rows), np.nan), [int(Reason.NOT_ASKED)] * len(rows), None
    rule = scorer.default_rule()
    bounded = any(value is not None for name, value in rule if name != "column")
    passing = int(rule.admits(scores.values).sum()) if bounded and not rule.column else None
    return scores.values, scores.reason.tolist(), passing


def _shown(
    project: Workspace,
    rows: IndexArray,
    parts: "Sequence[_Part]",
    values: FloatArray,
    reasons: Sequence[int],
) -> list[PilotRow]:
    found = []
    for place, (row, conversation) in enumerate(
        zip(rows.tolist(), project.pool.conversations(rows), strict=True)
    ):
        concluded = [(part.replies, part.replies.concluded(conversation)) for part in parts]
        found.append(
            PilotRow(
                format_id(int(project.pool.ids[row])),
                conversation.prompt,
                conversation.response,
                [each for replies, row in concluded for each in replies.exchanges(row.keys)],
                [each for _, row in concluded for each in told_of(row.finding)],
                float(values[place]),
                Reason(reasons[place]),
            )
        )
    return found


class _Part:
    """One judge, asked about the rows of the sample."""

    def __init__(self, project: Workspace, feature: JudgedFeature, rows: IndexArray) -> None:
        self.replies = Replies(project, feature)
        self._project = project
        self._feature = feature
        self._view = rows_in_view(project, feature, rows)

    def asked(self) -> PilotPart:
        """Ask, and return what came of it."""
        runtime, feature = self._project.runtime, self._feature
        work = RowWork(runtime)
        price = runtime.kept_replies(feature.judge).price
        before = self._fresh(work)
        if len(before):
            runtime.judge(feature.judge)  # opened first, so that what is timed is asking alone
        started = time.perf_counter()
        work.fill(self._view, [feature])
        seconds = time.perf_counter() - started
        value = work.read(self._view, feature)
        keys = self.replies.keys(self._view)
        every = [key for row in keys for key in row]
        kinds = [Reason(code).kind for code in value.reason.tolist()]
        good, failed = kinds.count("ok"), kinds.count("failure")
        pool = self._project.pool
        rest = work.missing(PoolView(pool), feature)
        asked = sum(len(keys[place]) for place in before)
        rate = asked / seconds if asked >= _RATED_REQUESTS and seconds > 0 else math.nan
        return PilotPart(
            judge=name_of(feature.judge),
            feature=feature.name,
            parsed=share_of(good, good + failed),
            reasons=reason_counts(value.reason),
            coverage=coverage_of(self.replies, every),
            spending=spending_of(self.replies.store, every, pool.path.stem, feature),
            rest=self._rest(self._distinct(keys), price, rest, rate),
        )

    def _fresh(self, work: RowWork) -> list[int]:
        """Return the places of the texts that have no judgment yet, each text once."""
        distinct, first, _ = self._view.unique
        lacking = work.store(self._feature).missing(distinct)
        return [int(place) for place in first[lacking]]

    def _distinct(self, keys: Sequence[Sequence[bytes]]) -> list[Sequence[bytes]]:
        return [keys[place] for place in self._view.unique[1].tolist()]

    def _rest(
        self, keys: Sequence[Sequence[bytes]], price: Price, rows: int, rate: float
    ) -> Estimate:
        found = self.replies.store.find([key for row in keys for key in row])
        taken = np.zeros((len(keys), 4))
        for place, row in enumerate(keys):
            for reply in (found[key] for key in row if key in found):
                prompt, completion = reply.prompt_tokens or 0, reply.completion_tokens or 0
                # At today's price, for a reply that was brought here has cost nothing.
                counted = reply.prompt_tokens is not None and reply.completion_tokens is not None
                paid = (
                    price.cost(prompt, completion, reply.cached_tokens) if counted else reply.cost
                )
                taken[place] += (1, prompt, completion, paid)
        means = taken.mean(axis=0) if len(taken) else np.zeros(4)
        requests, tokens_in, tokens_out, cost = (means * rows).tolist()
        low, high = spread(taken[:, 3], rows)
        seconds = requests / rate if rows else 0.0
        return Estimate(
            rows, requests, tokens_in, tokens_out, cost, low, high, price.currency, seconds
        )


def spread(costs: FloatArray, rows: int) -> tuple[float, float]:
    """Return the ends of a 95 % interval of what further rows cost together.

    It covers that the mean of the sample is not that of all, and that rows differ: Student's
    interval of a sum that is still to come.

    Args:
        costs: of sampled rows. Shape (n,).
        rows: further ones.

    Returns:
        NaN below two sampled rows.
    """
    count = len(costs)
    if count < 2:
        return math.nan, math.nan
    deviation = float(costs.std(ddof=1)) * math.sqrt(rows * rows / count + rows)
    middle = float(costs.mean()) * rows
    half = _student(count - 1) * deviation
    return max(middle - half, 0.0), middle + half


def _student(freedom: int) -> float:
    """Return the 97.5th percentile of Student's distribution, by its expansion at the normal one.

    Source:
        Abramowitz and Stegun, Handbook of mathematical functions, 26.7.5.
    """
    z = QUANTILE
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))
