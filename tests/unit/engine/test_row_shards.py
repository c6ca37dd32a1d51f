"""Shards of work: prepared ahead, done in turn, or one on every device."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from assay import files
from assay.components.base import NoPaper, Paper
from assay.components.registry import load_file
from assay.components.rendering import Rendering
from assay.engine import row_shards
from assay.engine.engine import Engine
from assay.engine.row_work import RowWork
from assay.errors import FeatureError
from assay.features.causal_pass import CausalPass
from assay.features.hidden_states import HiddenStates
from assay.features.log_probs import ResponseLogProbs
from assay.features.passes import Pass, Reading, RowFeature
from assay.models.language_model import NOTHING_KEPT, Kept
from assay.pool.pool import Pool
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import Conversation
from assay.testing import pool as pool_of
from assay.values import Numbers, RowValue
from tests.causal_rows import exchange, open_runtime, ordinary_rows, set_budget

_SOON_SECONDS = 20.0
EVENTS: list[str] = []
"""What the staged pass did, in order."""


class Staged:
    """Takes lengths in the first step, doubles them in the second; a long answer breaks a step."""

    def __init__(self, broken: str) -> None:
        self._broken = broken

    def prepare(
        self, conversations: Sequence[Conversation], features: Sequence[RowFeature]
    ) -> list[int]:
        EVENTS.append(f"prepare in {threading.current_thread().name.partition('_')[0]}")
        self._check("prepare", conversations)
        return [len(conversation.response) for conversation in conversations]

    def finish(
        self,
        prepared: list[int],
        features: Sequence[RowFeature],
        advance: Callable[[int], None],
        kept: Kept = NOTHING_KEPT,
    ) -> list[RowValue]:
        EVENTS.append(f"finish {len(prepared)}")
        if self._broken == "finish" and len(EVENTS) > 4:
            raise FeatureError("the second step broke")
        for _ in prepared[1:]:
            advance(1)  # the last row is not told
        empty = np.zeros(len(prepared), np.uint8)
        doubled = 2.0 * np.array(prepared)
        return [Numbers(empty, empty.astype(np.uint16), {"length": doubled}) for _ in features]

    def _check(self, step: str, conversations: Sequence[Conversation]) -> None:
        if self._broken == step and any(len(c.response) == 7 for c in conversations):
            raise FeatureError("the first step broke")

    def __call__(
        self, conversations: Sequence[Conversation], features: Sequence[RowFeature]
    ) -> list[RowValue]:
        return self.finish(self.prepare(conversations, features), features, lambda count: None)


class StagedPass(Pass):
    rows_per_shard: ClassVar[int] = 4
    parallel: ClassVar[bool] = False

    broken: str = ""

    @contextlib.contextmanager
    def open(self, runtime: Runtime) -> Iterator[Reading]:
        EVENTS.append("open")
        yield Staged(self.broken)
        EVENTS.append("close")


class StagedLength(RowFeature):
    """Twice the length of the answer."""

    name = "staged_length"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a toy for tests")
    value: ClassVar[type[RowValue]] = Numbers

    broken: str = ""
    """Step that fails on an answer of seven letters."""

    def reading(self) -> Pass:
        return StagedPass(broken=self.broken)


class _Told:
    """A progress that adds up what it is told."""

    def __init__(self) -> None:
        self.amounts: list[float] = []

    @contextlib.contextmanager
    def task(self, label: str, total: float | None, **settings: Any) -> Iterator[Any]:
        self.total = total
        yield self

    def advance(self, amount: float) -> None:
        self.amounts.append(amount)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    EVENTS.clear()


def _rows(count: int = 30) -> Pool:
    return pool_of([(f"question {number}", "x" * (number + 1)) for number in range(count)])


def test_the_next_shard_is_prepared_by_another_thread_and_shards_are_finished_in_turn(
    tmp_path: Path,
) -> None:
    rows = _rows()

    value = Engine(rows, Runtime(cache=tmp_path, workers=1)).value(StagedLength())

    lengths = [len(c.response) for c in rows.conversations(np.arange(len(rows)))]
    assert value["length"].tolist() == [2.0 * length for length in lengths]
    finished = [event for event in EVENTS if event.startswith("finish")]
    assert sum(int(event.split()[1]) for event in finished) == len(rows)
    assert len(finished) >= 6
    assert "prepare in ThreadPoolExecutor-" in {event.rstrip("0123456789") for event in EVENTS}
    assert EVENTS[0] == "open"
    assert EVENTS[-1] == "close"
    # Never more than one shard ahead: what is prepared takes memory.
    ahead = np.cumsum([e.startswith("prepare") - int(e.startswith("finish")) for e in EVENTS])
    assert ahead.max() <= 2


def test_progress_ends_with_all_rows_even_if_a_pass_tells_of_fewer(tmp_path: Path) -> None:
    told = _Told()

    Engine(_rows(), Runtime(cache=tmp_path, workers=1, progress=told)).value(StagedLength())

    assert sum(told.amounts) == told.total == 30
    assert min(told.amounts) >= 0


@pytest.mark.parametrize("broken", ["prepare", "finish"])
def test_an_error_in_either_step_comes_out_and_what_was_done_stays(
    tmp_path: Path, broken: str
) -> None:
    engine = Engine(_rows(), Runtime(cache=tmp_path, workers=1))
    feature = StagedLength(broken=broken)

    with pytest.raises(FeatureError, match="step broke"):
        engine.value(feature)

    stored = RowWork(Runtime(cache=tmp_path, workers=1)).store(feature)
    done = sum(len(shard.hashes) for shard in stored.shards())
    finished = sum(event.startswith("finish") for event in EVENTS) - (broken == "finish")
    assert len(stored.shards()) == finished
    assert done < 30


class HeldPass(StagedPass):
    """Prepares a second shard only once the pass has ended badly, as if a server held it."""

    @contextlib.contextmanager
    def open(self, runtime: Runtime) -> Iterator[Reading]:
        held, given_up = threading.Event(), threading.Event()

        class Held(Staged):
            def prepare(
                self, conversations: Sequence[Conversation], features: Sequence[RowFeature]
            ) -> list[int]:
                if EVENTS:
                    held.set()
                    if not given_up.wait(_SOON_SECONDS):
                        EVENTS.append("held in vain")
                return super().prepare(conversations, features)

            def finish(
                self,
                prepared: list[int],
                features: Sequence[RowFeature],
                advance: Callable[[int], None],
                kept: Kept = NOTHING_KEPT,
            ) -> list[RowValue]:
                assert held.wait(_SOON_SECONDS)
                return super().finish(prepared, features, advance, kept)

        try:
            yield Held("")
        except BaseException:
            given_up.set()
            raise


class HeldLength(StagedLength):
    """The same, of a pass that is held."""

    name = "held_length"

    def reading(self) -> Pass:
        return HeldPass()


class _Stopping(_Told):
    """A progress that fails when it is told of rows, at first or after so many times."""

    def __init__(self, error: BaseException, *, after: int = 0) -> None:
        super().__init__()
        self._error, self._after = error, after

    def advance(self, amount: float) -> None:
        super().advance(amount)
        if len(self.amounts) > self._after:
            raise self._error


@pytest.mark.parametrize("error", [ValueError("no room"), KeyboardInterrupt()])
def test_a_run_that_ends_badly_does_not_wait_for_what_a_server_holds_of_the_next_shard(
    tmp_path: Path, error: BaseException
) -> None:
    runtime = Runtime(cache=tmp_path, workers=1, progress=_Stopping(error))

    with pytest.raises(type(error)):
        Engine(_rows(), runtime).value(HeldLength())

    assert "held in vain" not in EVENTS


class KeepingPass(StagedPass):
    """Doubles two rows at a time, and keeps what it has."""

    rows_per_shard: ClassVar[int] = 1024

    @contextlib.contextmanager
    def open(self, runtime: Runtime) -> Iterator[Reading]:
        class Keeping(Staged):
            def finish(
                self,
                prepared: list[int],
                features: Sequence[RowFeature],
                advance: Callable[[int], None],
                kept: Kept = NOTHING_KEPT,
            ) -> list[RowValue]:
                doubled: list[float] = []
                for start in range(0, len(prepared), 2):
                    batch = np.array(prepared[start : start + 2], np.int64)
                    answer = kept.find(batch.tobytes())
                    if answer is None:
                        EVENTS.append(f"read {batch.tolist()}")
                        answer = {"doubled": 2.0 * batch}
                        kept.keep(batch.tobytes(), answer)
                    doubled += answer["doubled"].tolist()
                    advance(len(batch))
                empty = np.zeros(len(prepared), np.uint8)
                column = {"length": np.array(doubled)}
                return [Numbers(empty, empty.astype(np.uint16), column) for _ in features]

        yield Keeping("")


class KeptLength(StagedLength):
    """The same, of a pass that keeps what it has read of a shard."""

    name = "kept_length"

    def reading(self) -> Pass:
        return KeepingPass()


@pytest.mark.parametrize("edited", [False, True])
def test_a_pass_of_a_plugin_may_keep_what_it_has_read_of_a_shard_until_its_code_is_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edited: bool
) -> None:
    rows = _rows()
    monkeypatch.setattr(KeptLength, "code_digest", "as it was")
    stopping = _Stopping(KeyboardInterrupt(), after=5)
    with pytest.raises(KeyboardInterrupt):
        Engine(rows, Runtime(cache=tmp_path, workers=1, progress=stopping)).value(KeptLength())
    before = [event for event in EVENTS if event.startswith("read")]
    EVENTS.clear()
    if edited:
        monkeypatch.setattr(KeptLength, "code_digest", "as it is")

    value = Engine(rows, Runtime(cache=tmp_path, workers=1)).value(KeptLength())

    lengths = [len(c.response) for c in rows.conversations(np.arange(len(rows)))]
    assert value["length"].tolist() == [2.0 * length for length in lengths]
    after = [event for event in EVENTS if event.startswith("read")]
    assert len(before) == 6
    assert len(after) == (15 if edited else 9)
    assert not (tmp_path / "unfinished").exists()


def _left_in(folder: Path) -> dict[str, bytes]:
    """Return every file under a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("ends", [ValueError, KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize("flushes", [1, 2, 3])
def test_wherever_a_run_ends_no_thread_and_no_half_file_stay_and_the_next_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: type[BaseException], flushes: int
) -> None:
    rows, whole, stopped = _rows(), tmp_path / "whole", tmp_path / "stopped"
    Engine(rows, Runtime(cache=whole, workers=1)).value(StagedLength())
    before = threading.active_count()
    left = flushes

    def ends_at_last(path: Path) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise ends

    with monkeypatch.context() as patched, pytest.raises(ends):
        patched.setattr(files, "_flush", ends_at_last)
        Engine(rows, Runtime(cache=stopped, workers=1)).value(StagedLength())

    assert threading.active_count() == before
    assert [path for path in stopped.rglob("*") if path.name.startswith(".")] == []
    Engine(rows, Runtime(cache=stopped, workers=1)).value(StagedLength())
    assert _left_in(stopped) == _left_in(whole)


_SLOW_PLUGIN = '''
"""A feature whose rows take long."""

import os
import time
from pathlib import Path

import numpy as np

from assay import NoPaper
from assay.features.passes import OwnPass, RowFeature
from assay.values import Numbers


class InShards(OwnPass):
    rows_per_shard = 16
    least_rows = 16


class SlowLength(RowFeature):
    """Characters of the answer; every shard but the first one takes a minute."""

    name = "slow_length"
    paper = NoPaper(reason="a toy for tests")
    value = Numbers
    folder: str

    def reading(self):
        return InShards(feature=self)

    def compute(self, conversations, runtime):
        folder = Path(self.folder)
        try:
            (folder / "first").touch(exist_ok=False)
        except FileExistsError:
            (folder / f"busy-{os.getpid()}").touch()
            for _ in range(600):
                time.sleep(0.1)
        else:
            while not list(folder.glob("busy-*")):
                time.sleep(0.01)
        empty = np.zeros(len(conversations), np.uint8)
        lengths = np.array([float(len(each.response)) for each in conversations])
        return Numbers(empty, empty.astype(np.uint16), {"length": lengths})
'''


@pytest.mark.slow
@pytest.mark.parametrize("error", [ValueError("no room"), KeyboardInterrupt()])
def test_a_run_that_ends_badly_asks_its_processes_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    file = tmp_path / "slow_plugin.py"
    file.write_text(_SLOW_PLUGIN)
    (feature,) = load_file(file)
    monkeypatch.setattr(row_shards, "_SPAWN_ROWS", 0)
    runtime = Runtime(
        cache=tmp_path / "cache", workers=2, progress=_Stopping(error), plugin_files=(file,)
    )
    rows = pool_of([(f"question {number}", "x" * (number + 1)) for number in range(64)])
    begun = time.monotonic()

    with pytest.raises(type(error)):
        Engine(rows, runtime).value(feature(folder=str(tmp_path)))

    assert time.monotonic() - begun < _SOON_SECONDS + 10  # to start them takes a while
    for path in tmp_path.glob("busy-*"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.name.partition("-")[2]), 0)


