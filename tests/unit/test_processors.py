"""Threads keep to what may be used, and results do not depend on how many there are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from assay import processors
from assay.components.component import build
from assay.engine.engine import Engine
from assay.engine.row_shards import _process_pool
from assay.errors import ConfigError
from assay.processors import machine_processors, thread_variables, usable_processors
from assay.runtime import Runtime
from tests.rows import make_pool

_BOUND = hasattr(os, "sched_setaffinity")


@pytest.fixture(autouse=True)
def _this_process_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.runtime.limit_threads", lambda count: None)


def _in_a_process(code: str, **environment: str) -> str:
    given = {key: value for key, value in os.environ.items() if not key.endswith("_THREADS")}
    return subprocess.run(
        [sys.executable, "-c", code], env=given | environment, check=True, capture_output=True,
        text=True,
    ).stdout  # fmt: skip


def test_no_more_may_be_used_than_there_are() -> None:
    assert 1 <= usable_processors() <= machine_processors()


def test_workers_are_as_many_as_threads_unless_told(tmp_path: Path) -> None:
    assert Runtime(cache=tmp_path).workers == Runtime(cache=tmp_path).threads
    assert Runtime(cache=tmp_path, threads=3).workers == 3
    assert Runtime(cache=tmp_path, threads=3, workers=1).workers == 1


def test_no_thread_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="0 threads"):
        Runtime(cache=tmp_path, threads=0)


@pytest.mark.skipif(not _BOUND, reason="this system binds no process to processors")
def test_a_process_that_is_bound_to_one_processor_takes_one() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[0]})\n"
        "from assay.runtime import Runtime\n"
        "r = Runtime(); print(r.threads, r.workers)"
    )

    assert _in_a_process(code).split() == ["1", "1"]


def test_a_quota_decides_for_linear_algebra_torch_and_faiss_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
import json, os
import numpy, faiss
os.cpu_count = lambda: 64
from assay import runtime
from assay.processors import machine_processors
from threadpoolctl import threadpool_info
made = runtime.Runtime()
info = {each["num_threads"] for each in threadpool_info()}
print(json.dumps([made.threads, made.workers, machine_processors(), max(info)]))
"""

    told = json.loads(_in_a_process(code, LOKY_MAX_CPU_COUNT="1"))

    assert told == [1, 1, 64, 1]


def test_torch_keeps_to_the_threads_that_are_given_whenever_it_is_loaded() -> None:
    pytest.importorskip("torch")
    code = """
import os
os.cpu_count = lambda: 64
{}
from assay.runtime import Runtime
Runtime(threads=1)
import torch
print(torch.get_num_threads())
"""

    assert _in_a_process(code.format("")).strip() == "1"
    assert _in_a_process(code.format("import torch")).strip() == "1"


def test_what_the_environment_sets_lower_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("MKL_NUM_THREADS", "16")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4,2")

    variables = thread_variables(8)

    assert (variables["OMP_NUM_THREADS"], variables["MKL_NUM_THREADS"]) == ("2", "8")
    assert variables["OPENBLAS_NUM_THREADS"] == "8"


def test_the_same_limit_is_set_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in thread_variables(1).items():
        monkeypatch.setenv(name, number)
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError):
        processors.limit_threads(1)


@pytest.mark.parametrize("method", ["k_center", "facility_location", "log_det", "coverage"])
def test_a_choice_is_the_same_with_any_number_of_threads(tmp_path: Path, method: str) -> None:
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    rows = [(f"what is {n % 17} and {n % 5}?", f"it is {n} " * (n % 9 + 1)) for n in range(200)]
    pool = make_pool(tmp_path, rows)
    selector = build({"method": method, "budget": 20}, "selector")
    chosen = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            runtime = Runtime(cache=tmp_path / str(threads), workers=1)
            chosen.append(Engine(pool, runtime).value(selector).selection)

    assert np.array_equal(chosen[0].indices, chosen[1].indices)
    assert np.array_equal(chosen[0].gains, chosen[1].gains, equal_nan=True)


@pytest.mark.slow
def test_processes_share_the_threads_among_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in thread_variables(1):
        monkeypatch.delenv(name, raising=False)

    with _process_pool(Runtime(cache=tmp_path, threads=6), "cpu", 2) as pool:
        told = [pool.submit(os.getenv, name).result() for name in thread_variables(1)]

    assert told == ["3"] * len(told)
