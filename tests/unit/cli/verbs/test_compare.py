"""`assay compare` and the section of that name, with trainings that take no time."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.compare.questions import ask_base
from assay.compare.record_files import read_comparison
from assay.project import Project
from tests.comparisons import (
    TRAINED,
    measured_in_no_time,
    trained_in_no_time,
    write_rows,
)
from tests.end_to_end.in_process import Here, calls_in

pytest.importorskip("trl")

_SHORT = ("--seeds", "1", "--epochs", "1", "--batch-size", "4", "--max-length", "256",
          "--device", "cpu")  # fmt: skip
_BROKEN = '''
from typing import ClassVar
from assay import NoPaper, Scorer
from assay.features.identity import Identity

class BrokenInAFile(Scorer):
    """Fails."""

    name = "broken_in_a_file"
    paper: ClassVar[NoPaper] = NoPaper(reason="a test")

    def requires(self):
        return {"identity": Identity()}

    def score(self, *, identity):
        raise ValueError("no luck")
'''


@pytest.fixture
def here(
    tmp_path: Path,
    llama_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Here]:
    """Calls the command line in this process, beside `rows.json` and the model `tiny`."""
    write_rows(tmp_path)
    (tmp_path / "tiny").symlink_to(llama_folder)
    trained_in_no_time(monkeypatch)
    measured_in_no_time(monkeypatch)

    yield from calls_in(tmp_path, monkeypatch, capsys)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def test_one_line_compares_and_says_what_came_of_it(here: Here) -> None:
    called = here("compare", "rows.json", "ttr", "--base", "tiny", "--budget", "10%,20%", *_SHORT,
                  "-o", "report.html", "--best", "best.json")  # fmt: skip

    assert called.code == 0
    said, told = _one_line(called.out), _one_line(called.err)
    for words in ("held-out rows, on which claims are made", "longest_instruction 10%", "ttr 20%"):
        assert words in said
    assert "With 11 questions of held-out rows" in told
    assert told.index("With 11 questions") < told.index("trial 1 of 18")
    assert "trial 18 of 18" in told
    assert "report: report.html" in told
    assert Path("report.html").read_text().startswith("<!doctype html>")
    sidecar = json.loads(Path("best.json.assay.json").read_text())["manifest"]
    assert sidecar["comparison"]["claim"]
    assert len(json.loads(Path("best.json").read_text())) == sidecar["chosen"]
    assert "next: assay tune best.json --base tiny" in told


def test_a_program_gets_one_document(here: Here) -> None:
    called = here("compare", "rows.json", "ttr", "--base", "tiny", "--budget", "20%", *_SHORT,
                  "--json", "-q")  # fmt: skip

    document = called.document
    assert called.code == 0
    assert called.err == ""
    assert {row["arm"] for row in document["rows"]["held-out rows"]} == {
        "ttr", "random", "longest_response", "longest_instruction", "full", "base"
    }  # fmt: skip
    assert document["verdict"]["outcome"] in ("better", "random", "undecided")
    assert Path(document["report"]).is_file()
    assert (Path(document["records"]) / "values.parquet").is_file()
    assert len(document["comparison"]["trials"]) == 10


def test_claims_on_a_file_and_answers_are_kept_and_asked_for_again(here: Here) -> None:
    rows = [{"instruction": f"Why is {n} a number?", "output": f"{n} is one."} for n in range(4)]
    Path("other.json").write_text(json.dumps(rows))
    line = ["compare", "rows.json", "--base", "tiny", "--budget", "20%", "--on", "other.json",
            "--primary", "other.json", "--answers", "3", *_SHORT]  # fmt: skip
    called = here(*line, "--json", "-q")
    assert called.code == 0, called.err
    records = Path(called.document["records"])
    written = pl.read_parquet(records / "answers.parquet")
    (config,) = Path("rows.assay").glob("runs/*/config.yaml")
    TRAINED.clear()
    again = here("run", str(config), "--json", "-q")

    assert called.document["comparison"]["primary"] == "other.json"
    trials = len(called.document["comparison"]["trials"])
    assert len(written) == trials * (4 + len(read_comparison(records).sets[0]))
    assert written["tokens"].max() == 3
    assert again.code == 0, again.err
    assert TRAINED == []
    assert pl.read_parquet(records / "answers.parquet").equals(written)
    refused = here(*line[:-2], "--primary", "another.json")
    assert refused.code != 0
    assert "'another.json', which is not measured on" in refused.err


def test_the_report_is_made_again_from_the_records(here: Here) -> None:
    called = here("compare", "rows.json", "--base", "tiny", "--budget", "20%", *_SHORT,
                  "-o", "report.html", "--json", "-q")  # fmt: skip
    records = called.document["records"]
    again = here("evaluate", "report", records, "-o", "again.html")
    twice = here("evaluate", "report", records, "-o", "again.html", "--json", "-q")

    assert again.code == 0, again.err
    assert Path("again.html").read_bytes() == Path("report.html").read_bytes()
    assert twice.document["verdict"] == called.document["verdict"]
    assert twice.document["contrasts"] == called.document["contrasts"]
    assert here("evaluate", "report", "rows.assay").code == 1
    assert here("evaluate", "report").code == 2
    schema = here("schema", "comparison", "--json").document
    assert "trials" in schema["properties"]


def test_a_dry_run_prices_the_work_and_trains_nothing(here: Here) -> None:
    shown = here("compare", "rows.json", "ttr", "--base", "tiny", "--budget", "20%", "-n", *_SHORT)
    planned = here("compare", "rows.json", "ttr", "--base", "tiny", "--budget", "20%", "-n",
                   "--json", "-q", *_SHORT)  # fmt: skip

    assert TRAINED == []
    said = _one_line(shown.out)
    assert "9 trainings on about" in said
    assert "is shown with a probability of 80 %" in said.replace("\xa0", " ")
    assert planned.document["trainings"] == 9
    assert planned.document["power"]["claims"] == 3
    assert not list(Path("rows.assay").glob("runs/*"))


def test_a_dry_run_lets_the_base_model_read_a_few_questions_and_counts_the_others(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def watched(sets: Any, *given: Any) -> Any:
        asked.extend(len(view) for _, _, view in sets)
        return ask_base(sets, *given)

    monkeypatch.setattr("assay.compare.runner.ask_base", watched)
    monkeypatch.setattr("assay.compare.runner._FORETELLING_QUESTIONS", 3)

    planned = here("compare", "rows.json", "ttr", "--base", "tiny", "--budget", "20%", "-n",
                   "--json", "-q", *_SHORT)  # fmt: skip

    steps = {step["name"]: step for step in planned.document["steps"]}
    assert asked == [3]
    assert planned.document["sets"][0]["questions"] == 11
    assert planned.document["power"]["questions"] == 11
    assert steps["base model's losses"]["missing"] == 11
    assert steps["base model's losses"]["seconds"] > 0
    assert "rows like questions" in steps


def test_few_steps_are_warned_of_before_anything_is_trained(here: Here) -> None:
    shown = here("compare", "rows.json", "ttr", "--base", "tiny", "--budget", "20%", "-n", *_SHORT)

    told = _one_line(shown.err)
    assert "a training has 3 optimiser steps at 20%: fewer than 30" in told
    assert "a smaller --batch-size (now 4) or more --epochs" in told


def test_a_failed_arm_is_shown_and_the_code_says_that_something_is_missing(here: Here) -> None:
    Path("broken.py").write_text(_BROKEN)

    called = here("compare", "rows.json", "broken.py", "--base", "tiny", "--budget", "20%", *_SHORT)
    again = here("compare", "rows.json", "broken.py", "--base", "tiny", "--budget", "20%", *_SHORT)

    assert (called.code, again.code) == (3, 3)
    assert "broken_in_a_file 20% – failed" in _one_line(called.out)
    assert "ValueError: no luck" in _one_line(called.err)
    assert "only what failed is tried anew" in _one_line(called.err)
    assert len(TRAINED) == 8


def test_what_a_comparison_holds_out_leaves_the_project_as_it_is(here: Here) -> None:
    here("select", "rows.json", "ttr", "--budget", "20%")
    before = Project("rows.assay").pool.context

    called = here("compare", "rows.json", "--base", "tiny", "--budget", "20%", *_SHORT,
                  "--hold-out", "30%", "--json", "-q")  # fmt: skip

    assert Project("rows.assay").pool.context == before
    questions = pl.read_parquet(Path(called.document["records"]) / "questions.parquet")
    assert 12 < len(questions) < 24
    assert here("show", "rows.json", "ttr-20pct").code == 0


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["--budget", "20%"], 1, "no model to tune is named"),
        (["--base", "tiny"], 1, "a comparison needs a budget"),
        (["--base", "tiny", "--budget", "20%", "--draws", "3"], 1, "3 random draws do not show"),
        (["--base", "tiny", "--budget", "20%", "--axis", "step"], 1, "did you mean 'steps'"),
        (["--base", "tiny", "--budget", "200 tokens"], 1, "the budget axis is samples"),
        (["--base", "tiny", "--budget", "20%", "--on", "none.json"], 1, "none.json does not exist"),
        (["--base", "nowhere", "--budget", "20%", "--offline"], 1, "nowhere"),
        (["--base", "tiny", "--budget", "20%", "--dtype", "float16"], 2, "loses small gradients"),
        (["--base", "tiny", "--budget", "20%", "--model", "x"], 2, "reads no language model"),
    ],
)
def test_what_cannot_be_is_told_at_once(
    here: Here, words: list[str], code: int, error: str
) -> None:
    called = here("compare", "rows.json", "ttr", *words)

    assert called.code == code
    assert error in _one_line(called.err)
    assert TRAINED == []


def test_a_configuration_file_compares_its_selections(here: Here) -> None:
    Path("assay.yaml").write_text("""
