import contextlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import pytest

from assay.engine import row_shards
from assay.engine.row_work import RowWork
from assay.errors import CacheError, IncompleteError
from assay.features.text import CompressedLengths, Lengths, TextReading
from assay.pool.pool import Pool
from assay.pool.view import PoolView
from assay.progress import Silent
from assay.runtime import Runtime
from assay.samples import Reason
from tests import toys
from tests.rows import make_pool
from tests.toys import ToyLength, ToyVectors

_PAIRS = [(f"question {n:03d}", "x" * (n % 40 + 1)) for n in range(100)]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    toys.READ.clear()
    yield


def _work(folder: Path, **settings: object) -> RowWork:
    return RowWork(Runtime(cache=folder / "cache", workers=1, **settings))  # type: ignore[arg-type]


def _view(folder: Path, pairs: list[tuple[str, str]] = _PAIRS) -> PoolView:
    return PoolView(make_pool(folder, pairs))


def _shard_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("rows-*"))


def test_shards_hold_about_as_many_rows_as_the_pass_says(tmp_path: Path) -> None:
    work = _work(tmp_path)

    work.fill(_view(tmp_path), [ToyLength()])

    sizes = [len(shard.hashes) for shard in work.store(ToyLength()).shards()]
    # 100 rows at 8 a shard: 16 ranges of hashes.
    assert sum(sizes) == 100
    assert 12 <= len(sizes) <= 16


def test_a_pool_of_a_few_thousand_rows_is_cut_so_that_progress_shows(tmp_path: Path) -> None:
    view = _view(tmp_path, [(f"question {n}", "x") for n in range(5000)])
    work = _work(tmp_path)

    work.fill(view, [Lengths()])

    sizes = [len(shard.hashes) for shard in work.store(Lengths()).shards()]
    assert len(sizes) == 16
    assert max(sizes) < 500


def test_ranges_of_hashes_do_not_overlap(tmp_path: Path) -> None:
    work = _work(tmp_path)
    work.fill(_view(tmp_path), [ToyLength()])

    ranges = [
        (int(shard.hashes[0].hex()[:4], 16), int(shard.hashes[-1].hex()[:4], 16))
        for shard in work.store(ToyLength()).shards()
    ]

    assert all(before[1] < after[0] for before, after in pairwise(ranges))
    assert len({first >> 12 for first, _ in ranges}) == len(ranges)


def test_work_that_stopped_halfway_cuts_the_rest_as_before(tmp_path: Path) -> None:
    view = _view(tmp_path)
    _work(tmp_path / "whole").fill(view, [ToyLength()])
    whole = _shard_names(tmp_path / "whole")
    _work(tmp_path / "half").fill(view, [ToyLength()])
    for name in whole[::2]:
        next((tmp_path / "half").rglob(name)).unlink()

    _work(tmp_path / "half").fill(view, [ToyLength()])

    assert _shard_names(tmp_path / "half") == whole


def test_parts_of_the_work_are_disjoint_and_make_the_whole(tmp_path: Path) -> None:
    view = _view(tmp_path)
    _work(tmp_path / "whole").fill(view, [ToyLength()])
    toys.READ.clear()
    read: list[set[str]] = []

    for part in range(3):
        _work(tmp_path / str(part), shard=(part, 3)).fill(view, [ToyLength()])
        read.append(set(toys.READ))
        toys.READ.clear()

    assert sum(map(len, read)) == 100
    assert set.union(*read) == {prompt for prompt, _ in _PAIRS}
    parts = [name for part in range(3) for name in _shard_names(tmp_path / str(part))]
    assert sorted(parts) == _shard_names(tmp_path / "whole")


def test_reading_before_all_parts_are_done_names_what_is_missing_and_leaves_no_file(
    tmp_path: Path,
) -> None:
    view = _view(tmp_path)
    work = _work(tmp_path, shard=(0, 2))
    work.fill(view, [ToyVectors()])

    with pytest.raises(IncompleteError, match="rows belong to other shards") as error:
        work.read(view, ToyVectors())

    assert "without Runtime(shard=...)" in str(error.value.hint)
    assert list(tmp_path.rglob("canonical-*")) == []


def test_a_feature_added_later_reads_only_for_itself(tmp_path: Path) -> None:
    view = _view(tmp_path)
    _work(tmp_path).fill(view, [ToyLength()])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("rows-*")}

    _work(tmp_path).fill(view, [ToyLength(), ToyVectors()])

    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert _work(tmp_path).missing(view, ToyVectors()) == 0


