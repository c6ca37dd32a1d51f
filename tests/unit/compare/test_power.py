import math
from typing import Any

import numpy as np
import pytest

from assay.compare.power import power_check, power_words
from tests.unit.compare.synthetic import endpoint


def test_by_hand() -> None:
    paired = np.tile([0.3, -0.3], 5_000)

    found = power_check(endpoint("held out"), paired, seeds=3, draws=5, claims=1, paired=paired)

    # 0.3 / sqrt(10,000) = 0.003, times 1.96 + 0.84.
    assert found.detectable == pytest.approx(0.003 * (1.959964 + 0.841621), rel=1e-3)
    assert found.detectable_first == pytest.approx(found.detectable)


def test_without_pairs_the_noise_is_that_of_unrelated_models() -> None:
    base = np.random.default_rng(0).normal(2, 0.5, 900)

    found = power_check(endpoint("held out"), base, seeds=3, draws=5, claims=4)

    assert not found.paired
    assert found.question_sd == pytest.approx(math.sqrt(2) * base.std(ddof=1))
    assert found.detectable_first > found.detectable


def test_questions_without_a_score_do_not_count() -> None:
    base = np.array([1.0, 2.0, np.nan, 4.0])

    assert power_check(endpoint("x"), base, seeds=1, draws=5, claims=1).questions == 3


def test_too_few_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="at least two questions"):
        power_check(endpoint("x"), np.array([1.0, np.nan]), seeds=1, draws=5, claims=1)


@pytest.mark.parametrize(("seeds", "draws"), [(3, 5), (8, 8)])
@pytest.mark.parametrize("seed_sd", [0.004, 0.0])
def test_the_detectable_difference_is_shown_four_times_in_five(
    seed_sd: float, seeds: int, draws: int
) -> None:
    stats = pytest.importorskip("scipy.stats")
    rng, questions, sd, trials = np.random.default_rng(5), 300, 0.05, 4_000
    pilot = rng.normal(0, sd, questions)
    pilot *= sd / pilot.std(ddof=1)
    check = power_check(
        endpoint("held out"),
        pilot,
        seeds=seeds,
        draws=draws,
        claims=1,
        paired=pilot,
        seed_sd=seed_sd,
    )

    # The analysis of a comparison: questions, and the seeds of both sides, each estimated.
    errors = np.sqrt([sd**2 / questions, seed_sd**2 / seeds, seed_sd**2 / draws])
    freedoms = np.array([questions - 1, seeds - 1, draws - 1])
    observed = check.detectable + (rng.normal(size=(trials, 3)) * errors).sum(axis=1)
    variances = errors**2 * rng.chisquare(freedoms, (trials, 3)) / freedoms
    freedom = variances.sum(1) ** 2 / (variances**2 / freedoms).sum(1)
    p = 2 * stats.t.sf(np.abs(observed) / np.sqrt(variances.sum(1)), freedom)
    assert (p < check.level).mean() == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("seeds", [1, 2])
def test_with_few_seeds_both_sides_are_measured_by_the_runs_of_both(seeds: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    rng, questions, sd, seed_sd, draws, trials = np.random.default_rng(6), 300, 0.05, 0.02, 5, 4_000
    pilot = rng.normal(0, sd, questions)
    pilot *= sd / pilot.std(ddof=1)
    check = power_check(
        endpoint(), pilot, seeds=seeds, draws=draws, claims=1, paired=pilot, seed_sd=seed_sd
    )

    # Questions, and one estimate of how far runs vary, from the runs of both sides.
    errors = np.array([sd**2 / questions, seed_sd**2 * (1 / seeds + 1 / draws)])
    freedoms = np.array([questions - 1, seeds + draws - 2])
    observed = check.detectable + rng.normal(0, np.sqrt(errors.sum()), trials)
    variances = errors * rng.chisquare(freedoms, (trials, 2)) / freedoms
    freedom = variances.sum(1) ** 2 / (variances**2 / freedoms).sum(1)
    p = 2 * stats.t.sf(np.abs(observed) / np.sqrt(variances.sum(1)), freedom)
    assert (p < check.level).mean() == pytest.approx(0.8, abs=0.05)


def test_words_say_what_is_not_known() -> None:
    base = np.random.default_rng(0).normal(2, 0.5, 900)
    bound = power_words(power_check(endpoint("held out"), base, seeds=1, draws=5, claims=9))
    measured = power_words(
        power_check(
            endpoint("held out"), base, seeds=3, draws=5, claims=1, paired=base / 100, seed_sd=0.01
        )
    )

    assert "900 questions of held out, 1 seed per arm and 5 random draws" in bound
    assert "upper bound" in bound
    assert "How much seeds differ was not known" in bound
    assert "first of 9 claims" in bound
    assert "upper bound" not in measured
    assert "not known" not in measured
    assert "first of" not in measured


def test_few_right_answers_of_the_base_model_promise_nothing() -> None:
    facts: dict[str, Any] = {
        "measure": "accuracy",
        "better": "high",
        "unit": "",
        "bounds": (0.0, 1.0),
    }
    part = endpoint("sums", 400, **facts)
    found = power_check(part, np.zeros(400), seeds=3, draws=5, claims=1)

    # Two unrelated models of which each gets half of the questions right.
    assert found.question_sd == pytest.approx(math.sqrt(0.5))
    words = power_words(found)
    assert f"a true difference of {found.detectable:.4f} is shown" in words
    assert "from the range of the values" in words
    assert "nats" not in words
