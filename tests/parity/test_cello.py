"""Published scores of CELLO, from the recorded answers of three models."""

import csv
import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from assay.formats.records import SourceSpec
from assay.project import Project

_CELLO = Path(__file__).parents[2] / "../shared/data/parity/cello"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not _CELLO.is_dir(), reason="needs ../shared/data/parity/cello"),
]

_TABLES = {"belle": "Ch_cc", "chatglm": "Ch_fs", "vicuna7b": "Eg"}


def _published(model: str, table: str) -> Mapping[str, str]:
    path = _CELLO / "scores" / f"{_TABLES[model]}_scores_{table}.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        ((_, *names), (_, *values)) = csv.reader(file)
    return dict(zip(names, values, strict=True))


def _records(path: Path) -> Mapping[str, list[dict[str, Any]]]:
    found: Mapping[str, list[dict[str, Any]]] = json.loads(gzip.decompress(path.read_bytes()))
    return found


def _answers(folder: Path, model: str) -> list[SourceSpec]:
    """Write the answers as they were published, a file for each task."""
    folder.mkdir()
    for name, records in _records(_CELLO / "results" / f"{model}.json.gz").items():
        (folder / name).write_text(json.dumps(records), encoding="utf-8")
    return [SourceSpec(str(folder))]


@pytest.mark.parametrize("model", _TABLES)
def test_averages_are_those_published_to_every_digit(tmp_path: Path, model: str) -> None:
    asked = _records(_CELLO / "questions.json.gz").values()
    questions = tmp_path / "questions.json"
    questions.write_text(json.dumps([record for part in asked for record in part]))
    project = Project(tmp_path / "project", data=_answers(tmp_path / "answers", model))

    found = project.totals({"method": "cello", "criteria": str(questions)})

    assert len(project.pool) == 525
    for table in ("by_constraints", "by_tasks"):
        published = _published(model, table)
        assert {name: str(round(found[table][name], 3)) for name in published} == published
        assert set(found[table]) == set(published)
