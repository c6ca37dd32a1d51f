"""What files of judge records say of a candidate, recomputed: per set, in all, and what to mind."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assay.echo import Brief
from assay.evaluation.outcomes import DEFAULT, Games, Rule
from assay.evaluation.recorded import Item, Recorded
from assay.evaluation.round_robin import Standing, standings
from assay.evaluation.winning import Pairs, Score, Winning, winning
from assay.formats.judged.tables import Pair, Value, sign_of
from assay.samples import FloatArray, Reason
from assay.solvers.paired_scores import standard_error
from assay.solvers.proportions import QUANTILE
from assay.solvers.verdicts import CONSISTENT
from assay.wording import number_of

_CONSTANT_SHARE = 0.5
_CONSTANT_ROWS = 5
_LEVEL = 0.05
_TURN = "turn_"


@dataclass(frozen=True, repr=False)
class Rating(Brief):
    """Ratings of single answers.

    Attributes:
        rated: turns with a rating.
        failed: turns whose rating could not be read; they count nowhere else.
        mean: over all turns.
        standard_error: of the mean, clustered by question.
        by_turn: mean of each turn.
    """

    rated: int
    failed: int
    mean: float
    standard_error: float
    by_turn: Mapping[str, float]


@dataclass(frozen=True, repr=False)
class Report(Brief):
    """What came of judged pairs, or of rated answers.

    Attributes:
        recorded: the records.
        rule: how two orders became one outcome.
        sets: each set of questions, by name.
        total: all questions pooled; None of ratings.
        ratings: None of pairs.
        standings: of all models of the files, where there are three or more.
        verdict: in a sentence.
        notes: what somebody who uses the figures must know.
    """

    recorded: Recorded
    rule: Rule
    sets: Mapping[str, Winning]
    total: Winning | None
    ratings: Rating | None
    standings: Sequence[Standing]
    verdict: str
    notes: Sequence[str]


def report_on(recorded: Recorded, *, rule: Rule = DEFAULT) -> Report:
    """Return what records say of their candidate.

    Args:
        recorded: as `read_recorded` gives it.
        rule: how two orders become one outcome.
    """
    if not recorded.references and recorded.layout == "mt_bench_single":
        rating = _rating(recorded.items)
        words = f"{recorded.candidate} is rated {rating.mean:.2f} on average"
        return Report(recorded, rule, {}, None, rating, [], words, _constant(recorded))
    names = sorted({item.dataset for item in recorded.items} | set(recorded.missing))
    pairs = pairs_of(recorded.items, names, scored=recorded.scored)
    sets = {
        name: winning(
            pairs.part(pairs.sets == place), rule=rule, missing=recorded.missing.get(name, 0)
        )
        for place, name in enumerate(names)
    }
    total = winning(pairs, rule=rule, missing=sum(recorded.missing.values()))
    return Report(
        recorded, rule, sets, total, None, standings(recorded.met),
        _verdict(recorded, total), _notes(recorded, total),
    )  # fmt: skip


def pairs_of(items: Sequence[Item], names: Sequence[str], *, scored: bool) -> Pairs:
    """Return pairs as arrays.

    Args:
        items: the pairs.
        names: of all sets, in the order in which they are numbered.
        scored: each answer has a score.
    """
    place = {name: at for at, name in enumerate(names)}
    number = {q: at for at, q in enumerate(sorted({item.question for item in items}))}
    own, other = (
        np.array([[_side(pair, side) for pair in item.record.orders] for item in items])
        for side in (0, 1)
    )
    asked = np.array([[pair is not None for pair in item.record.orders] for item in items])
    shares: list[Value | None] = [item.record.values.get("win_probability") for item in items]
    games = Games(
        own=own,
        other=other,
        asked=asked,
        preference=np.array([np.nan if share is None else _number(share) for share in shares]),
        preferred=np.array([share is not None for share in shares]),
        scored=scored,
    )
    lengths = [[_length(item.record.response), _length(item.record.rival)] for item in items]
    return Pairs(
        games,
        np.array([number[item.question] for item in items], np.int64),
        np.array([place[item.dataset] for item in items], np.int64),
        np.array(lengths),
    )


def _side(pair: Pair | None, side: int) -> float:
    return float("nan") if pair is None or isinstance(sign_of(pair), Reason) else float(pair[side])


def _number(value: Value) -> float:
    return float("nan") if isinstance(value, Reason) else value


def _length(text: str | None) -> float:
    return float("nan") if text is None else float(len(text))


def _rating(items: Sequence[Item]) -> Rating:
    turns: dict[str, list[float]] = {}
    values: list[float] = []
    questions: list[str] = []
    failed = 0
    for item in items:
        for name, value in item.record.values.items():
            if isinstance(value, Reason):
                failed += 1
                continue
            turns.setdefault(name.removeprefix(_TURN), []).append(value)
            values.append(value)
            questions.append(item.record.key or item.question)
    found: FloatArray = np.array(values)
    _, clusters = np.unique(np.array(questions, dtype=str), return_inverse=True)
    return Rating(
        rated=len(found),
        failed=failed,
        mean=float(found.mean()) if len(found) else float("nan"),
        standard_error=standard_error(found, clusters),
        by_turn={name: float(np.mean(each)) for name, each in sorted(turns.items())},
    )


# What is said of it


def _verdict(recorded: Recorded, total: Winning) -> str:
    against = f"{recorded.candidate} against {', '.join(recorded.references) or 'the other answer'}"
    if not total.score.items:
        return f"{against}: no pair has an outcome"
    words = {1: "wins beyond chance", 0: "no difference beyond chance is seen",
             -1: "loses beyond chance"}  # fmt: skip
    return f"{against}: {words[claim(total.score)]}"


def claim(score: Score) -> int:
    """Return 1 where a candidate wins beyond chance, -1 where it loses, 0 where neither is shown.

    Both are asked for: an interval without 1, and a sign test below 5 %.
    """
    if not score.p < _LEVEL:
        return 0
    return int(score.win_score.low > 1) - int(score.win_score.high < 1)


def _notes(recorded: Recorded, total: Winning) -> list[str]:
    score, leanings = total.score, total.leanings
    both, one, unknown = leanings.orders
    notes = []
    if both == 0 and one:
        notes.append(
            "one order was judged: a lean of the judge to a place is part of the score, and how "
            "large it is cannot be told"
        )
    elif unknown and not both:
        notes.append("the order in which answers were shown is not recorded")
    items = {(item.question, item.reference, item.dataset) for item in recorded.items}
    for count, what, one_of, several, words in (
        (score.unparsed, "pair", "has", "have", "a reply that says nothing, which is no tie"),
        (score.incomplete, "pair", "was", "were", "judged in one order, which decides nothing"),
        (score.missing, "question", "was", "were", "never judged"),
        (recorded.unasked, "judgment", "is", "are", "about a question that is not in the list"),
        (len(recorded.items) - len(items), "pair", "repeats", "repeat",
         "a question; intervals draw them together"),
    ):  # fmt: skip
        if count:
            notes.append(f"{_have(count, what, one_of, several)} {words}")
    notes += _contradictions(recorded)
    if both and leanings.consistency.value < CONSISTENT:
        notes.append(
            f"the judge contradicts itself on {1 - leanings.consistency.value:.0%} of the pairs: "
            "mostly it names a place"
        )
    return notes + _rules(total) + _constant(recorded)


def _have(count: int, what: str, one: str, several: str) -> str:
    """Return a count with its noun and its verb."""
    return f"{number_of(count, what)} {one if count == 1 else several}"


def _contradictions(recorded: Recorded) -> list[str]:
    found = recorded.contradictions
    notes = []
    if found.settled:
        words = _have(found.settled, "reply", "says", "say")
        notes.append(
            f"{words} that an order is stored the other way round than such files have it; its "
            "scores were turned"
        )
    if found.recovered:
        words = _have(found.recovered, "reply", "is", "are")
        notes.append(f"{words} stored as a failure and can be read; what is read counts")
    if found.turned:
        words = _have(found.turned, "reply", "gives its", "give their")
        notes.append(f"{words} scores the other way round than they are stored")
    if found.otherwise:
        words = _have(found.otherwise, "reply", "gives", "give")
        notes.append(f"{words} other scores than are stored")
    return notes


def _rules(total: Winning) -> list[str]:
    """Say where another rule would give another answer."""
    words = {1: "wins", 0: "neither wins nor loses", -1: "loses"}
    return [
        f"by the rule {name} the candidate {words[claim(each)]} beyond chance"
        for name, each in total.other_rules.items()
        if claim(each) != claim(total.score)
    ]


def _constant(recorded: Recorded) -> list[str]:
    notes = []
    sides = (
        (recorded.candidate, [item.record.response for item in recorded.items]),
        (", ".join(recorded.references), [item.record.rival for item in recorded.items]),
    )
    for name, texts in sides:
        known = [text for text in texts if text is not None]
        if len(known) < _CONSTANT_ROWS:
            continue
        [(_, count)] = Counter(known).most_common(1)
        if count > _CONSTANT_SHARE * len(known):
            notes.append(
                f"{count:,} of {len(known):,} answers of {name} are one and the same text: a judge "
                "may be led by such an answer, and no length control sees it"
            )
    return notes


def rating_interval(rating: Rating) -> tuple[float, float]:
    """Return the 95 % interval of a mean rating, by its standard error."""
    half = QUANTILE * rating.standard_error
    return rating.mean - half, rating.mean + half
