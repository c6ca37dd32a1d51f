"""Runs row-scope passes over the rows that lack a value, a shard at a time."""

import contextlib
import multiprocessing
import platform
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.cache import RowStore
from assay.component import recipe
from assay.errors import CacheError, IncompleteError
from assay.passes import Pass, PoolView, Reading, RowFeature
from assay.pool import HashArray, Pool
from assay.progress import Silent
from assay.runtime import Runtime
from assay.samples import UNFINISHED, IndexArray, Reason
from assay.values import RowValue

_CHECKED_ROWS = 8
# A pass reports and commits shard by shard, so that even a small pool has some, if rows are enough
# to be worth a file.
_FEWEST_SHARDS = 16
_LEAST_ROWS = 256
_SPAWN_ROWS = 40_000  # below this, starting processes costs more than it gains


class Job(NamedTuple):
    """One shard of work, in a form that can be sent to another process.

    `places` are view positions of the rows to read; `lacking[f]` says which of them feature f
    has no value for; `hashes` are their content hashes, ascending.
    """

    pool: Path
    reading: Pass
    features: tuple[RowFeature, ...]
    positions: IndexArray
    hashes: HashArray
    lacking: tuple[NDArray[np.bool_], ...]


class Done(NamedTuple):
    """What one shard of work came to: rows read, and reasons of those to be tried again."""

    rows: int
    unfinished: dict[str, dict[bytes, int]]


