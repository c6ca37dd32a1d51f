"""What a comparison will be able to show, before anything is trained."""

import math
from statistics import NormalDist

import numpy as np

from assay.compare.incomplete_beta import log_incomplete_beta
from assay.compare.records import EvaluationSet, PowerCheck
from assay.samples import FloatArray
from assay.wording import nats, number_of, whole_percent

LEVEL = 0.05
"""Of every claim and interval: two-sided."""
POWER = 0.8
"""Probability with which a detectable difference is shown."""
_NORMAL = NormalDist()
_MANY = 1e5
_LOG_RANGE = (-745.0, 709.7)  # of the positive numbers that a float can hold
_HALVINGS = 64


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
    if seed_sd is not None:
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


def student_quantile(p: float, freedom: float) -> float:
    """Return the quantile of Student's t, with a relative error below 1e-9.

    The distribution is an incomplete beta function, inverted by halving in the logarithm of t: of
    the tail where t is large, of what lies between 0 and t where it is small, so that neither is
    lost beside the other. For very many degrees of freedom, the first terms of the expansion
    around the normal are exact enough.

    Args:
        p: probability, between 0 and 1. Infinity is returned for a quantile beyond 1.8e308.
        freedom: degrees of freedom, above 0; infinite for the normal distribution.

    Raises:
        ValueError: if one of them lies outside.

    Source:
        Abramowitz & Stegun 1964, 26.7.1 for the distribution and 26.7.5 for the expansion.
    """
    if not 0 < p < 1 or not freedom > 0:
        raise ValueError(f"p must lie between 0 and 1 and freedom above 0: {p}, {freedom}")
    if p < 0.5:
        return -_upper_quantile(p, freedom)
    # Below 1 by less than a half, so that the difference is exact.
    return _upper_quantile(1 - p, freedom)


def _upper_quantile(tail: float, freedom: float) -> float:
    """Return what is exceeded with probability `tail`, at most 0.5."""
    if tail == 0.5:
        return 0.0
    if freedom > _MANY:
        z = -_NORMAL.inv_cdf(tail)
        first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
        third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
        return z + first / freedom + second / freedom**2 + third / freedom**3
    by_tail = tail < 0.25
    wanted = math.log(2 * tail if by_tail else 1 - 2 * tail)
    low, high = _LOG_RANGE
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        found = _log_beyond(middle, freedom) if by_tail else _log_within(middle, freedom)
        if (found > wanted) == by_tail:
            low = middle
        else:
            high = middle
    return math.inf if high == _LOG_RANGE[1] else math.exp((low + high) / 2)


def _log_beyond(log_t: float, freedom: float) -> float:
    """Return the logarithm of the probability that |t| is above a value, given by its own."""
    log_ratio = 2 * log_t - math.log(freedom)
    return log_incomplete_beta(-_softplus(log_ratio), -_softplus(-log_ratio), freedom / 2, 0.5)


def _log_within(log_t: float, freedom: float) -> float:
    """Return the logarithm of the probability that |t| is below a value, given by its own."""
    log_ratio = 2 * log_t - math.log(freedom)
    return log_incomplete_beta(-_softplus(-log_ratio), -_softplus(log_ratio), 0.5, freedom / 2)


def _softplus(value: float) -> float:
    """Return log(1 + exp(value))."""
    return max(value, 0.0) + math.log1p(math.exp(-abs(value)))


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
