"""A report on a judge in words: what stands out, and shares with their intervals."""

import math
from collections.abc import Iterator, Sequence

from assay.agreement.judge_report import Against, JudgeReport
from assay.agreement.judge_spending import Spending
from assay.agreement.label_coverage import Coverage
from assay.wording import number_text, short_count

_MUCH, _REPEATS = 0.5, 0.7
"""Conventions of ours: from where on length tells much of a ranking, and below which a judge hardly
repeats itself."""


def share_text(share: Sequence[float]) -> str:
    """Return a share with its interval, in words."""
    value, low, high = share
    if math.isnan(value):
        return "cannot be told"
    return f"{value:.0%}" if math.isnan(low) else f"{value:.0%}, 95 % from {low:.0%} to {high:.0%}"


def correlation_text(share: Sequence[float]) -> str:
    """Return a correlation with its interval, in words."""
    value, low, high = share
    if math.isnan(value):
        return "cannot be told"
    return f"{value:.2f}" if math.isnan(low) else f"{value:.2f}, 95 % from {low:.2f} to {high:.2f}"


def step_text(low: float, high: float) -> str:
    """Return the numbers of a step of a calibration."""
    return number_text(low) if low == high else f"{number_text(low)} to {number_text(high)}"


def coverage_text(found: Coverage) -> str:
    """Return how much of a judge's probability fell on labels, in words."""
    told = f"{found.mean:.0%} of the probability on average, a twentieth of "
    told += f"{found.replies:,} replies below {found.low:.0%}"
    return f"{told}; {found.enough:.0%} reach {found.least:.0%}, and no other is read"


def place_text(found: JudgeReport) -> str:
    """Return why nothing is told of a lean to a place."""
    if found.asked:
        return "each row was judged alone, so there is none to lean to"
    return "the file does not say in which order answers were shown"


def spending_lines(spending: Spending) -> Iterator[tuple[str, str]]:
    """Yield what replies have taken, for a reader."""
    yield (
        "replies",
        f"{spending.replies:,}"
        + (
            f", {spending.without:,} of them refusals or of rows that are too long"
            if spending.without
            else ""
        ),
    )
    hidden = spending.reasoning_tokens
    yield (
        "  tokens",
        f"{short_count(spending.prompt_tokens)} in, {short_count(spending.completion_tokens)} out"
        + (f", {short_count(hidden)} of them hidden" if hidden else "")
        + (f"; not told of {spending.uncounted:,} replies" if spending.uncounted else ""),
    )
    if spending.asked_once_more:
        yield "  asked once more", f"{spending.asked_once_more:,}, for nothing could be read"
    if spending.tries_again:
        yield "  sent again", f"{spending.tries_again:,}, for a try failed on the way"
    money = spending.money
    if money.is_nothing and not spending.cost:
        yield "  money", "nothing"
        return
    yield "  money", money.words()
    if spending.beside:
        yield "    failed tries", money.text(spending.beside)
    if money.overrun:
        yield "    more than told", money.text(money.overrun)


def conclusions(found: JudgeReport) -> list[str]:
    """Return what a person who selects by the score must know, a sentence each."""
    told = []
    ties = found.cut.ties
    if ties.tied > ties.taken:
        told.append(
            f"of the best {found.cut.count:,}, {ties.taken:,} are taken from {ties.tied:,} rows "
            f"that all have {number_text(ties.value)}: ids decide which"
        )
    own = found.lengths.control.told
    if own.low > 0:
        told.append(
            "a judge that sees lengths alone would rank much like this one: rank correlation "
            f"{own.value:.2f}"
            if own.value >= _MUCH
            else f"a part of its ranking is length: lengths alone tell it with {own.value:.2f}"
        )
    if found.against is not None:
        told += _beside(found.name, found.against)
    for asked in found.asked:
        if asked.coverage is not None and asked.coverage.mean < asked.coverage.least:
            told.append(
                f"{asked.coverage.mean:.0%} of the probability falls on labels on average: "
                f"{asked.judge} mostly means to say something else"
            )
        again = asked.retest
        if again is not None and again.spearman.value < _REPEATS:
            told.append(
                f"asked again, {asked.judge} ranks with {again.spearman.value:.2f} like itself: no "
                "agreement with anyone can be above what that allows"
            )
    return told or ["nothing stands out"]


def _beside(name: str, against: Against) -> Iterator[str]:
    both, control = against.agreement.spearman, against.control.told
    if math.isnan(both.low):
        yield f"{against.agreement.rows:,} rows have both, too few to tell how far they agree"
        return
    numbers = f"{both.value:.2f}, 95 % from {both.low:.2f} to {both.high:.2f}"
    if both.low <= control.value:
        yield (
            f"{name} ranks no more like {against.name} ({numbers}) than lengths alone do "
            f"({control.value:.2f})"
        )
    else:
        yield f"{name} ranks like {against.name} with {numbers}"
