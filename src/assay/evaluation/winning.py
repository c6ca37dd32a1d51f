"""Wins, ties and losses of a candidate, how sure its score is, and what the judge leans to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from assay.echo import Brief
from assay.evaluation.outcomes import DEFAULT, RULES, BoolArray, Games, Outcomes, Rule, outcomes
from assay.random_numbers import generator
from assay.samples import FloatArray, IndexArray
from assay.solvers.equal_length import at_equal_length, length_term
from assay.solvers.paired_scores import (
    RESAMPLES,
    percentiles,
    resampled,
    score_interval,
    sign_test,
    smallest_effect,
    standard_error,
)
from assay.solvers.proportions import Share, share_of
from assay.solvers.verdicts import summary, win_score

_LENGTH_RESAMPLES = 1000
_LENGTH_CELLS = 5_000_000
_NONE = Share(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True, repr=False)
class Pairs(Brief):
    """Pairs of answers with what was said of them.

    Attributes:
        games: what the judge said. n pairs.
        questions: which pairs ask the same; intervals draw these. Shape (n,), from 0.
        sets: set of each pair, from 0. Shape (n,).
        lengths: characters of the candidate's and of the other answer. Shape (n, 2); NaN for none.
    """

    games: Games
    questions: IndexArray
    sets: IndexArray
    lengths: FloatArray

    def part(self, rows: BoolArray) -> "Pairs":
        """Return some of the pairs."""
        return Pairs(
            self.games.part(rows), self.questions[rows], self.sets[rows], self.lengths[rows]
        )


@dataclass(frozen=True, repr=False)
class Score(Brief):
    """How often a candidate wins.

    Attributes:
        wins: of the candidate.
        ties: without a winner.
        losses: of the candidate.
        unparsed: pairs with a reply that says nothing; they count nowhere else.
        incomplete: pairs of which one order is missing; they count nowhere else.
        missing: questions that were never judged; they count nowhere else.
        win_score: (wins - losses) / items + 1, in [0, 2], with the interval of a score test.
        standard_error: of `win_score`, clustered by question.
        bootstrap: 95 % percentiles of `win_score` over questions drawn anew within each set.
        half_tie_rate: wins and half of the ties, as a share of the items.
        p: exact sign test of wins against losses.
        smallest_effect: difference of `win_score` from 1 that is seen with 80 % power.
        worst: `win_score` if the candidate had lost all that has no outcome.
        best: `win_score` if it had won all that.
    """

    wins: int
    ties: int
    losses: int
    unparsed: int
    incomplete: int
    missing: int
    win_score: Share
    standard_error: float
    bootstrap: tuple[float, float]
    half_tie_rate: float
    p: float
    smallest_effect: float
    worst: float
    best: float

    @property
    def items(self) -> int:
        """Pairs with an outcome."""
        return self.wins + self.ties + self.losses

    @property
    def without(self) -> int:
        """Pairs and questions without one."""
        return self.unparsed + self.incomplete + self.missing


@dataclass(frozen=True, repr=False)
class Leanings(Brief):
    """What a judge leans to besides the better answer.

    Attributes:
        orders: pairs with readable replies in both orders, in one, and without a known order.
        consistency: of pairs with both orders, those of which these do not contradict each other.
        first_place: of replies that prefer a side, those that prefer what was shown first.
        first_place_by_order: the same where the candidate was shown first, and where second.
        score_by_order: `win_score` by the first order alone, and by the second.
        longer: of decided pairs of unequal length, those that the longer answer wins.
        equal_length: `win_score` where both answers are as long, see `at_equal_length`; NaN where
            the texts are not recorded.
    """

    orders: tuple[int, int, int]
    consistency: Share
    first_place: Share
    first_place_by_order: tuple[Share, Share]
    score_by_order: tuple[float, float]
    longer: Share
    equal_length: Share


@dataclass(frozen=True, repr=False)
class Scores(Brief):
    """What follows from scores of both answers.

    Attributes:
        own: mean score of the candidate over readable replies.
        other: mean score of the reference.
        relative: 100 times the sum of the candidate's scores by that of the reference.
        win_and_tie: share of pairs whose summed score is at least that of the reference.
    """

    own: float
    other: float
    relative: Share
    win_and_tie: Share


@dataclass(frozen=True, repr=False)
class Winning(Brief):
    """All that is known of a candidate on some pairs.

    Attributes:
        score: by the rule that was chosen.
        other_rules: `win_score` and outcomes by the other rules; those that do not apply stay out.
        leanings: of the judge.
        scores: None where the judge only prefers.
        preference: mean probability in per cent that the candidate is preferred, and its standard
            error; None where no probabilities are recorded.
    """

    score: Score
    other_rules: Mapping[Rule, Score]
    leanings: Leanings
    scores: Scores | None
    preference: tuple[float, float] | None


def winning(pairs: Pairs, *, rule: Rule = DEFAULT, missing: int = 0) -> Winning:
    """Return who wins, how sure that is, and what it rests on.

    Scores of several sets are pooled over questions; they are not the mean of the sets' scores.

    Args:
        pairs: of one set, or of all.
        rule: how two orders become one outcome.
        missing: questions that no pair is about.

    Source:
        Score: arXiv:2402.05123, equation 10. Relative score and win-and-tie rate: Wu et al. 2023,
        arXiv:2311.08182. Win rate of preferences: Dubois et al. 2023, arXiv:2305.14387.
    """
    found = outcomes(pairs.games, rule)
    others = {each: outcomes(pairs.games, each) for each in RULES if each != rule}
    return Winning(
        score_of(pairs, found, missing),
        {
            name: score_of(pairs, each, missing)
            for name, each in others.items()
            if pairs.games.both.any() and not np.isnan(each.values).all()
        },
        _leanings(pairs, found),
        _scores(pairs) if pairs.games.scored else None,
        _preference(pairs),
    )


def score_of(pairs: Pairs, found: Outcomes, missing: int = 0) -> Score:
    """Return wins, ties, losses and how sure the score is.

    Args:
        pairs: as of `winning`.
        found: what came of them.
        missing: questions that no pair is about.
    """
    known = ~np.isnan(found.values)
    values = found.values[known]
    wins, losses = int((values > 0).sum()), int((values < 0).sum())
    ties = len(values) - wins - losses
    questions = pairs.questions[known]
    error = standard_error(values, questions)
    share = score_interval(wins, ties, losses, widened=_widened(values, questions, error))
    unparsed, incomplete = int(found.unparsed.sum()), int(found.incomplete.sum())
    lacking = unparsed + incomplete + missing
    total = len(values) + lacking
    ahead = wins - losses
    columns = np.stack([values, np.ones(len(values))], axis=1)
    sums = _drawn(columns, questions, pairs.sets[known], "win scores")
    with np.errstate(invalid="ignore", divide="ignore"):
        bootstrap = percentiles(1 + sums[:, 0] / sums[:, 1])
    return Score(
        wins=wins,
        ties=ties,
        losses=losses,
        unparsed=unparsed,
        incomplete=incomplete,
        missing=missing,
        win_score=Share(win_score(found.values), 1 + share.low, 1 + share.high),
        standard_error=error,
        bootstrap=bootstrap,
        half_tie_rate=(1 + share.value) / 2,
        p=sign_test(wins, losses),
        smallest_effect=smallest_effect(error),
        worst=1 + (ahead - lacking) / total if total else float("nan"),
        best=1 + (ahead + lacking) / total if total else float("nan"),
    )


def _widened(values: FloatArray, questions: IndexArray, error: float) -> float:
    """Return by how much errors are larger than of as many questions asked once."""
    if len(np.unique(questions)) == len(values):
        return 1.0
    plain = standard_error(values, np.arange(len(values)))
    return error / plain if plain > 0 and np.isfinite(error) else 1.0


def _drawn(
    columns: FloatArray, questions: IndexArray, sets: IndexArray, purpose: str
) -> FloatArray:
    """Return sums of columns over questions drawn anew. Shape (b, k)."""
    if not len(columns):
        return np.full((1, columns.shape[1]), np.nan)
    # A question is drawn with all of its pairs; one that is in two sets is drawn in each.
    kinds, inverse = np.unique(np.stack([sets, questions], axis=1), axis=0, return_inverse=True)
    sums = np.stack([np.bincount(inverse.ravel(), each) for each in columns.T], axis=1)
    rng = generator(seed=0, purpose=f"bootstrap of {purpose}")
    return resampled(
        sums.astype(np.float64), kinds[:, 0].astype(np.int64), rng, resamples=RESAMPLES
    )


# What the judge leans to


def _leanings(pairs: Pairs, found: Outcomes) -> Leanings:
    games = pairs.games
    first, second = games.signs.T
    said = summary(first, second, found.values)
    readable = (~np.isnan(games.signs)).sum(axis=1)
    own, other = pairs.lengths.T
    with np.errstate(invalid="ignore"):
        decided = (found.values != 0) & ~np.isnan(found.values) & ((own > other) | (own < other))
        longer = int((decided & ((own > other) == (found.values > 0))).sum())
    return Leanings(
        orders=(int((readable == 2).sum()), int((readable == 1).sum()),
                int((games.preferred & ~np.isnan(games.preference)).sum())),
        consistency=said.consistency,
        first_place=said.first_place,
        first_place_by_order=(_place(first, 1), _place(second, -1)),
        score_by_order=(win_score(first), win_score(second)),
        longer=share_of(longer, int(decided.sum())),
        equal_length=_equal_length(pairs, found),
    )  # fmt: skip


def _place(signs: FloatArray, sign: int) -> Share:
    """Return the share of decided replies that are for what was shown first."""
    with np.errstate(invalid="ignore"):
        return share_of(int((sign * signs > 0).sum()), int((np.abs(signs) > 0).sum()))


def _equal_length(pairs: Pairs, found: Outcomes) -> Share:
    """Return the score at equal length, with percentiles over questions drawn anew."""
    known = ~np.isnan(found.values) & ~np.isnan(pairs.lengths).any(axis=1)
    if not known.any():
        return _NONE
    won = (found.values[known] + 1) / 2
    soft = pairs.games.preference[known]
    won = np.where(np.isnan(soft), won, soft)
    term = length_term(*pairs.lengths[known].T)
    value = float(at_equal_length(term, won)[0])
    count = len(won)
    resamples = max(200, min(_LENGTH_RESAMPLES, _LENGTH_CELLS // count))
    rng = generator(seed=0, purpose="bootstrap of scores at equal length")
    _, clusters = np.unique(pairs.questions[known], return_inverse=True)
    size = int(clusters.max()) + 1
    draws = rng.multinomial(size, np.full(size, 1 / size), resamples)
    low, high = percentiles(at_equal_length(term, won, draws[:, clusters].astype(np.float64)))
    return Share(2 * value, 2 * low, 2 * high)


# What follows from scores and preferences


def _scores(pairs: Pairs) -> Scores:
    games = pairs.games
    own, other = (np.where(np.isnan(games.signs), 0.0, side) for side in (games.own, games.other))
    columns = np.stack([own.sum(axis=1), other.sum(axis=1)], axis=1)
    replies = int((~np.isnan(games.signs)).sum())
    known = outcomes(games, "mean-score").values
    counted = int((~np.isnan(known)).sum())
    if not replies:
        return Scores(float("nan"), float("nan"), _NONE, _NONE)
    total = columns.sum(axis=0)
    drawn = _drawn(columns, pairs.questions, pairs.sets, "relative scores")
    with np.errstate(invalid="ignore", divide="ignore"):
        bounds = percentiles(100 * drawn[:, 0] / drawn[:, 1])
        relative = float(100 * total[0] / total[1])
    return Scores(
        own=float(total[0] / replies),
        other=float(total[1] / replies),
        relative=Share(relative, *bounds),
        win_and_tie=share_of(int((known >= 0).sum()), counted),
    )


def _preference(pairs: Pairs) -> tuple[float, float] | None:
    known = ~np.isnan(pairs.games.preference)
    if not known.any():
        return None
    values = pairs.games.preference[known]
    error = standard_error(values, pairs.questions[known])
    return 100 * float(values.mean()), 100 * error
