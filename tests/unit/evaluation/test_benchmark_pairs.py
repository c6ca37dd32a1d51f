"""Runs of the harness are joined by question, and what is not comparable is refused.

`tests/fixtures/harness_runs` is what lm-evaluation-harness 0.4.13 wrote of two tasks of our own
with its model `dummy`, which guesses.
"""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.errors import DataError
from assay.evaluation.benchmark_pairs import BenchmarkPairs, Compared, compare_runs
from assay.evaluation.harness_runs import Metric, Run, distinct, pick, read_run

RUNS = Path(__file__).parents[2] / "fixtures" / "harness_runs"
Change = Callable[[dict[str, Any]], None]


def _copy(folder: Path, name: str, results: Change | None = None, **lines: Change) -> Path:
    """Return a copy of a run with its results, or the lines of a task, changed."""
    made = folder / name
    shutil.copytree(RUNS / name, made)
    (path,) = made.glob("results_*.json")
    if results is not None:
        data = json.loads(path.read_text())
        results(data)
        path.write_text(json.dumps(data))
    for task, change in lines.items():
        (samples,) = made.glob(f"samples_{task}_*.jsonl")
        records = [json.loads(line) for line in samples.read_text().splitlines()]
        for record in records:
            change(record)
        samples.write_text("".join(json.dumps(record) + "\n" for record in records if record))
    return made


def _both(one: Path = RUNS / "one", two: Path = RUNS / "two") -> BenchmarkPairs:
    return compare_runs(*distinct([read_run(one), read_run(two)]))


def _find(found: BenchmarkPairs, task: str, metric: str) -> Compared:
    (row,) = [row for row in found.rows if (row.task, row.metric.name) == (task, metric)]
    return row


def _scores(name: str, task: str, metric: str) -> list[float]:
    (path,) = (RUNS / name).glob(f"samples_{task}_*.jsonl")
    return [json.loads(line)[metric] for line in path.read_text().splitlines()]


def test_figures_are_those_that_the_harness_reports() -> None:
    found = _both()

    for name, side in (("one", "candidate"), ("two", "reference")):
        (path,) = (RUNS / name).glob("results_*.json")
        reported = json.loads(path.read_text())["results"]
        for row in found.rows:
            figure = reported[row.task][f"{row.metric.name},{row.metric.filter}"]
            assert getattr(row, side) == pytest.approx(figure, abs=1e-12)
    assert [(row.task, str(row.metric), row.questions) for row in found.rows] == [
        ("my_mc", "acc", 13), ("my_mc", "acc_norm", 13), ("my_gen", "exact_match,strict", 4),
    ]  # fmt: skip


def test_terms_are_told_beside_the_figures() -> None:
    terms = _both().terms["my_gen"]

    assert terms["version of the harness"] == "0.4.13"
    assert terms["number of shots"] == "0"


def test_differences_are_paired_as_scipy_does() -> None:
    stats = pytest.importorskip("scipy.stats")
    found = _both()

    for task, metric in (("my_mc", "acc"), ("my_mc", "acc_norm")):
        row = _find(found, task, metric)
        mine, theirs = (np.array(_scores(name, task, metric)) for name in ("one", "two"))
        low, high = stats.ttest_rel(mine, theirs).confidence_interval(0.95)
        wins, losses = int((mine > theirs).sum()), int((mine < theirs).sum())
        assert (row.low, row.high) == pytest.approx((low, high))
        assert row.p == pytest.approx(stats.binomtest(wins, wins + losses).pvalue)
        assert row.p_holm == 1.0


def test_questions_are_joined_by_document_whatever_their_order(tmp_path: Path) -> None:
    made = _copy(tmp_path, "two")
    (samples,) = made.glob("samples_my_mc_*.jsonl")
    lines = samples.read_text().splitlines()
    # One document is asked twice, so that its two answers keep their order.
    first, *others, last = lines
    samples.write_text("\n".join([*others[::-1], first, last]) + "\n")

    assert _both(two=made).rows == _both().rows


def test_an_answer_more_in_one_run_is_left_out_and_told(tmp_path: Path) -> None:
    made = _copy(tmp_path, "two", my_mc=lambda line: line.clear() if line["doc_id"] == 3 else None)
    found = _both(two=made)

    assert _find(found, "my_mc", "acc").questions == 12
    assert "my_mc: 1 question in one run alone, left out" in found.notes
    assert "my_mc: 1 question of qtr7s3m5 not logged" in found.notes


