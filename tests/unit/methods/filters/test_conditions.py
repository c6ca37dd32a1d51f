"""Filters by fields of the records and by texts, on rows where each can be told by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.errors import ConfigError
from assay.project import Project
from assay.runtime import Runtime
from assay.workspace.named_selection import NamedSelection

_ROWS: list[dict[str, Any]] = [
    {"instruction": "one", "output": "I cannot help with that.", "stars": 5,
     "meta": {"source": "web", "tags": ["a", "b"], "n": {"m": "x"}}, "category": "qa"},
    {"instruction": "two", "output": "Write to me@example.org, please.", "stars": "4.5",
     "meta": {"source": "book", "tags": ["b"]}, "category": "chat"},
    {"instruction": "three", "output": "Il fait très beau aujourd'hui en France.", "stars": None,
     "meta": {"source": "it's", "a.b": 1, "flag": True}, "category": ""},
    {"instruction": "four", "output": "Four words are enough.", "stars": "NaN", "meta": "plain"},
]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in _ROWS))
    return path


def _project(path: Path) -> Project:
    runtime = Runtime(cache=path.parent / "cache", workers=1)
    return Project(data=path, runtime=runtime)


def _asked(selection: NamedSelection) -> list[str]:
    pool = selection.project.pool
    places = sorted(int(place) for place in selection.record.selection.indices)
    return sorted(row.instruction for row in pool.conversations(np.array(places, np.int64)))


@pytest.mark.parametrize(
    ("where", "passing"),
    [
        ("meta.source=web", ["one"]),
        ("meta.source=it's", ["three"]),
        ("meta.source!=web", ["four", "three", "two"]),
        ("meta.tags=b", ["one", "two"]),
        ("meta.n.m=x", ["one"]),
        ("meta.flag=true", ["three"]),
        ("meta=plain", ["four"]),
        ("stars>=4.5", ["one", "two"]),
        ("stars<5", ["two"]),
        ("category=chat", ["two"]),
        ("category~^q", ["one"]),
        ("response.refusals=0", ["four", "three", "two"]),
        ("response.emails>0", ["two"]),
        ("response.language=fr", ["three"]),
        ("response.words<=4", ["four"]),
        ("response.characters>30", ["three", "two"]),
        ("prompt~(?i)^T", ["three", "two"]),
        ("conversation!~e", []),
        (["stars>4", "meta.source!=web"], ["two"]),
        ({"meta.source": ["web", "book"]}, ["one", "two"]),
    ],
)
def test_the_rows_that_pass_are_those_a_person_would_take(
    path: Path, where: Any, passing: list[str]
) -> None:
    assert _asked(_project(path).select("everything", where=where)) == passing


def test_a_field_that_no_record_has_is_refused_with_those_there_are(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no record has a field 'meta\.sourse'") as raised:
        _project(path).select("everything", where="meta.sourse=web")

    assert raised.value.hint is not None
    assert "'meta.source'" in raised.value.hint


def test_another_value_of_the_field_is_another_selection(path: Path) -> None:
    before = _asked(_project(path).select("everything", where="meta.source=web"))
    path.write_text(path.read_text().replace('"web"', '"net"').replace('"book"', '"web"'))

    after = _asked(_project(path).select("everything", where="meta.source=web"))

    assert (before, after) == (["one"], ["two"])


def test_python_takes_the_other_wishes_as_well(path: Path) -> None:
    chosen = _project(path).select(
        "random", budget=2, dedup="exact", per="task", share={"qa": 1, "chat": "1"}
    )

    assert _asked(chosen) == ["one", "two"]
