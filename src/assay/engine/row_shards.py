"""Works through shards of rows: in this process, in several, or one on every device."""

import contextlib
import platform
import signal
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.components.recipes import identity
from assay.components.references import asks_a_service
from assay.features.passes import Pass, Reading, RowFeature, StagedReading
from assay.pool.pool import HashArray, Pool
from assay.processors import thread_variables
from assay.progress import Silent
from assay.runtime import Runtime
from assay.samples import UNFINISHED, Conversation, IndexArray
from assay.stores.cache import RowStore
from assay.stores.unfinished import KeptAnswers, pass_folder
from assay.values import RowValue

_SPAWN_ROWS = 40_000  # below this, starting processes costs more than it gains

Unfinished = dict[str, dict[bytes, int]]
"""Reasons of rows to be tried again, by feature and content hash."""
Results = Callable[[Callable[[int], None]], Iterator[Unfinished]]
"""Given what is told of rows done, yields what each shard left unfinished."""


class Job(NamedTuple):
    """One shard of work, in a form that can be sent to another process.

    `positions` are places in the file of the rows to read; `lacking[f]` says which of them
    feature f has no value for; `hashes` are their content hashes, ascending.
    """

    pool: Path
    reading: Pass
    features: tuple[RowFeature, ...]
    positions: IndexArray
    hashes: HashArray
    lacking: tuple[NDArray[np.bool_], ...]


class _Loaded(NamedTuple):
    """A shard's rows, and what the first step of a reading made of them."""

    job: Job
    conversations: list[Conversation]
    prepared: Any


@contextlib.contextmanager
def work_through(jobs: Sequence[Job], total: int, runtime: Runtime) -> Iterator[Results]:
    """Yield a function that does the jobs; whatever they need is open by then.

    Args:
        jobs: shards of one pass, for the same features.
        total: rows of all of them.
        runtime: how to work.
    """
    reading = jobs[0].reading
    runtime = runtime.about(jobs[0].pool)
    devices = reading.devices(runtime)
    if len(devices) > 1 and len(jobs) > 1:
        runtime.let_go()  # the processes open the model, and one of them on the same device
        with _processes(jobs, runtime, devices[: len(jobs)]) as results:
            yield results
        return
    workers = min(runtime.workers, len(jobs))
    if reading.parallel and workers > 1 and total >= _SPAWN_ROWS:
        with _processes(jobs, runtime, [runtime.device] * workers) as results:
            yield results
        return
    # What is prepared may be held by a server. It is waited for when the pass is closed, and that
    # gives up what is under way if the work ends badly.
    with ThreadPoolExecutor(1) as ahead, reading.open(runtime) as read:
        _prepare(jobs[0].features)
        yield lambda advance: _one_by_one(jobs, read, runtime, advance, ahead=ahead)


def _one_by_one(
    jobs: Sequence[Job],
    read: Reading,
    runtime: Runtime,
    advance: Callable[[int], None],
    *,
    ahead: ThreadPoolExecutor,
) -> Iterator[Unfinished]:
    """Do the jobs in turn, the next one's rows being read and prepared meanwhile."""
    coming: Future[_Loaded] = ahead.submit(_load, jobs[0], read)
    for following in [*jobs[1:], None]:
        loaded = coming.result()
        if following is not None:
            coming = ahead.submit(_load, following, read)
        yield _work(loaded, read, runtime, advance)


@contextlib.contextmanager
def _processes(jobs: Sequence[Job], runtime: Runtime, devices: Sequence[str]) -> Iterator[Results]:
    """Yield a function that does the jobs in one process per entry of `devices`."""
    with contextlib.ExitStack() as stack:
        pools = {
            device: stack.enter_context(_process_pool(runtime, device, devices.count(device)))
            for device in dict.fromkeys(devices)
        }
        places = [pools[device] for device in devices]
        for ready in [pool.submit(_prepare, jobs[0].features) for pool in places]:
            ready.result()
        yield lambda advance: _share_out(jobs, places, advance)