@pytest.mark.parametrize(
    ("field", "task", "value", "name"),
    [
        ("versions", "my_mc", 9.0, "version of the task"),
        ("task_hashes", "my_mc", "0" * 64, "hash of the task"),
        ("n-shot", "my_mc", 5, "number of shots"),
        ("lm_eval_version", "", "0.4.2", "version of the harness"),
        ("chat_template_sha", "", "0" * 64, "chat template"),
        ("system_instruction_sha", "", "0" * 64, "system instruction"),
    ],
)
def test_runs_on_other_terms_are_refused(
    tmp_path: Path, field: str, task: str, value: object, name: str
) -> None:
    def change(data: dict[str, Any]) -> None:
        if task:
            data[field][task] = value
        else:
            data[field] = value

    made = _copy(tmp_path, "two", change)
    if not task:  # of the whole run, so that no task is left
        with pytest.raises(DataError, match=f"my_gen: the runs differ in {name}"):
            _both(two=made)
        return
    found = _both(two=made)
    assert found.refused == (("my_mc", f"the runs differ in {name}"),)
    assert {row.task for row in found.rows} == {"my_gen"}


def test_what_guesses_is_noticed(tmp_path: Path) -> None:
    found = _both()
    able = _copy(tmp_path, "two", lambda data: data["results"]["my_mc"].update(
        {"acc,none": 1.0, "acc_norm,none": 1.0}), my_mc=lambda line: line.update(
        {"acc": 1.0, "acc_norm": 1.0}))  # fmt: skip

    assert _find(found, "my_mc", "acc").chance == 0.25
    assert math.isnan(_find(found, "my_gen", "exact_match").chance)
    guessing = [note for note in found.notes if "cannot be told from guessing, 0.2500" in note]
    assert len(guessing) == 4
    better = _both(one=able, two=RUNS / "one")
    assert sum("guessing" in note for note in better.notes) == 2
    assert "better on my_mc (acc) and my_mc (acc_norm), beyond chance" in better.verdict


def test_other_prompts_are_told(tmp_path: Path) -> None:
    def change(line: dict[str, Any]) -> None:
        if line["doc_id"] < 2:
            line["prompt_hash"] = "0"

    found = _both(two=_copy(tmp_path, "two", my_gen=change))

    assert "my_gen: 2 questions with another prompt in each run" in found.notes


def test_a_figure_that_is_no_mean_of_its_questions_is_left_out(tmp_path: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["results"]["my_mc"]["acc,none"] = 0.123

    found = _both(two=_copy(tmp_path, "two", change))

    assert {str(row.metric) for row in found.rows if row.task == "my_mc"} == {"acc_norm"}
    assert "my_mc: acc is no mean over questions, and is left out" in found.notes
    text = _copy(tmp_path / "t", "two", my_mc=lambda line: line.update({"acc": [1, 2]}))
    assert Metric("acc", "none") not in read_run(text).tasks["my_mc"].values


def test_low_values_may_be_better(tmp_path: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["higher_is_better"]["my_mc"]["acc"] = False

    runs = [_copy(tmp_path, name, change) for name in ("one", "two")]
    row = _find(_both(*runs), "my_mc", "acc")

    assert row.low_is_better
    assert row.gain == -row.difference == row.reference - row.candidate


def test_a_run_is_meant_by_model_or_folder(tmp_path: Path) -> None:
    def named(data: dict[str, Any]) -> None:
        data["model_name"] = "org/same"

    runs = distinct([read_run(_copy(tmp_path, name, named)) for name in ("one", "two")])

    assert len({run.name for run in runs}) == 2
    assert pick(runs, "two") is runs[1]
    with pytest.raises(DataError, match="2 runs are called 'same'"):
        pick(runs, "same")
    with pytest.raises(DataError, match="no run is called 'three'"):
        pick(runs, "three")


def test_what_is_no_run_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no results_\*"):
        read_run(tmp_path)
    both = tmp_path / "both"
    shutil.copytree(RUNS, both)
    (first,) = (both / "two").glob("results_*.json")
    first.rename(first.with_name("results_later.json"))
    with pytest.raises(DataError, match="holds 2 runs"):
        read_run(both)
    broken = _copy(tmp_path, "one", my_mc=lambda line: line.pop("doc_hash"))
    with pytest.raises(DataError, match="line 1 has no doc_hash"):
        read_run(broken)
    unlogged = _copy(tmp_path, "two")
    for path in unlogged.glob("samples_my_mc*"):
        path.unlink()
    found: Run = read_run(unlogged)
    assert found.unlogged == ("my_mc",)
    assert "no samples of my_mc" in compare_runs(found, read_run(RUNS / "one")).notes[0]
    next(unlogged.glob("results_*")).write_text("{")
    with pytest.raises(DataError, match="is no JSON"):
        read_run(unlogged)
