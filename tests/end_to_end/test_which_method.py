"""The guide to methods: every line that it shows is one that can be typed."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from assay.cli.printing.which_method import GUIDE, Advice
from tests.end_to_end.cli_helpers import assay, write_dolly
from tests.judge_servers import NAME, OLD_OLLAMA, StubJudge, serving_judge


class _Grading(StubJudge):
    """Grades answers by their length, and takes the first of two texts."""

    def answer(self, route: str, question: Mapping[str, Any]) -> tuple[int, Any]:
        """Return status and JSON."""
        shown = json.dumps(question)
        if "[BEGIN" not in shown:
            return super().answer(route, question)
        grade = min(5, len(shown.partition("[BEGIN response")[2]) // 200)
        said = "Verdict: A" if "[BEGIN first" in shown else f"{grade}\nSo it is."
        message = {"role": "assistant", "content": said}
        usage = {"prompt_tokens": 50, "completion_tokens": 5}
        return 200, {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}


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
    if " distilled " in advice.line:
        pytest.importorskip("sklearn", reason="heads are fitted by scikit-learn")
    with serving_judge(_Grading(OLD_OLLAMA)) as base:
        for line in advice.line.split(" && "):
            # This file's ratings go by the place of a row, and it has fewer than are judged.
            words = shlex.split(line.replace(" --id id", "").replace("rows=300", "rows=40"))
            words = [word.replace("https://api.example.com/v1#model", f"{base}#{NAME}@1")
                     for word in words]  # fmt: skip
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
