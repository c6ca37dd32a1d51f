"""`assay run`, `assay init` and `assay schema` as a person types them."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from assay.cli import main
from tests.patience import run

DATA = Path(__file__).parents[2] / "examples" / "data"
_CONFIG = """
project: made.assay
data: instructions.json
scores: [compression_ifd]
selections:
  best: {method: compression_ifd, budget: 10}
  chance: {method: random, budget: 5%, seeds: 2}
exports:
  - {selection: best, output: best.json}
  - {selection: chance, output: "chance-{seed}.json"}
limits: {workers: 1}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "cache"))
    shutil.copy(DATA / "instructions.json", tmp_path)
    (tmp_path / "assay.yaml").write_text(_CONFIG)


def _assay(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def _made() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path().glob("*.json") if path.stem[0] in "bc"}


def test_a_run_makes_everything_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    code = _assay("run", "assay.yaml")

    said = capsys.readouterr()
    assert code == 0
    assert len(json.loads(Path("best.json").read_text())) == 10
    assert len(json.loads(Path("chance-1.json").read_text())) == 13
    assert "best -> best.json" in said.out
    assert "empty response 3" in said.out
    assert "assay show made.assay" in said.err


def test_a_second_run_computes_nothing_and_writes_the_same_bytes() -> None:
    _assay("run", "assay.yaml", "-q")
    first = _made()
    stored = {path: path.stat().st_mtime_ns for path in Path("made.assay/scores").iterdir()}
    shutil.rmtree("cache")

    code = _assay("run", "assay.yaml", "-q")

    assert code == 0
    assert _made() == first
    assert {path: path.stat().st_mtime_ns for path in stored} == stored
    assert not Path("cache").exists()


def test_only_one_selection_is_made_if_one_is_named() -> None:
    code = _assay("run", "assay.yaml", "--only", "best", "-q")

    assert code == 0
    assert Path("best.json").exists()
    assert not Path("chance-0.json").exists()
    assert len(list(Path("made.assay/selections").iterdir())) == 1


def test_a_dry_run_computes_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    code = _assay("run", "assay.yaml", "-n")

    said = capsys.readouterr()
    assert code == 0
    assert "compressed_lengths" in said.out
    assert "would write best.json" in said.err
    assert not Path("best.json").exists()
    assert not Path("made.assay/scores").exists()


def test_results_for_programs_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    _assay("run", "assay.yaml", "--json", "-q")

    document = json.loads(capsys.readouterr().out)
    assert [chosen["seed"] for chosen in document["selections"]["chance"]] == [0, 1]
    assert document["selections"]["best"][0]["rows"] == 10
    assert document["scores"]["compression_ifd"]["unscored"] == {
        "EMPTY_RESPONSE": 3,
        "TOO_SHORT": 35,
    }


def test_another_project_may_be_named() -> None:
    _assay("run", "assay.yaml", "--only", "best", "-p", "other.assay", "-q")

    assert Path("other.assay/load.json").exists()
    assert not Path("made.assay").exists()


def test_a_mistake_ends_with_file_line_and_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    Path("assay.yaml").write_text(_CONFIG.replace("random,", "randm,"))

    code = _assay("run", "assay.yaml")

    said = capsys.readouterr().err
    assert code == 1
    assert "assay.yaml, line 7" in said
    assert "did you mean 'random'" in said


def test_a_killed_run_goes_on_where_it_was() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    script = (
        "import os, assay.project as p\n"
        "p.NamedSelection.export = lambda *a, **k: os.kill(os.getpid(), 9)\n"
        "from assay.cli import main\n"
        "main(['run', 'assay.yaml', '-q'])\n"
    )

    killed = run([sys.executable, "-c", script], environment=environment)
    stored = {path: path.stat().st_mtime_ns for path in Path("made.assay/scores").iterdir()}
    code = _assay("run", "assay.yaml", "-q")

    assert killed.returncode == -9
    assert stored
    assert code == 0
    assert {path: path.stat().st_mtime_ns for path in stored} == stored
    assert {"best.json", "chance-0.json", "chance-1.json"} <= set(_made())


