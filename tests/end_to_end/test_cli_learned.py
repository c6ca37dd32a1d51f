"""What a head tells of rows that it did not see is told wherever its numbers are."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.in_process import Here, calls_in

pytest.importorskip("sklearn")

_LABELS = "labels={method: imported, file: judged.csv, column: score}"
_ROWS = 90


@pytest.fixture
def assay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    rows = [
        {
            "id": f"n{place}",
            "instruction": f"What comes after {place}?",
            "output": f"It is {place + 1}. " + "And so on. " * (place * 37 % 50),
            "stars": place * 37 % 50 if place % 2 else None,
        }
        for place in range(_ROWS)
    ]
    (tmp_path / "data.json").write_text(json.dumps(rows))
    (tmp_path / "rated.json").write_text(json.dumps(rows[1::2]))
    noise = [f"n{place},{place * place * 7919 % 101}" for place in range(_ROWS)]
    (tmp_path / "noise.csv").write_text("\n".join(["id,score", *noise]) + "\n")
    judged = [f"n{place},{place * 37 % 50}" for place in range(0, _ROWS, 2)]
    (tmp_path / "judged.csv").write_text("\n".join(["id,score", *judged]) + "\n")
    yield from calls_in(tmp_path, monkeypatch, capsys)


def test_a_selection_and_its_page_say_how_well_its_head_tells(assay: Here, tmp_path: Path) -> None:
    line = ["select", "data.json", "learned", "--set", _LABELS, "--budget", "10"]
    priced = assay(*line, "-n")
    made = assay(*line, "-o", "best.json", "--report", "best.html")
    again = assay(*line, "-o", "again.json", "--json")

    assert "fitted_head" in priced.out
    assert made.code == 0
    told = " ".join(made.err.split())
    assert "learned fitted on 45 labelled rows; held-out Spearman 0.9" in told
    remark, _ = again.document["facts"]["remarks"]
    assert remark in told
    assert f"F{remark[1:]}." in (tmp_path / "best.html").read_text()
    chosen = json.loads((tmp_path / "best.json").read_text())
    assert [len(row["output"]) > 400 for row in chosen] == [True] * 10
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "best.json").read_bytes()


def test_scores_and_their_page_say_it_too(assay: Here, tmp_path: Path) -> None:
    words = ["score", "data.json", "learned", "--set", "labels=record_field"]
    words += ["--set", "labels.field=stars", "--set", "dataset=file"]
    words += ["--set", "dataset.source=rated.json"]
    made = assay(*words, "--report", "scores.html")
    again = assay(*words, "--json")

    assert made.code == 0, made.err
    (remark,) = again.document["remarks"]
    assert remark.startswith("fitted on 45 labelled rows; held-out Spearman 0.9")
    assert f"learned: {remark}" in " ".join(made.err.split()) + " ".join(made.out.split())
    assert f"F{remark[1:]}." in (tmp_path / "scores.html").read_text()


def test_what_tells_nothing_is_refused_with_what_to_type(assay: Here) -> None:
    words = ["score", "data.json", "learned", "--set", "inputs=lengths"]
    words += ["--set", "labels={method: imported, file: noise.csv, column: score}"]

    refused = assay(*words)
    forced = assay(*words, "--set", "least=-1")
    plain = assay("score", "data.json", "mtld", "--json")

    assert refused.code != 0
    said = " ".join(refused.err.split())
    assert "fitted on 90 labelled rows; held-out Spearman" in said
    assert "--set least=-1 to go on all the same" in said
    assert "Traceback" not in said
    assert forced.code == 0
    assert "remarks" not in plain.document
