"""Language models from the command line: what is needed, what is refused, and what is shown."""

import json
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tests.end_to_end.cli_helpers import Called, assay, write_dolly
from tests.end_to_end.in_process import Here, calls_in
from tests.patience import run

_WITHOUT_TORCH = (
    "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
    "from assay.cli import main; main()"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_dolly(tmp_path / "data.jsonl", 12)
    return tmp_path


@pytest.fixture
def here(
    folder: Path,
    gpt2_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Here]:
    """Calls the command line in this process, so that torch is imported once."""
    shutil.copytree(gpt2_folder, folder / "tiny")

    yield from calls_in(folder, monkeypatch, capsys)


def _without_torch(folder: Path, *words: str) -> Called:
    done = run([sys.executable, "-c", _WITHOUT_TORCH, *words], folder=folder)
    return Called(done.returncode, done.stdout, done.stderr)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def test_a_model_named_empty_stops_with_the_kinds_that_may_be_named(folder: Path) -> None:
    called = assay(folder, "score", "data.jsonl", "ifd", "--set", "model=")

    said = _one_line(called.err)
    assert called.code == 1
    assert "error: ifd reads a causal language model, and none is named" in said
    assert (
        "hint: --model gpt2, assay:lm, any causal model on the Hugging Face Hub, a folder" in said
    )
    assert not list((folder / "data.assay").glob("runs/*"))


def test_a_dry_run_lists_every_model_that_is_named_empty(folder: Path) -> None:
    called = assay(folder, "score", "data.jsonl", "ifd", "mtld", "superfiltering", "-n", "--json",
                   "--set", "ifd.model=", "--set", "superfiltering.model=")  # fmt: skip

    refusals = called.document["refusals"]
    assert called.code == 1
    assert [refusal.partition(" reads ")[0] for refusal in refusals] == ["ifd", "superfiltering"]
    assert [step["name"] for step in called.document["steps"]] == ["lexical_diversity"]


def test_without_torch_the_install_line_is_told(folder: Path) -> None:
    score = _without_torch(folder, "score", "data.jsonl", "ifd", "--model", "gpt2")
    planned = _without_torch(folder, "score", "data.jsonl", "ifd", "--model", "gpt2", "-n")
    doctor = _without_torch(folder, "doctor")

    assert (score.code, planned.code) == (1, 1)
    assert _one_line(score.err) == (
        "error: ifd needs the optional extra 'models' hint: pip install 'assay[models]'"
    )
    assert "pip install 'assay[models]'" in planned.err
    assert (
        "the processor for assay:lm; for others the extra 'models' is not installed" in doctor.out
    )


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["score", "data.jsonl", "mtld", "--model", "gpt2"], 2,
         "--model: mtld reads no language model"),
        (["select", "data.jsonl", "random", "--budget", "3", "--dtype", "float16"], 2,
         "--dtype: random reads no language model"),
        (["score", "data.jsonl", "ifd", "--model", "x", "--dtype", "float8"], 2, "'float8'"),
        (["score", "data.jsonl", "ifd", "--model", "x", "--device", "gpu"], 2, "'gpu'"),
        (["show", "data.jsonl", "--dtype", "float16"], 2, "go with --model"),
    ],
)  # fmt: skip
def test_an_option_that_does_not_fit_is_a_slip_of_the_line(
    folder: Path, words: list[str], code: int, error: str
) -> None:
    called = assay(folder, *words)

    assert called.code == code
    assert error in _one_line(called.err)


def test_a_model_scores_selects_and_is_named_in_the_next_command(here: Here, folder: Path) -> None:
    scored = here("score", "data.jsonl", "ifd", "compression_ifd", "--model", "tiny",
                  "--set", "rendering.template=plain", "--json", "--device", "cpu")  # fmt: skip
    again = here("score", "data.jsonl", "ifd", "--model", "tiny",
                 "--set", "rendering.template=plain")  # fmt: skip
    chosen = here("select", "data.jsonl", "ifd", "--model", "tiny", "--budget", "2",
                  "--set", "rendering.template=plain", "--set", "rule=none",
                  "-o", "out.jsonl")  # fmt: skip

    [entry, other] = scored.document["scores"]
    assert (entry["name"], entry["scored"], other["name"]) == ("ifd", 12, "compression_ifd")
    assert entry["label"].startswith("ifd(model=tiny@")
    assert "ifd-model-tiny-rendering-template-plain" in again.out
    quality = """'quality={"method": "ifd", "rendering": {"template": "plain"}}'"""
    proposed = f"assay select data.jsonl facility_location --set {quality} --model tiny"
    assert f"{proposed} --budget 1 -o subset.jsonl" in _one_line(again.err)
    assert chosen.code == 0
    stored = pl.read_parquet(next((folder / "data.assay" / "scores").glob("ifd-*")))
    best = stored.sort("value", descending=True)["value"].to_list()
    sidecar = pl.read_parquet(folder / "out.jsonl.assay.parquet")
    assert sorted(sidecar.filter(pl.col("rank") >= 1)["ifd"].to_list()) == sorted(best[:2])
    assert here(*shlex.split(proposed)[1:], "--budget", "2", "-o", "covering.jsonl").code == 0


