"""What holds for all tests, and tiny language models, made once per test run."""

import gc
import importlib.util
import logging
import os
from collections.abc import Generator, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.tiny_models import tiny_chat, tiny_gpt2, tiny_llama

# A busy machine is slow, and no example is wrong for it.
settings.register_profile(
    "assay", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("assay")


# A worker is given the width of a terminal that it has not.
os.environ.pop("COLUMNS", None)
if "PYTEST_XDIST_WORKER" in os.environ:  # the workers have a core each
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("POLARS_MAX_THREADS", "1")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage when all tests are found: modules that are imported leave next to none."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each worker a stretch of the tests, so that a module makes what its tests share once."""
    # It may not be installed.
    from xdist.scheduler import (  # type: ignore[import-untyped]  # noqa: PLC0415
        WorkStealingScheduling,
    )

    return WorkStealingScheduling(config, log) if config.getoption("dist") == "load" else None


@pytest.fixture(autouse=True, scope="session")
def _no_test_waits_for_the_disk() -> Iterator[None]:
    """Let what this process writes lie in the system's memory.

    A process that ends loses nothing of it, only a machine that does. The processes of the command
    line wait as they do for a user.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True, scope="module")
def _modules_are_no_garbage() -> None:
    """Spare the collector of garbage, which every training calls, what has been imported by now."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_terminal_is_left_behind() -> Iterator[None]:
    """Take away what a test attached to the library's log: it writes to a stream that is closed."""
    yield
    logging.getLogger("assay").handlers.clear()


def _needs_torch() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")


@pytest.fixture(scope="session")
def gpt2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2: byte-level tokens, 256 absolute positions, nothing added to a text."""
    _needs_torch()
    return tiny_gpt2(tmp_path_factory.mktemp("gpt2"))


@pytest.fixture(scope="session")
def llama_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LLaMA: byte fallback, BOS before every text, 256 rotary positions."""
    _needs_torch()
    return tiny_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def chat_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LLaMA with a chat format: <|im_start|>role, line break, words, <|im_end|>, line break."""
    _needs_torch()
    return tiny_chat(tmp_path_factory.mktemp("chat"))


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torch seem not to be installed."""
    found = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "torch" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)
