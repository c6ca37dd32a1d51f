"""What ``assay evaluate`` says: scores per set and in all, what they rest on, and strengths."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.cli.console import facts, table
from assay.wording import NOTHING, bounds, listed, p_value, percent

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.evaluation.report import Rating, Report
    from assay.evaluation.winning import Leanings, Score, Winning
    from assay.solvers.proportions import Share


def describe_evaluation(found: "Report", paths: Sequence[Path]) -> dict[str, Any]:
    """Return all figures, as data."""
    recorded = found.recorded
    described: dict[str, Any] = {
        "files": [str(path) for path in paths],
        "layout": recorded.layout,
        "candidate": recorded.candidate,
        "references": list(recorded.references),
        "rule": found.rule,
        "verdict": found.verdict,
        "records_about_others": recorded.left,
        "replies_beside_scores": recorded.contradictions._asdict(),
        "judgments_of_other_questions": recorded.unasked,
        "sets": {name: _winning(each) for name, each in found.sets.items()},
        "total": None if found.total is None else _winning(found.total),
        "ratings": None if found.ratings is None else _rating(found.ratings),
        "strengths": [
            {"name": each.name, "comparisons": each.met, "strength": each.strength._asdict(),
             "elo": each.elo}
            for each in found.standings
        ],
        "notes": list(found.notes),
    }  # fmt: skip
    return described


def _winning(found: "Winning") -> dict[str, Any]:
    leanings, scores = found.leanings, found.scores
    both, one, unknown = leanings.orders
    return _score(found.score) | {
        "other_rules": {name: _score(each) for name, each in found.other_rules.items()},
        "orders": {"both": both, "one": one, "not_recorded": unknown},
        "consistency": leanings.consistency._asdict(),
        "first_place": leanings.first_place._asdict(),
        "first_place_by_order": [each._asdict() for each in leanings.first_place_by_order],
        "win_score_by_order": list(leanings.score_by_order),
        "longer_wins": leanings.longer._asdict(),
        "win_score_at_equal_length": leanings.equal_length._asdict(),
        "scores": None if scores is None else {
            "candidate": scores.own, "reference": scores.other,
            "relative": scores.relative._asdict(), "win_and_tie": scores.win_and_tie._asdict(),
        },
        "preference": None if found.preference is None else {
            "win_rate": found.preference[0], "standard_error": found.preference[1],
        },
    }  # fmt: skip


def _score(found: "Score") -> dict[str, Any]:
    return {
        "items": found.items, "wins": found.wins, "ties": found.ties, "losses": found.losses,
        "unparsed": found.unparsed, "incomplete": found.incomplete, "missing": found.missing,
        "win_score": found.win_score._asdict(), "standard_error": found.standard_error,
        "bootstrap": list(found.bootstrap), "half_tie_rate": found.half_tie_rate,
        "p": found.p, "smallest_effect": found.smallest_effect,
        "worst": found.worst, "best": found.best,
    }  # fmt: skip


def _rating(found: "Rating") -> dict[str, Any]:
    return {
        "rated": found.rated, "failed": found.failed, "mean": found.mean,
        "standard_error": found.standard_error, "by_turn": dict(found.by_turn),
    }  # fmt: skip


# On the terminal


def evaluation_parts(found: "Report") -> "Iterator[RenderableType]":
    """Yield what is printed: the answer first, then what it rests on."""
    yield found.verdict
    yield ""
    if found.ratings is not None:
        yield facts(_rating_lines(found.ratings))
    if found.total is not None:
        yield _sets(found, found.total)
        yield ""
        yield facts(_lines(found, found.total))
    if found.standings:
        yield ""
        yield _strengths(found)


def _sets(found: "Report", total: "Winning") -> "RenderableType":
    columns = [
        "set", ("wins", "right"), ("ties", "right"), ("losses", "right"), ("none", "right"),
        ("score", "right"), ("95 %", "right"), ("half ties", "right"), ("p", "right"),
        ("seen from", "right"),
    ]  # fmt: skip
    named = [*found.sets.items(), ("total", total)]
    if len(found.sets) == 1:
        [(name, _)] = found.sets.items()
        named = [(name, total)]
    return table(columns, [_line(name, each.score) for name, each in named])  # type: ignore[arg-type]


def _line(name: str, score: "Score") -> tuple[object, ...]:
    return (
        name, score.wins, score.ties, score.losses, score.without,
        _three(score.win_score.value), _interval(score.win_score),
        percent(score.half_tie_rate) if score.items else NOTHING,
        p_value(score.p), _effect(score.smallest_effect),
    )  # fmt: skip


def _lines(found: "Report", total: "Winning") -> "Iterator[tuple[str, object]]":
    score, leanings = total.score, total.leanings
    references = listed(found.recorded.references)
    yield "score", f"(wins - losses) / pairs + 1 against {references}; 1 is a draw"
    yield "rule", f"{found.rule}: {_rule_words(found.rule)}"
    for name, each in total.other_rules.items():
        counts = f"{each.wins:,} wins, {each.ties:,} ties, {each.losses:,} losses"
        yield f"  by {name}", f"{_three(each.win_score.value)} ({counts})"
    if score.without:
        yield "without outcome", _without(score)
        yield "  worst and best", f"{_three(score.worst)} to {_three(score.best)}"
    equal = leanings.equal_length
    if not math.isnan(equal.value):
        yield "at equal length", f"{_three(equal.value)}, 95 % {_interval(equal)}"
        yield "longer wins", f"{_share(leanings.longer)} of the decided pairs"
    yield from _places(leanings)
    yield from _scored(total)


def _without(score: "Score") -> str:
    parts = [
        f"{count:,} {words}"
        for count, words in (
            (score.unparsed, "unparsed"),
            (score.incomplete, "in one order alone"),
            (score.missing, "never judged"),
        )
        if count
    ]
    return ", ".join(parts)


def _places(leanings: "Leanings") -> "Iterator[tuple[str, object]]":
    if not math.isnan(leanings.consistency.value):
        yield "orders agree", f"{_share(leanings.consistency)} of the pairs"
    if not math.isnan(leanings.first_place.value):
        first, second = leanings.first_place_by_order
        split = ""
        if not math.isnan(first.value) and not math.isnan(second.value):
            split = f"; candidate first {percent(first.value)}, second {percent(second.value)}"
        yield "first place wins", f"{_share(leanings.first_place)} of the decided replies{split}"
    by_order = leanings.score_by_order
    if not any(map(math.isnan, by_order)):
        yield "score by order", f"{_three(by_order[0])} shown first, {_three(by_order[1])} second"


def _scored(total: "Winning") -> "Iterator[tuple[str, object]]":
    scores = total.scores
    if scores is not None and not math.isnan(scores.own):
        relative = scores.relative
        yield "mean scores", f"{scores.own:.2f} against {scores.other:.2f}"
        words = f"{relative.value:.2f} % of the reference's, 95 %"
        yield "relative score", f"{words} {bounds(relative.low, relative.high)}"
        yield "win and tie", f"{_share(scores.win_and_tie)} of the pairs, by summed scores"
    if total.preference is not None:
        rate, error = total.preference
        yield "preference", f"{rate:.2f} % for the candidate, standard error {error:.2f}"


def _rating_lines(found: "Rating") -> "Iterator[tuple[str, object]]":
    from assay.evaluation.report import rating_interval

    low, high = rating_interval(found)
    yield "rated turns", found.rated
    yield "without rating", found.failed
    yield "mean", f"{found.mean:.3f}, 95 % [{low:.3f}, {high:.3f}]"
    if len(found.by_turn) > 1:
        for turn, value in found.by_turn.items():
            yield f"  turn {turn}", f"{value:.3f}"


def _strengths(found: "Report") -> "RenderableType":
    columns = ["model", ("comparisons", "right"), ("strength", "right"), ("95 %", "right"),
               ("Elo", "right")]  # fmt: skip
    rows = [
        (each.name, each.met, _three(each.strength.value),
         bounds(each.strength.low, each.strength.high), f"{each.elo:.0f}")
        for each in found.standings
    ]  # fmt: skip
    return table(columns, rows, title="Bradley-Terry, all models of the files")  # type: ignore[arg-type]


def _rule_words(rule: str) -> str:
    from assay.evaluation.outcomes import RULE_WORDS

    return RULE_WORDS[rule]


def _three(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:.4f}"


def _interval(share: "Share") -> str:
    return NOTHING if math.isnan(share.low) else f"{share.low:.3f} to {share.high:.3f}"


def _effect(value: float) -> str:
    return NOTHING if math.isnan(value) else f"±{value:.2f}"


def _share(share: "Share") -> str:
    if math.isnan(share.value):
        return NOTHING
    return f"{percent(share.value)} {bounds(share.low, share.high)}"
