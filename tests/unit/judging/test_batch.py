"""Batches are handed in once, cost what they cost, and end under the keys of all other replies."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assay.errors import CacheError, DataError
from assay.judging.batch import Batches, BatchService, BatchState
from assay.judging.batch_files import (
    BatchAnswer,
    BatchItem,
    BatchLimits,
    read_answers,
    shards,
)
from assay.judging.batch_jobs import read_jobs
from assay.judging.ledger import Ledger
from assay.judging.store import ReplyStore, StoredReply
from tests.judged import key_of, reply

_COST, _WORST = 30, 100
_URL = "/v1/chat/completions"


class _KilledError(Exception):
    """Stands for the end of a process at one moment."""


class _Service:
    """Answers all batches at once, but for requests that it forgets; ends at a call if told to."""

    name = "http://service/v1"

    def __init__(self, forgets: tuple[int, ...] = ()) -> None:
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, tuple[str, str]] = {}  # name: tag, file
        self.forgets = {key_of(number).hex() for number in forgets}
        self.is_over = True
        self.calls, self.last = 0, 0
        self.billed = 0

    def _call(self) -> None:
        self.calls += 1
        if self.calls == self.last:
            raise _KilledError

    async def upload(self, content: bytes) -> str:
        self._call()
        self.files[f"file-{len(self.files)}"] = content
        return f"file-{len(self.files) - 1}"

    async def create(self, file: str, tag: str) -> str:
        self._call()
        name = f"batch-{len(self.batches)}"
        self.batches[name] = tag, file
        lines = [json.loads(line) for line in self.files[file].splitlines()]
        done = [line["custom_id"] for line in lines if line["custom_id"] not in self.forgets]
        self.billed += len(done) * _COST
        self.files[f"{name} output"] = b"".join(_good(bytes.fromhex(key)) for key in done)
        late = {"error": {"code": "batch_expired", "message": "too late"}, "response": None}
        self.files[f"{name} errors"] = b"".join(
            json.dumps({"custom_id": key, **late}).encode() + b"\n" for key in self.forgets
        )
        self._call()  # the batch is there, and nobody was told
        return name

    async def with_tag(self, tag: str) -> str | None:
        self._call()
        return next((name for name, (other, _) in self.batches.items() if other == tag), None)

    async def state(self, batch: str) -> BatchState:
        self._call()
        return BatchState(self.is_over, f"{batch} output", f"{batch} errors")

    async def download(self, file: str) -> bytes:
        self._call()
        return self.files[file]

    def handed_in(self) -> list[bytes]:
        return [
            bytes.fromhex(json.loads(line)["custom_id"])
            for _, file in self.batches.values()
            for line in self.files[file].splitlines()
        ]


def _good(key: bytes) -> bytes:
    body = {"choices": [{"message": {"content": "5"}}]}
    content = {"custom_id": key.hex(), "response": {"status_code": 200, "body": body}}
    return json.dumps({**content, "error": None}).encode() + b"\n"


def _read(answer: BatchAnswer) -> StoredReply | None:
    if answer.status != 200:
        return None
    return StoredReply(answer.key, "a judge", "{}", json.dumps(answer.body), cost=_COST)


def _items(count: int) -> list[BatchItem]:
    return [BatchItem(key_of(n), b'{"model":"m"}', _WORST) for n in range(count)]


@contextmanager
def _process(
    folder: Path, service: BatchService, cap: int = 10_000
) -> Iterator[tuple[Batches, Ledger, ReplyStore]]:
    with ReplyStore(folder) as store:
        ledger = Ledger(store, ["pass"], cap)
        yield Batches(store, ledger, service, _read), ledger, store
        ledger.close()


# Files


def test_a_file_has_a_line_for_each_request_with_the_very_body_and_its_key() -> None:
    [shard] = shards(_items(2), _URL, BatchLimits())

    first, _ = shard.content.splitlines()
    assert first.endswith(b'"body": {"model":"m"}}')
    assert json.loads(first) == {
        "custom_id": key_of(0).hex(), "method": "POST", "url": _URL, "body": {"model": "m"}
    }  # fmt: skip


def test_files_keep_to_both_limits_and_lose_no_request() -> None:
    items = _items(10)
    line = len(next(iter(shards(items[:1], _URL, BatchLimits()))).content)

    by_count = list(shards(items, _URL, BatchLimits(requests=4)))
    by_size = list(shards(items, _URL, BatchLimits(size_bytes=3 * line)))

    assert [len(shard.items) for shard in by_count] == [4, 4, 2]
    assert [len(shard.items) for shard in by_size] == [3, 3, 3, 1]
    assert all(len(shard.content) <= 3 * line for shard in by_size)
    assert [item for shard in by_size for item in shard.items] == items
    with pytest.raises(DataError, match="larger than a file"):
        list(shards(items, _URL, BatchLimits(size_bytes=line - 1)))


def test_answers_and_errors_are_read_by_key_and_broken_lines_left_out() -> None:
    errors = json.dumps(
        {"custom_id": key_of(2).hex(), "response": {"status_code": 400,
         "body": {"error": {"message": "too\nlong"}}}}
    ).encode()  # fmt: skip
    late = json.dumps({"custom_id": key_of(1).hex(), "error": {"code": "expired"}}).encode()

    found = read_answers(
        _good(key_of(1)) + _good(key_of(3))[:-20],
        errors + b"\n" + late + b'\nnull\n{"custom_id": 7}\n\xff\n',
    )

    assert set(found) == {key_of(1), key_of(2)}
    assert (found[key_of(1)].status, found[key_of(1)].error) == (200, "")
    assert (found[key_of(2)].status, found[key_of(2)].error) == (400, "too long")


# Under way


def test_a_batch_ends_as_replies_that_cost_what_they_cost(tmp_path: Path) -> None:
    service = _Service()
    with _process(tmp_path, service) as (batches, ledger, store):
        assert asyncio.run(batches.submit(_items(10), limits=BatchLimits(requests=4))) == 10
        ledger.close()
        assert (ledger.spent, ledger.open) == (0, 10 * _WORST)

        assert asyncio.run(batches.collect()) == (10, 0, ())

        assert len(store.known(key_of(n) for n in range(10))) == 10
        assert (ledger.spent, ledger.open) == (10 * _COST, 0)
        assert asyncio.run(batches.submit(_items(10))) == 0
    assert len(service.batches) == 3
    assert list((tmp_path / "batches").iterdir()) == []


def test_what_a_batch_has_not_answered_is_named_and_may_be_handed_in_again(tmp_path: Path) -> None:
    service = _Service(forgets=(1, 3))
    with _process(tmp_path, service) as (batches, ledger, _):
        asyncio.run(batches.submit(_items(4)))
        collected = asyncio.run(batches.collect())
        assert collected == (2, 0, tuple(sorted([key_of(1), key_of(3)])))
        assert ledger.spent == 2 * _COST

        service.forgets = set()
        assert asyncio.run(batches.submit(_items(4))) == 2
        assert asyncio.run(batches.collect()).kept == 2
    assert len(service.handed_in()) == 6


def test_no_more_is_handed_in_than_the_cap_covers(tmp_path: Path) -> None:
    service = _Service()
    service.is_over = False
    with _process(tmp_path, service, cap=10 * _WORST) as (batches, ledger, _):
        assert asyncio.run(batches.submit(_items(15), limits=BatchLimits(requests=5))) == 10
        assert ledger.reserve(1) is None
        assert asyncio.run(batches.collect(wait=False)) == (0, 10, ())
        assert asyncio.run(batches.submit(_items(15))) == 0


def test_another_process_counts_what_is_under_way_and_collects_it(tmp_path: Path) -> None:
    service = _Service()
    with _process(tmp_path, service) as (batches, _, _):
        asyncio.run(batches.submit(_items(5)))
    with _process(tmp_path, service) as (batches, ledger, store):
        assert (ledger.spent, ledger.open) == (0, 5 * _WORST)
        assert asyncio.run(batches.collect()).kept == 5
        assert len(store.known(key_of(n) for n in range(5))) == 5


def test_what_is_kept_meanwhile_is_neither_counted_nor_kept_again(tmp_path: Path) -> None:
    service = _Service()
    with _process(tmp_path, service) as (batches, ledger, store):
        asyncio.run(batches.submit(_items(3)))
        store.keep(reply(1, created=9)).result()

        assert asyncio.run(batches.collect()).kept == 2
        assert ledger.spent == 2 * _COST
        assert store.find([key_of(1)])[key_of(1)].created == 9


def test_a_process_that_ends_at_any_call_hands_nothing_in_twice_and_loses_nothing(
    tmp_path: Path,
) -> None:
    async def all_of_it(batches: Batches) -> None:
        await batches.collect()
        await batches.submit(_items(6), limits=BatchLimits(requests=3))
        await batches.collect()

    last = ended = 0
    while not ended:
        last += 1
        service, folder = _Service(), tmp_path / f"{last}"
        service.last = last
        with _process(folder, service) as (batches, ledger, _):
            try:
                asyncio.run(all_of_it(batches))
                ended = last
            except _KilledError:
                pass
            assert service.billed <= ledger.totals().committed
        with _process(folder, service) as (batches, ledger, store):
            asyncio.run(all_of_it(batches))
            assert len(store.known(key_of(n) for n in range(6))) == 6
            assert sorted(service.handed_in()) == sorted(key_of(n) for n in range(6))
            ledger.close()
            assert (ledger.spent, ledger.open) == (service.billed, 0)
    assert last > 10


def test_a_damaged_job_is_told(tmp_path: Path) -> None:
    with _process(tmp_path, _Service()) as (batches, ledger, _):
        asyncio.run(batches.submit(_items(1)))
        [path] = (tmp_path / "batches").glob("*.json")
        path.write_text(path.read_text()[:-3])

        with pytest.raises(CacheError, match=f"{path} is damaged"):
            read_jobs(tmp_path)
        with pytest.raises(CacheError):
            ledger.totals()
        path.unlink()
