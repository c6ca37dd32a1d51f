"""Training from the command line and from Python: what is made, told, priced and refused."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from assay.backends.pins import folder_digest
from assay.models.recipe import Recipe
from assay.project import Project
from assay.runtime import Runtime
from tests.causal_rows import PlainLoop, given_prompt
from tests.end_to_end.cli_helpers import write_dolly
from tests.end_to_end.in_process import Here, calls_in

pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("peft")

_SMALL = ("--base", "tiny", "--epochs", "2", "--batch-size", "4", "--learning-rate", "0.01",
          "--device", "cpu", "--max-length", "256")  # fmt: skip


@pytest.fixture
def here(
    tmp_path: Path,
    llama_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Here]:
    """Calls the command line in this process, in a folder with data and a model."""
    write_dolly(tmp_path / "data.jsonl", 12)
    shutil.copytree(llama_folder, tmp_path / "tiny")

    yield from calls_in(tmp_path, monkeypatch, capfd)


def test_a_selection_is_trained_on_and_the_model_written(here: Here, tmp_path: Path) -> None:
    assert here("select", "data.jsonl", "random", "--budget", "6").code == 0

    done = here("tune", "data.jsonl", "random-6", *_SMALL, "-o", "tuned")

    assert done.code == 0, done.err
    assert done.out == ""
    told = " ".join(done.err.split())
    for words in (
        "trained tiny on random-6: adapter",
        "rows 6 as 6 sequences",
        "steps 4 in 2 epochs",
        "read,",
        "FLOP, an estimate",
        "before,",
        "model tuned",
        "a training has 4 optimiser steps at random-6: fewer than 30",
        "next: assay score data.jsonl perplexity --model tuned",
    ):
        assert words in told, words
    assert "it/s" not in done.err
    assert {path.name for path in (tmp_path / "tuned").iterdir()} == {
        "adapter_config.json", "adapter_model.safetensors"
    }  # fmt: skip
    record = json.loads((tmp_path / "tuned.assay.json").read_text(encoding="utf-8"))
    assert record["rows"] == 6
    used = here("score", "data.jsonl", "perplexity", "--model", "tuned", "--json")
    assert used.code == 0, used.err


def test_losses_before_and_after_are_those_of_the_rows(here: Here) -> None:
    done = here("tune", "data.jsonl", "random", "--budget", "6", *_SMALL, "--full", "--json")

    assert done.code == 0, done.err
    told = done.document
    project = Project(data="data.jsonl")
    chosen = np.sort(project.select("random", budget=6).record.selection.indices)
    conversations = project.pool.conversations(chosen)
    for model, loss in (("tiny", told["loss_before"]), (told["models"][0], told["loss_after"])):
        loop = PlainLoop.open(Path(model))
        found = loop.scored([given_prompt(loop, each, 256) for each in conversations])
        assert loss == pytest.approx(-found.mean(), abs=1e-4)
    assert told["loss_after"] < told["loss_before"]
    assert told["trained_parameters"] == told["parameters"]


def test_seeds_and_epochs_are_folders_of_their_own(here: Here, tmp_path: Path) -> None:
    words = ("tune", "data.jsonl", "random", "--budget", "4", *_SMALL, "--seeds", "2",
             "--keep", "all", "-o", "out")  # fmt: skip

    done = here(*words)

    assert done.code == 0, done.err
    found = {path.name for path in (tmp_path / "out").iterdir()}
    models = {f"random-4-seed{seed}-epoch{epoch}" for seed in (0, 1) for epoch in (1, 2)}
    assert found == models | {f"random-4-seed{seed}.assay.json" for seed in (0, 1)}
    assert len({folder_digest(tmp_path / "out" / name) for name in models}) == 4
    assert "random-4-seed1" in done.out
    again = here(*words)
    assert (again.code, "out is there already" in again.err) == (1, True)


def test_all_rows_but_those_held_out_are_trained_on(here: Here) -> None:
    done = here("tune", "data.jsonl", "--hold-out", "30%", *_SMALL, "--json")

    assert done.code == 0, done.err
    told = done.document
    project = Project("data.assay")
    held_out = int(project.pool.held_out.sum())
    assert 0 < held_out < 12
    assert (told["rows"], told["left_out"]) == (12 - held_out, {"HELD_OUT": held_out})


def test_a_dry_run_prices_and_keeps_nothing(here: Here, tmp_path: Path) -> None:
    words = ("tune", "data.jsonl", "random", "--budget", "6", *_SMALL, "--seeds", "2")

    shown = here(*words, "--dry-run", "--json")

    assert shown.code == 0, shown.err
    first, second = shown.document["trainings"]
    assert (first["rows"], first["steps"], first["at_hand"]) == (6, 4, False)
    assert first["tokens"] == second["tokens"] > 0
    assert shown.document["seconds"] == pytest.approx(2 * first["seconds"])
    assert first["seconds"] > 0
    assert not (tmp_path / "cache" / "tuned_model").exists()
    assert here(*words).code == 0
    later = here(*words, "--dry-run")
    assert later.out.count("at hand") == 2
    assert "about 0.0 s in all" in later.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("data.jsonl",), 2, "no model to train is named"),
        (("data.jsonl", "random", "--base", "tiny"), 2, "a method needs a budget"),
        (("data.jsonl", "--budget", "5", "--base", "tiny"), 2, "--budget is for a method"),
        (("data.jsonl", "rondom-5", "--base", "tiny"), 1, "'rondom-5' is neither"),
        (("data.jsonl", "--base", "nowhere/./at/all"), 1, "no language model is found at"),
        (("data.jsonl", "--base", "tiny", "--keep", "4"), 2, "no epoch 4 of 3"),
        (("data.jsonl", "--base", "tiny", "--keep", "one"), 2, "--keep 'one' names no epochs"),
        (("data.jsonl", "--base", "tiny", "--dtype", "float16"), 2, "--dtype: float16 loses"),
    ],
)
def test_what_cannot_be_is_one_error(
    here: Here, words: tuple[str, ...], code: int, message: str
) -> None:
    done = here("tune", *words)

    assert (done.code, done.out) == (code, "")
    assert message in done.err, done.err
    assert "Traceback" not in done.err


def test_python_trains_as_the_command_line_does(
    here: Here, tmp_path: Path, llama_folder: Path
) -> None:
    done = here("tune", "data.jsonl", "random", "--budget", "6", *_SMALL, "--json")
    project = Project(data="data.jsonl", runtime=Runtime(cache=tmp_path / "cache", device="cpu"))
    selection = project.select("random", budget=6)
    recipe = Recipe(epochs=2, batch_size=4, learning_rate=0.01, max_length=256)

    found = project.tune(selection, base=str(llama_folder), recipe=recipe)
    same = project.tune(selection.selector, base=str(llama_folder), recipe=recipe)

    assert str(found.folder) == done.document["folder"]
    assert same == found
