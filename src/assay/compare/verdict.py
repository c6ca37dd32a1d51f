"""What to conclude: one arm, one budget, one sentence that the numbers carry."""

import math
from dataclasses import dataclass, replace
from typing import Literal

from assay.compare.bootstrap import Estimate
from assay.compare.power import LEVEL, POWER
from assay.compare.records import Comparison
from assay.compare.remarks import against_more_data, limits
from assay.compare.sides import random_arm
from assay.compare.statistics import Row, find, summary
from assay.echo import Brief
from assay.wording import interval, listed, nats, number_of, p_value, signed, times, whole_percent

_ENOUGH_DRAWS = 5
_MORE_TOKENS = 1.1

Outcome = Literal["better", "random", "undecided", "nothing"]


@dataclass(frozen=True, repr=False)
class Verdict(Brief):
    """The conclusion of a comparison.

    Attributes:
        outcome: "better", an arm beats random rows; "random", none does and random rows beat an
            arm; "undecided", nothing differs from random rows; "nothing", there is no result.
        arm: the arm to use; None without a result.
        budget: the budget to use it at.
        headline: the conclusion in a few words.
        claim: the conclusion with its numbers, interval and corrected p-value.
        caveats: what a reader must know besides.
    """

    outcome: Outcome
    arm: str | None
    budget: str
    headline: str
    claim: str
    caveats: tuple[str, ...]


def verdict(comparison: Comparison, rows: list[Row] | None = None) -> Verdict:
    """Return the winner: of all arms that beat random rows, the one that does best.

    If none does, it is random rows, the cheapest arm, at the budget where they do best.

    Args:
        comparison: of one base model, finished or not.
        rows: its `summary` on the primary set, if it is at hand.
    """
    rows = summary(comparison) if rows is None else rows
    chance = random_arm(comparison)
    of_random = [row for row in rows if row.arm == chance and row.mean]
    claims = [row for row in rows if row.is_claim and row.difference]
    if not of_random or not claims:
        return _no_verdict(comparison, of_random)
    better = [row for row in claims if row.significant and row.gain > 0]
    worse = [row for row in claims if row.significant and row.gain < 0]
    notes = _caveats(comparison, rows, of_random)
    count = rows[0].claims
    if better:
        best = min(better, key=_as_loss)
        context = _context(comparison, rows, best, better, worse)
        notes = (*context, *against_more_data(rows, of_random, best), *notes)
        return Verdict("better", best.arm, best.budget, *_won(comparison, best, count), notes)
    cheapest = min(of_random, key=_as_loss)
    nearest = min(claims, key=lambda row: (row.p_holm or 0.0, -row.gain))
    notes = (*against_more_data(rows, of_random, nearest), *notes)
    if worse:
        words = _random_won(comparison, worse, count)
        return Verdict("random", cheapest.arm, cheapest.budget, *words, notes)
    words = _undecided(comparison, claims, count)
    return Verdict("undecided", cheapest.arm, cheapest.budget, *words, notes)


def verdicts(comparison: Comparison, rows: list[Row] | None = None) -> dict[str, Verdict]:
    """Return the conclusion on every base model, by its name.

    Args:
        comparison: finished or not.
        rows: its `summary` on the primary set, if it is at hand.
    """
    rows = summary(comparison) if rows is None else rows
    return {
        name: verdict(
            comparison.of_base(base), [replace(row, base="") for row in rows if row.base == base]
        )
        for name, base in zip(comparison.bases, comparison.base_axis, strict=True)
    }


def _no_verdict(comparison: Comparison, of_random: list[Row]) -> Verdict:
    lacking = "arm besides random rows" if of_random else "random arm"
    return Verdict(
        "nothing",
        None,
        "",
        "No claim can be made",
        f"No {lacking} has a finished run with values on {comparison.primary}, so there is nothing "
        "to compare.",
        tuple(f"{row.label}: {fault}" for row in summary(comparison) for fault in row.faults[:1]),
    )


def _won(comparison: Comparison, best: Row, claims: int) -> tuple[str, str]:
    here, measure = _mean(best), best.measure
    claim = (
        f"With {best.arm} at {best.budget}, the {measure.name} on {comparison.primary} is "
        f"{measure.value(here)}, against {nats(here - _found(best).value)} with random rows of the "
        f"same budget: a difference of {_numbers(best, claims)}."
    )
    limit = "" if _found(best).noise == "questions and seeds" else ", as far as one seed shows"
    return f"{best.arm} beats random rows at {best.budget}{limit}", claim


def _random_won(comparison: Comparison, worse: list[Row], claims: int) -> tuple[str, str]:
    worst = min(worse, key=lambda row: row.gain)
    names = listed(sorted({row.arm for row in worse}))
    claim = (
        f"No arm is better than random rows of the same budget, and {names} "
        f"{'is' if len({row.arm for row in worse}) == 1 else 'are'} worse. The largest difference "
        f"on {comparison.primary} is that of {worst.label}: {_numbers(worst, claims)}. Random rows "
        "are the choice."
    )
    return "Random rows win", claim