class RowWork:
    """Fills and reads the stores of row-scope features."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._stores: dict[str, RowStore] = {}
        self._unfinished: dict[str, dict[bytes, int]] = {}

    def store(self, feature: RowFeature) -> RowStore:
        """Return the store of a feature, the same for all datasets."""
        key = feature.row_key
        if key not in self._stores:
            self._stores[key] = _open_store(self._runtime.cache, feature)
        return self._stores[key]

    def read(self, view: PoolView, feature: RowFeature) -> RowValue:
        """Return the value of every row in view; what could not be finished has its reason.

        Raises:
            IncompleteError: if rows belong to another shard of the work.
        """
        distinct, _, inverse = view.unique
        absent = self.store(feature).missing(distinct)
        if absent.any() and self._runtime.shard is not None:
            raise IncompleteError(
                f"{feature.name}: {int(absent.sum()):,} rows belong to other shards",
                hint="run the other shards, then the same line without --shard",
            )
        value = self.store(feature).read(distinct[~absent])
        if absent.any():
            value = self._with_unfinished(feature, value, distinct, absent)
        in_order = len(inverse) == len(distinct) and (inverse[1:] > inverse[:-1]).all()
        return value if in_order else value.take(inverse)

    def _with_unfinished(
        self,
        feature: RowFeature,
        value: RowValue,
        distinct: HashArray,
        absent: NDArray[np.bool_],
    ) -> RowValue:
        known = self._unfinished.get(feature.row_key, {})
        spread = value.spread(np.flatnonzero(~absent), len(distinct), Reason.NOT_ASKED)
        for place in np.flatnonzero(absent).tolist():
            spread.reason[place] = known.get(
                distinct[place : place + 1].tobytes(), Reason.NOT_ASKED
            )
        return spread

    def missing(self, view: PoolView, feature: RowFeature) -> int:
        """Return how many distinct rows in view lack a stored value."""
        return int(np.count_nonzero(self.store(feature).missing(view.unique[0])))

    def fill(self, view: PoolView, features: Sequence[RowFeature]) -> None:
        """Compute and store what is missing of features that share a pass.

        Raises:
            CacheError: if stored rows cannot be reproduced, so that new ones would not fit them.
        """
        distinct, first, _ = view.unique
        lacking = [self._lacking(feature, distinct) for feature in features]
        wanted = np.logical_or.reduce(lacking)
        total = int(np.count_nonzero(wanted))
        if not total:
            return
        reading = features[0].reading()
        jobs = [
            Job(
                view.pool.path,
                reading,
                tuple(features),
                view.positions[first[part]],
                distinct[part],
                tuple(mask[part] for mask in lacking),
            )
            for part in self._shards(distinct, wanted, reading.rows_per_shard)
        ]
        if not jobs:
            return
        reused = len(distinct) - total
        total = sum(len(job.hashes) for job in jobs)
        self._check_stored(view, features, lacking)
        # Models are opened and processes started before the clock runs, so that the time left
        # is that of the work itself.
        with (
            self._open(jobs, total) as results,
            self._runtime.progress.task(reading.label(), total, reused=reused) as task,
        ):
            for done in results:
                for key, rows in done.unfinished.items():
                    self._unfinished.setdefault(key, {}).update(rows)
                task.advance(done.rows)

    def _lacking(self, feature: RowFeature, distinct: HashArray) -> NDArray[np.bool_]:
        """Return which rows have no value and were not tried in vain by this run."""
        lacking = self.store(feature).missing(distinct)
        tried = self._unfinished.get(feature.row_key)
        if tried:
            lacking &= ~np.isin(distinct, np.frombuffer(b"".join(tried), dtype="S16"))
        return lacking

    def _shards(
        self, hashes: HashArray, wanted: NDArray[np.bool_], rows_per_shard: int
    ) -> Iterator[IndexArray]:
        """Yield positions of the wanted rows by range of hash.

        The ranges depend on the number of rows alone, so that a resumed run cuts as before.
        """
        shards = max(len(hashes) / rows_per_shard, min(_FEWEST_SHARDS, len(hashes) // _LEAST_ROWS))
        bits = max(0, int(np.ceil(np.log2(max(shards, 1)))))
        leading = hashes.view(">u8").reshape(-1, 2)[:, 0].astype(np.uint64)
        part_of = (leading >> np.uint64(64 - bits)) if bits else np.zeros(len(hashes), np.uint64)
        positions = np.flatnonzero(wanted)
        borders = np.flatnonzero(np.diff(part_of[positions].astype(np.int64))) + 1
        parts = np.split(positions, borders)
        if self._runtime.shard is None:
            yield from parts
            return
        mine, of = self._runtime.shard
        for part in parts:
            if int(part_of[part[0]]) % of == mine:
                yield part

    def _check_stored(
        self,
        view: PoolView,
        features: Sequence[RowFeature],
        lacking: Sequence[NDArray[np.bool_]],
    ) -> None:
        """Recompute a few stored rows before more are put beside them."""
        distinct, first, _ = view.unique
        for feature, mask in zip(features, lacking, strict=True):
            known = np.flatnonzero(~mask)[:_CHECKED_ROWS]
            if not len(known) or not mask.any():
                continue
            stored = self.store(feature).read(distinct[known], keep=False)
            with feature.reading().open(self._runtime) as read:
                fresh = read(view.conversations(first[known]), [feature])[0]
            difference = fresh.difference(stored)
            if not difference <= feature.tolerance:
                before = sorted({shard.producer for shard in self.store(feature).shards()})
                raise CacheError(
                    f"{feature.label()}: stored values differ by {difference:.3g} from what is "
                    f"computed now; stored by {'; '.join(before)}, now {_producer()}",
                    hint=f"delete {self.store(feature).folder} to compute all anew, or go back "
                    "to the versions that stored them",
                )

    @contextlib.contextmanager
    def _open(self, jobs: list[Job], total: int) -> Iterator[Iterator[Done]]:
        """Yield the results of the jobs as they come, in this process or in several."""
        workers = min(self._runtime.workers, len(jobs))
        if workers < 2 or total < _SPAWN_ROWS or not jobs[0].reading.parallel:
            with jobs[0].reading.open(self._runtime) as read:
                _prepare(jobs[0].features)
                yield (_work(job, read, self._runtime.cache) for job in jobs)
            return
        context = multiprocessing.get_context("spawn")  # polars deadlocks after a fork
        settings = (self._runtime.cache, self._runtime.offline, self._runtime.plugin_files)
        with ProcessPoolExecutor(
            workers, mp_context=context, initializer=_begin, initargs=settings
        ) as pool:
            list(pool.map(_prepare, [jobs[0].features] * workers))
            running = [pool.submit(_work_elsewhere, job) for job in jobs]
            yield (done.result() for done in as_completed(running))


_worker_runtime: Runtime | None = None


def _begin(cache: Path, offline: bool, plugin_files: tuple[Path, ...]) -> None:
    """Prepare a spawned process."""
    global _worker_runtime  # noqa: PLW0603  one runtime per worker process, so models load once
    from assay.registry import load_all, load_file  # noqa: PLC0415

    load_all()
    for path in plugin_files:
        load_file(path)
    _worker_runtime = Runtime(cache=cache, offline=offline, workers=1, progress=Silent())


def _prepare(features: Sequence[RowFeature]) -> None:
    for feature in features:
        feature.prepare()


def _work_elsewhere(job: Job) -> Done:
    if _worker_runtime is None:
        raise RuntimeError("the worker process was not prepared")
    with job.reading.open(_worker_runtime) as read:
        return _work(job, read, _worker_runtime.cache)


def _work(job: Job, read: Reading, cache: Path) -> Done:
    """Read one shard's rows and store each feature's values."""
    unfinished: dict[str, dict[bytes, int]] = {}
    order = np.argsort(job.positions, kind="stable")
    found = _open_pool(job.pool).conversations(job.positions[order])
    conversations = [found[place] for place in np.argsort(order, kind="stable").tolist()]
    values = read(conversations, job.features)
    for feature, value, lacking in zip(job.features, values, job.lacking, strict=True):
        if len(value) != len(conversations):
            raise TypeError(
                f"{feature.name} gave {len(value)} values for {len(conversations)} rows"
            )
        if lacking.any():
            kept = np.flatnonzero(lacking).astype(np.int64)
            store = _open_store(cache, feature)
            store.write(job.hashes[kept], value.take(kept), {"made_by": _producer()})
        late = np.flatnonzero(np.isin(value.reason, UNFINISHED))
        if len(late):
            unfinished[feature.row_key] = {
                job.hashes[place : place + 1].tobytes(): int(value.reason[place])
                for place in late.tolist()
            }
    return Done(len(job.hashes), unfinished)


@lru_cache(maxsize=1)
def _open_pool(path: Path) -> Pool:
    return Pool(path)


def _open_store(cache: Path, feature: RowFeature) -> RowStore:
    spec = {"feature": feature.label(), "recipe": recipe(feature), "key": feature.row_key}
    return RowStore(cache / feature.name / feature.row_key, feature.value, spec)


def _producer() -> str:
    return (
        f"assay {version('assay')}, numpy {np.__version__}, "
        f"zlib {zlib.ZLIB_RUNTIME_VERSION}, {platform.machine()}"
    )
