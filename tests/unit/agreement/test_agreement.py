"""Agreement of scores on a sample: hand values, scipy, and samples that only grow."""

from pathlib import Path

import numpy as np
import pytest

from assay.agreement.agreement import (
    Report,
    agreement,
    bootstrap_interval,
    partial,
    report,
    verdict,
)
from assay.agreement.sample_reading import Cost, SampleReader, SampleReading, sampled_rows
from assay.components.component import Scorer
from assay.methods.likelihood.ifd import IFD
from assay.methods.text.longest import LongestResponse
from assay.project import Project
from assay.runtime import Runtime
from assay.samples import FloatArray, Scores
from assay.solvers.rank_interval import FEWEST, Interval
from assay.solvers.ranks import spearman


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def _reader(
    name: str, values: FloatArray, scorer: Scorer | None = None, seconds: float = 1.0
) -> SampleReader:
    reason = np.where(np.isnan(values), 1, 0).astype(np.uint8)
    scores = Scores(np.asarray(values, np.float64), reason)
    return SampleReader(name, scorer or LongestResponse(), scores, Cost(0, 1.0, seconds, seconds))


def test_a_rank_correlation_is_scipy_s() -> None:
    stats = pytest.importorskip("scipy.stats")
    first, second = _rng().normal(size=(2, 200)).round(1)

    assert spearman(first, first + second) == pytest.approx(
        stats.spearmanr(first, first + second).statistic
    )


def test_an_interval_is_scipy_s_percentile_interval() -> None:
    stats = pytest.importorskip("scipy.stats")
    first, noise = _rng(1).normal(size=(2, 300))
    second = first + noise

    found = bootstrap_interval(first, second)
    theirs = stats.bootstrap(
        (first, second),
        lambda a, b: stats.spearmanr(a, b).statistic,
        paired=True, vectorized=False, n_resamples=2000, method="percentile", rng=_rng(2),
    ).confidence_interval  # fmt: skip

    assert found.low == pytest.approx(theirs.low, abs=0.02)
    assert found.high == pytest.approx(theirs.high, abs=0.02)
    assert found.low < spearman(first, second) < found.high


def test_an_interval_depends_on_neither_order_nor_run() -> None:
    first, second = _rng(3).normal(size=(2, 60))
    order = _rng(4).permutation(60)

    assert bootstrap_interval(first, second) == bootstrap_interval(first[order], second[order])


def test_few_rows_have_no_interval() -> None:
    values = np.arange(float(FEWEST - 1))

    assert np.isnan(bootstrap_interval(values, values)).all()
    assert bootstrap_interval(np.arange(30.0), np.arange(30.0)) == Interval(1.0, 1.0)
    assert np.isnan(bootstrap_interval(np.ones(40), np.arange(40.0))).all()


def test_a_partial_correlation_is_that_of_what_ranks_leave_over() -> None:
    stats = pytest.importorskip("scipy.stats")
    length, first, second = _rng(5).normal(size=(3, 150))
    first, second = first + 2 * length, second + first + length

    ranks = [stats.rankdata(each) for each in (first, second, length)]
    design = np.column_stack([np.ones(150), ranks[2]])
    left = [each - design @ np.linalg.lstsq(design, each, rcond=None)[0] for each in ranks[:2]]

    assert partial(first, second, length) == pytest.approx(np.corrcoef(*left)[0, 1])


def test_a_partial_correlation_of_hand_values() -> None:
    # r(a, b) = 0.8, r(a, c) = 0.4, r(b, c) = 0.8: (0.8 - 0.32) / sqrt(0.84 * 0.36).
    a = np.array([1.0, 2.0, 3.0, 4.0])
    b = np.array([1.0, 3.0, 2.0, 4.0])
    c = np.array([3.0, 1.0, 2.0, 4.0])

    assert spearman(a, b) == pytest.approx(0.8)
    assert spearman(a, c) == pytest.approx(0.4)
    with_second = spearman(b, c)
    expected = (0.8 - 0.4 * with_second) / np.sqrt((1 - 0.16) * (1 - with_second**2))
    assert partial(a, b, c) == pytest.approx(expected)
    assert partial(a, b, np.ones(4)) == pytest.approx(0.8)
    assert np.isnan(partial(a, b, a))


def test_the_best_rows_in_common_and_what_chance_would_give() -> None:
    values = np.arange(40.0)
    other = values.copy()
    other[[38, 0]] = other[[0, 38]]

    found = agreement(_reader("a", other), _reader("b", values), _rng().normal(size=40))

    assert [each.share for each in found.overlaps] == [0.05, 0.10, 0.15]
    assert [each.in_common for each in found.overlaps] == [0.5, 0.75, 5 / 6]
    assert [each.by_chance for each in found.overlaps] == [0.05, 0.10, 0.15]


def test_a_rule_leaves_rows_out_of_the_best_as_it_does_of_a_selection() -> None:
    first, second = np.linspace(0.1, 1.5, 40), np.linspace(0.1, 1.5, 40)
    second[:10] = second[:10][::-1]

    found = agreement(
        _reader("a", first, IFD(model="a")), _reader("b", second, IFD(model="b")), first
    )

    assert found.overlaps[0].in_common == 1.0  # both take the highest that is not above 1


