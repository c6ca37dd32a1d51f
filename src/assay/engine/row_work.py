"""Runs row-scope passes over the rows that lack a value, a shard at a time."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from assay.components.base import Component
from assay.components.references import asks_a_service, shown_names
from assay.engine.row_shards import (
    Job,
    conversations_of,
    open_store,
    producer,
    unfinished_folder,
    work_through,
)
from assay.errors import (
    CacheError,
    DamagedError,
    IncompleteError,
    Parameter,
    Phrase,
)
from assay.features.made_models import stage
from assay.features.passes import Pass, RowFeature
from assay.files.checksums import warn
from assay.models.service import Price
from assay.pool.pool import HashArray
from assay.pool.view import PoolView
from assay.progress import Remarked
from assay.runtime import Runtime
from assay.samples import IndexArray, Reason
from assay.stores.cache import RowStore
from assay.stores.pace import Paced
from assay.stores.unfinished import sweep
from assay.values import RowValue

_CHECKED_ROWS = 8
_MEASURED_ROWS = 64
# A pass reports and commits shard by shard, so that even a small pool has some, if rows are enough
# to be worth a file.
_FEWEST_SHARDS = 16
_MOST_SHARDS = 4096


def row_stages(components: Iterable[Component]) -> list[list[RowFeature]]:
    """Return what is read of rows that are known beforehand, by what has to be made first.

    Args:
        components: with all they require, requirements first.
    """
    stages: dict[int, list[RowFeature]] = {}
    known: dict[str, int] = {}
    for component in components:
        if not isinstance(component, RowFeature) or component.chosen_by is not None:
            continue
        if not component.dataset.is_chosen:
            stages.setdefault(stage(component, known), []).append(component)
    return [stages[number] for number in sorted(stages)]


def by_pass(features: Iterable[RowFeature]) -> list[list[RowFeature]]:
    """Return features of the rows, those together that one pass over the same rows fills.

    Args:
        features: settled, or such as read no model that is made on the way.
    """
    passes: dict[tuple[str, str], list[RowFeature]] = {}
    for feature in features:
        passes.setdefault((feature.dataset.key, repr(feature.reading())), []).append(feature)
    return list(passes.values())


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
            self._stores[key] = open_store(self._runtime.cache, feature)
        return self._stores[key]

    def read(self, view: PoolView, feature: RowFeature) -> RowValue:
        """Return the value of every row in view; what could not be finished has its reason.

        Raises:
            IncompleteError: if rows belong to another shard of the work.
        """
        try:
            return self._read(view, feature)
        except DamagedError as error:
            warn(error)
            self.fill(view, [feature])
            return self._read(view, feature)

    def _read(self, view: PoolView, feature: RowFeature) -> RowValue:
        distinct, _, inverse = view.unique
        absent = self.store(feature).missing(distinct)
        if absent.any() and self._runtime.shard is not None:
            raise IncompleteError(
                f"{feature.name}: {int(absent.sum()):,} rows belong to other shards",
                hint=Phrase("run the other shards, then the same without {}", Parameter("shard")),
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
            UnfinishedError: if a pass says that it had to leave rows out; the others are stored.
        """
        distinct, _, _ = view.unique
        lacking = [self._lacking(feature, distinct) for feature in features]
        wanted = np.logical_or.reduce(lacking)
        total = int(np.count_nonzero(wanted))
        reading = features[0].reading()
        sweep(
            unfinished_folder(self._runtime.cache, reading),
            lambda hashes: any(self.store(each).missing(hashes).any() for each in features),
        )
        if not total:
            return
        jobs = self._jobs(view, features, lacking)
        if not jobs:
            return
        reused = len(distinct) - total
        total = sum(len(job.hashes) for job in jobs)
        self._check_stored(view, features, lacking)
        # Models are opened and processes started before the clock runs, so that the time left
        # is that of the work itself.
        try:
            with (
                work_through(jobs, total, self._runtime) as results,
                self._paced(view, features).task(
                    shown_names(reading.label()), total, reused=reused
                ) as task,
            ):
                told = Remarked(task, lambda: reading.remark(self._runtime), total)
                for done in results(told.advance):
                    for key, rows in done.items():
                        self._unfinished.setdefault(key, {}).update(rows)
        except BaseException:
            for feature in features:  # they are to be tried again, by this run as by the next
                self._unfinished.pop(feature.row_key, None)
            raise

    def filled(self, view: PoolView, feature: RowFeature) -> RowValue:
        """Return the value of the rows in view, made where it is missing; raises as `fill`."""
        self.fill(view, [feature])
        return self.read(view, feature)

    def price(
        self, view: PoolView, features: Sequence[RowFeature], *, anew: int | None = None
    ) -> Price | None:
        """Return what a service would be asked to fill what is missing; None if it cannot be told.

        Nothing is sent. Rows become requests shard by shard, as they do when they are sent.

        Args:
            view: the rows.
            features: that share a pass.
            anew: price so many rows like these, with nothing at hand.
        """
        distinct = view.unique[0]
        lacking = [
            np.ones(len(distinct), np.bool_) if anew is not None else self._lacking(each, distinct)
            for each in features
        ]
        jobs = self._jobs(view, features, lacking)
        reading = features[0].reading()
        total, priced = Price(), 0
        for job in jobs:
            if priced >= reading.priced_rows:
                break
            found = reading.price(conversations_of(job), features, self._runtime)
            if found is None:
                return None
            total, priced = total + found, priced + len(job.hashes)
        rows = anew if anew is not None else sum(len(job.hashes) for job in jobs)
        if rows != priced:
            total = total.times(rows / max(priced, 1))
        # Of what a stopped run has kept, nothing is asked for again.
        kept = unfinished_folder(self._runtime.cache, reading).is_dir()
        return total.estimated() if kept else total

    def seconds(self, view: PoolView, features: Sequence[RowFeature], rows: int) -> float | None:
        """Return how long so many rows take by an earlier run; None if there was none here."""
        return self._paced(view, features).seconds(rows) if rows else 0.0

    def _jobs(
        self,
        view: PoolView,
        features: Sequence[RowFeature],
        lacking: Sequence[NDArray[np.bool_]],
    ) -> list[Job]:
        """Return the shards of rows that lack a value."""
        distinct, first, _ = view.unique
        reading = features[0].reading()
        wanted = np.logical_or.reduce(lacking)
        if not wanted.any():
            return []
        return [
            Job(
                view.pool.path,
                reading,
                tuple(features),
                view.pool.file_places(view.positions[first[part]]),
                distinct[part],
                tuple(mask[part] for mask in lacking),
            )
            for part in self._shards(distinct, wanted, reading)
        ]

    def _paced(self, view: PoolView, features: Sequence[RowFeature]) -> Paced:
        """Return where a pass reports how far it is, and whether that is far slower than before."""
        # The first rows are random ones: ids are hashes. They lie together, so that few are read.
        places = np.arange(min(_MEASURED_ROWS, len(view)))
        texts = [len(each.text) for each in view.conversations(places)]
        what = sorted(feature.row_key for feature in features)
        return Paced(
            self._runtime.progress,
            self._runtime.cache,
            f"{features[0].reading()!r}/{what}/{self._runtime.device}",
            threads=self._runtime.threads,
            units=float(np.mean(texts)),
        )

    def _lacking(self, feature: RowFeature, distinct: HashArray) -> NDArray[np.bool_]:
        """Return which rows have no value and were not tried in vain by this run."""
        lacking = self.store(feature).missing(distinct)
        tried = self._unfinished.get(feature.row_key)
        if tried:
            lacking &= ~np.isin(distinct, np.frombuffer(b"".join(tried), dtype="S16"))
        return lacking

    def _shards(
        self, hashes: HashArray, wanted: NDArray[np.bool_], reading: Pass
    ) -> Iterator[IndexArray]:
        """Yield positions of the wanted rows by range of hash.

        The ranges depend on the number of rows alone, so that a resumed run cuts as before.
        """
        fewest = min(_FEWEST_SHARDS, len(hashes) // reading.least_rows)
        shards = min(max(len(hashes) / reading.rows_per_shard, fewest), _MOST_SHARDS)
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
        """Recompute a few stored rows before more are put beside them.

        A service is not asked for them again: they may have cost money, and whether it still is
        what it was is said by the label in its address.
        """
        if any(map(asks_a_service, features)):
            return
        distinct, first, _ = view.unique
        by_rows: dict[bytes, list[RowFeature]] = {}
        for feature, mask in zip(features, lacking, strict=True):
            if not mask.any():
                continue
            # Rows that were tried in vain are not lacking any more, and have no value either.
            known = np.flatnonzero(~self.store(feature).missing(distinct))[:_CHECKED_ROWS]
            if len(known):
                by_rows.setdefault(known.tobytes(), []).append(feature)
        if not by_rows:
            return
        with features[0].reading().open(self._runtime) as read:
            for rows, group in by_rows.items():
                known = np.frombuffer(rows, np.int64)
                fresh = read(view.conversations(first[known]), group)
                for feature, value in zip(group, fresh, strict=True):
                    self._compare(feature, distinct[known], value)

    def _compare(self, feature: RowFeature, hashes: HashArray, fresh: RowValue) -> None:
        difference = fresh.difference(self.store(feature).read(hashes, keep=False))
        if difference <= feature.tolerance:
            return
        before = sorted({shard.producer for shard in self.store(feature).shards()})
        now = producer(feature.reading(), self._runtime)
        raise CacheError(
            f"{feature.label()}: stored values differ by {difference:.3g} from what is "
            f"computed now; stored by {'; '.join(before)}, now {now}",
            hint=f"delete {self.store(feature).folder} to compute all anew, or go back "
            "to the versions that stored them",
        )
