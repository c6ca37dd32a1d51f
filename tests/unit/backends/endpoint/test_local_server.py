"""A server of our own comes up guarded, tells why if it does not, and never outlives its owner."""

import gc
import importlib.util
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import pytest

from assay.backends.endpoint import local_server
from assay.backends.endpoint.local_server import LocalServer, Settings
from assay.errors import ConfigError, MissingExtraError, ModelLoadError
from tests import fake_xllamacpp
from tests.gguf_headers import header_only

_SOON_SECONDS = 30.0


@pytest.fixture(autouse=True)
def _fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "library"
    folder.mkdir()
    shutil.copyfile(str(fake_xllamacpp.__file__), folder / "xllamacpp.py")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("FAKE_LLAMA_SEEN", str(tmp_path / "seen.json"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return header_only(tmp_path / "small.gguf", llama__context_length=512)


def _is_gone(base: str) -> bool:
    """Return whether nobody listens there any more, within a while."""
    place = urlsplit(base)
    until = time.monotonic() + _SOON_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection((str(place.hostname), place.port or 0), timeout=5).close()
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_it_listens_until_it_is_closed(file: Path) -> None:
    server = LocalServer(file, Settings())

    assert urlsplit(server.base).hostname == "127.0.0.1"
    assert urlsplit(server.base).path == "/v1"
    assert server.model == "small"
    server.check()
    server.close()
    assert _is_gone(server.base)
    server.close()


def test_it_ends_with_the_object_that_holds_it(file: Path) -> None:
    server = LocalServer(file, Settings())
    base = server.base
    del server
    gc.collect()

    assert _is_gone(base)


_OWNER = """
import sys, time
from pathlib import Path
from assay.backends.endpoint.local_server import LocalServer, Settings
server = LocalServer(Path(sys.argv[1]), Settings())
print(server.base, flush=True)
if sys.argv[2] == "wait":
    time.sleep(600)
if sys.argv[2] == "fails":
    raise SystemExit(3)
"""


def _owned(file: Path, then: str) -> "tuple[subprocess.Popen[str], str]":
    source = str(Path(local_server.__file__).parents[3])
    path = os.pathsep.join([os.environ["PYTHONPATH"], source])
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(file), then],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert owner.stdout is not None
    with owner.stdout:
        return owner, owner.stdout.readline().strip()


@pytest.mark.parametrize("then", ["ends", "fails"])
def test_it_ends_with_the_process_that_started_it(file: Path, then: str) -> None:
    owner, base = _owned(file, then)

    assert owner.wait(_SOON_SECONDS) == (3 if then == "fails" else 0)
    assert _is_gone(base)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_that_process_is_killed(file: Path, number: signal.Signals) -> None:
    owner, base = _owned(file, "wait")
    owner.send_signal(number)
    owner.wait(_SOON_SECONDS)

    assert _is_gone(base)


def test_a_fork_of_its_owner_leaves_it_running(file: Path) -> None:
    server = LocalServer(file, Settings())
    local_server._end(server._process, server._words, os.getpid() + 1)

    server.check()
    server.close()


def test_an_interruption_while_it_starts_ends_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    start = local_server._start

    def remembered(words: IO[bytes]) -> "subprocess.Popen[bytes]":
        started.append(start(words))
        return started[0]

    monkeypatch.setenv("FAKE_LLAMA", "slow")
    monkeypatch.setattr(local_server, "_start", remembered)
    monkeypatch.setattr(select, "select", _interrupted)

    with pytest.raises(KeyboardInterrupt) as caught:  # it keeps alive what it passed through
        LocalServer(file, Settings())

    assert caught.value is not None
    assert started[0].poll() is not None


def _interrupted(*waiting: object) -> None:
    raise KeyboardInterrupt


def test_the_key_is_random_and_stands_where_nobody_can_read_it(file: Path) -> None:
    server, other = LocalServer(file, Settings()), LocalServer(file, Settings())
    process = Path(f"/proc/{server.pid}")
    told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()

    assert len(server.key) >= 32
    assert server.key != other.key
    assert server.key.encode() not in told
    assert b"small.gguf" not in told
    server.close()
    other.close()


def test_what_is_asked_for_reaches_the_library(file: Path, tmp_path: Path) -> None:
    server = LocalServer(file, Settings(context=100, slots=3, threads=2))
    seen = json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))

    assert (seen["n_ctx"], seen["n_parallel"]) == (300, 3)
    assert seen["cpuparams"]["n_threads"] == seen["cpuparams_batch"]["n_threads"] == 2
    assert (seen["hostnames"], seen["port"]) == (["127.0.0.1"], 0)
    assert (seen["api_keys"], seen["cors_origins"]) == ([server.key], "")
    assert seen["model"]["path"] == str(file)
    assert not seen["cache_prompt"]
    assert seen["model_alias"] == ["small"]
    server.close()


