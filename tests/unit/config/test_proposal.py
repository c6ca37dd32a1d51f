import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from assay.config.config import load_config
from assay.config.proposal import find_data, initial_config, look_at, stem_of
from assay.errors import DataError
from assay.formats.records import SourceSpec

_ENGLISH = ("What is the weather like in the mountains today?", "It is sunny and rather cold.")
_GERMAN = ("Wie ist das Wetter heute in den Bergen?", "Es ist sonnig und ziemlich kalt.")


def _write(path: Path, rows: int) -> Path:
    pairs = [_ENGLISH if place < rows / 2 else _GERMAN for place in range(rows)]
    records = [
        {"instruction": f"{asked} ({place})", "output": answer}
        for place, (asked, answer) in enumerate(pairs)
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_languages_are_those_of_the_whole_file(tmp_path: Path) -> None:
    seen = look_at(SourceSpec(str(_write(tmp_path / "data.jsonl", 4500))))

    shares = {word: count / sum(n for _, n in seen.languages) for word, count in seen.languages}
    assert seen.rows == 4500
    assert shares["en"] == pytest.approx(0.5, abs=0.02)
    assert shares["de"] == pytest.approx(0.5, abs=0.02)
    assert seen.fields == ["instruction", "output"]


@pytest.mark.parametrize("name", ["plain", 'a "quoted": #name', "line\nbreak", "naïve 数据"])
def test_any_file_name_gives_a_valid_file(tmp_path: Path, name: str) -> None:
    data = _write(tmp_path / f"{name}.jsonl", 20)
    seen = look_at(SourceSpec(str(data)))

    text = initial_config(SourceSpec(data.name), seen, stem=stem_of(data.name), hold_out=0.01)
    (tmp_path / "assay.yaml").write_text(text, encoding="utf-8")
    config = load_config(tmp_path / "assay.yaml")

    assert config.sources[0].location == str(data)
    assert config.hold_out == 0.01
    assert list(config.selections) == ["best", "chance", "longest"]


def test_the_limit_leaves_room_for_the_rows_that_cannot_be_used(tmp_path: Path) -> None:
    data = _write(tmp_path / "data.jsonl", 80)
    with data.open("a") as file:
        file.write('{"instruction": "x", "output": null}\n' * 20)

    seen = look_at(SourceSpec(str(data)))
    text = initial_config(SourceSpec(data.name), seen, stem="data")

    assert (seen.rows, seen.set_aside) == (80, 20)
    assert YAML(typ="safe").load(text)["data"]["max_set_aside"] == "23%"


def test_quotas_are_suggested_where_there_is_something_to_divide(tmp_path: Path) -> None:
    data = _write(tmp_path / "data.jsonl", 60)

    text = initial_config(SourceSpec("data.jsonl"), look_at(SourceSpec(str(data))), stem="data")

    assert "# per: language" in text
    assert "# per: task" not in text


def test_no_data_or_too_much_of_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data is found"):
        find_data(tmp_path)
    _write(tmp_path / "a.jsonl", 2)

    assert find_data(tmp_path) == "a.jsonl"
    _write(tmp_path / "b.jsonl", 2)
    with pytest.raises(DataError, match=r"a\.jsonl, b\.jsonl"):
        find_data(tmp_path)
