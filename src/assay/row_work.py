"""Runs row-scope passes over the rows that lack a value, a shard at a time."""

import multiprocessing
import platform
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
from assay.errors import CacheError
from assay.passes import Pass, PoolView, Reading, RowFeature
from assay.pool import HashArray, Pool
from assay.progress import Silent
from assay.runtime import Runtime
from assay.samples import IndexArray
from assay.values import RowValue

_CHECKED_ROWS = 8
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


class RowWork:
    """Fills and reads the stores of row-scope features."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._stores: dict[str, RowStore] = {}

    def store(self, feature: RowFeature) -> RowStore:
        """Return the store of a feature, the same for all datasets."""
        key = feature.row_key
        if key not in self._stores:
            self._stores[key] = _open_store(self._runtime.cache, feature)
        return self._stores[key]

    def read(self, view: PoolView, feature: RowFeature) -> RowValue:
        """Return the value of every row in view, from the store."""
        distinct, _, inverse = view.unique
        value = self.store(feature).read(distinct)
        in_order = len(inverse) == len(distinct) and (inverse[1:] > inverse[:-1]).all()
        return value if in_order else value.take(inverse)

    def missing(self, view: PoolView, feature: RowFeature) -> int:
        """Return how many distinct rows in view lack a stored value."""
        return int(np.count_nonzero(self.store(feature).missing(view.unique[0])))

    def fill(self, view: PoolView, features: Sequence[RowFeature]) -> None:
        """Compute and store what is missing of features that share a pass.

        Raises:
            CacheError: if stored rows cannot be reproduced, so that new ones would not fit them.
        """
        distinct, first, _ = view.unique
        lacking = [self.store(feature).missing(distinct) for feature in features]
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
        reused = len(distinct) - total
        progress = self._runtime.progress
        with progress.task(reading.label(), total, unit="rows", reused=reused) as task:
            self._check_stored(view, features, lacking)
            for rows in self._run(jobs, total):
                task.advance(rows)

    def _shards(
        self, hashes: HashArray, wanted: NDArray[np.bool_], rows_per_shard: int
    ) -> Iterator[IndexArray]:
        """Yield positions of the wanted rows by range of hash.

        The ranges depend on the number of rows alone, so that a resumed run cuts as before.
        """
        bits = max(0, int(np.ceil(np.log2(max(len(hashes), 1) / rows_per_shard))))
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
            stored = self.store(feature).read(distinct[known])
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

    def _run(self, jobs: list[Job], total: int) -> Iterator[int]:
        workers = min(self._runtime.workers, len(jobs))
        if workers < 2 or total < _SPAWN_ROWS or not jobs[0].reading.parallel:
            if not jobs:
                return
            with jobs[0].reading.open(self._runtime) as read:
                for job in jobs:
                    _work(job, read, self._runtime.cache)
                    yield len(job.hashes)
            return
        context = multiprocessing.get_context("spawn")  # polars deadlocks after a fork
        settings = (self._runtime.cache, self._runtime.offline, self._runtime.plugin_files)
        with ProcessPoolExecutor(
            workers, mp_context=context, initializer=_begin, initargs=settings
        ) as pool:
            running = [pool.submit(_work_elsewhere, job) for job in jobs]
            for done in as_completed(running):
                yield done.result()


_worker_runtime: Runtime | None = None


def _begin(cache: Path, offline: bool, plugin_files: tuple[Path, ...]) -> None:
    """Prepare a spawned process."""
    global _worker_runtime  # noqa: PLW0603  one runtime per worker process, so models load once
    from assay.registry import load_all, load_file  # noqa: PLC0415

    load_all()
    for path in plugin_files:
        load_file(path)
    _worker_runtime = Runtime(cache=cache, offline=offline, workers=1, progress=Silent())


def _work_elsewhere(job: Job) -> int:
    if _worker_runtime is None:
        raise RuntimeError("the worker process was not prepared")
    with job.reading.open(_worker_runtime) as read:
        _work(job, read, _worker_runtime.cache)
    return len(job.hashes)


def _work(job: Job, read: Reading, cache: Path) -> None:
    """Read one shard's rows and store each feature's values."""
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


@lru_cache(maxsize=1)
def _open_pool(path: Path) -> Pool:
    return Pool(path)


def _open_store(cache: Path, feature: RowFeature) -> RowStore:
    spec = {"feature": feature.label(), "recipe": recipe(feature), "key": feature.row_key}
    return RowStore(cache / feature.name / feature.row_key, feature.value, spec)


def _producer() -> str:
    return f"assay {version('assay')}, numpy {np.__version__}, {platform.machine()}"
