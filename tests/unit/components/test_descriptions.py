from pathlib import Path

import pytest

from assay.components.conditions import filters
from assay.components.descriptions import describe, method_text, moved_back


def test_a_method_is_told_in_words() -> None:
    description = {
        "method": "top_score",
        "budget": 5,
        "by": {"method": "longest_response", "unit_of_length": "words"},
        "within": {"method": "where", "attribute": "task", "values": ["a", "b"]},
    }

    assert method_text(description) == (
        "best by longest_response(unit_of_length=words), "
        "among where(attribute=task, values=a, b)"
    )  # fmt: skip


def test_a_field_that_is_called_like_a_file_stays_a_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meta").mkdir()
    monkeypatch.chdir(tmp_path)
    selector = filters(["meta=x"])
    assert selector is not None

    assert describe(selector, relative_to=tmp_path.parent)["field"] == "meta"
    assert moved_back("meta", tmp_path, "field") == "meta"
    assert moved_back("meta", tmp_path, "file") == str(tmp_path / "meta")
