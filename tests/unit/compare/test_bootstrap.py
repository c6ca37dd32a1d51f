import numpy as np
import pytest

from assay.compare.bootstrap import (
    Estimate,
    Side,
    difference,
    mean,
    on_grid,
    question_resamples,
    seeds_of,
)
from assay.samples import FloatArray

RNG = np.random.default_rng(7)


def _estimate(
    units: FloatArray, other: FloatArray | None = None, resamples: int = 2000
) -> Estimate:
    rng = np.random.default_rng(3)
    together = units if other is None else np.vstack([units, other])
    resampled = question_resamples(on_grid(together), resamples=resamples, generator=rng)
    side = Side(on_grid(units), resampled[:, : len(units)])
    if other is None:
        return mean(side, generator=rng)
    return difference(side, Side(on_grid(other), resampled[:, len(units) :]), generator=rng)


def test_resampled_means_are_those_of_the_questions_drawn() -> None:
    units = on_grid(RNG.normal(2, 1, (3, 5)))

    found = question_resamples(units, resamples=4, generator=np.random.default_rng(1))

    drawn = np.random.default_rng(1).integers(5, size=(4, 5))
    np.testing.assert_allclose(found, [units[:, row].mean(axis=1) for row in drawn], rtol=1e-12)


def test_resampled_means_do_not_depend_on_the_order_of_units_or_questions_drawn() -> None:
    units = on_grid(RNG.normal(2, 1, (40, 301)))
    order = RNG.permutation(40)

    whole = question_resamples(units, resamples=50, generator=np.random.default_rng(1))
    moved = question_resamples(units[order], resamples=50, generator=np.random.default_rng(1))
    alone = question_resamples(units[:1], resamples=50, generator=np.random.default_rng(1))

    np.testing.assert_array_equal(whole[:, order], moved)
    np.testing.assert_array_equal(whole[:, :1], alone)


def test_blocks_give_the_resamples_of_a_single_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    units = on_grid(RNG.normal(2, 1, (3, 20)))
    whole = question_resamples(units, resamples=30, generator=np.random.default_rng(1))

    monkeypatch.setattr("assay.compare.bootstrap._BLOCK_CELLS", 20 * 7)

    parts = question_resamples(units, resamples=30, generator=np.random.default_rng(1))
    np.testing.assert_array_equal(whole, parts)


def test_with_one_seed_it_is_the_paired_t_test() -> None:
    stats = pytest.importorskip("scipy.stats")
    one, other = RNG.normal(2, 1, 60), RNG.normal(2, 1, 60)
    other = one + 0.1 + 0.3 * (other - 2)

    found = _estimate(one[None], other[None], resamples=20_000)

    oracle = stats.ttest_rel(one, other)
    interval = oracle.confidence_interval()
    assert found.value == pytest.approx((one - other).mean(), abs=1e-6)
    assert found.standard_error == pytest.approx(found.value / oracle.statistic, rel=1e-5)
    assert found.freedom == pytest.approx(oracle.df)
    assert found.p == pytest.approx(oracle.pvalue, rel=0.35)
    assert found.low == pytest.approx(interval.low, abs=0.004)
    assert found.high == pytest.approx(interval.high, abs=0.004)
    assert found.noise == "question noise only"