def test_rows_that_lack_a_score_count_for_neither() -> None:
    values = np.arange(50.0)
    gaps = values.copy()
    gaps[::5] = np.nan

    found = agreement(_reader("a", gaps), _reader("b", values), values[::-1].copy())

    assert found.both == 40
    assert found.correlation == pytest.approx(1.0)


def _found(correlated: float, floor: float = 0.0, rows: int = 400, seconds: float = 1.0) -> Report:
    base, noise, other = _rng(6).normal(size=(3, rows))
    cheap = correlated * base + np.sqrt(1 - correlated**2) * noise
    length = floor * base + np.sqrt(1 - floor**2) * other
    readers = [_reader("cheap", cheap, seconds=seconds), _reader("dear", base, seconds=10.0)]
    floors = [_reader("answer length", length), _reader("compression_ifd", other)]
    agreements = [agreement(each, readers[1], length) for each in (readers[0], *floors)]
    return Report(rows, np.arange(rows), readers, floors, readers[1], agreements)


@pytest.mark.parametrize(
    ("correlated", "floor", "says", "model"),
    [
        (0.99, 0.0, "cheap ranks almost as dear does", "cheap"),
        (0.85, 0.0, "cheap ranks much as dear does", "cheap"),
        (0.5, 0.0, "cheap ranks otherwise than dear", "dear"),
        (0.5, 0.7, "no more like dear", "dear"),
        (0.85, 0.95, "than answer length does", "dear"),
    ],
)
def test_a_conclusion_names_what_the_numbers_allow(
    correlated: float, floor: float, says: str, model: str
) -> None:
    found = verdict(_found(correlated, floor))

    assert says in found.sentence
    assert (found.model, found.more) == (model, False)


def test_a_conclusion_tells_the_price_where_it_is_less() -> None:
    assert "in 1/10 of the time" in verdict(_found(0.99)).sentence
    assert "of the time" not in verdict(_found(0.99, seconds=9.0)).sentence


def test_too_few_rows_say_nothing() -> None:
    found = verdict(_found(0.99, rows=FEWEST - 1))

    assert "29 rows have a score from both cheap and dear: below 30" in found.sentence
    assert not found.more  # there are no others


def test_floors_are_measured_beside_the_models() -> None:
    found = _found(0.9, 0.5)
    made = report(_NoRows(), found.sample, found.readers, found.floors, "dear")  # type: ignore[arg-type]

    assert [each.name for each in made.agreements] == ["cheap", "answer length", "compression_ifd"]
    assert np.isnan(made.agreements[1].at_equal_length)
    assert not np.isnan(made.agreements[2].at_equal_length)


class _NoRows:
    class pool:  # noqa: N801
        held_out = np.zeros(400, np.bool_)


# The sample


def _project(folder: Path, order: list[int], hold_out: float = 0.0) -> Project:
    folder.mkdir()
    lines = [
        f'{{"instruction": "Question {n}?", "output": "{"Answer. " * (n % 7 + 1)}{n}"}}\n'
        for n in order
    ]
    (folder / "data.jsonl").write_text("".join(lines))
    return Project(
        folder / "p", data=folder / "data.jsonl", hold_out=hold_out,
        runtime=Runtime(cache=folder / "cache", workers=1),
    )  # fmt: skip


def test_a_larger_sample_adds_rows_to_a_smaller_one_in_any_order_of_the_file(
    tmp_path: Path,
) -> None:
    project = _project(tmp_path / "a", list(range(60)))
    shuffled = _project(tmp_path / "b", list(range(60))[::-1])

    small, large = (sampled_rows(project, count, seed=3) for count in (10, 30))
    same = sampled_rows(shuffled, 10, seed=3)

    assert set(small.tolist()) < set(large.tolist())
    assert project.pool.ids[small].tolist() == shuffled.pool.ids[same].tolist()
    assert sampled_rows(project, 10, seed=4).tolist() != small.tolist()
    assert len(sampled_rows(project, 1000, seed=3)) == 60


def test_rows_that_are_held_out_are_never_sampled(tmp_path: Path) -> None:
    project = _project(tmp_path / "a", list(range(60)), hold_out=0.3)

    found = sampled_rows(project, 1000, seed=0)

    assert 0 < project.pool.held_out.sum() < 60
    assert not project.pool.held_out[found].any()


def test_a_sample_has_the_scores_of_the_whole_pool(tmp_path: Path) -> None:
    project = _project(tmp_path / "a", list(range(60)))
    rows = sampled_rows(project, 20, seed=0)

    reader = SampleReading(project, rows).reader("length", LongestResponse())

    whole = project.score("longest_response")[0].main
    np.testing.assert_array_equal(reader.scores.values, whole.values[rows])
    assert reader.cost is not None
    assert (reader.cost.read, reader.cost.all_seconds > 0) == (20, True)
