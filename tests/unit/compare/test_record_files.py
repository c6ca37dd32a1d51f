import math
import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from assay.compare.measure import LOSS, Measure
from assay.compare.record_files import (
    read_comparison,
    read_trial,
    write_comparison,
    write_trial,
)
from assay.compare.records import Comparison, EvaluationSet, Trial
from assay.errors import CacheError
from assay.files.checksums import read_json, write_json
from tests.unit.compare.synthetic import failing, synthetic, turned

SMALL = failing(synthetic(questions=6, seeds=1, draws=2), "ifd", "5%", "out of memory: ä")


def _same(one: object, other: object) -> bool:
    """Compare records field by field: arrays have no plain equality."""
    if isinstance(one, (Comparison, EvaluationSet, Trial)):
        return type(one) is type(other) and all(
            _same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one)
        )
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype == float)
    return one == other


def test_a_comparison_comes_back_as_it_was(tmp_path: Path) -> None:
    write_comparison(tmp_path / "c", SMALL)

    assert _same(read_comparison(tmp_path / "c"), SMALL)


def test_equal_records_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_comparison(tmp_path / name, SMALL)

    written = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    again = {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}
    assert written == again
    assert len(written) == 3


def test_a_comparison_without_power_check_or_trials_comes_back(tmp_path: Path) -> None:
    empty = replace(SMALL, trials=(), powers=())

    write_comparison(tmp_path, empty)

    assert _same(read_comparison(tmp_path), empty)


def test_unknown_cost_and_question_without_score_come_back(tmp_path: Path) -> None:
    trial = replace(
        SMALL.trials[0],
        training_flops=math.nan,
        values={"held out": np.array([1.5, np.nan, 0.25])},
    )

    write_trial(tmp_path / "t.parquet", trial)

    found = read_trial(tmp_path / "t.parquet")
    assert math.isnan(found.training_flops)
    np.testing.assert_array_equal(found.values["held out"], [1.5, np.nan, 0.25])


def test_a_trial_comes_back_as_it_was(tmp_path: Path) -> None:
    for place, trial in enumerate(SMALL.trials):
        write_trial(tmp_path / f"{place}", trial)

    found = [read_trial(tmp_path / f"{place}") for place in range(len(SMALL.trials))]
    assert all(map(_same, found, SMALL.trials))


def test_a_damaged_folder_is_named_with_its_remedy(tmp_path: Path) -> None:
    write_comparison(tmp_path, SMALL)
    (tmp_path / "values.parquet").write_bytes(b"PAR1")

    with pytest.raises(CacheError, match=r"values\.parquet is damaged") as caught:
        read_comparison(tmp_path)

    assert caught.value.hint is not None
    assert "run the same line again" in caught.value.hint


def test_a_later_form_is_refused(tmp_path: Path) -> None:
    write_comparison(tmp_path, SMALL)
    path = tmp_path / "comparison.json"
    write_json(path, read_json(path) | {"format": 3})

    with pytest.raises(CacheError, match="in a form of its own"):
        read_comparison(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no parquet"])
def test_a_damaged_trial_is_a_cache_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t").write_bytes(content)

    with pytest.raises(CacheError):
        read_trial(tmp_path / "t")


OLD = Path(__file__).parents[2] / "fixtures" / "comparison_of_format_1"


def test_what_an_earlier_version_wrote_is_of_losses() -> None:
    found = read_comparison(OLD)
    losses = pl.read_parquet(OLD / "losses.parquet")["loss"].to_list()

    assert {part.measured for part in found.sets} == {LOSS}
    assert {part.bounds for part in found.sets} == {None}
    assert [each for trial in found.trials for part in found.sets
            for each in trial.values.get(part.name, [])] == losses  # fmt: skip
    assert found.power is not None
    assert found.power.measured == LOSS


def test_a_trial_of_an_earlier_version_comes_back() -> None:
    found = read_trial(OLD / "trial.parquet")
    losses = pl.read_parquet(OLD / "trial.parquet")["loss"].to_list()

    assert [each for values in found.values.values() for each in values] == losses


def test_what_is_measured_comes_back(tmp_path: Path) -> None:
    facts: dict[str, Any] = {
        "measure": "accuracy",
        "better": "high",
        "unit": "",
        "bounds": (-9.0, 0.0),
    }
    high = turned(SMALL)
    given = replace(high, sets=tuple(replace(part, **facts) for part in high.sets))
    write_comparison(tmp_path, given)

    found = read_comparison(tmp_path)
    assert [part.bounds for part in found.sets] == [(-9.0, 0.0)] * len(found.sets)
    assert found.sets[0].measured == Measure("accuracy", "high", "")
    assert all(map(_same, found.trials, given.trials))


def test_a_comparison_that_goes_on_leaves_one_form(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    shutil.copytree(OLD, folder)
    found = read_comparison(folder)
    write_comparison(folder, found)

    assert not (folder / "losses.parquet").exists()
    assert _same(read_comparison(folder), found)
