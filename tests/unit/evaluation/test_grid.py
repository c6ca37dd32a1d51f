"""A published grid says what scipy says of its runs, and no more than its runs carry."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from assay.errors import DataError
from assay.evaluation.grid import Grid, Row, grid_of
from assay.evaluation.results_table import (
    Result,
    budgets_of,
    is_table_of_results,
    read_results,
)

SETS = ("sst", "mnli", "qqp")


def _results(
    effects: dict[str, float],
    *,
    seeds: int = 4,
    budgets: Sequence[str] = ("1%", "10%"),
    seed: int = 0,
    noise: float = 0.5,
) -> list[Result]:
    rng = np.random.default_rng(seed)
    cells = itertools.product(SETS, effects, budgets, range(seeds))
    return [
        Result(number, "", dataset, method, budget, str(run),
               70 + 4 * math.log10(1 + place) + effects[method] + rng.normal(0, noise),
               math.nan, math.nan)
        for number, (dataset, method, budget, run) in enumerate(cells, start=2)
        for place in [list(budgets).index(budget)]
    ]  # fmt: skip


def _find(found: Grid, method: str, budget: str) -> Row:
    (row,) = [row for row in found.rows if (row.method, row.budget) == (method, budget)]
    return row


def _runs(results: Sequence[Result], method: str, budget: str) -> list[float]:
    """Return the mean over data sets of every run, by a plain loop."""
    seeds = dict.fromkeys(r.seed for r in results if (r.method, r.budget) == (method, budget))
    return [
        float(np.mean([r.test for r in results
                       if (r.method, r.budget, r.seed) == (method, budget, seed)]))
        for seed in seeds
    ]  # fmt: skip


def test_runs_of_equal_seeds_are_paired_as_scipy_does() -> None:
    stats = pytest.importorskip("scipy.stats")
    results = _results({"random": 0.0, "ifd": 1.0, "mods": -0.2})
    found = grid_of(results)

    p = []
    for method, budget in itertools.product(("ifd", "mods"), ("1%", "10%")):
        row = _find(found, method, budget)
        mine, theirs = _runs(results, method, budget), _runs(results, "random", budget)
        expected = stats.ttest_rel(mine, theirs)
        low, high = expected.confidence_interval(0.95)
        assert row.difference is not None
        assert row.difference.pairing == "same seeds"
        assert row.mean == pytest.approx(np.mean(mine))
        assert row.spread == pytest.approx(np.std(mine, ddof=1))
        assert row.difference.value == pytest.approx(np.mean(mine) - np.mean(theirs))
        assert row.difference.p == pytest.approx(expected.pvalue, rel=1e-8)
        assert (row.difference.low, row.difference.high) == pytest.approx((low, high), rel=1e-8)
        p.append(row.difference.p)
    least = min(p)
    smallest = next(r.difference for r in found.rows if r.difference and r.difference.p == least)
    assert smallest.p_holm == pytest.approx(4 * least)
    assert found.claims == 4


def test_seeds_of_their_own_are_compared_by_welch() -> None:
    stats = pytest.importorskip("scipy.stats")
    results = [r for r in _results({"random": 0.0, "ifd": 1.0})
               if r.method == "random" or r.seed != "3"]  # fmt: skip
    row = _find(grid_of(results), "ifd", "1%")

    mine, theirs = _runs(results, "ifd", "1%"), _runs(results, "random", "1%")
    expected = stats.ttest_ind(mine, theirs, equal_var=False)
    low, high = expected.confidence_interval(0.95)
    assert row.difference is not None
    assert (row.difference.pairing, row.difference.runs) == ("own seeds", (3, 4))
    assert row.difference.p == pytest.approx(expected.pvalue, rel=1e-8)
    assert (row.difference.low, row.difference.high) == pytest.approx((low, high), rel=1e-8)


def test_under_chance_few_tables_claim_anything_and_intervals_hold_the_truth() -> None:
    claimed = covered = counted = 0
    for number in range(400):
        results = _results({"random": 0.0, "ifd": 0.0, "mods": 0.0}, seeds=3, seed=number)
        found = grid_of(results)
        claimed += bool(found.beyond_chance(ahead=True) or found.beyond_chance(ahead=False))
        for row in found.rows:
            if row.difference is not None:
                counted += 1
                covered += row.difference.low <= 0 <= row.difference.high

    assert claimed / 400 <= 0.07
    assert covered / counted == pytest.approx(0.95, abs=0.02)


def test_one_run_each_is_no_evidence() -> None:
    found = grid_of(_results({"random": 0.0, "ifd": 9.0}, seeds=1))
    row = _find(found, "ifd", "1%")

    assert row.difference is not None
    assert row.difference.value > 5
    assert math.isnan(row.difference.low)
    assert math.isnan(row.difference.p_holm)
    assert "cannot be told from one run each" in found.verdict
    assert "another seed may turn the order round" in found.notes[0]


def test_low_scores_may_be_the_better_ones() -> None:
    results = _results({"random": 0.0, "ifd": -3.0, "mods": 3.0})
    low = grid_of(results, better="low")

    assert [row.method for row in low.beyond_chance(ahead=True)] == ["ifd", "ifd"]
    assert [row.method for row in low.beyond_chance(ahead=False)] == ["mods", "mods"]
    assert low.verdict == (
        "Better than random, beyond chance: ifd at 1% and ifd at 10%; worse: mods at 1% and mods "
        "at 10%"
    )
    assert _find(low, "ifd", "1%").efficiency is None  # random rows never get so low


def test_worth_is_the_budget_at_which_the_reference_does_as_well() -> None:
    scores = {("random", "1%"): 60.0, ("random", "10%"): 70.0, ("ifd", "1%"): 65.0,
              ("ifd", "10%"): 69.0}  # fmt: skip
    results = [Result(2, "", "", method, budget, "0", score, math.nan, math.nan)
               for (method, budget), score in scores.items()]  # fmt: skip
    found = grid_of(results)

    # Half way between 60 and 70 lies at 10 ** 0.5 per cent.
    assert _find(found, "ifd", "1%").efficiency == pytest.approx(10**0.5)
    assert _find(found, "ifd", "10%").efficiency == pytest.approx(10**-0.1)
    mixed = [r if r.budget == "1%" else Result(*(*_head(r), "5000", *_tail(r))) for r in results]
    assert all(row.efficiency is None for row in grid_of(mixed).rows)


def _head(result: Result) -> tuple[int, str, str, str]:
    return result.number, result.base, result.dataset, result.method


def _tail(result: Result) -> tuple[str, float, float, float]:
    return result.seed, result.test, result.dev, result.cost


def test_data_sets_that_some_run_lacks_enter_no_mean() -> None:
    results = [r for r in _results({"random": 0.0, "ifd": 1.0})
               if (r.method, r.dataset, r.seed) != ("ifd", "qqp", "2")]  # fmt: skip
    found = grid_of(results)
    row = _find(found, "ifd", "1%")

    assert row.difference is not None
    assert row.difference.datasets == 2
    two = [r for r in results if r.dataset != "qqp"]
    expected = _find(grid_of(two), "ifd", "1%").difference
    assert expected is not None
    assert row.difference.value == expected.value
    assert any("ifd at 1%: 1 of 3 data sets lack some run" in note for note in found.notes)


def test_choosing_by_the_development_score_is_told_with_what_it_gives() -> None:
    lines = [("random", 60.0, 61.0), ("ifd", 66.0, 62.0), ("mods", 63.0, 64.0)]
    results = [Result(2, "", "", method, "5%", "0", test, dev, math.nan)
               for method, dev, test in lines]  # fmt: skip
    found = grid_of(results)

    (chosen,) = found.optimism
    assert (chosen.method, chosen.dev, chosen.test, chosen.best) == ("ifd", 66.0, 62.0, 64.0)
    assert found.agreement == pytest.approx(0.5)


def test_costs_have_a_front() -> None:
    lines = [("random", 60.0, 1.0), ("ifd", 62.0, 5.0), ("mods", 61.0, 9.0)]
    results = [Result(2, "", "", method, "5%", "0", test, math.nan, cost)
               for method, test, cost in lines]  # fmt: skip

    assert [row.pareto for row in grid_of(results).rows] == [True, True, False]


def test_the_order_of_the_lines_does_not_matter() -> None:
    results = _results({"random": 0.0, "ifd": 1.0})
    shuffled = [results[place] for place in np.random.default_rng(1).permutation(len(results))]
    mine, other = grid_of(results), grid_of(shuffled)

    for row in mine.rows:
        same = _find(other, row.method, row.budget)
        assert same.mean == pytest.approx(row.mean)
        if row.difference is not None:
            assert same.difference is not None
            assert same.difference.p_holm == pytest.approx(row.difference.p_holm)


def test_several_base_models_are_counted_together_and_compared_apart() -> None:
    one = _results({"random": 0.0, "ifd": 1.0})
    both = [Result(r.number, base, *(_head(r)[2:]), r.budget, r.seed,
                   r.test + shift, r.dev, r.cost)
            for base, shift in (("small", 0.0), ("large", 9.0)) for r in one]  # fmt: skip
    found = grid_of(both)

    assert found.claims == 4
    values = [row.difference.value for row in found.rows if row.difference]
    assert values[:2] == pytest.approx(values[2:])


def test_the_reference_is_named_or_called_random() -> None:
    results = _results({"Random": 0.0, "ifd": 1.0})

    assert grid_of(results).reference == "Random"
    assert grid_of(results, reference="IFD").reference == "ifd"
    with pytest.raises(DataError, match="is called 'ifdd'"):
        grid_of(results, reference="ifdd")
    with pytest.raises(DataError, match="no method is called random"):
        grid_of([r for r in results if r.method == "ifd"])


def test_budgets_are_ordered_by_what_they_are() -> None:
    given = ["10k", "2,000", "5%", "best", "12.5%", "1m", "all"]
    results = [Result(2, "", "", "m", each, "", 1.0, math.nan, math.nan) for each in given]

    assert budgets_of(results) == ["5%", "12.5%", "2,000", "10k", "1m", "best"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset,test\nx,1\n", "has no column 'method'"),
        ("method,test\na,x\n", "line 2: test is 'x', which is no number"),
        ("method,test\na,nan\n", "line 2: test is 'nan'"),
        ("method,test\na,\n", "line 2 has no test score"),
        ("method,test,seed\na,1,0\na,2,0\n", "lines 2 and 3 are both about a and 0"),
        ("method,test\n,1\n", "line 2 has no method"),
        ("method,test\n", "holds no line"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_results(tmp_path / "t.csv")


def test_a_table_of_results_is_known_by_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "grid.tsv"
    path.write_text("Task\tStrategy\tSize\tRun\tTest Score\tVal\tFLOPs\n"
                    "sst\tifd\t10k\t1\t71.5%\t70\t1e15\n")  # fmt: skip
    (found,) = read_results(path)

    assert found == Result(2, "", "sst", "ifd", "10k", "1", 71.5, 70.0, 1e15)
    assert is_table_of_results(path)
    (tmp_path / "wins.csv").write_text("candidate,set,score\na,x,1\n")
    assert not is_table_of_results(tmp_path / "wins.csv")
    assert not is_table_of_results(tmp_path / "none.csv")
