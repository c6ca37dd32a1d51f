"""What limits a comparison, in words: rows cut off, few steps, and what more data would give."""

from collections.abc import Iterator, Sequence

from assay.compare.statistics import Row
from assay.errors import Parameter, Phrase, Words
from assay.models.recipe import Recipe
from assay.wording import count, listed, nats, number_of, times, whole_percent

LEAST_STEPS = 30
"""Optimiser steps below which a training has hardly begun: the rate is still warming up or already
falling, and which rows were chosen has little time to show."""

_WORTH_SAYING = 0.01


def few_steps(recipe: Recipe, steps_of: Sequence[tuple[str, int]]) -> Words:
    """Return a warning for trainings of few steps, before they begin; empty if there is none.

    Args:
        recipe: how is trained.
        steps_of: budgets in words, with the steps of a training at each.
    """
    few = [(words, steps) for words, steps in steps_of if steps < LEAST_STEPS]
    if not few:
        return ""
    reported = listed([f"{number_of(steps, 'optimiser step')} at {words}" for words, steps in few])
    remedy: Words = "more steps, or leave them out"
    if recipe.steps is None:
        smaller = f"a smaller {{}} (now {recipe.batch_size}) or more {{}}"
        remedy = Phrase(smaller, Parameter("batch_size"), Parameter("epochs"))
    warning = f"a training has {reported}: fewer than {LEAST_STEPS} hardly show what rows teach"
    return Phrase("{}; {}", warning, remedy)


def limits(rows: Sequence[Row]) -> Iterator[str]:
    """Yield what the trainings of a comparison, as they turned out, had too little of."""
    yield from _few_steps_taken(rows)
    yield from _cut_off(rows)


def _few_steps_taken(rows: Sequence[Row]) -> Iterator[str]:
    few = {row.budget: row.steps for row in rows if row.budget and 0 < row.steps < LEAST_STEPS}
    if few:
        reported = listed([
            f"{number_of(round(steps), 'optimiser step')} at {words}"
            for words, steps in few.items()
        ])  # fmt: skip
        yield (
            f"A training had {reported}: fewer than {LEAST_STEPS} hardly show what rows teach. A "
            "smaller batch or more epochs make more of them."
        )


def _cut_off(rows: Sequence[Row]) -> Iterator[str]:
    """Yield how much of the rows of every arm the limit cuts off, the largest share first."""
    worst: dict[str, tuple[float, Row]] = {}
    for row in rows:
        if row.chosen_tokens > 0:
            share = 1.0 - row.read_tokens / row.chosen_tokens
            if share > worst.get(row.arm, (0.0, row))[0]:
                worst[row.arm] = (share, row)
    if not worst or max(share for share, _ in worst.values()) < _WORTH_SAYING:
        return
    reported = [
        f"{whole_percent(share)} of the tokens of {row.label} ({count(row.cut_rows)} of "
        f"{number_of(round(row.rows), 'row')})"
        for share, row in sorted(worst.values(), key=lambda pair: -pair[0])
    ]
    cut = listed(reported)
    yield f"Not all of a row is trained on where the limit on its length cuts it off: {cut}."


def against_more_data(rows: Sequence[Row], of_random: Sequence[Row], row: Row) -> Iterator[str]:
    """Yield how large a difference is beside what more random rows would give.

    Args:
        rows: the summary of the primary set.
        of_random: those of random rows that have a mean.
        row: whose difference to random rows is looked at.
    """
    here = next((each for each in of_random if each.budget == row.budget), None)
    if here is None or here.mean is None or row.difference is None:
        return
    larger = sorted(
        (each for each in of_random if each.size > here.size), key=lambda each: each.size
    )
    full = [each for each in rows if each.kind == "full" and each.mean is not None]
    more = (larger or full)[:1]
    if not more or more[0].mean is None:
        return
    words = f"{more[0].budget} of them" if larger else "all rows"
    gain, measure = here.as_loss - more[0].as_loss, row.measure
    if gain <= 0:
        yield (
            f"More data does not help here: with {words} in place of {here.budget} random rows the "
            f"{measure.name} is {measure.difference(nats(-gain))} {measure.behind}."
        )
        return
    part = abs(row.difference.value) / gain
    yield (
        f"For scale: {words} in place of {here.budget} random rows {measure.improve} the "
        f"{measure.name} by {measure.difference(nats(gain))}, and the difference of {row.label} "
        f"is {times(part)} times that."
    )