data: {source: rows.json, hold_out: 20%}
selections:
  varied: {method: ttr, budget: 5}
compare:
  base: tiny
  budgets: [10%, 20%]
  tune_seeds: 1
  methods: {varied: varied, other: {method: mtld}}
  full_data: false
  recipe: {epochs: 1, batch_size: 4, max_length: 256}
  report: made/report.html
  best: made/best.json
limits: {workers: 1, device: cpu}
""")

    planned = here("run", "assay.yaml", "-n", "--json", "-q").document
    called = here("run", "assay.yaml", "--json", "-q")

    document = called.document
    assert called.code == 0
    assert planned["comparison"]["trainings"] == 2 * (2 + 5 + 2) == len(TRAINED)
    assert document["selections"]["varied"][0]["rows"] == 5
    arms = [arm["name"] for arm in document["comparison"]["comparison"]["arms"]]
    assert arms == ["varied", "other", "random", "longest_response", "longest_instruction", "base"]
    assert Path("made/report.html").is_file()
    assert Path("made/best.json").is_file()


def test_the_configuration_of_a_run_compares_the_same_again(here: Here) -> None:
    Path("others.json").write_text(json.dumps(
        [{"instruction": f"And {n}?", "output": f"It is {n}."} for n in range(9)]
    ))  # fmt: skip
    compared = here(
        "compare", "rows.json", "ttr", "--base", "tiny", "--budget", "10%,2% ", "--on",
        "others.json", "--axis", "tokens", *_SHORT, "-o", "report.html",
    )  # fmt: skip
    assert compared.code == 0, compared.err
    before = list(TRAINED)
    first = Path("report.html").read_bytes()
    (config,) = Path("rows.assay/runs").glob("*/config.yaml")

    called = here("run", str(config), "--device", "cpu", "--json", "-q")

    assert called.code == 0
    assert before == TRAINED
    assert called.document["comparison"]["comparison"]["budget_axis"] == "tokens"
    assert Path("report.html").read_bytes()[:200] == first[:200]


def test_the_comparison_is_left_out_where_only_a_selection_is_asked_for(here: Here) -> None:
    Path("assay.yaml").write_text("""
