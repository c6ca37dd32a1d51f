"""A report on a judge's score: ties, leanings, agreement, calibration, and what it has cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from assay.agreement.agreement import partial
from assay.agreement.judge_replies import JudgeFeature, Replies, judge_features, rows_in_view
from assay.agreement.judge_spending import Spending, spending_of
from assay.agreement.label_coverage import Coverage, coverage_of
from assay.agreement.length_control import LengthControl, length_control, words_of
from assay.agreement.retest import Retest, retest_of
from assay.components.budget import Budget
from assay.components.component import Scorer
from assay.components.references import name_of
from assay.components.rule import Rule
from assay.echo import Brief
from assay.errors import Parameter, Phrase, UsageError
from assay.features.judged_pairs import Compared, JudgedPairs
from assay.methods.judged.imported import Imported
from assay.outcomes import reason_counts
from assay.pool.view import PoolView
from assay.random_numbers import generator
from assay.samples import Flag, FloatArray, Reason, Scores
from assay.solvers.calibration import CalibrationStep, calibration
from assay.solvers.proportions import Share, share_of
from assay.solvers.rank_interval import spearman_interval
from assay.solvers.ranks import spearman
from assay.solvers.rater_agreement import RaterAgreement, rater_agreement
from assay.solvers.ties import TiesAtCut, ties_at_cut
from assay.solvers.verdicts import Verdicts
from assay.workspace.judged_import import imported_verdicts
from assay.workspace.stored import find_result, stored_scorer
from assay.workspace.workspace import Workspace

USUAL_SHARE = 0.05
"""Share of the rows with a number at which ties are counted, where nobody names a budget."""


_MOST_BINS = 20


class Bin(NamedTuple):
    """Rows whose numbers are within bounds, those at the upper one only in the last bin.

    Where numbers are few, a bin holds one of them, and both bounds are that.
    """

    low: float
    high: float
    rows: int


@dataclass(frozen=True, repr=False)
class Border(Brief):
    """A bound of a method's own cut-off.

    Attributes:
        words: such as "at least 4.5".
        passing: rows that pass the whole rule.
        at: rows that have just this number.
        inside: whether these pass.
    """

    words: str
    passing: int
    at: int
    inside: bool


@dataclass(frozen=True, repr=False)
class Cut(Brief):
    """Where a selection by the score would end.

    Attributes:
        distinct: different numbers.
        commonest: rows that share the commonest of them.
        borders: of the method's own rule.
        budget: what the ties are counted at, as a person writes it.
        count: rows that this takes, of those that the rule leaves.
        ties: at the end of these.
    """

    distinct: int
    commonest: int
    borders: Sequence[Border]
    budget: str
    count: int
    ties: TiesAtCut


@dataclass(frozen=True, repr=False)
class Lengths(Brief):
    """How numbers go with the words of texts: rank correlations with 95 % intervals.

    Attributes:
        rows: whose words were counted.
        answer: with the words of the answer.
        prompt: with the words of the prompt.
        control: with what a judge would say that sees lengths alone.
    """

    rows: int
    answer: Share
    prompt: Share
    control: LengthControl


@dataclass(frozen=True, repr=False)
class Against(Brief):
    """A score beside another one of the same rows, such as people's.

    Attributes:
        name: of the other score.
        agreement: of both.
        control: what lengths alone tell of the other score.
        at_equal_length: rank correlation of both with the words of the answer held fixed.
        alike: whether both go from the same least to the same most number, so that equal ones may
            mean the same.
        difference: mean of the score less the other, where they are alike; NaN otherwise.
        steps: what the other score is on average, number by number of this one.
    """

    name: str
    agreement: RaterAgreement
    control: LengthControl
    at_equal_length: float
    alike: bool
    difference: float
    steps: Sequence[CalibrationStep]


@dataclass(frozen=True, repr=False)
class Asked(Brief):
    """What one judge was asked for.

    Attributes:
        judge: its name.
        feature: what it was asked for.
        prompt: by which prompt; empty where it is no prompt of one.
        spending: tokens, tries and money.
        coverage: probability that fell on labels; None where it was not read.
        retest: the same asked several times; None where it was asked once.
    """

    judge: str
    feature: str
    prompt: str
    spending: Spending
    coverage: Coverage | None
    retest: Retest | None


@dataclass(frozen=True, repr=False)
class JudgeReport(Brief):
    """What is known of a score that a judge gave.

    Attributes:
        name: of the score.
        method: that made it, with its parameters.
        prefer: "high" or "low".
        rows: of the project.
        scored: that have a number.
        parsed: share of the rows that were asked about and have one.
        outcomes: why others have none, by reason.
        suspect: rows that speak to a judge.
        quantiles: of the numbers, by share.
        histogram: of the numbers.
        cut: ties, and on which side of a cut they are.
        lengths: how numbers go with length.
        verdicts: of judged pairs, the lean to a place; None where each row was judged alone.
        against: another score of the same rows.
        asked: of each judge.
    """

    name: str
    method: str
    prefer: str
    rows: int
    scored: int
    parsed: Share
    outcomes: Mapping[str, int]
    suspect: int
    quantiles: Mapping[str, float]
    histogram: Sequence[Bin]
    cut: Cut
    lengths: Lengths
    verdicts: Verdicts | None
    against: Against | None
    asked: Sequence[Asked]


def judge_report(
    project: Workspace, name: str, *, against: str = "", budget: Budget | None = None
) -> JudgeReport:
    """Return what is known of a score. Nobody is asked, and nothing is computed that costs.

    Args:
        project: that has it.
        name: of the score.
        against: name of another score of the same rows; empty for none.
        budget: at which ties are counted; 5 % of the rows with a number by default.

    Raises:
        DataError: if there is no such score.
        UsageError: if it is neither a judge's nor imported.
        BudgetError: if the budget is above the rows.
    """
    scorer, scores = _stored(project, name)
    features = judge_features(project, scorer)
    if not features and not _imported(scorer):
        raise UsageError(
            f"{name} was given by no judge, nor imported",
            hint="score the rows by a method that asks a judge, such as alpagasus",
        )
    view = PoolView(project.pool)
    return JudgeReport(
        name=name,
        method=scorer.label(),
        prefer=scorer.prefer,
        rows=len(view),
        scored=int(np.count_nonzero(scores.reason == 0)),
        parsed=_parsed(scores),
        outcomes=reason_counts(scores.reason),
        suspect=_suspect(scores),
        quantiles=_quantiles(scores.values),
        histogram=_histogram(scores.values),
        cut=_cut(scorer, scores.values, budget, len(view)),
        lengths=_lengths(view, scores.values),
        verdicts=_verdicts(project, scorer, features),
        against=_against(project, view, scorer, scores.values, against) if against else None,
        asked=[_asked(project, each) for each in features],
    )


def _stored(project: Workspace, name: str) -> tuple[Scorer, Scores]:
    found = find_result(project, name)
    scorer = stored_scorer(project, found)
    table = project.results.read_scores(scorer, project.pool.context)
    if table is None:
        raise UsageError(f"{name} was made by another version of Assay", hint="make it again")
    return scorer, table.main


def _imported(scorer: Scorer) -> bool:
    return isinstance(scorer, Imported) or any(
        isinstance(each, Imported) for each in scorer.all_children()
    )


def _suspect(scores: Scores) -> int:
    flags = scores.flags
    return 0 if flags is None else int(np.count_nonzero(flags & int(Flag.INJECTION_SUSPECT)))


def _parsed(scores: Scores) -> Share:
    """Return the share with a number of the rows of which a judge has said something."""
    kinds = np.array([each.kind for each in map(Reason, scores.reason.tolist())])
    good = int(np.count_nonzero(kinds == "ok"))
    return share_of(good, good + int(np.count_nonzero(kinds == "failure")))


def _quantiles(values: FloatArray) -> dict[str, float]:
    known = values[~np.isnan(values)]
    shares = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
    found = np.quantile(known, shares) if len(known) else np.full(len(shares), np.nan)
    return {f"{share:g}": float(value) for share, value in zip(shares, found, strict=True)}


def _histogram(values: FloatArray) -> list[Bin]:
    known = values[~np.isnan(values)]
    distinct, counts = np.unique(known, return_counts=True)
    if len(distinct) <= _MOST_BINS:
        pairs = zip(distinct.tolist(), counts.tolist(), strict=True)
        return [Bin(value, value, count) for value, count in pairs]
    rows, edges = np.histogram(known, _MOST_BINS)
    bounds = zip(edges[:-1].tolist(), edges[1:].tolist(), rows.tolist(), strict=True)
    return [Bin(*each) for each in bounds]


def _cut(scorer: Scorer, values: FloatArray, budget: Budget | None, rows: int) -> Cut:
    known = values[~np.isnan(values)]
    distinct, counts = np.unique(known, return_counts=True)
    rule = scorer.default_rule()
    admitted = rule.admits(values) if not rule.column else ~np.isnan(values)
    allowed = np.where(admitted, values, np.nan)
    left = int(np.count_nonzero(admitted))
    count = None if budget is None else budget.count(pool=rows, eligible=left)
    if budget is not None and count is None:
        raise UsageError(
            "ties are counted at a number of rows, not of tokens",
            hint=Phrase("{}, or 5000", Parameter("budget", "5%")),
        )
    if count is None:
        count = max(1, int(USUAL_SHARE * len(known))) if len(known) else 0
    return Cut(
        distinct=len(distinct),
        commonest=int(counts.max()) if len(counts) else 0,
        borders=[] if rule.column else _borders(rule, values, left),
        budget=f"{USUAL_SHARE:.0%}" if budget is None else str(budget),
        count=min(count, left),
        ties=ties_at_cut(allowed, count, sign=scorer.sign),
    )


def _borders(rule: Rule, values: FloatArray, passing: int) -> list[Border]:
    found = []
    for field, inside in (("above", False), ("at_least", True), ("below", False),
                          ("at_most", True)):  # fmt: skip
        bound = getattr(rule, field)
        if bound is not None:
            at = int(np.count_nonzero(values == bound))
            found.append(Border(f"{field.replace('_', ' ')} {bound:g}", passing, at, inside))
    return found


def _lengths(view: PoolView, values: FloatArray) -> Lengths:
    words = words_of(view, np.flatnonzero(~np.isnan(values)))
    numbers = values[words.rows]
    return Lengths(
        len(words.rows),
        _correlation(numbers, words.response),
        _correlation(numbers, words.prompt),
        length_control(view, words, values),
    )


def _correlation(first: FloatArray, second: FloatArray) -> Share:
    rng = generator(seed=0, purpose="bootstrap of a rank correlation")
    return Share(spearman(first, second), *spearman_interval(first, second, rng))


def _verdicts(
    project: Workspace, scorer: Scorer, features: Sequence[JudgeFeature]
) -> Verdicts | None:
    for feature in features:
        if isinstance(feature, JudgedPairs) and project.engine.is_stored(feature):
            compared: Compared = project.engine.value(feature)
            return compared.verdicts()
    declared = (project.folder / "imports" / f"{scorer.name}.json").is_file()
    if not isinstance(scorer, Imported) or not declared:
        return None
    return imported_verdicts(project.folder, scorer.name)


def _against(
    project: Workspace, view: PoolView, scorer: Scorer, values: FloatArray, name: str
) -> Against:
    other, scores = _stored(project, name)
    # Both oriented alike: where one prefers small numbers, agreeing is to go against it.
    theirs = scores.values if other.sign == scorer.sign else -scores.values
    both = np.flatnonzero(~(np.isnan(values) | np.isnan(theirs)))
    words = words_of(view, both)
    lengths = np.full(len(view), np.nan)
    lengths[words.rows] = words.response
    alike = _alike(values[both], scores.values[both]) and other.sign == scorer.sign
    rng = generator(seed=0, purpose="bootstrap of judges' agreement")
    return Against(
        name=name,
        agreement=rater_agreement(values, theirs, rng),
        control=length_control(view, words, theirs),
        at_equal_length=partial(values, theirs, lengths),
        alike=alike,
        difference=float(np.mean(values[both] - theirs[both])) if alike else float("nan"),
        steps=calibration(values, scores.values),
    )


def _alike(first: FloatArray, second: FloatArray) -> bool:
    """Return whether two columns go from the same least to the same most number."""
    if not len(first):
        return False
    return bool(first.min() == second.min() and first.max() == second.max())


def _asked(project: Workspace, feature: JudgeFeature) -> Asked:
    replies = Replies(project, feature)
    view = rows_in_view(project, feature)
    try:
        keys = [key for row in replies.keys(view) for key in row]
        return Asked(
            judge=name_of(feature.judge),
            feature=feature.name,
            prompt=name_of(getattr(feature, "prompt", "")),
            spending=spending_of(replies.store, keys, project.pool.path.stem, feature),
            coverage=coverage_of(replies, keys),
            retest=retest_of(replies, view),
        )
    finally:
        replies.close()
