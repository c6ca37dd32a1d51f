"""A run is written down however it ends."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from assay.errors import DataError
from assay.workspace.run_log import recorded_run


def _manifest(project: Path) -> dict[str, Any]:
    [path] = (project / "runs").glob("*/manifest.json")
    manifest: dict[str, Any] = json.loads(path.read_text())
    return manifest


def test_a_run_leaves_what_was_asked_and_what_came_of_it(tmp_path: Path) -> None:
    with recorded_run(tmp_path, "score", ["score", "data.json"]) as run:
        run.facts["pool"] = "abc"
        with run.stage("score"):
            pass

    manifest = _manifest(tmp_path)
    assert manifest["outcome"] == "done"
    assert manifest["arguments"] == ["score", "data.json"]
    assert manifest["pool"] == "abc"
    assert list(manifest["stages"]) == ["score"]
    assert "numpy" in manifest["packages"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (DataError("x"), "DataError"),
        (KeyboardInterrupt(), "interrupted"),
        (KeyError("x"), "failed"),
    ],
)
def test_a_run_that_fails_says_how(tmp_path: Path, error: BaseException, outcome: str) -> None:
    with pytest.raises(type(error)), recorded_run(tmp_path, "score", []):
        raise error

    assert _manifest(tmp_path)["outcome"] == outcome


def test_what_the_library_says_is_logged_as_lines_of_json(tmp_path: Path) -> None:
    with recorded_run(tmp_path, "score", []) as run:
        logging.getLogger("assay.engine").warning("row %s failed", "00ff")

    [line] = (run.folder / "log.jsonl").read_text().splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["message"]) == ("warning", "row 00ff failed")


def test_a_finished_run_hears_nothing_more(tmp_path: Path) -> None:
    with recorded_run(tmp_path, "score", []) as run:
        pass

    logging.getLogger("assay.engine").warning("later")

    assert (run.folder / "log.jsonl").read_text() == ""
