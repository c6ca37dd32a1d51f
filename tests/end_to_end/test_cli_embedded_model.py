"""The embedded language model from the command line: no torch, no network, nothing at home."""

import json
import os
import sys
from pathlib import Path

import polars as pl
import pytest

from assay.components.extras import EXTRAS
from tests.end_to_end.cli_helpers import Called
from tests.patience import run

_DATA = Path(__file__).parents[2] / "examples" / "data" / "instructions.json"
_BARE = f"""
import sys

for name in {sorted({name for names in EXTRAS.values() for name in names})!r}:
    sys.modules[name] = None

def no_network(event, arguments):
    if event in ("socket.__new__", "socket.connect", "socket.getaddrinfo"):
        raise AssertionError(f"the network was used: {{event}} {{arguments}}")

sys.addaudithook(no_network)
from assay.cli import main
main()
"""
_ELSEWHERE = ("ASSAY_CACHE", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HF_TOKEN")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with forty rows of the examples, and an empty home beside it."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    rows = json.loads(_DATA.read_text(encoding="utf-8"))[:40]
    (tmp_path / "work" / "data.json").write_text(json.dumps(rows))
    return tmp_path / "work"


def _bare(folder: Path, *words: str) -> Called:
    """Run one command line without optional packages, without sockets, and with an empty home."""
    kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    done = run(
        [sys.executable, "-W", "error", "-c", _BARE, *words],
        folder=folder,
        environment=kept | {"HOME": str(folder.parent / "home"), "OPENBLAS_NUM_THREADS": "1"},
    )
    return Called(done.returncode, done.stdout, done.stderr)


def test_the_blocks_of_this_test_hold(folder: Path) -> None:
    doctor = _bare(folder, "doctor")
    named = _bare(folder, "score", "data.json", "ifd", "--model", "org/name", "-q")
    short = _bare(folder, "score", "data.json", "ifd", "--dtype", "bfloat16", "-q")
    other = _bare(folder, "score", "data.json", "ifd", "--device", "cuda", "-q")

    assert "the processor for assay:lm; for others the extra 'models' is not" in doctor.out
    assert str(folder.parent / "home") in doctor.out
    assert [called.code for called in (named, short, other)] == [1, 1, 1]
    for called in (named, short, other):
        assert "pip install 'assay[models]'" in called.err


def test_it_scores_selects_and_shows_on_a_bare_machine(folder: Path) -> None:
    scored = _bare(folder, "score", "data.json", "superfiltering", "--workers", "1", "--json")
    chosen = _bare(folder, "select", "data.json", "superfiltering_diversity", "--budget", "5",
                   "--workers", "1", "-o", "out.json")  # fmt: skip
    shown = _bare(folder, "show", "data.json", "--model", "assay:lm", "--json")

    assert scored.code == 0, scored.err
    [entry] = scored.document["scores"]
    assert entry["label"].startswith("superfiltering(model=assay:lm@")
    assert entry["scored"] == 39
    assert chosen.code == 0, chosen.err
    assert "quality=superfiltering(model=assay:lm, " in " ".join(chosen.err.split())
    sidecar = pl.read_parquet(folder / "out.json.assay.parquet")
    assert (sidecar["rank"] >= 1).sum() == 5
    assert shown.code == 0, shown.err
    assert {row["tokens"]["model"] for row in shown.document} == {"assay:lm"}
    assert not list((folder.parent / "home").rglob("*huggingface*"))
