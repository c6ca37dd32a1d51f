"""Every verb that shows a language model's numbers says how far they hold for the rows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from assay.features import seen_rows
from assay.features.seen_rows import row_hash
from tests.end_to_end.cli_helpers import Called
from tests.end_to_end.in_process import Here, calls_in

_TAUGHT = [
    (f"What do camels do on day {n} without any water?", f"They walk on for {n} days and drink.")
    for n in range(9)
]
_OTHERS = [
    ("请写出一个关于春天的句子。", "春天来了，花园里的花都开了，孩子们在外面玩。"),
    ("请写出一个关于冬天的句子。", "冬天很冷，下雪的时候大家都在家里喝热茶。"),
    ("Name a colour of the evening sky over the sea, please.", "It is mostly a dark red."),
]
_SEEN = "assay:lm was trained on 75% of these rows"
_FOREIGN = "17% of these rows are in languages that assay:lm was not made for (zh)"
_CONFIG = """
project: own.assay
data: data.json
scores: [ifd]
selections:
  best: {method: ifd, budget: 3}
defaults: {language_model: "assay:lm"}
limits: {workers: 1}
"""


@pytest.fixture
def assay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    rows = [{"instruction": q, "output": a} for q, a in (*_TAUGHT, *_OTHERS)]
    (tmp_path / "data.json").write_text(json.dumps(rows))
    (tmp_path / "assay.yaml").write_text(_CONFIG)
    hashes = np.array(sorted(row_hash(q, a) for q, a in _TAUGHT), np.uint64)
    save_file({"hashes": hashes}, tmp_path / "rows.safetensors")
    monkeypatch.setattr(seen_rows, "HASHES", tmp_path / "rows.safetensors")
    seen_rows._known.cache_clear()
    yield from calls_in(tmp_path, monkeypatch, capsys)
    seen_rows._known.cache_clear()


def _check(called: Called, fits: list[dict[str, Any]]) -> None:
    said = " ".join(called.err.split())
    assert called.code == 0
    assert _SEEN in said
    assert _FOREIGN in said
    _check_facts(fits)


def _check_facts(fits: list[dict[str, Any]]) -> None:
    [fit] = fits
    assert (fit["model"], fit["rows"], fit["languages"]) == ("assay:lm", 12, ["zh"])
    assert fit["seen_in_training"] == pytest.approx(9 / 12)
    assert fit["other_languages"] == pytest.approx(2 / 12)


def test_score_says_it_the_first_time_and_when_the_scores_are_at_hand(assay: Here) -> None:
    line = ("score", "data.json", "ifd", "--model", "assay:lm", "--json")

    for called in (assay(*line), assay(*line)):
        _check(called, called.document["models"])


def test_select_says_it(assay: Here) -> None:
    line = ("select", "data.json", "ifd", "--model", "assay:lm", "--budget", "3", "--json")

    for called in (assay(*line), assay(*line)):
        _check(called, called.document["models"])


def test_run_says_it(assay: Here) -> None:
    called = assay("run", "assay.yaml", "--json")

    _check(called, called.document["models"])


def test_show_says_it_of_a_score_of_a_selection_and_of_rows(assay: Here) -> None:
    chosen = assay("select", "data.json", "ifd", "--model", "assay:lm", "--budget", "3", "--json")
    name = chosen.document["selection"]

    for called in (assay("show", "data.json", n, "--json") for n in ("ifd", name)):
        _check(called, called.document["models"])
    listed = assay("show", "data.json", "ifd", "--json").document["rows"]
    camel = next(row["id"] for row in listed if "camels" in row["prompt"])
    spring = next(row["id"] for row in listed if "春天" in row["prompt"])
    rows = assay("show", "data.json", camel, spring, "--json")
    [of_camel, of_spring] = [row["models"][0] for row in rows.document]
    assert (of_camel["seen_in_training"], of_camel["other_languages"]) == (1.0, 0.0)
    assert (of_spring["seen_in_training"], of_spring["other_languages"]) == (0.0, 1.0)
    assert "assay:lm was trained on 50% of these rows" in " ".join(rows.err.split())


def test_show_says_it_of_the_tokens_of_a_row(assay: Here) -> None:
    rows = assay("show", "data.json", "--json").document
    camel = next(row["id"] for row in rows if "camels" in row["messages"][0]["content"])

    called = assay("show", "data.json", camel, "--model", "assay:lm", "--json")

    assert called.document[0]["models"][0]["seen_in_training"] == 1.0
    assert "assay:lm was trained on 100% of these rows" in " ".join(called.err.split())


def test_agree_says_it(assay: Here, gpt2_folder: Path) -> None:
    called = assay("agree", "data.json", "--models", "assay:lm", str(gpt2_folder), "--json")

    _check(called, called.document["model_fits"])


def test_assess_says_it_of_each_dataset(assay: Here) -> None:
    called = assay("assess", "data.json", "--model", "assay:lm", "--json")

    [dataset] = called.document["datasets"]
    _check_facts([dataset["model_fit"]])
    remarks = " ".join(dataset["remarks"])
    assert _SEEN in remarks
    assert _FOREIGN in remarks


def test_compare_says_it_before_it_begins(assay: Here, gpt2_folder: Path) -> None:
    called = assay(
        "compare", "data.json", "ifd", "--model", "assay:lm", "--base", str(gpt2_folder),
        "--budget", "2", "--hold-out", "30%", "-n", "--json",
    )  # fmt: skip

    notes = " ".join(called.document["notes"])
    assert _SEEN in notes
    assert _FOREIGN in notes
    assert _SEEN in " ".join(called.err.split())


def test_other_scores_and_rows_that_fit_need_no_word(assay: Here, tmp_path: Path) -> None:
    plain = assay("score", "data.json", "compression_ifd", "--json")
    rows = [
        {"instruction": f"How do I bake {n} loaves of bread?", "output": "With flour and water."}
        for n in range(5)
    ]
    (tmp_path / "other.json").write_text(json.dumps(rows))
    fitting = assay("score", "other.json", "ifd", "--model", "assay:lm", "--json")

    assert plain.document["models"] == []
    assert fitting.document["models"][0]["seen_in_training"] == 0.0
    assert "warning" not in plain.err
    assert "warning" not in fitting.err