def test_only_the_rows_in_view_are_read(tmp_path: Path) -> None:
    rows = _rows()
    view = PoolView(rows, np.array([1, 5, 6, 20], np.int64))
    work = RowWork(Runtime(cache=tmp_path, workers=1))

    work.fill(view, [StagedLength()])
    value = work.read(view, StagedLength())

    assert isinstance(value, Numbers)
    expected = [2.0 * len(c.response) for c in rows.conversations(view.positions)]
    assert value["length"].tolist() == expected


# Devices


@pytest.mark.slow
def test_two_devices_share_the_work_and_give_the_numbers_of_one(
    llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(CausalPass, "rows_per_shard", 8)
    rows = pool_of([exchange(row) for row in ordinary_rows(40)])
    shared: dict[str, Any] = {
        "model": str(llama_folder), "rendering": Rendering(template="plain", max_tokens=256)
    }  # fmt: skip
    features = [ResponseLogProbs(**shared), HiddenStates(**shared)]
    told = _Told()

    def compute(cache: Path) -> list[RowValue]:
        runtime = open_runtime(cache)
        runtime.progress = told
        set_budget(runtime, llama_folder, 1000)
        return Engine(rows, runtime).compute(features)

    one = compute(tmp_path / "one")
    made: list[Sequence[str]] = []
    processes = row_shards._processes

    def counted(jobs: Any, runtime: Runtime, devices: Sequence[str]) -> Any:
        made.append(devices)
        return processes(jobs, runtime, devices)

    monkeypatch.setattr(row_shards, "_processes", counted)
    monkeypatch.setattr(Runtime, "devices", lambda self: ("cpu", "cpu"))
    told.amounts.clear()
    two = compute(tmp_path / "two")

    assert made == [("cpu", "cpu")]
    assert sum(told.amounts) == len(rows)
    for alone, together, allowed in zip(one, two, (1e-5, 1e-3), strict=True):
        assert together.reason.tolist() == alone.reason.tolist()
        assert together.difference(alone) <= allowed
    producers = {
        shard.producer
        for cache in ("one", "two")
        for feature in features
        for shard in RowWork(open_runtime(tmp_path / cache)).store(
            Engine(rows, open_runtime(tmp_path / cache)).resolve(feature)
        ).shards()
    }  # fmt: skip
    assert len(producers) == 1
