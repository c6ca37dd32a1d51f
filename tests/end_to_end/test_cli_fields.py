"""What stands beside the text reaches every verb: pictures, films, marks of what is learned."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.in_process import Here, calls_in


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    yield from calls_in(tmp_path, monkeypatch, capsys)


def _clips(folder: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {"query": "<video>Does it rain?", "response": "It does.", "videos": [f"c/{place}.mp4"]}
        for place in range(4)
    ]
    _write(folder, *rows)
    return rows


def _write(folder: Path, *rows: dict[str, object]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "data.jsonl").write_text(text, encoding="utf-8")


def _rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_rows_that_differ_only_in_a_film_are_no_duplicates(here: Here, tmp_path: Path) -> None:
    rows = _clips(tmp_path)

    kept = here("select", "data.jsonl", "everything", "--dedup", "exact", "-o", "kept.jsonl")

    assert kept.code == 0
    assert _rows(tmp_path / "kept.jsonl") == rows


def test_show_names_media_and_says_what_is_not_learned(here: Here, tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": [{"type": "image", "image": "a.png"}]},
        {"role": "assistant", "content": "Slip.", "train": False},
        {"role": "user", "content": "No."},
        {"role": "assistant", "content": "A."},
    ]  # fmt: skip
    _write(tmp_path, {"messages": turns})
    here("load", "data.jsonl")

    shown = here("show", "data.jsonl")
    [row] = here("show", "data.jsonl", "--json").document

    assert "image: a.png" in shown.out
    assert shown.out.count("not learned") == 1
    assert row["messages"][0]["images"] == ["a.png"]
    assert [message.get("weight") for message in row["messages"]] == [None, 0.0, None, None]


def test_rejected_answers_are_said_and_given_to_no_trainer(here: Here, tmp_path: Path) -> None:
    rows = [
        {"prompt": f"What is {place}?", "completion": f"It is {place}.", "label": place % 2 == 0}
        for place in range(4)
    ]
    _write(tmp_path, *rows)

    made = here("select", "data.jsonl", "everything", "--format", "trl", "-o", "out.jsonl")
    copied = here("select", "data.jsonl", "everything", "-o", "copy.jsonl")
    scored = here("score", "data.jsonl", "mtld", "--json")

    assert (made.code, copied.code, scored.code) == (0, 0, 0)
    answers = [row["messages"][1]["content"] for row in _rows(tmp_path / "out.jsonl")]  # type: ignore[index]
    assert answers == ["It is 0.", "It is 2."]
    assert "2 of 4 chosen rows were not written: no answer that is to be learned" in " ".join(
        made.err.split()
    )
    assert _rows(tmp_path / "copy.jsonl") == rows
