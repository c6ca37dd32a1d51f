"""The guide to methods: every line that it shows is one that can be typed."""

import json
import shlex
from pathlib import Path

import pytest

from assay.cli.printing.which_method import GUIDE, Advice
from tests.end_to_end.cli_helpers import assay, write_dolly


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = write_dolly(tmp_path / "rows.jsonl", 60)
    meta = [{**row, "meta": {"score": 0.5 + place / 60}} for place, row in enumerate(rows)]
    for name in ("data.json", "chat.jsonl", "web.jsonl"):
        path = tmp_path / name
        lines = [json.dumps(row) for row in meta]
        path.write_text(json.dumps(meta) if name == "data.json" else "\n".join(lines) + "\n")
    (tmp_path / "examples.jsonl").write_text(json.dumps(rows[7]) + "\n")
    (tmp_path / "evaluation.jsonl").write_text(json.dumps({"question": "Who wrote it?"}) + "\n")
    ratings = "".join(f"{place},{place % 5}\n" for place in range(60))
    (tmp_path / "ratings.csv").write_text("row,rating\n" + ratings)
    return tmp_path


@pytest.mark.parametrize("advice", GUIDE, ids=lambda advice: advice.want[:30])
def test_its_lines_work_as_they_stand(folder: Path, advice: Advice) -> None:
    if "org/name" in advice.line:
        pytest.skip("it needs a model of the reader's own")
    for line in advice.line.split(" && "):
        # This file's ratings go by the place of a row.
        words = shlex.split(line.replace(" --id id", ""))
        done = assay(folder, *words[1:])
        assert done.code == 0, done.err
    output = words[words.index("-o") + 1]
    assert (folder / output).stat().st_size > 2


def test_a_terminal_and_a_program_are_told_the_same(tmp_path: Path) -> None:
    said = assay(tmp_path, "methods", "--which")
    document = assay(tmp_path, "methods", "--which", "--json").document

    assert [entry["line"] for entry in document] == [advice.line for advice in GUIDE]
    text = " ".join(said.out.split())
    assert all(" ".join(advice.why.split()) in text for advice in GUIDE)
    assert assay(tmp_path, "methods", "--which", "random").code == 2