def test_a_run_with_a_model_is_replayed_from_what_was_written(here: Here, folder: Path) -> None:
    shutil.copy(Path(__file__).parents[2] / "src/assay/prompts/templates/plain.json", "own.json")
    here("select", "data.jsonl", "superfiltering", "--model", "tiny", "--budget", "3",
         "--set", "rendering.template=own.json", "--set", "rule=none",
         "-o", "out.jsonl")  # fmt: skip
    first = (folder / "out.jsonl").read_bytes()
    (folder / "out.jsonl").unlink()
    shutil.rmtree(folder / "data.assay" / "scores")
    shutil.rmtree(folder / "data.assay" / "selections")
    [run] = (folder / "data.assay" / "runs").iterdir()

    called = here("run", str(run / "config.yaml"))

    assert called.code == 0
    assert (folder / "out.jsonl").read_bytes() == first


def test_a_configuration_whose_model_is_empty_says_how_it_names_one(folder: Path) -> None:
    scores = "{ifd: {method: ifd, model: ''}}"
    (folder / "assay.yaml").write_text(f"data: data.jsonl\nscores: {scores}\n")

    called = assay(folder, "run", "assay.yaml")

    assert called.code == 1
    assert "hint: defaults: {language_model: gpt2}, assay:lm, any causal model" in _one_line(
        called.err
    )


def test_show_reads_a_row_with_a_model(here: Here) -> None:
    here("score", "data.jsonl", "ifd", "superfiltering", "--model", "tiny")
    [row, *_] = here("show", "data.jsonl", "--model", "tiny", "--json").document
    table = here("show", "data.jsonl", row["id"][:8], "--model", "tiny")

    view = row["tokens"]
    [turn] = view["turns"]
    answer = next(m["content"] for m in row["messages"] if m["role"] == "assistant")
    assert "".join(token["text"] for token in turn["tokens"]) == answer
    assert view["scored_tokens"] == len(turn["tokens"]) == view["answer_tokens"]
    losses = [-token["given_prompt"] for token in turn["tokens"]]
    assert view["loss_given_prompt"] == pytest.approx(sum(losses) / len(losses), rel=1e-4)
    for name in ("ifd", "superfiltering"):
        assert view[name] == pytest.approx(row["scores"][f"{name}-model-tiny"]["value"], rel=1e-4)
    heads = [line.split() for line in table.out.splitlines() if line.strip().startswith("token ")]
    assert heads == [["token", "given", "the", "prompt", "alone", "difference"]]
    assert "\x1b" not in table.out


def test_show_takes_a_rendering_and_refuses_results(here: Here) -> None:
    here("select", "data.jsonl", "random", "--budget", "2")

    plain = here("show", "data.jsonl", "--model", "tiny", "--set", "rendering.template=plain",
                 "--json")  # fmt: skip
    refused = here("show", "data.jsonl", "random-2", "--model", "tiny")

    assert plain.document[0]["tokens"]["rendering"]["template"].startswith("plain@")
    assert refused.code == 2
    assert "--model reads rows, and random-2 is a selection" in _one_line(refused.err)


def test_show_without_a_model_says_how_tokens_are_shown(here: Here) -> None:
    called = here("show", "data.jsonl", "--json")
    told = here("show", "data.jsonl")

    assert "tokens" not in called.document[0]
    assert "next: assay show data.jsonl " in told.err
    assert told.err.rstrip().endswith("--model assay:lm")


def test_a_device_that_is_not_there_is_an_error(here: Here) -> None:
    called = here("score", "data.jsonl", "ifd", "--model", "tiny", "--device", "cuda:99")

    assert called.code == 1
    assert "there is no device 'cuda:99' here" in called.err
    assert json.loads(here("doctor", "--json").out)["devices"]
