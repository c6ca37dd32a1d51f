"""Records are plain files that anybody may write; what does not fit is named with its place."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from assay.compare.record_files import read_comparison, to_json, write_comparison
from assay.compare.record_schema import (
    ArmEntry,
    ComparisonFile,
    SetEntry,
    TrialEntry,
    check_records,
    comparison_schema,
)
from assay.compare.records import Arm, Comparison, EvaluationSet, Trial
from assay.compare.statistics import summary
from assay.errors import DataError
from assay.reports.comparison.outcome import outcome_of
from tests.unit.compare.synthetic import failing, synthetic

MADE = failing(synthetic(questions=20, seeds=2), "ifd", "5%", "no memory")


def test_what_is_written_fits_the_schema(tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    write_comparison(tmp_path, MADE)

    check_records(tmp_path)
    jsonschema.validate(json.loads(json.dumps(to_json(MADE))), comparison_schema())


def test_the_schema_has_every_field_of_the_records() -> None:
    arrays = {"values", "answers", "ids"}
    for entry, record in ((ComparisonFile, Comparison), (TrialEntry, Trial), (ArmEntry, Arm),
                          (SetEntry, EvaluationSet)):  # fmt: skip
        known = {each.name for each in fields(record)} - arrays
        lacking = {"tokens"} if entry is SetEntry else set()  # they lie in questions.parquet
        assert set(entry.model_fields) - {"format"} == known - lacking


def _by_hand(folder: Path) -> dict[str, Any]:
    """Write the records of two methods with nothing of Assay."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    sets = [{"name": "sums", "kind": "other_source", "measure": "accuracy", "better": "high",
             "unit": "", "bounds": [0, 1]}]  # fmt: skip
    arms = [{"name": name, "kind": kind, "words": name}
            for name, kind in (("chance", "random"), ("ours", "method"))]  # fmt: skip
    trials: list[dict[str, Any]] = []
    values: list[dict[str, Any]] = []
    for arm, rate in (("chance", 0.3), ("ours", 0.6)):
        for seed in range(5):
            right = rng.random(400) < rate
            values += [{"trial": len(trials), "set": "sums", "question": n, "value": float(each)}
                       for n, each in enumerate(right)]  # fmt: skip
            trials.append(
                {"arm": arm, "budget": "5k", "rows": 5000, "tokens": 10**6, "seed": seed,
                 "draw": seed if arm == "chance" else None, "status": "done", "error": None,
                 "selection_seconds": None, "selection_flops": None, "training_seconds": 60.0,
                 "training_flops": 1e15})  # fmt: skip
    data = {
        "format": 2, "title": "Sums", "bases": ["org/base"], "pool": "somebody's rows",
        "pool_rows": 100_000, "budgets": ["5k"], "budget_axis": "samples", "tune_seeds": 5,
        "recipe": "their own", "sets": sets, "primary": "sums", "arms": arms, "trials": trials,
        "models": {}, "assay_version": "none",
    }  # fmt: skip
    (folder / "comparison.json").write_text(json.dumps(data))
    pl.DataFrame(values).write_parquet(folder / "values.parquet")
    questions = {"set": ["sums"] * 400, "id": list(range(400)), "tokens": [0] * 400}
    pl.DataFrame(questions).write_parquet(folder / "questions.parquet")
    return data


def test_somebody_elses_files_are_compared_like_ours(tmp_path: Path) -> None:
    _by_hand(tmp_path / "theirs")
    before = {path.name: path.read_bytes() for path in (tmp_path / "theirs").iterdir()}
    found = outcome_of(tmp_path / "theirs", tmp_path / "report.html")

    assert found.verdict.headline == "ours beats random rows at 5k"
    assert "the accuracy on sums is 0.6" in found.verdict.claim
    assert "Accuracy over budget" in (tmp_path / "report.html").read_text()
    assert {path.name: path.read_bytes() for path in (tmp_path / "theirs").iterdir()} == before


def test_a_question_that_a_run_did_not_answer_needs_no_line(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    _by_hand(folder)
    path = folder / "values.parquet"
    values = pl.read_parquet(path).filter(pl.col("question") != 7)
    values.sample(fraction=1.0, shuffle=True, seed=1).write_parquet(path)
    found = read_comparison(folder)

    for trial in found.trials:
        assert np.flatnonzero(np.isnan(trial.values["sums"])).tolist() == [7]
    assert found.mean_values("ours", "5k") == pytest.approx(
        [each.mean() for _, each in sorted(
            (number, part["value"].to_numpy()) for (number,), part in values.group_by(["trial"])
        )][5:]
    )  # fmt: skip


def test_a_report_comes_out_of_its_records_byte_for_byte(tmp_path: Path) -> None:
    write_comparison(tmp_path / "c", MADE)
    for name in ("one", "two"):
        outcome_of(tmp_path / "c", tmp_path / f"{name}.html")

    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    assert repr(summary(read_comparison(tmp_path / "c"))) == repr(summary(MADE))


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda data: data.pop(name)


def _with(path: list[Any], value: object) -> Callable[[dict[str, Any]], None]:
    def change(data: Any) -> None:
        *before, last = path
        for step in before:
            data = data[step]
        data[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without("primary"), "primary: Field required"),
        (_with(["sets", 0, "better"], "most"), "sets.0.better: Input should be 'low' or 'high'"),
        (_with(["trials", 3, "seed"], "x"), "trials.3.seed"),
        (_with(["budget_axis"], "rows"), "budget_axis"),
        (_with(["bases"], []), "bases"),
        (_with(["format"], 3), "format"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    data = _by_hand(tmp_path / "theirs")
    change(data)
    (tmp_path / "theirs" / "comparison.json").write_text(json.dumps(data))

    with pytest.raises(DataError, match=message):
        check_records(tmp_path / "theirs")


def test_tables_that_do_not_fit_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    _by_hand(folder)
    values = pl.read_parquet(folder / "values.parquet")
    for table, message in (
        (values.drop("question"), "has no column question; it has trial, set, value"),
        (values.with_columns(pl.col("value").cast(pl.String)), "column value is String, and has"),
    ):
        table.write_parquet(folder / "values.parquet")
        with pytest.raises(DataError, match=message):
            check_records(folder)
    values.write_parquet(folder / "values.parquet")
    pl.DataFrame({"trial": [0], "set": ["sums"], "question": [0]}).write_parquet(
        folder / "answers.parquet"
    )
    with pytest.raises(DataError, match="has no column text, tokens and finish"):
        check_records(folder)
    (folder / "values.parquet").write_bytes(b"no")
    with pytest.raises(DataError, match="is no Parquet file"):
        check_records(folder)
    (folder / "values.parquet").unlink()
    with pytest.raises(DataError, match="is missing"):
        check_records(folder)
    (folder / "comparison.json").write_text("{")
    with pytest.raises(DataError, match="is no JSON"):
        check_records(folder)
    with pytest.raises(DataError, match=r"holds no comparison\.json"):
        check_records(tmp_path)
