"""A path is the name of a file, whatever its bytes and signs: never a pattern, never refused."""

import json
import os
from pathlib import Path

import polars as pl
import pytest

from tests.end_to_end.cli_helpers import assay

NAMES = {
    "brackets": b"set [v2]",
    "stars and braces": b"s*t {a,b} ?[!x]",
    "a place on the network": b"http:",
    "a home": b"~me",
    "not UTF-8": b"\xca\xfd\xbe\xdd",
    "UTF-8 broken off": "Zürich".encode()[:2],
}


@pytest.fixture(params=list(NAMES))
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return an oddly named folder with data, questions and numbers of the same name."""
    name = os.fsdecode(NAMES[request.param])
    folder = tmp_path / name
    folder.mkdir()
    rows = [
        {
            "instruction": f"Name river {number}, please",
            "output": f"River {number} it is, of course",
        }
        for number in range(6)
    ]
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "questions.jsonl").write_text(json.dumps({"question": rows[0]["instruction"]}) + "\n")
    (folder / "scores.csv").write_text("score\n" + "".join(f"{number}\n" for number in range(6)))
    with (folder / "table.parquet").open("wb") as stream:
        pl.DataFrame(rows).write_parquet(stream)
    return folder


def test_every_file_of_a_run_may_have_an_odd_name(folder: Path) -> None:
    data, cache = f"{folder}/{folder.name}.jsonl", str(folder / "cache")
    here = folder.parent

    loaded = assay(here, "load", data, ASSAY_CACHE=cache)
    imported = assay(here, "import-scores", data, f"{folder}/scores.csv", "--column", "score")
    chosen = assay(
        here, "select", data, "k_center", "--against", f"{folder}/questions.jsonl",
        "--budget", "2", "-o", f"{folder}/out/chosen.jsonl", ASSAY_CACHE=cache,
    )  # fmt: skip
    best = assay(
        here, "select", f"{folder}/table.parquet", "longest_response", "--budget", "2",
        "-o", f"{folder}/best.parquet", ASSAY_CACHE=cache,
    )  # fmt: skip

    for called in (loaded, imported, chosen, best):
        assert called.code == 0, called.err
    assert len((folder / "out" / "chosen.jsonl").read_text().splitlines()) == 2
    with (folder / "best.parquet").open("rb") as stream:
        assert pl.read_parquet(stream).height == 2
    assert json.loads((folder / "best.parquet.assay.json").read_bytes())
    assert json.loads(next(folder.glob("*.assay/load.json")).read_bytes())
    readable = folder.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    assert readable in loaded.out
    assert not list(folder.rglob("*.damaged"))


def test_a_configuration_may_lie_in_an_oddly_named_folder(folder: Path) -> None:
    data, cache = f"{folder}/{folder.name}.jsonl", str(folder / "cache")

    written = assay(folder.parent, "init", data, "-o", f"{folder}/run.yaml", ASSAY_CACHE=cache)
    planned = assay(folder.parent, "run", f"{folder}/run.yaml", "-n", ASSAY_CACHE=cache)

    assert (written.code, planned.code) == (0, 0), planned.err


def test_what_assay_wrote_beside_the_data_is_no_data(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    row = {"instruction": "Name a river", "output": "The Rhine"}
    (data / "a.jsonl").write_text(json.dumps(row) + "\n")
    (data / "old.jsonl.assay.json").write_text("{}")
    (data / "old.assay").mkdir()
    (data / "old.assay" / "load.json").write_text("{}")

    assert assay(tmp_path, "load", "data", "--json").document["rows"] == 1
