"""A language model behind HTTP, as a person or a program names it on the command line."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.backends.endpoint import retries
from tests.causal_rows import PlainLoop
from tests.end_to_end.cli_helpers import write_dolly
from tests.end_to_end.in_process import Here, calls_in
from tests.model_server import Fault, ModelServer, serving
from tests.patience import run

KEY = "sk-secret-0123456789"
_WITHOUT_TORCH = (
    "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
    "from assay.cli import main; main()"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_dolly(tmp_path / "data.jsonl", 8)
    return tmp_path


@pytest.fixture
def here(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    monkeypatch.setattr(retries, "PAUSES_SECONDS", (0.01,))
    monkeypatch.setenv("ASSAY_API_KEYS", f"127.0.0.1={KEY}")
    yield from calls_in(folder, monkeypatch, capsys)


@pytest.fixture
def server(llama_folder: Path) -> Iterator[ModelServer]:
    with serving(PlainLoop.open(llama_folder), key=KEY) as running:
        yield running


def _one_line(text: str) -> str:
    return " ".join(text.split())


def test_a_served_model_scores_and_selects_as_the_model_itself(
    here: Here, folder: Path, server: ModelServer, llama_folder: Path
) -> None:
    words = ("score", "data.jsonl", "ifd", "--set", "rendering.template=plain", "--json")
    served = here(*words, "--model", server.address)
    own = here(*words, "--model", str(llama_folder))
    chosen = here("select", "data.jsonl", "ifd", "--model", server.address, "--budget", "3",
                  "--set", "rendering.template=plain", "--set", "rule=none",
                  "-o", "out.jsonl")  # fmt: skip

    [first], [second] = served.document["scores"], own.document["scores"]
    assert first["label"].startswith(f"ifd(model={server.address}@unpinned")
    assert first["scored"] == second["scored"] == 8
    for share, value in first["quantiles"].items():
        assert value == pytest.approx(second["quantiles"][share], abs=1e-5)
    assert chosen.code == 0
    assert len((folder / "out.jsonl").read_text().splitlines()) == 3


def test_the_next_command_names_the_server_as_it_was_typed(here: Here, server: ModelServer) -> None:
    called = here("score", "data.jsonl", "ifd", "--model", server.address)

    proposed = f"facility_location --set quality=ifd --model '{server.address}' --budget 1"
    assert f"assay select data.jsonl {proposed}" in _one_line(called.err)


def test_a_dead_server_ends_with_the_code_of_unfinished_work_and_a_rerun_goes_on(
    here: Here, server: ModelServer
) -> None:
    server.wrong = lambda route, body, count: (
        Fault(503) if route == "/v1/completions" and count > 3 else None
    )
    first = here("score", "data.jsonl", "superfiltering", "--model", server.address)
    server.wrong = lambda route, body, count: None
    second = here("score", "data.jsonl", "superfiltering", "--model", server.address, "--json")

    assert first.code == 3
    assert "unread: 503" in _one_line(first.err)
    assert "run the same line again" in _one_line(first.err)
    assert second.code == 0
    assert second.document["scores"][0]["scored"] == 8


def test_what_http_does_not_give_is_refused_before_any_work(
    here: Here, server: ModelServer
) -> None:
    scored = here("score", "data.jsonl", "ifd", "token_entropy", "--model", server.address)
    planned = here("score", "data.jsonl", "token_entropy", "--model", server.address, "-n")
    formatted = here("score", "data.jsonl", "ifd", "--model", server.address,
                     "--dtype", "bfloat16")  # fmt: skip

    assert (scored.code, planned.code, formatted.code) == (1, 1, 2)
    assert "behind HTTP does not give" in _one_line(scored.err)
    assert "behind HTTP does not give" in _one_line(planned.err)
    assert "its server's own" in _one_line(formatted.err)
    assert server.requests == []


def test_a_key_is_nowhere_in_what_is_said_or_kept(
    here: Here, folder: Path, server: ModelServer
) -> None:
    said = [here("score", "data.jsonl", "ifd", "--model", server.address, "-v")]
    server.key = "another"
    said.append(here("score", "data.jsonl", "ifd", "--model", server.address, "-v",
                     "--set", "rendering.template=plain"))  # fmt: skip

    assert [called.code for called in said] == [0, 1]
    assert "Incorrect API key: ***" in _one_line(said[1].err)
    assert KEY not in "".join(called.out + called.err for called in said)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "manifest.json" for path in files)
    assert not any(KEY.encode() in path.read_bytes() for path in files)


def test_a_served_model_needs_no_torch(folder: Path, server: ModelServer) -> None:
    server.key = ""
    done = run(
        [sys.executable, "-c", _WITHOUT_TORCH, "score", "data.jsonl", "ifd", "--model",
         server.address],
        folder=folder, environment={"ASSAY_CACHE": str(folder / "cache"), "PATH": ""},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "ifd-model-tiny" in done.stdout
