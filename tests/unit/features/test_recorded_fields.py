import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.errors import DataError, FormatError
from assay.features.recorded_fields import Recorded, RecordedFields
from assay.formats.records import SourceSpec
from assay.project import Project
from assay.samples import Reason


def _rows(folder: Path, records: Sequence[Mapping[str, Any]], feature: RecordedFields) -> Any:
    """Return what each row says, and its reason, by the row's answer."""
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps(record) + "\n" for record in records))
    project = Project(folder / "project", data=[SourceSpec(str(data))])
    found: Recorded = project.engine.value(feature)
    return {
        sample.conversation.response: (dict(found.rows[place]), Reason(found.reason[place]))
        for place, sample in enumerate(project.pool.samples(np.arange(len(project.pool))))
    }


def _file(folder: Path, records: Sequence[Mapping[str, Any]]) -> str:
    path = folder / "said.json"
    path.write_text(json.dumps(records))
    return str(path)


def test_fields_come_as_they_were_read_though_some_are_words_of_the_row(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [
        {"instruction": "q", "output": "a", "source": "E2E", "lang": "ch", "id": 7, "n": [1, {}]},
        {"instruction": "q", "output": "b", "category": "format", "source": "koala", "x": None},
    ]
    feature = RecordedFields(fields=("source", "category", "lang", "id", "n", "x"))

    found = _rows(tmp_path, records, feature)

    assert found["a"][0] == {
        "source": "E2E", "category": "E2E", "lang": "ch", "id": "7", "n": [1, {}],
    }  # fmt: skip
    assert found["b"][0] == {"category": "format", "source": "koala"}
    assert found["a"][1] == Reason.OK


def test_a_file_comes_before_the_row_but_where_the_row_is_asked_first(tmp_path: Path) -> None:
    said: list[dict[str, Any]] = [
        {"key": 1, "level": 3, "note": "xsum"},
        {"key": 2, "level": 4},
        {"key": 2, "level": 5},
        {"key": 3, "level": 6, "note": "other"},
        {"key": 3, "level": 6, "note": "other"},
    ]
    records: list[dict[str, Any]] = [
        {"instruction": "q", "output": "a", "key": "1", "level": 9},
        {"instruction": "q", "output": "b", "key": "2", "level": 8},
        {"instruction": "q", "output": "c", "key": " 3 ", "note": "own"},
        {"instruction": "q", "output": "d"},
    ]
    feature = RecordedFields(
        fields=("level", "note"), file=_file(tmp_path, said), key_field="key", own=("note",)
    )

    assert _rows(tmp_path, records, feature) == {
        "a": ({"level": 3, "note": "xsum"}, Reason.OK),
        "b": ({"level": 8}, Reason.NOT_IMPORTED),
        "c": ({"level": 6, "note": "own"}, Reason.OK),
        "d": ({}, Reason.NOT_IMPORTED),
    }


@pytest.mark.parametrize("name", ["instruction", "Instruction", "prompt_new"])
def test_without_a_key_the_text_of_the_instruction_tells(tmp_path: Path, name: str) -> None:
    said: list[dict[str, Any]] = [{name: "Say\n it", "level": 2}, {name: "Sing", "level": 1}]
    records: list[dict[str, Any]] = [
        {"instruction": "Say it", "output": "a"},
        {"instruction": "say it", "output": "b"},
    ]

    found = _rows(tmp_path, records, RecordedFields(fields=("level",), file=_file(tmp_path, said)))

    assert found == {"a": ({"level": 2}, Reason.OK), "b": ({}, Reason.NOT_IMPORTED)}


def test_a_file_that_knows_no_row_is_refused(tmp_path: Path) -> None:
    records = [{"instruction": "q", "output": "a", "key": "1"}]
    other = _file(tmp_path, [{"key": "2", "level": 1}])

    with pytest.raises(DataError, match="no record of any row, as told by the field 'key'"):
        _rows(tmp_path, records, RecordedFields(fields=("level",), file=other, key_field="key"))


def test_a_file_without_the_key_or_an_instruction_is_refused(tmp_path: Path) -> None:
    records = [{"instruction": "q", "output": "a", "key": "1"}]
    other = _file(tmp_path, [{"level": 1}])

    with pytest.raises(DataError, match="no field of instructions"):
        _rows(tmp_path, records, RecordedFields(fields=("level",), file=other))
    with pytest.raises((DataError, FormatError), match="no column 'key'"):
        _rows(tmp_path, records, RecordedFields(fields=("level",), file=other, key_field="key"))
