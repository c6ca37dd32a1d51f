"""Every example runs as it is, on the data beside it, and makes the files it promises."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from assay.config.config import RunResult, load_config
from assay.export.original import ExportReport
from assay.runtime import Runtime
from tests.patience import run

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(path.name for path in EXAMPLES.glob("*.yaml"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("examples") / "examples"
    shutil.copytree(EXAMPLES, place, ignore=shutil.ignore_patterns("work"))
    return place


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    return Runtime(cache=tmp_path_factory.mktemp("cache"), workers=1, offline=True)


def _run(folder: Path, name: str, runtime: Runtime) -> RunResult:
    config = load_config(folder / name)
    return config.run(runtime=config.runtime(runtime))


def _rows(path: Path) -> list[dict[str, str]]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        loaded: list[dict[str, str]] = json.loads(text)
        return loaded
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("name", FILES)
def test_an_example_writes_what_it_says(name: str, folder: Path, runtime: Runtime) -> None:
    result = _run(folder, name, runtime)

    promised = [
        export["output"] for export in YAML(typ="safe").load(folder / name).get("exports", [])
    ]
    assert promised
    for output in promised:
        found = list((folder / output).parent.glob(Path(output).name.replace("{seed}", "?")))
        assert found, output
        assert all(path.stat().st_size > 100 for path in found)
    assert all(len(chosen) for group in result.selections.values() for chosen in group)


def test_every_file_is_in_the_table_of_the_readme() -> None:
    listed = re.findall(r"^\| \[`([\w.]+)`\]", (EXAMPLES / "README.md").read_text(), re.MULTILINE)

    scripts = [path.name for path in EXAMPLES.glob("*.py")]
    assert sorted(listed) == sorted([*FILES, *scripts])


def test_the_python_example_runs(folder: Path, tmp_path: Path) -> None:
    done = run(
        [sys.executable, folder / "python_api.py"],
        environment={**os.environ, "ASSAY_CACHE": str(tmp_path)},
    )

    assert done.returncode == 0, done.stderr
    assert len(_rows(folder / "work" / "python_best.json")) == 26
    assert "{'longest': [25]}" in done.stdout


# What the examples are about


def test_the_longest_answers_are_chosen(folder: Path, runtime: Runtime) -> None:
    _run(folder, "longest_response.yaml", runtime)

    lengths = [
        len(row["output"].strip())
        for row in json.loads((folder / "data" / "instructions.json").read_text())
        if isinstance(row.get("output"), str) and isinstance(row.get("instruction"), str)
    ]
    chosen = [len(row["output"].strip()) for row in _rows(folder / "work" / "longest.json")]
    assert sorted(chosen) == sorted(lengths)[-25:]


def test_seeds_give_different_samples(folder: Path, runtime: Runtime) -> None:
    result = _run(folder, "random_baseline.yaml", runtime)

    samples = {tuple(sorted(chosen.ids.tolist())) for chosen in result.selections["chance"]}
    assert len(samples) == 5
    files = {(folder / "work" / f"random-{seed}.json").read_bytes() for seed in range(5)}
    assert len(files) == 5


def test_weights_divide_a_mixture(folder: Path, runtime: Runtime) -> None:
    result = _run(folder, "mixing.yaml", runtime)

    (by_weight,), (by_budget,) = result.selections.values()
    sources = by_weight.frame()["source"].value_counts().rows()
    assert dict(sources) == {"instructions": 24, "chat": 8, "tools": 8}
    # 50 % of the 35 conversations, rounded down.
    budgets = by_budget.frame()["source"].value_counts().rows()
    assert dict(budgets) == {"instructions": 30, "chat": 17, "tools": 5}


def test_quotas_per_language_are_met(folder: Path, runtime: Runtime) -> None:
    result = _run(folder, "quotas.yaml", runtime)

    (by_weight,) = result.selections["by_weight"]
    shares = by_weight.composition().by["language"]
    assert shares["en"] == 20
    assert set(shares) == {"en", "de", "zh"}
    assert len(by_weight) == 40


def test_labels_are_balanced_and_templates_filled(folder: Path, runtime: Runtime) -> None:
    _run(folder, "labelled.yaml", runtime)

    rows = _rows(folder / "work" / "balanced.jsonl")
    assert len(rows) == 12
    assert all("Which label fits the text?" in json.dumps(row["prompt"]) for row in rows)
    header = (folder / "work" / "balanced.csv").read_text().splitlines()[0]
    assert header == (folder / "data" / "labelled.csv").read_text().splitlines()[0]


def test_cleaning_leaves_no_question_of_the_evaluation_file(folder: Path, runtime: Runtime) -> None:
    result = _run(folder, "clean.yaml", runtime)

    # data/README.md: rows 236, 216 and 207 hold evaluation questions, 177, 184 and 186 are copies.
    rows = json.loads((folder / "data" / "instructions.json").read_text())
    kept = _rows(folder / "work" / "clean.json")
    assert all(rows[place] not in kept for place in (236, 216, 207))
    assert all(kept.count(rows[place]) <= 1 for place in (177, 184, 186))
    assert rows[177] in kept or rows[177] == rows[92]
    (distinct,) = result.selections["distinct"]
    (best,) = result.selections["best"]
    assert set(best.ids.tolist()) <= set(distinct.ids.tolist())
    assert len(best) == len(distinct) // 10


def test_a_token_budget_is_kept_and_used_up(folder: Path, runtime: Runtime) -> None:
    result = _run(folder, "token_budget.yaml", runtime)

    for (chosen,) in result.selections.values():
        assert 2900 <= chosen.record.facts["tokens"] <= 3000


def test_one_selection_is_the_same_rows_in_every_layout(folder: Path, runtime: Runtime) -> None:
    result = _run(folder, "trainers.yaml", runtime)

    written = {made.export.output.name: made.report for made in result.exports}
    counts = [
        report.records if isinstance(report, ExportReport) else report.rows
        for report in written.values()
    ]
    assert len(written) == 5
    assert set(counts) == {10}