@contextlib.contextmanager
def _process_pool(runtime: Runtime, device: str, workers: int) -> Iterator[Any]:
    """Yield processes, which are asked to end if the work ends badly, and killed if asked again."""
    pool = _new_process_pool(runtime, device, workers)
    try:
        yield pool
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.terminate()  # a signal that was not sent to the whole group reached us alone
        raise
    finally:
        try:
            pool.shutdown()
        except KeyboardInterrupt:
            pool.shutdown(kill_workers=True)
            raise


def _new_process_pool(runtime: Runtime, device: str, workers: int) -> Any:
    # New interpreters, as polars deadlocks after a fork, and CUDA as well. Those of the standard
    # library would run a user's script again.
    from loky import ProcessPoolExecutor  # noqa: PLC0415  a small pool needs none
    from loky.backend import get_context  # noqa: PLC0415

    threads = max(1, runtime.threads // workers)  # all of them together use what one may
    return ProcessPoolExecutor(
        workers,
        context=get_context("loky"),
        initializer=_begin,
        initargs=(
            runtime.cache,
            runtime.offline,
            runtime.plugin_files,
            device,
            threads,
            runtime.keep_seconds,
        ),
        # A process that has loaded a model has grown; that is no leak, and no reason to end it.
        env={"LOKY_MAX_MEMORY_LEAK_SIZE": "1e15", **thread_variables(threads)},
    )


def _share_out(
    jobs: Sequence[Job], places: Sequence[Any], advance: Callable[[int], None]
) -> Iterator[Unfinished]:
    """Give every place a job, and the next one when it is done."""
    waiting = iter(jobs)
    running: dict[Future[Unfinished], tuple[Job, Any]] = {}

    def give(place: Any) -> None:
        if (job := next(waiting, None)) is not None:
            running[place.submit(_work_elsewhere, job)] = (job, place)

    for place in places:
        give(place)
    while running:
        for done in wait(running, return_when=FIRST_COMPLETED).done:
            job, place = running.pop(done)
            unfinished = done.result()
            give(place)
            advance(len(job.hashes))
            yield unfinished


_worker_runtime: Runtime | None = None
_at_work = False
_asked_to_end = False


def _end_work(number: int, frame: object) -> None:
    """End the work at hand, so that it writes what it has, and begin no other."""
    global _asked_to_end  # noqa: PLW0603  as `_worker_runtime`
    _asked_to_end = True
    if _at_work:  # else it waits for work, and breaking that off would kill its neighbours
        raise KeyboardInterrupt


def _begin(
    cache: Path,
    offline: bool,
    plugin_files: tuple[Path, ...],
    device: str,
    threads: int,
    keep_seconds: float,
) -> None:
    """Prepare a spawned process."""
    global _worker_runtime  # noqa: PLW0603  one runtime per worker process, so models load once
    from assay.components.registry import load_file  # noqa: PLC0415

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, _end_work)
    for path in plugin_files:
        load_file(path)
    _worker_runtime = Runtime(
        cache=cache,
        offline=offline,
        threads=threads,
        workers=1,
        progress=Silent(),
        device=device,
        keep_seconds=keep_seconds,
    )


def _prepare(features: Sequence[RowFeature]) -> None:
    for feature in features:
        feature.prepare()


def _work_elsewhere(job: Job) -> Unfinished:
    global _at_work  # noqa: PLW0603  as `_worker_runtime`
    if _worker_runtime is None:
        raise RuntimeError("the worker process was not prepared")
    try:
        _at_work = True
        if _asked_to_end:
            raise KeyboardInterrupt
        with job.reading.open(_worker_runtime) as read:
            return _work(_load(job, read), read, _worker_runtime, lambda count: None)
    finally:
        _at_work = False


