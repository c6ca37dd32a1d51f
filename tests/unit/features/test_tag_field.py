import json
from pathlib import Path

import polars as pl
import pytest

from assay.errors import ConfigError, DataError
from assay.features.tag_field import TagField
from assay.samples import Flag, Reason
from assay.tags import Tags
from tests.tagged import tagged_engine
from tests.unit.methods.planted import names

_ROWS = {
    "texts": ["a", "b"],
    "objects": [{"tag": "a", "explanation": "…"}, {"tag": "标签", "explanation": ""}],
    "json": '[{"tag": "b"}]',
    "turns": [["a"], ["c", "a"]],
    "empty": [],
    "absent": None,
    "prose": "I am sorry.",
    "many": [f"t{place}" for place in range(51)],
    "cut": '[{"tag": "a"}, {"tag": "b',
}


def _by_name(folder: Path, feature: TagField) -> dict[str, tuple[list[str], Reason, Flag]]:
    engine = tagged_engine(folder, _ROWS)
    value = engine.value(feature)
    assert isinstance(value, Tags)
    parts = zip(value.values.to_list(), value.reason.tolist(), value.flags.tolist(), strict=True)
    found = [(tags, Reason(reason), Flag(flag)) for tags, reason, flag in parts]
    return dict(zip(names(engine), found, strict=True))


def test_a_field_gives_tags_or_a_reason(tmp_path: Path) -> None:
    none = Flag.NONE

    assert _by_name(tmp_path, TagField(field="tags")) == {
        "texts": (["a", "b"], Reason.OK, none),
        "objects": (["a", "标签"], Reason.OK, none),
        "json": (["b"], Reason.OK, none),
        "turns": (["a", "c"], Reason.OK, none),
        "empty": ([], Reason.OK, none),
        "absent": ([], Reason.NOT_IMPORTED, none),
        "prose": ([], Reason.PARSE_FAILED, none),
        "many": ([], Reason.OUT_OF_RANGE, none),
        "cut": (["a"], Reason.OK, Flag.TEXT_TRUNCATED),
    }


def _lines(path: Path) -> Path:
    rows = [
        {"id": "empty", "labels": ["x", "y"]},
        {"id": "texts", "labels": '["z"]'},
        {"id": "texts", "labels": ["z"]},
        {"id": "json", "labels": ["x"]},
        {"id": "json", "labels": ["y"]},
        {"id": "prose", "labels": None},
        {"id": "cut", "labels": "no"},
        {"id": "nobody", "labels": ["x"]},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_tags_of_a_file_find_their_rows_by_id(tmp_path: Path) -> None:
    file = _lines(tmp_path / "labels.jsonl")

    found = _by_name(tmp_path, TagField(file=str(file), column="labels"))

    assert found["empty"] == (["x", "y"], Reason.OK, Flag.NONE)
    assert found["texts"][0] == ["z"], "two lines that say the same agree"
    assert found["json"][1] == Reason.NOT_IMPORTED, "two that do not are neither"
    assert found["prose"][1] == Reason.NOT_IMPORTED
    assert found["cut"][1] == Reason.PARSE_FAILED
    assert found["many"][1] == Reason.NOT_IMPORTED


def test_columns_of_lists_are_read_and_matched_by_text(tmp_path: Path) -> None:
    file = tmp_path / "labels.parquet"
    pl.DataFrame({"text": [" empty ", "cut"], "tags": [["x"], []]}).write_parquet(file)

    found = _by_name(tmp_path, TagField(file=str(file), match="text", key_column="text"))

    assert (found["empty"][0], found["cut"][:2]) == (["x"], ([], Reason.OK))


def test_rows_are_matched_by_place_where_that_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_text("".join(json.dumps({"tags": [f"t{n}"]}) + "\n" for n in range(len(_ROWS))))

    found = _by_name(tmp_path, TagField(file=str(file), match="row"))

    assert [tags for tags, _, _ in (found[name] for name in _ROWS)] == [
        [f"t{n}"] for n in range(len(_ROWS))
    ]


def test_a_file_without_the_column_is_an_error_that_names_those_it_has(tmp_path: Path) -> None:
    file = _lines(tmp_path / "labels.jsonl")

    with pytest.raises(DataError, match="no column 'tags'"):
        _by_name(tmp_path, TagField(file=str(file)))


def test_a_field_that_no_record_has_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no record has a field 'tag'"):
        _by_name(tmp_path, TagField(field="tag"))


@pytest.mark.parametrize("places", [{}, {"field": "tags", "file": "tags.jsonl"}])
def test_it_reads_one_place(places: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="one of them"):
        TagField(**places)


def test_other_tags_under_the_same_name_are_another_key(tmp_path: Path) -> None:
    one = tagged_engine(tmp_path / "one", {"a": ["x"]}).resolve(TagField(field="tags"))
    other = tagged_engine(tmp_path / "other", {"a": ["y"]}).resolve(TagField(field="tags"))

    assert one.key != other.key