data: rows.json
selections: {varied: {method: ttr, budget: 5}}
compare: {base: tiny, budgets: 10%}
""")

    assert here("run", "assay.yaml", "--only", "varied", "-q").code == 0
    assert TRAINED == []


@pytest.mark.parametrize(
    ("section", "error"),
    [
        ("{budgets: 10%}", "line 3: compare needs 'base'"),
        ("{base: tiny, budgets: []}", "line 3: compare.budgets"),
        ("{base: tiny, budgets: 10%, sedes: 3}", "compare has no key 'sedes'"),
        ("{base: tiny, budgets: 10%, draws: 2}", "compare.draws = 2"),
        ("{base: tiny, budgets: 10%, recipe: {epoch: 2}}", "did you mean 'epochs'"),
        ("{base: tiny, budgets: 10%, methods: [nothing_such]}", "nothing_such"),
        ("{base: tiny, budgets: 5 tokens}", "line 3: the budget 5 tokens is in tokens"),
    ],
)
def test_a_wrong_section_names_file_and_line(here: Here, section: str, error: str) -> None:
    Path("assay.yaml").write_text(f"data: rows.json\nselections: {{}}\ncompare: {section}\n")

    called = here("run", "assay.yaml")

    assert called.code == 1
    assert error in _one_line(called.err)
