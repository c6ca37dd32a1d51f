"""Judging by batches: handed in, waited for, and kept under the same keys as any other reply.

What is under way is on the disk before a service is asked for anything, so that a process that is
killed at any moment neither loses a batch nor hands one in twice.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple, Protocol

from assay.judging.batch_files import BatchAnswer, BatchItem, BatchLimits, read_answers, shards
from assay.judging.batch_jobs import (
    BatchJob,
    new_job,
    read_jobs,
    remove_job,
    requests_path,
    write_job,
)
from assay.judging.ledger import Ledger
from assay.judging.store import ReplyStore, StoredReply

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS, _LONGER = 5.0, 300.0, 1.5


DEFAULT_LIMITS = BatchLimits()
"""Small enough to lose little where a file is refused."""


class BatchState(NamedTuple):
    """How far a batch is.

    Attributes:
        is_over: whether nothing more will come: it is done, or its time was up, or it failed.
        output: name of the file of answers; empty where there is none.
        errors: name of the file of errors; empty where there is none.
        word: what the service calls it.
    """

    is_over: bool
    output: str = ""
    errors: str = ""
    word: str = ""


class BatchService(Protocol):
    """What a service that takes batches has to offer."""

    @property
    def name(self) -> str:
        """What tells it from every other: its address."""

    async def upload(self, content: bytes) -> str:
        """Hand over a file of requests and return its name."""

    async def create(self, file: str, tag: str) -> str:
        """Begin a batch of a file, with a tag among its metadata, and return its name."""

    async def with_tag(self, tag: str) -> str | None:
        """Return the name of the batch that has a tag; None where there is none."""

    async def state(self, batch: str) -> BatchState:
        """Return how far a batch is."""

    async def download(self, file: str) -> bytes:
        """Return the content of a file."""


class Collected(NamedTuple):
    """What came of batches.

    Attributes:
        kept: replies that are there now.
        open: requests of batches that are still under way.
        unanswered: keys of requests that have to be asked anew, ascending.
    """

    kept: int
    open: int
    unanswered: tuple[bytes, ...]


class Batches:
    """The batches of one scope at one service.

    Args:
        store: where replies are kept.
        ledger: what may be spent.
        service: who answers.
        read: makes of an answer what is kept, with its cost; None for what is to be asked anew.
        scope: what is counted; None for the ledger's first.
    """

    def __init__(
        self,
        store: ReplyStore,
        ledger: Ledger,
        service: BatchService,
        read: Callable[[BatchAnswer], StoredReply | None],
        *,
        scope: str | None = None,
    ) -> None:
        self._store, self._ledger, self._service, self._read = store, ledger, service, read
        self._scope = ledger.scopes[0] if scope is None else scope

    def jobs(self) -> list[BatchJob]:
        """Return what is under way in this scope at this service."""
        return [
            job
            for job in read_jobs(self._store.folder)
            if (job.service, job.scope) == (self._service.name, self._scope)
        ]

    async def submit(
        self,
        items: Iterable[BatchItem],
        url: str = "/v1/chat/completions",
        limits: BatchLimits = DEFAULT_LIMITS,
    ) -> int:
        """Hand in what has no reply and is not under way, as far as the cap allows.

        Returns:
            How many requests were handed in.

        Raises:
            DataError: if one request is larger than a file of the service may be.
        """
        asked = list({item.key: item for item in items}.values())
        known = self._store.known(item.key for item in asked)
        under_way = {key for job in self.jobs() for key in job.keys}
        left = [item for item in asked if item.key not in known and item.key.hex() not in under_way]
        count = 0
        for shard in list(shards(left, url, limits)):
            worst = sum(item.worst for item in shard.items)
            reservation = await self._ledger.reserving(worst, self._scope)
            if reservation is None:
                break
            job = new_job(self._store.folder, self._service.name, self._scope, shard)
            # From here on the job itself counts as open.
            await self._ledger.settle(reservation, 0)
            await self._begin(job)
            count += len(shard.items)
        return count

    async def _begin(self, job: BatchJob) -> BatchJob:
        """Have the service begin a job, unless it has done so and nobody was told."""
        batch = await self._service.with_tag(job.tag)
        if batch is None:
            content = requests_path(self._store.folder, job).read_bytes()
            batch = await self._service.create(await self._service.upload(content), job.tag)
        job = replace(job, batch=batch)
        write_job(self._store.folder, job)
        return job

    async def collect(self, *, wait: bool = True) -> Collected:
        """Keep what batches have answered, of earlier processes, too.

        Args:
            wait: until all are over; without, those that are.
        """
        kept, unanswered = 0, set[bytes]()
        jobs, seconds = self.jobs(), _FIRST_WAIT_SECONDS
        while True:
            left = []
            for job in jobs:
                begun = job if job.batch else await self._begin(job)
                state = await self._service.state(begun.batch)
                if state.is_over:
                    now, missing = await self._keep(begun, state)
                    kept += now
                    unanswered |= missing
                else:
                    left.append(begun)
            jobs = left
            if not jobs or not wait:
                open_ = sum(len(job.keys) for job in jobs)
                return Collected(kept, open_, tuple(sorted(unanswered)))
            await asyncio.sleep(seconds)
            seconds = min(seconds * _LONGER, _LONGEST_WAIT_SECONDS)

    async def _keep(self, job: BatchJob, state: BatchState) -> tuple[int, set[bytes]]:
        """Keep the replies of a job that is over, count them, and forget the job."""
        files = [name for name in (state.output, state.errors) if name]
        answers = read_answers(*[await self._service.download(name) for name in files])
        keys = {bytes.fromhex(key) for key in job.keys}
        # One that is there was counted in the transaction that kept it, before a kill.
        known = self._store.known(keys)
        replies = [self._read(answers[key]) for key in sorted(keys - known) if key in answers]
        kept = [reply for reply in replies if reply is not None]
        for each in [self._ledger.charge(reply.cost, reply, self._scope) for reply in kept]:
            await each
        remove_job(self._store.folder, job)
        return len(kept), keys - known - {reply.key for reply in kept}