def test_with_one_seed_the_interval_is_the_percentile_bootstrap() -> None:
    stats = pytest.importorskip("scipy.stats")
    losses = RNG.exponential(1.0, 400)

    found = _estimate(losses[None], resamples=20_000)

    oracle = stats.bootstrap(
        (losses,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert found.low == pytest.approx(oracle.low, abs=0.006)
    assert found.high == pytest.approx(oracle.high, abs=0.006)


def test_standard_error_is_clustered_over_seeds_and_questions() -> None:
    units = RNG.normal(0, 0.1, (4, 1)) + RNG.normal(2, 1, 30) + RNG.normal(0, 0.2, (4, 30))

    found = _estimate(units)

    # By definition: each pair of cells that share a seed or a question, with the pooled residual.
    seeds, questions = units.shape
    rows, columns, grand = units.mean(1), units.mean(0), units.mean()
    residual = sum(
        (units[s, q] - rows[s] - columns[q] + grand) ** 2
        for s in range(seeds)
        for q in range(questions)
    ) / ((seeds - 1) * (questions - 1))
    of_seeds = sum((row - grand) ** 2 for row in rows) / (seeds - 1) / seeds
    of_questions = sum((column - grand) ** 2 for column in columns) / (questions - 1) / questions
    expected = of_seeds + of_questions - residual / (seeds * questions)
    assert found.standard_error == pytest.approx(np.sqrt(expected), rel=1e-6)
    assert found.noise == "questions and seeds"


def test_runs_of_two_arms_tell_together_how_far_seeds_vary() -> None:
    one, other = RNG.normal(2, 1, (2, 30)), RNG.normal(3, 1, (5, 30))
    found = seeds_of([one, RNG.normal(0, 1, (1, 30)), other])

    assert found is not None
    # By definition: squares about each arm's own mean, over all that is free to vary.
    squares = sum(((each.mean(1) - each.mean()) ** 2).sum() for each in (one, other))
    assert found.freedom == 1 + 4
    assert found.variance == pytest.approx(squares / 5)
    residuals = 0.0
    for each in (one, other):
        apart = each - each.mean(1, keepdims=True) - each.mean(0) + each.mean()
        residuals += (apart**2).sum() / (30 - 1)
    assert found.residual == pytest.approx(residuals / 5 / 30)
    assert len(found.deviations) == 7
    assert found.deviations.sum() == pytest.approx(0)
    assert seeds_of([one[:1]]) is None


def test_one_seed_beside_others_has_their_spread() -> None:
    units = RNG.normal(0, 0.3, (6, 1)) + RNG.normal(2, 1, 80) + RNG.normal(0, 0.01, (6, 80))
    rng = np.random.default_rng(3)
    together = on_grid(units)
    resampled = question_resamples(together, resamples=4000, generator=rng)
    alone = Side(together[:1], resampled[:, :1])
    other = Side(together[1:], resampled[:, 1:])
    beside = alone._replace(seeds=seeds_of([together[:1], together[1:]]))
    narrow, wide = (difference(side, other, generator=rng) for side in (alone, beside))

    seeds = beside.seeds
    assert seeds is not None
    assert narrow.noise == "question noise only"
    assert wide.noise == "seeds as random rows"
    added = wide.standard_error**2 - narrow.standard_error**2
    assert added == pytest.approx(seeds.variance - seeds.residual)
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


@pytest.mark.parametrize("seeds", [1, 2])
def test_intervals_of_few_seeds_hold_the_truth_with_random_rows_beside_them(seeds: int) -> None:
    rng, questions, trials = np.random.default_rng(5), 60, 500
    held = alone = 0
    for _ in range(trials):
        sides = [rng.normal(0, 0.02, (count, 1)) + rng.normal(0, 0.05, (count, questions))
                 for count in (seeds, 5)]  # fmt: skip
        together = on_grid(np.vstack(sides) + rng.normal(2, 1, questions))
        resampled = question_resamples(together, resamples=300, generator=rng)
        other = Side(together[seeds:], resampled[:, seeds:])
        own = Side(together[:seeds], resampled[:, :seeds])
        both = seeds_of([together[:seeds], together[seeds:]])
        narrow = difference(own, other, generator=rng)
        wide = difference(own._replace(seeds=both), other._replace(seeds=both), generator=rng)
        held += wide.low <= 0 <= wide.high
        alone += narrow.low <= 0 <= narrow.high

    assert 0.92 <= held / trials <= 0.98
    assert alone / trials < held / trials


def test_seeds_without_an_effect_of_their_own_add_nothing() -> None:
    pattern = np.array([[1.0, -1.0], [-1.0, 1.0]])
    units = np.array([1.0, 2.0, 4.0, 6.0]) + np.hstack([pattern, pattern])

    found = _estimate(units)

    assert found.standard_error == pytest.approx(units.mean(0).std(ddof=1) / 2, rel=1e-6)


def test_equal_arms_differ_by_nothing() -> None:
    units = RNG.normal(2, 1, (1, 50))

    found = _estimate(units, units.copy())

    assert (found.value, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_hard_questions_cancel_in_the_difference() -> None:
    hard = RNG.normal(3, 2, 80)
    one = hard + RNG.normal(0, 0.01, (3, 80))
    other = hard + 0.05 + RNG.normal(0, 0.01, (5, 80))

    assert _estimate(one).standard_error > 0.1
    assert _estimate(one, other).standard_error < 0.002
    assert _estimate(one, other).high < 0


def test_two_arms_turned_round_change_the_sign() -> None:
    one, other = RNG.normal(2, 1, (3, 60)), RNG.normal(2, 1, (5, 60))

    there, back = _estimate(one, other), _estimate(other, one)

    assert there.value == pytest.approx(-back.value)
    assert there.standard_error == pytest.approx(back.standard_error)
    assert there.low == pytest.approx(-back.high, abs=0.03)


def test_one_question_has_no_interval() -> None:
    with pytest.raises(ValueError, match="at least two questions"):
        _estimate(np.array([[1.0]]))


@pytest.mark.parametrize(
    ("seed_sd", "question_sd", "residual_sd", "seeds"),
    [
        (0, 0.1, 0.1, 3),
        (0, 0, 0.1, 3),
        (0.01, 0.1, 0.1, 3),
        (0.1, 0.05, 0.05, 3),
        (0.02, 0, 0.1, 5),
    ],
)
def test_95_percent_intervals_hold_the_truth_95_times_in_100(
    seed_sd: float, question_sd: float, residual_sd: float, seeds: int
) -> None:
    rng, questions, truth, trials = np.random.default_rng(11), 60, 0.03, 700
    held = 0
    for _ in range(trials):
        hard = rng.normal(2, 1, questions)
        sides = []
        for count, effect in ((seeds, truth), (5, 0.0)):
            units = hard + effect + rng.normal(0, question_sd, questions)
            units = units + rng.normal(0, seed_sd, (count, 1))
            sides.append(units + rng.normal(0, residual_sd, (count, questions)))
        together = on_grid(np.vstack(sides))
        resampled = question_resamples(together, resamples=400, generator=rng)
        one = Side(together[:seeds], resampled[:, :seeds])
        other = Side(together[seeds:], resampled[:, seeds:])
        found = difference(one, other, generator=rng)
        held += found.low <= truth <= found.high

    assert 0.92 <= held / trials <= 0.98