def test_no_more_context_is_made_than_the_model_was_made_for(file: Path, tmp_path: Path) -> None:
    silent = header_only(tmp_path / "silent.gguf")

    for path, wanted, context in ((file, 4096, 512), (file, 100, 100), (silent, 4096, 4096)):
        server = LocalServer(path, Settings(context=wanted))
        assert server.context == context
        server.close()


def test_last_words_of_one_that_does_not_come_up_are_told_without_the_key(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_LLAMA", "fails")
    monkeypatch.setattr(secrets, "token_urlsafe", lambda size: "secret" * 8)

    with pytest.raises(ModelLoadError) as caught:
        LocalServer(file, Settings())

    said = str(caught.value)
    assert "the server of small.gguf does not come up (exit code 1)" in said
    assert "line 8 about *** | no model" in said
    assert "line 0" not in said
    assert "secret" not in said
    assert "memory" in said


def test_one_that_is_killed_while_it_starts_says_by_what(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_LLAMA", "dies")

    with pytest.raises(ModelLoadError, match=r"does not come up \(ended by SIGKILL\)\."):
        LocalServer(file, Settings())


def test_one_that_never_comes_up_is_ended(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_LLAMA", "slow")
    monkeypatch.setattr(local_server, "_START_SECONDS", 0.3)

    with pytest.raises(ModelLoadError, match=r"does not come up within 0\.3 s"):
        LocalServer(file, Settings())


@pytest.mark.parametrize(
    ("fault", "said"),
    [("open", "answers 200 where 401 is right: /v1/models without a key"),
     ("ill", "answers 401 where 200 is right: /health without a key")],
)  # fmt: skip
def test_one_that_is_not_guarded_or_not_well_is_not_used(
    file: Path, monkeypatch: pytest.MonkeyPatch, fault: str, said: str
) -> None:
    monkeypatch.setenv("FAKE_LLAMA", fault)

    with pytest.raises(ModelLoadError, match=said):
        LocalServer(file, Settings())


def test_one_that_has_ended_meanwhile_is_told_with_its_last_words(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_LLAMA", "one line")
    server = LocalServer(file, Settings())
    os.kill(server.pid, signal.SIGSEGV)
    server._process.wait(_SOON_SECONDS)

    with pytest.raises(ModelLoadError, match=r"has ended \(ended by SIGSEGV\)") as caught:
        server.check()
    assert "red" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    server.close()


def test_a_file_beside_the_data_is_not_taken_for_the_library(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "http").mkdir()
    (tmp_path / "http" / "__init__.py").write_text("raise RuntimeError", encoding="utf-8")
    (tmp_path / "json.py").write_text("raise RuntimeError", encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    LocalServer(file, Settings()).close()


def test_a_file_that_holds_no_whole_model_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_server, "_start", lambda words: pytest.fail("it was started"))
    text = tmp_path / "text.gguf"
    text.write_text("no model", encoding="utf-8")
    pictures = header_only(tmp_path / "a.gguf", general__architecture="clip")
    adapter = header_only(tmp_path / "b.gguf", general__type="adapter")
    part = header_only(tmp_path / "c.gguf", split__count=3)
    empty = header_only(tmp_path / "d.gguf", tensors=0)

    for path, said in (
        (text, "is no GGUF file"),
        (pictures, "sees pictures"),
        (adapter, "is an adapter"),
        (part, "one of 3 parts"),
        (empty, "holds no weights"),
    ):
        with pytest.raises(ModelLoadError, match=said):
            LocalServer(path, Settings())


def test_without_the_library_the_line_that_installs_it_is_told(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(MissingExtraError) as caught:
        LocalServer(file, Settings())

    assert caught.value.hint == "pip install 'assay[local]'"


@pytest.mark.parametrize("name", ["context", "slots", "threads"])
def test_a_setting_below_one_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}=0"):
        Settings(**{name: 0})


def test_the_key_is_in_no_text_of_what_is_told_to_the_child() -> None:
    wanted = local_server.Wanted("f.gguf", "f", "secret", 1, 1, 1)

    assert "secret" not in f"{wanted} {wanted!r}"
