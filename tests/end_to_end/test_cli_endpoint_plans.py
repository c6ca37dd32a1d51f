"""A dry run with a model behind HTTP: a plan with a price, and not one request."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.backends.endpoint import retries
from tests.causal_rows import PlainLoop
from tests.end_to_end.cli_helpers import write_dolly
from tests.end_to_end.in_process import Here, calls_in
from tests.model_server import ModelServer, serving

_NOBODY = "http://127.0.0.1:9/v1#tiny"


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    write_dolly(tmp_path / "data.jsonl", 40)
    monkeypatch.setattr(retries, "PAUSES_SECONDS", (0.01,))
    yield from calls_in(tmp_path, monkeypatch, capsys)


@pytest.fixture
def server(llama_folder: Path) -> Iterator[ModelServer]:
    with serving(PlainLoop.open(llama_folder)) as running:
        yield running


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _dry_runs(model: str, base: Path) -> dict[str, tuple[str, ...]]:
    return {
        "score": ("score", "data.jsonl", "ifd", "superfiltering", "--model", model, "-n"),
        "select": ("select", "data.jsonl", "ifd", "--model", model, "--budget", "5", "-n"),
        "geometry": ("select", "data.jsonl", "facility_location", "--set", "quality=ifd",
                     "--model", model, "--budget", "5", "-n"),
        "agree": ("agree", "data.jsonl", "ifd", "--models", model, str(base), "--sample", "20",
                  "-n"),
        "assess": ("assess", "data.jsonl", "--model", model, "-n"),
        "compare": ("compare", "data.jsonl", "ifd", "--model", model, "--base", str(base),
                    "--budget", "20%", "--hold-out", "20%", "--epochs", "1", "-n"),
        "run": ("run", "assay.yaml", "-n"),
    }  # fmt: skip


def _write_config(folder: Path, model: str) -> None:
    (folder / "assay.yaml").write_text(
        "project: p.assay\ndata:\n  sources:\n    - {source: data.jsonl}\n"
        f"scores:\n  hard: {{method: ifd, model: {json.dumps(model)}}}\n"
    )


def test_a_dry_run_of_any_verb_sends_nothing_before_and_after_rows_are_stored(
    here: Here, tmp_path: Path, server: ModelServer, llama_folder: Path
) -> None:
    _write_config(tmp_path, server.address)
    runs = _dry_runs(server.address, llama_folder)

    for name, words in runs.items():
        called = here(*words)
        assert called.code == 0, (name, called.err)
        assert server.requests == [], name
    here("agree", "data.jsonl", "ifd", "--models", server.address, str(llama_folder),
         "--sample", "15")  # fmt: skip
    assert server.requests
    server.requests.clear()
    for name, words in runs.items():
        called = here(*words)
        assert called.code == 0, (name, called.err)
        assert server.requests == [], name


def test_a_plan_with_the_server_out_of_reach_is_a_plan(
    here: Here, tmp_path: Path, llama_folder: Path
) -> None:
    _write_config(tmp_path, _NOBODY)
    for name, words in _dry_runs(_NOBODY, llama_folder).items():
        called = here(*words)
        assert called.code == 0, (name, called.err)
        assert "tokens in, at most" in _one_line(called.out), name


def test_the_plan_says_requests_and_tokens_and_json_the_same(here: Here) -> None:
    words = ("score", "data.jsonl", "ifd", "--model", _NOBODY, "-n")

    shown, told = here(*words), here(*words, "--json").document

    step = next(step for step in told["steps"] if "price" in step)
    assert (step["rows"], step["missing"], step["seconds"]) == (39, 39, None)
    assert step["price"]["requests"][1] == 39
    assert step["price"]["tokens_in_estimated"]
    assert told["seconds"] is None
    assert "about 5 to 39 requests, about" in _one_line(shown.out)
    assert "depends on the server; nothing was sent or computed" in _one_line(shown.err)


def test_nothing_is_asked_of_a_base_that_cannot_be_trained(here: Here, server: ModelServer) -> None:
    called = here("compare", "data.jsonl", "longest_response", "--base", server.address,
                  "--budget", "2000 tokens", "--axis", "tokens", "-n")  # fmt: skip

    assert called.code != 0
    assert "cannot be trained" in _one_line(called.err)
    assert server.requests == []


def test_agree_asks_for_every_row_once(here: Here, server: ModelServer, llama_folder: Path) -> None:
    words = ("agree", "data.jsonl", "superfiltering", "--models", server.address,
             str(llama_folder), "--sample", "20", "--json")  # fmt: skip
    first = here(*words)
    asked = [ids for ids in server.asked if len(ids) > 1]
    opening = 9
    server.asked.clear()
    again = here(*words)

    assert (first.code, again.code) == (0, 0)
    assert len(asked) - len(set(asked)) <= opening
    assert len(server.asked) == 0