def test_rows_of_a_view_and_of_the_pool_are_the_same_rows(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, _PAIRS)
    _work(tmp_path).fill(PoolView(pool), [ToyLength()])
    toys.READ.clear()
    part = PoolView(pool, np.array([3, 50, 99]))

    work = _work(tmp_path)
    work.fill(part, [ToyLength()])

    assert toys.READ == []
    expected = [len(c.response) for c in pool.conversations(part.positions)]
    assert work.read(part, ToyLength()).frame()["length"].to_list() == expected


def test_the_eight_rows_that_are_checked_leave_no_file(tmp_path: Path) -> None:
    pool = make_pool(tmp_path / "a", _PAIRS[:60])
    _work(tmp_path).fill(PoolView(pool), [ToyVectors()])

    _work(tmp_path).fill(_view(tmp_path / "b"), [ToyVectors()])

    assert list(tmp_path.rglob("canonical-*")) == []


def test_values_of_another_producer_are_named_beside_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_shards, "version", lambda name: "0.0.0")
    _work(tmp_path).fill(_view(tmp_path / "a", _PAIRS[:50]), [ToyLength()])
    monkeypatch.setattr(row_shards, "version", lambda name: "9.9.9")
    monkeypatch.setattr(toys, "OFFSET", 0.5)

    with pytest.raises(CacheError, match=r"0\.0\.0.*9\.9\.9"):
        _work(tmp_path).fill(_view(tmp_path / "b"), [ToyLength()])


def test_what_could_not_be_finished_is_not_tried_twice_in_a_run(tmp_path: Path) -> None:
    view = _view(tmp_path, [("late", "later"), ("done", "x")])
    work = _work(tmp_path)

    work.fill(view, [ToyLength()])
    work.fill(view, [ToyLength()])

    assert toys.READ.count("late") == 1
    reasons = {Reason(code) for code in work.read(view, ToyLength()).reason}
    assert reasons == {Reason.OK, Reason.TRANSIENT}


def test_rows_that_could_not_be_finished_do_not_count_as_stored_when_others_are_added(
    tmp_path: Path,
) -> None:
    pairs = [(f"late {n}", "later") for n in range(9)] + [("done", "x"), ("new", "xy")]
    work = _work(tmp_path)

    work.fill(_view(tmp_path / "a", pairs[:10]), [ToyLength()])
    view = _view(tmp_path / "b", pairs)
    work.fill(view, [ToyLength()])

    reasons = {Reason(code) for code in work.read(view, ToyLength()).reason}
    assert reasons == {Reason.OK, Reason.TRANSIENT}
    assert toys.READ.count("late 0") == 1


class _Interrupting:
    """A progress that is interrupted when the second shard is done, once."""

    def __init__(self) -> None:
        self._told = 0

    @contextlib.contextmanager
    def task(self, label: str, total: float | None, **settings: object) -> Iterator[Self]:
        yield self

    def advance(self, amount: float) -> None:
        self._told += 1
        if self._told == 2:
            raise KeyboardInterrupt


def test_what_a_pass_left_that_was_interrupted_is_tried_again_in_the_same_run(
    tmp_path: Path,
) -> None:
    view = _view(tmp_path, [(f"question {n}", "later") for n in range(40)])
    work = _work(tmp_path, progress=_Interrupting())
    with pytest.raises(KeyboardInterrupt):
        work.fill(view, [ToyLength()])
    before = list(toys.READ)

    work.fill(view, [ToyLength()])

    assert len(before) < 40
    assert sorted(toys.READ[len(before) :]) == sorted(f"question {n}" for n in range(40))


@pytest.mark.slow
def test_worker_processes_store_what_one_process_stores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool: Pool = make_pool(tmp_path, _PAIRS)
    features = [Lengths(), CompressedLengths()]
    monkeypatch.setattr(row_shards, "_SPAWN_ROWS", 0)
    monkeypatch.setattr(TextReading, "rows_per_shard", 16)
    for workers in (1, 2):
        runtime = Runtime(cache=tmp_path / str(workers), workers=workers, progress=Silent())
        RowWork(runtime).fill(PoolView(pool), features)

    one, two = (
        {
            str(path.relative_to(tmp_path / str(workers))): path.read_bytes()
            for path in sorted((tmp_path / str(workers)).rglob("rows-*"))
        }
        for workers in (1, 2)
    )
    assert one == two
    assert len(one) >= 10
