from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.errors import CacheError
from assay.methods.combinations.top_score import TopScore
from assay.outcomes import ScoreTable, SelectionRecord
from assay.samples import IdArray, Reason, Scores, Selection
from assay.stores.results import Results, read_selection_file
from tests.unit.methods.planted import PlantedLoss, PlantedScore

_IDS: IdArray = np.array([3, 5, 8], np.uint64)
_SCORER = PlantedScore()
_SELECTOR = TopScore(by=_SCORER, budget="40%")


def _table() -> ScoreTable:
    values = np.array([1.5, np.nan, -2.0])
    reason = np.array([0, Reason.EMPTY_PROMPT, 0], np.uint8)
    return ScoreTable({"value": Scores(values, reason, np.array([0, 0, 256], np.uint16))})


def _record() -> SelectionRecord:
    selection = Selection(np.array([2, 0]), np.array([9.0, 7.5]), True, "budget", "score")
    reason = np.array([0, Reason.NOT_CHOSEN, 0], np.uint8)
    return SelectionRecord(selection, reason, 3, {"budget": "40%", "tokens": 12.0})


def test_scores_come_back_for_the_rows_they_were_made_from_only(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.write_scores(_SCORER, _IDS, _table(), "context")

    found = results.read_scores(_SCORER, "context")

    assert found is not None
    assert found.main.values.tolist() == pytest.approx([1.5, np.nan, -2.0], nan_ok=True)
    assert found.main.reason.tolist() == [0, Reason.EMPTY_PROMPT, 0]
    assert found.main.flags is not None
    assert found.main.flags.tolist() == [0, 0, 256]
    assert results.read_scores(_SCORER, "other rows") is None
    assert results.read_scores(PlantedLoss(), "context") is None


class _Two(PlantedScore):
    """Two columns."""

    columns = ("value", "second")


def test_each_column_keeps_reasons_of_its_own(tmp_path: Path) -> None:
    results = Results(tmp_path)
    main = _table().main
    other = Scores(np.array([np.nan, 2.0, 3.0]), np.array([22, 0, 0], np.uint8))
    results.write_scores(_Two(), _IDS, ScoreTable({"value": main, "second": other}), "context")

    found = results.read_scores(_Two(), "context")

    assert found is not None
    assert list(found.columns) == ["value", "second"]
    assert found.columns["second"].reason.tolist() == [22, 0, 0]
    assert found.main.reason.tolist() == main.reason.tolist()


def test_a_selection_comes_back_in_its_order_with_all_it_tells(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.write_selection(_SELECTOR, _IDS, _record(), "context")

    found = results.read_selection(_SELECTOR, "context")

    assert found is not None
    assert found.selection.indices.tolist() == [2, 0]
    assert found.selection.gains.tolist() == [9.0, 7.5]
    assert (found.selection.nested, found.selection.stop) == (True, "budget")
    assert found.selection.gain_unit == "score"
    assert found.reason.tolist() == [0, Reason.NOT_CHOSEN, 0]
    assert (found.eligible, dict(found.facts)) == (3, {"budget": "40%", "tokens": 12.0})


def test_the_file_of_a_selection_holds_ids_ranks_gains_and_reasons(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.write_selection(_SELECTOR, _IDS, _record(), "context")

    frame = pl.read_parquet(results.selection_path(_SELECTOR, "context"))

    assert frame["id"].to_list() == [3, 5, 8]
    assert frame["rank"].to_list() == [1, None, 0]
    assert frame["reason"].to_list() == [0, Reason.NOT_CHOSEN, 0]
    ids, record = read_selection_file(results.selection_path(_SELECTOR, "context"))
    assert ids.tolist() == [3, 5, 8]
    assert record.selection.indices.tolist() == [2, 0]


def test_results_of_different_parameters_have_different_names(tmp_path: Path) -> None:
    results = Results(tmp_path)
    unruled = TopScore(by=_SCORER, budget="40%", rule="none")

    results.write_selection(_SELECTOR, _IDS, _record(), "context")
    results.write_selection(unruled, _IDS, _record(), "context")

    assert results.names() == {
        "planted_score-40pct": results.selection_path(_SELECTOR, "context"),
        "planted_score-rule-none-40pct": results.selection_path(unruled, "context"),
    }


def test_a_run_killed_while_it_writes_leaves_no_result_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = Results(tmp_path)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("assay.stores.results._write", killed)
        results.write_selection(_SELECTOR, _IDS, _record(), "context")
    assert results.names() == {}  # it points to nothing yet
    assert results.read_selection(_SELECTOR, "context") is None

    results.write_selection(_SELECTOR, _IDS, _record(), "context")

    assert list(results.names().values()) == [results.selection_path(_SELECTOR, "context")]


def test_an_unfinished_name_of_a_killed_run_is_no_name(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.write_scores(_SCORER, _IDS, _table(), "context")
    (tmp_path / "names" / ".planted_score.0-1-2.tmp").write_text("scores/half")

    assert list(results.names()) == ["planted_score"]


def test_a_damaged_result_is_set_aside_and_counts_as_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    results = Results(tmp_path)
    results.write_scores(_SCORER, _IDS, _table(), "context")
    results.score_path(_SCORER, "context").write_bytes(b"PAR1 half")

    assert results.read_scores(_SCORER, "context") is None
    assert f"{results.score_path(_SCORER, 'context')} is damaged" in caplog.text
    assert not results.score_path(_SCORER, "context").exists()


def test_a_file_that_is_no_selection_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"id": [1]}).write_parquet(tmp_path / "other.parquet")

    with pytest.raises(CacheError, match="is not a stored selection"):
        read_selection_file(tmp_path / "other.parquet")
