"""What a comparison will be able to show, before anything is trained."""

import math

import numpy as np

from assay.compare.bootstrap import ENOUGH_SEEDS
from assay.compare.records import EvaluationSet, PowerCheck
from assay.samples import FloatArray
from assay.solvers.students_t import student_quantile
from assay.wording import nats, number_of, whole_percent

LEVEL = 0.05
"""Of every claim and interval: two-sided."""
POWER = 0.8
"""Probability with which a detectable difference is shown."""


def power_check(
    primary: EvaluationSet,
    base: FloatArray,
    *,
    seeds: int,
    draws: int,
    claims: int,
    paired: FloatArray | None = None,
    seed_sd: float | None = None,
    questions: int | None = None,
) -> PowerCheck:
    """Return the smallest difference to random that a comparison shows with a given probability.

    Args:
        primary: the set that claims are made on. Where its values have bounds, the noise of
            questions without a pilot is the largest there can be: how much the answers of the
            untuned model differ tells little, if it gets nearly none right.
        base: shape (q,), values of the untuned model; NaN where there is none.
        seeds: tuned models per arm.
        draws: random draws they are compared with.
        claims: arms times budgets.
        paired: shape (q,), differences of two tuned models of a pilot; without them the two models
            are taken as unrelated, which bounds the noise of questions from above.
        seed_sd: standard deviation of an arm's mean between seeds, from a pilot; without it
            the result is question noise only.
        questions: how many there are, where `base` holds the values of some of them only.

    Raises:
        ValueError: if fewer than two questions have a value.

    Source:
        `detectable`, with the variance of paired questions as in Miller 2024, arXiv 2411.00640.
    """
    known = base[np.isfinite(base)] if paired is None else paired[np.isfinite(paired)]
    if len(known) < 2:
        raise ValueError("a power check needs at least two questions with a value")
    question_sd = float(known.std(ddof=1))
    if paired is None:
        limits = primary.bounds
        alone = question_sd if limits is None else (limits[1] - limits[0]) / 2
        question_sd = math.sqrt(2) * alone
    asked = len(known) if questions is None else questions
    parts = [(question_sd**2 / asked, len(known) - 1)]
    if seed_sd is not None and seeds < ENOUGH_SEEDS:  # both sides go by the runs of both
        parts.append((seed_sd**2 * (1 / seeds + 1 / draws), seeds + draws - 2))
    elif seed_sd is not None:
        parts += [(seed_sd**2 / count, count - 1) for count in (seeds, draws)]
    variance = sum(part for part, _ in parts)
    error = sum(part**2 / freedom for part, freedom in parts if freedom > 0)
    freedom = variance**2 / error if error > 0 else math.inf

    return PowerCheck(
        set=primary.name,
        questions=asked,
        seeds=seeds,
        draws=draws,
        claims=claims,
        question_sd=question_sd,
        paired=paired is not None,
        seed_sd=seed_sd,
        level=LEVEL,
        power=POWER,
        detectable=detectable(math.sqrt(variance), freedom),
        detectable_first=detectable(math.sqrt(variance), freedom, LEVEL / max(1, claims)),
        measure=primary.measure,
        better=primary.better,
        unit=primary.unit,
        bounds=primary.bounds,
    )


def detectable(standard_error: float, freedom: float, level: float = LEVEL) -> float:
    """Return the difference that is shown at a two-sided level with a probability of 80 %.

    Source:
        (t(1 - level/2) + t(power)) standard errors, Bloom 1995.
    """
    quantiles = student_quantile(1 - level / 2, freedom) + student_quantile(POWER, freedom)
    return quantiles * standard_error


def power_words(check: PowerCheck) -> str:
    """Return a power check as sentences for people."""
    measure = check.measured
    text = (
        f"With {number_of(check.questions, 'question')} of {check.set}, "
        f"{number_of(check.seeds, 'seed')} per arm and {number_of(check.draws, 'random draw')}, a "
        f"true difference of {measure.value(check.detectable)} is shown with a probability "
        f"of {whole_percent(check.power)} (two-sided {whole_percent(check.level)})"
    )
    text += (
        f"; the first of {check.claims} claims under Holm's correction needs "
        f"{nats(check.detectable_first)}."
        if check.claims > 1
        else "."
    )
    if not check.paired and check.bounds is not None:
        text += (
            " This is an upper bound on the noise of questions, from the range of the values: arms "
            "tuned from one base mostly answer alike, and their difference varies less."
        )
    elif not check.paired:
        text += (
            " This is an upper bound on the noise of questions, from the base model's own losses:"
            " arms tuned from one base find the same questions hard, and their difference varies"
            " less."
        )
    if check.seed_sd is None:
        text += " How much seeds differ was not known, so their noise is not in these numbers."
    return text
