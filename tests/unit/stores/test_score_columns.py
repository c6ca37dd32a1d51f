"""Columns of any name are kept beside their reasons and flags, and come back."""

from pathlib import Path

import numpy as np
import pytest

from assay.files.frames import read_frame
from assay.outcomes import ScoreTable
from assay.samples import IdArray, Reason, Scores
from assay.stores.results import Results
from assay.stores.score_columns import beside, column_name, columns_in, stored_name
from tests.unit.methods.planted import PlantedRubric, PlantedScore

_IDS: IdArray = np.array([3, 5, 8], np.uint64)


def _scores(*values: float) -> Scores:
    reason = np.where(np.isnan(values), Reason.REFUSED, 0).astype(np.uint8)
    return Scores(np.array(values), reason, np.array([0, 0, 32], np.uint16))


@pytest.mark.parametrize(
    "called",
    [
        ("a", "a.reason"), ("id", "flags"), ("reason", "value"), ("value", "value.flags"),
        ("%69d", "id"), ("5.0", "not helpful"), ("100%", "Güte/质量"), ("=x", ".y"),
    ],
)  # fmt: skip
def test_columns_of_any_name_come_back(tmp_path: Path, called: tuple[str, str]) -> None:
    scorer, results = PlantedRubric(called=called), Results(tmp_path)
    table = {called[0]: _scores(1, np.nan, 3), called[1]: _scores(4, 5, np.nan)}

    results.write_scores(scorer, _IDS, ScoreTable(table), "rows")
    found = results.read_scores(scorer, "rows")

    assert found is not None
    assert list(found.columns) == list(called)
    for name in called:
        assert np.array_equal(found.columns[name].values, table[name].values, equal_nan=True)
        assert found.columns[name].reason.tolist() == table[name].reason.tolist()
        flags = found.columns[name].flags
        assert flags is not None
        assert flags.tolist() == [0, 0, 32]
    frame = read_frame(results.score_path(scorer, "rows"))
    assert columns_in(frame) == list(called)
    assert frame["id"].to_list() == [3, 5, 8]


@pytest.mark.parametrize("name", ["value", "second", "refusals", "mean_loss", "0", "a b"])
def test_plain_names_are_kept_as_they_were(name: str) -> None:
    assert stored_name(name) == column_name(name) == name
    assert beside("value", "flags") == "flags"
    assert beside("second", "reason") == "second.reason"


def test_a_table_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    scorer, results = PlantedScore(), Results(tmp_path)
    results.write_scores(scorer, _IDS, ScoreTable({"value": _scores(1, 2, 3)}), "rows")
    path = results.score_path(scorer, "rows")

    assert read_frame(path).columns == ["id", "value", "reason", "flags"]


def test_a_table_with_other_columns_than_the_score_has_now_counts_as_none(tmp_path: Path) -> None:
    scorer, results = PlantedRubric(), Results(tmp_path)
    results.write_scores(scorer, _IDS, ScoreTable({"value": _scores(1, 2, 3)}), "rows")

    assert results.read_scores(scorer, "rows") is None
