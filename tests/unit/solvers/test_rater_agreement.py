"""Agreement of two judges: scikit-learn's kappas, scipy's correlation, intervals that cover."""

import numpy as np
import pytest

from assay.samples import FloatArray
from assay.solvers import rater_agreement as rater_agreement_module
from assay.solvers.proportions import Share
from assay.solvers.rank_interval import FEWEST, Interval
from assay.solvers.rater_agreement import MOST_LABELS, RaterAgreement, rater_agreement

NAN = float("nan")


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def _ratings(rows: int, seed: int, noise: float = 1.0) -> tuple[FloatArray, FloatArray]:
    rng = _rng(seed)
    quality = rng.normal(3, 1.2, rows)
    first, second = (
        np.clip(np.round(quality + rng.normal(0, noise, rows)), 0, 5) for _ in range(2)
    )
    return first, second


def _found(first: FloatArray, second: FloatArray) -> RaterAgreement:
    return rater_agreement(first, second, _rng(9))


@pytest.mark.parametrize("seed", range(6))
def test_kappas_are_those_of_scikit_learn(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    stats = pytest.importorskip("scipy.stats")
    first, second = _ratings(50 + 40 * seed, seed, noise=0.3 + 0.4 * seed)
    labels = np.arange(6)

    found = _found(first, second)
    plain = metrics.cohen_kappa_score(first.astype(int), second.astype(int), labels=labels)
    squared = metrics.cohen_kappa_score(
        first.astype(int), second.astype(int), labels=labels, weights="quadratic"
    )

    assert found.kappa.value == pytest.approx(plain, abs=1e-12)
    assert found.quadratic_kappa.value == pytest.approx(squared, abs=1e-12)
    assert found.spearman.value == pytest.approx(stats.spearmanr(first, second).statistic)
    assert found.exact.value == np.mean(first == second)


def test_a_disagreement_counts_by_its_distance_and_not_by_the_labels_between() -> None:
    """Half points between labels that nobody used change nothing."""
    first, second = _ratings(80, 3)

    assert _found(first / 2, second / 2).quadratic_kappa.value == pytest.approx(
        _found(first, second).quadratic_kappa.value
    )


def test_rows_without_a_number_are_left_out() -> None:
    first, second = _ratings(60, 1)
    gaps = np.array([NAN, 1.0]), np.array([2.0, NAN])

    found = _found(np.append(first, gaps[0]), np.append(second, gaps[1]))

    assert found == _found(first, second)
    assert found.rows == 60


def test_neither_the_order_of_rows_changes_an_interval_nor_that_of_judges_a_value() -> None:
    first, second = _ratings(90, 2)
    order = _rng(4).permutation(90)

    found = _found(first, second)

    assert _found(first[order], second[order]) == found
    other = _found(second, first)
    for name in ("exact", "kappa", "quadratic_kappa", "spearman"):
        assert getattr(other, name).value == pytest.approx(getattr(found, name).value)


def test_equal_judges_agree_and_one_label_tells_nothing() -> None:
    first, _ = _ratings(60, 5)

    same = _found(first, first)
    level = _found(np.full(60, 4.0), np.full(60, 4.0))

    assert [same.exact.value, same.kappa.value, same.quadratic_kappa.value] == [1, 1, 1]
    assert same.kappa == Share(1, 1, 1)
    assert level.exact.value == 1
    assert np.isnan([level.kappa.value, level.quadratic_kappa.value, level.spearman.value]).all()


def test_few_rows_have_values_and_no_interval_and_many_labels_no_kappa() -> None:
    first, second = _ratings(FEWEST - 1, 6)
    few = _found(first, second)
    fine = _found(_rng(1).normal(size=200), _rng(2).normal(size=200))

    assert not np.isnan(few.kappa.value)
    assert np.isnan([few.kappa.low, few.exact.low, few.spearman.low]).all()
    assert fine.labels > MOST_LABELS
    assert np.isnan(fine.kappa.value)
    assert not np.isnan(fine.spearman.low)
    assert np.isnan(_found(np.array([]), np.array([])).exact.value)


def test_intervals_cover_the_value_of_the_population_as_often_as_they_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing = Interval(NAN, NAN)  # that of the rank correlation has a test of its own, and is slow
    monkeypatch.setattr(rater_agreement_module, "spearman_interval", lambda *_: nothing)
    everyone = _ratings(200_000, 11)
    truth = _found(*everyone)
    covered = {"exact": 0, "kappa": 0, "quadratic_kappa": 0}
    rng = _rng(12)
    for _ in range(100):
        drawn = rng.integers(0, 200_000, 150)
        found = rater_agreement(everyone[0][drawn], everyone[1][drawn], rng)
        for name in covered:
            bounds = getattr(found, name)
            covered[name] += bounds.low <= getattr(truth, name).value <= bounds.high

    assert min(covered.values()) >= 88  # of 100; 95 are expected, below 88 fewer than 1 in 400
