"""Scores under a model's own chat template, from rows as they lie in files."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import chat_templates as shapes
from tests.end_to_end.in_process import Here, calls_in
from tests.tiny_models import tiny_chat

_CHAT = ("--model", "model", "--set", "rendering.template=chat")


def _call(arguments: object) -> dict[str, Any]:
    return {"type": "function", "id": "call_1", "function": {"name": "sum", "arguments": arguments}}


def _rows(arguments: Any, words: str | None) -> list[dict[str, Any]]:
    return [
        {
            "messages": [
                {"role": "user", "content": f"What is {n} and {n}?"},
                {"role": "assistant", "content": words,
                 "tool_calls": [_call(arguments({"left": n, "right": n}))]},
                {"role": "tool", "tool_call_id": "call_1", "content": str(2 * n)},
                {"role": "assistant", "content": f"\nThat is {2 * n}, as I see.\n"},
            ]
        }
        for n in range(4)
    ]  # fmt: skip


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    yield from calls_in(tmp_path, monkeypatch, capsys)


def _score(here: Here, folder: Path, template: str, rows: list[dict[str, Any]]) -> Any:
    shutil.rmtree(folder / "model", ignore_errors=True)
    tiny_chat(folder / "model", template)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "rows.jsonl").write_text(text, encoding="utf-8")
    return here("score", "rows.jsonl", "ifd", *_CHAT, "--json")


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (shapes.CHATML, None),
        (shapes.ARG_KEYS, "I add them."),
        (shapes.HEADERS, ""),
        (shapes.FENCED, None),
        (shapes.NINE_LETTERS, None),
    ],
)
def test_calls_and_blanks_are_scored_under_every_shape_of_template(
    here: Here, tmp_path: Path, template: str, words: str | None
) -> None:
    for arguments in (json.dumps, dict):
        called = _score(here, tmp_path, template, _rows(arguments, words))

        assert called.code == 0, called.err
        (found,) = json.loads(called.out)["scores"]
        assert (found["scored"], found["reasons"]) == (4, {})


def test_a_row_that_a_template_refuses_is_told_with_the_words_of_the_template(
    here: Here, tmp_path: Path
) -> None:
    called = _score(here, tmp_path, shapes.MODEL_TURNS, _rows(json.dumps, "I add them."))

    said = " ".join(called.err.split())
    assert called.code == 3
    assert "ifd: 4 of 4 rows failed (FORMAT_REFUSED: 4); of the first, " in said
    assert "the chat template of model: roles must alternate" in said
    assert "Traceback" not in said


def test_a_template_that_is_broken_stops_with_one_line(here: Here, tmp_path: Path) -> None:
    called = _score(here, tmp_path, "{% for m in messages %}{{ m.content }", _rows(dict, None))

    said = " ".join(called.err.split())
    assert called.code == 1
    assert "the chat template of model cannot be used: line 1: unexpected" in said
    assert "hint: --set rendering.template=alpaca" in said
    assert "Traceback" not in said
