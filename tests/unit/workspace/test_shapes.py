"""What was chosen beside the pool: lengths by hand, and what is worth a warning."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.project import Project
from assay.runtime import Runtime
from assay.workspace.shapes import Shape, Shapes, lopsided, shapes, word_shares

_EVEN = Shape(median_characters=100, tiny=0.1, very_long=0.0, turns=1.0, text_bytes=120)


def _project(folder: Path, rows: list[dict[str, object]], hold_out: float = 0.0) -> Project:
    (folder / "data.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    runtime = Runtime(cache=folder / "cache", workers=1)
    return Project(folder / "p", data=folder / "data.json", runtime=runtime, hold_out=hold_out)


def test_lengths_are_those_of_the_answers_in_characters(tmp_path: Path) -> None:
    talk = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": " ééé "},
        {"role": "user", "content": "more"},
        {"role": "assistant", "content": "x" * 2001},
    ]
    rows: list[dict[str, object]] = [
        {"messages": talk},
        {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "abc"}]},
        {
            "messages": [
                {"role": "user", "content": "r"},
                {"role": "assistant", "content": "y" * 20},
            ]
        },
    ]
    project = _project(tmp_path, rows)
    answers = [project.sample(int(row)).conversation.responses for row in project.pool.ids]
    longest = int(np.argmax([len(answer) for answer in answers]))

    found = shapes(project.pool, np.array([longest]))

    assert found.chosen.median_characters == 3 + 2001
    assert found.chosen.turns == 2
    assert found.chosen.very_long == 1
    assert found.pool.median_characters == 20
    assert found.pool.tiny == pytest.approx(1 / 3)
    assert found.pool.turns == pytest.approx(4 / 3)


def test_rows_that_are_held_out_are_not_of_the_pool(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"instruction": f"ask {n}", "output": "a" * (n + 1)} for n in range(40)
    ]
    project = _project(tmp_path, rows, hold_out=0.5)
    free = [len(project.sample(int(row)).conversation.responses)
            for row in project.pool.ids[~project.pool.held_out]]  # fmt: skip

    found = project.select("random", budget=3).shapes()

    assert found.pool.median_characters == float(np.median(free))


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        (_EVEN, []),
        (replace(_EVEN, tiny=0.15), []),
        (replace(_EVEN, tiny=0.25), ["fewer than 20 characters (10 % of the pool's)"]),
        (replace(_EVEN, median_characters=302), ["3.0 times as long"]),
        (replace(_EVEN, median_characters=32), ["3.1 times shorter"]),
    ],
)
def test_a_warning_is_for_what_is_very_different(chosen: Shape, told: list[str]) -> None:
    found = lopsided(Shapes(chosen, _EVEN), {}, {})

    assert len(found) == len(told)
    assert all(part in sentence for part, sentence in zip(told, found, strict=True))


def test_a_word_that_is_all_but_gone_or_new_is_told_of() -> None:
    pool = {"language": word_shares(pl.Series(["en"] * 6 + ["zh"] * 4))}
    chosen = {"language": {"en": 0.95, "zh": 0.05}}

    assert lopsided(Shapes(_EVEN, _EVEN), chosen, pool) == [
        "language zh is 5 % of what was chosen and 40 % of the pool"
    ]
    assert lopsided(Shapes(_EVEN, _EVEN), {"language": {"en": 0.8, "zh": 0.2}}, pool) == []