def _undecided(comparison: Comparison, claims: list[Row], count: int) -> tuple[str, str]:
    nearest = min(claims, key=lambda row: (row.p_holm or 0.0, -row.gain))
    limit = max(row.detectable for row in claims)
    claim = (
        f"On {comparison.primary}, no arm can be told from random rows of the same budget. The "
        f"nearest to it is {nearest.label}: {_numbers(nearest, count)}. A difference of "
        f"{nearest.measure.difference(nats(limit))} would have been seen with a "
        f"probability of {whole_percent(POWER)} or more, "
        "before the correction. Random rows are the cheapest arm."
    )
    return "Nothing here is distinguishable from random", claim


def _numbers(row: Row, claims: int) -> str:
    found = _found(row)
    noise = "" if found.noise == "questions and seeds" else f", one seed: {found.noise}"
    return (
        f"{row.measure.difference(signed(found.value))} ({whole_percent(1 - LEVEL)} interval "
        f"{interval(found.low, found.high)}{noise}; Holm p {_equal(p_value(row.p_holm or 0.0))} "
        f"over {number_of(claims, 'claim')})"
    )


def _equal(p: str) -> str:
    return p if p.startswith("<") else f"= {p}"


def _context(
    comparison: Comparison, rows: list[Row], best: Row, better: list[Row], worse: list[Row]
) -> tuple[str, ...]:
    notes = []
    others = [row.label for row in better if row is not best]
    if others:
        notes.append(
            f"Also better than random rows: {listed(others)}. Between these and {best.label}, no "
            "claim is made."
        )
    if worse:
        notes.append(f"Worse than random rows: {listed([row.label for row in worse])}.")
    ahead = [
        f"{_plain_label(row)} ({nats(_mean(row))})"
        for row in rows
        if row.kind in ("random", "full") and row.mean and row.as_loss < best.as_loss
    ]
    if ahead:
        measure = best.measure
        notes.append(f"More data has a {measure.ahead} {measure.name} still: {listed(ahead)}.")
    notes += _tokens_note(comparison, rows, best)
    if best.efficiency is not None:
        notes.append(
            f"Random rows need {times(best.efficiency)} times this budget for the same "
            f"{best.measure.name} "
            "(between the budgets that were run, on a logarithmic scale)."
        )
    return tuple(notes)


def _tokens_note(comparison: Comparison, rows: list[Row], best: Row) -> list[str]:
    chance = find(rows, random_arm(comparison) or "", best.budget)
    if comparison.budget_axis == "tokens" or chance is None or not chance.tokens > 0:
        return []
    ratio = best.tokens / chance.tokens
    if 1 / _MORE_TOKENS < ratio < _MORE_TOKENS:
        return []
    axis = comparison.budget_axis
    return [
        f"At equal {axis}, {best.arm} trains on {times(ratio)} times the tokens of random rows."
    ]


def _caveats(comparison: Comparison, rows: list[Row], of_random: list[Row]) -> tuple[str, ...]:
    notes = []
    noises = {row.difference.noise for row in rows if row.difference}
    if "question noise only" in noises:
        notes.append(
            "Some arms have one seed: their intervals are question noise only, and another seed "
            "may turn the order round."
        )
    elif "seeds as random rows" in noises:
        notes.append(
            "Some arms have one seed: of themselves they show question noise only. How far seeds "
            "vary is taken from the runs of random rows, and another seed may turn the order round."
        )
    fewest = min(len(row.runs) for row in of_random)
    if fewest < _ENOUGH_DRAWS:
        notes.append(
            f"Random rows have {number_of(fewest, 'run')} at some budget; "
            f"{_ENOUGH_DRAWS} are the least that shows how much they vary."
        )
    notes += limits(rows)
    missing = [row.label for row in rows if row.faults]
    if missing:
        notes.append(f"Runs are missing, and enter no average: {listed(missing)}.")
    untuned = next((row.as_loss for row in rows if row.kind == "base"), math.inf)
    tuned = [row.as_loss for row in rows if row.budget and row.mean]
    if tuned and min(tuned) > untuned:
        notes.append(
            "Every tuned model answers worse than the base model as it is: the recipe decides "
            "here, not the choice of rows. Another learning rate or more epochs may help."
        )
    return tuple(notes)


def _plain_label(row: Row) -> str:
    return f"random rows at {row.budget}" if row.kind == "random" else "the full data"


def _as_loss(row: Row) -> float:
    return row.as_loss


def _mean(row: Row) -> float:
    return row.mean.value if row.mean else math.nan


def _found(row: Row) -> Estimate:
    if row.difference is None:
        raise ValueError(f"{row.label} was not compared")
    return row.difference