def conversations_of(job: Job) -> list[Conversation]:
    """Return a shard's rows in the order of their hashes."""
    order = np.argsort(job.positions, kind="stable")
    found = _open_pool(job.pool).conversations(job.positions[order])
    return [found[place] for place in np.argsort(order, kind="stable").tolist()]


def _load(job: Job, read: Reading) -> _Loaded:
    """Return a shard's rows in the order of their hashes, prepared as far as can be."""
    conversations = conversations_of(job)
    prepared = None
    if isinstance(read, StagedReading):
        prepared = read.prepare(conversations, job.features)
    return _Loaded(job, conversations, prepared)


def _work(
    loaded: _Loaded, read: Reading, runtime: Runtime, advance: Callable[[int], None]
) -> Unfinished:
    """Read one shard's rows and store each feature's values."""
    job, conversations, prepared = loaded
    reported = 0

    def tell(count: int) -> None:
        nonlocal reported
        reported += count
        advance(count)

    if not isinstance(read, StagedReading):
        unfinished = _store(job, read(conversations, job.features), runtime)
    else:
        with _kept(job, runtime) as kept:
            unfinished = _store(job, read.finish(prepared, job.features, tell, kept), runtime)
            if not unfinished:  # else what a service was paid for is still needed
                kept.remove()
    advance(len(job.hashes) - reported)
    return unfinished


def _kept(job: Job, runtime: Runtime) -> KeptAnswers:
    bought = any(asks_a_service(feature) for feature in job.features)
    # What a service runs on is its own, and it is asked whether its answers hold.
    made_by = "" if bought else producer(job.reading, runtime)
    own_code = {feature.code_digest for feature in job.features} - {""}
    return KeptAnswers(
        unfinished_folder(runtime.cache, job.reading),
        job.hashes,
        made_by=", ".join([made_by, *sorted(own_code)]),
        seconds=runtime.keep_seconds,
        bought=bought,
    )


def unfinished_folder(cache: Path, reading: Pass) -> Path:
    """Return where shards of a pass lie that are not written yet."""
    return pass_folder(cache, f"{type(reading).__name__} {reading!r}")


def _store(job: Job, values: Sequence[RowValue], runtime: Runtime) -> Unfinished:
    """Store each feature's values, and return the rows that are to be tried again."""
    unfinished: Unfinished = {}
    made_by = producer(job.reading, runtime)
    for feature, value, lacking in zip(job.features, values, job.lacking, strict=True):
        if len(value) != len(job.hashes):
            raise TypeError(f"{feature.name} gave {len(value)} values for {len(job.hashes)} rows")
        if lacking.any():
            kept = np.flatnonzero(lacking).astype(np.int64)
            store = open_store(runtime.cache, feature)
            store.write(job.hashes[kept], value.take(kept), {"made_by": made_by})
        late = np.flatnonzero(np.isin(value.reason, UNFINISHED))
        if len(late):
            unfinished[feature.row_key] = {
                job.hashes[place : place + 1].tobytes(): int(value.reason[place])
                for place in late.tolist()
            }
    return unfinished


@lru_cache(maxsize=1)
def _open_pool(path: Path) -> Pool:
    return Pool(path)


def open_store(cache: Path, feature: RowFeature) -> RowStore:
    """Return the store of a feature, described for people and tools."""
    spec = {"feature": feature.label(), "recipe": identity(feature), "key": feature.row_key}
    folder = cache / feature.name / feature.row_key
    return RowStore(folder, feature.value, spec, bought=asks_a_service(feature))


def producer(reading: Pass, runtime: Runtime) -> str:
    """Return what makes the values of a pass: versions of what decides on their last digits."""
    parts = {
        "assay": version("assay"),
        "numpy": np.__version__,
        "zlib": zlib.ZLIB_RUNTIME_VERSION,
        **reading.producer(runtime),
    }
    return ", ".join([*(f"{name} {value}" for name, value in parts.items()), platform.machine()])