def test_the_configuration_of_a_selection_replays_it() -> None:
    _assay("select", "instructions.json", "compression_ifd", "--budget", "7%", "-o", "a.json", "-q")
    (config,) = Path("instructions.assay/runs").glob("*-select-*/config.yaml")
    first = Path("a.json").read_bytes()
    Path("a.json").unlink()

    code = _assay("run", str(config), "-q")

    assert code == 0
    assert Path("a.json").read_bytes() == first


def test_methods_of_ones_own_may_be_named() -> None:
    Path("mine.py").write_text(
        '''
import assay
from assay.features.text import Lengths


class Shortest(assay.Scorer):
    """How short the prompt is."""

    name = "shortest_prompt"
    paper = assay.NoPaper(reason="an example")

    def requires(self):
        return {"lengths": Lengths()}

    def score(self, *, lengths):
        return -lengths["prompt_characters"]
'''
    )
    Path("own.yaml").write_text(
        "data: instructions.json\nplugins: [mine.py]\nlimits: {workers: 2}\n"
        "selections: {a: {method: shortest_prompt, budget: 3}}\n"
        "exports: [{selection: a, output: short.json}]\n"
    )

    code = _assay("run", "own.yaml", "-q")

    assert code == 0
    chosen = json.loads(Path("short.json").read_text())
    everything = json.loads(Path("instructions.json").read_text())
    lengths = sorted(
        len(row["instruction"]) + len(row.get("input") or "")
        for row in everything
        if isinstance(row["instruction"], str) and isinstance(row.get("output"), str)
    )
    assert len(chosen) == 3
    assert all(len(row["instruction"]) <= lengths[5] for row in chosen)


def test_a_first_configuration_runs_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    made = _assay("init", "instructions.json", "-o", "first.yaml")
    text = Path("first.yaml").read_text()
    code = _assay("run", "first.yaml", "-q")

    assert made == 0
    assert "# Rows: 260, 4 set aside" in text
    assert "alpaca in json" in text
    assert "Languages: en 7" in text
    assert "assay run first.yaml" in capsys.readouterr().err
    assert code == 0
    assert len(json.loads(Path("instructions-best.json").read_text())) == 26


def test_a_first_configuration_holds_the_templates_it_was_given() -> None:
    shutil.copy(DATA / "labelled.csv", "labelled.csv")

    made = _assay("init", "labelled.csv", "--map", "instruction=Say: {text}", "--map",
                  "response={label}", "-o", "first.yaml", "-q")  # fmt: skip
    code = _assay("run", "first.yaml", "--only", "longest", "-q")

    assert (made, code) == (0, 0)


def test_without_a_source_the_only_data_file_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    Path("assay.yaml").unlink()

    code = _assay("init")

    assert code == 0
    assert 'source: "instructions.json"' in Path("assay.yaml").read_text()
    shutil.copy(DATA / "messages.jsonl", "messages.jsonl")
    assert _assay("init", "-o", "b.yaml") == 1
    assert "several data files are here" in capsys.readouterr().err


def test_a_file_that_exists_is_not_written_over(capsys: pytest.CaptureFixture[str]) -> None:
    refused = _assay("init", "instructions.json")
    before = Path("assay.yaml").read_text()
    forced = _assay("init", "instructions.json", "-y")

    assert (refused, before) == (1, _CONFIG)
    assert "exists" in capsys.readouterr().err
    assert forced == 0
    assert Path("assay.yaml").read_text() != _CONFIG


def test_the_schema_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    _assay("schema")
    whole = json.loads(capsys.readouterr().out)
    _assay("schema", "quota")
    one = json.loads(capsys.readouterr().out)

    assert "scorer.compression_ifd" in whole["$defs"]
    assert one["properties"]["method"] == {"const": "quota"}
    assert one["properties"]["weights"]["description"].startswith("Weight per group")
    assert _assay("schema", "quotaa") == 1
