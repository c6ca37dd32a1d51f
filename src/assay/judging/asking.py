"""Puts the questions of rows to a judge, many at a time, over the borders of shards."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Generic, Protocol, TypeVar

from assay.judging.questioning import Concluded, Questions
from assay.judging.replies import Reply
from assay.judging.requests import Request

Found = TypeVar("Found")
_TELL_SECONDS = 0.2
_ROWS_AT_ONCE = 2
_PAUSE_SECONDS = 0.001


class Answering(Protocol):
    """What replies to single requests."""

    @property
    def identity(self) -> str:
        """Return what tells it from every other judge; keys are taken over it."""

    def kept(self, keys: Sequence[bytes]) -> dict[bytes, Reply]:
        """Return the replies that are at hand, by key; called from any thread."""

    async def reply(self, request: Request, key: bytes) -> Reply:
        """Return the reply to a request that is not at hand, kept by then if it is a last word."""

    def start(self, work: Coroutine[Any, Any, Any]) -> "Future[Any]":
        """Begin work in the loop in which requests are sent."""


@dataclass
class _Row:
    """A row on its way: what it asks next, and the keys of all that it has asked."""

    questions: Questions[Any]
    requests: Sequence[Request] = ()
    keys: tuple[bytes, ...] = ()
    concluded: Concluded[Any] | None = None

    def go_on(self, judge: str, replies: Sequence[Reply] | None = None) -> None:
        """Hand over replies, and take what is asked next."""
        try:
            self.requests = (
                next(self.questions) if replies is None else self.questions.send(replies)
            )
        except StopIteration as end:
            self.requests = ()
            self.concluded = Concluded(end.value, self.keys)
        else:
            self.keys += tuple(request.key(judge) for request in self.requests)

    @property
    def wanted(self) -> tuple[bytes, ...]:
        """The keys of the requests that are open."""
        return self.keys[len(self.keys) - len(self.requests) :]


class Batch(Generic[Found]):
    """Rows that a judge is asked about.

    Args:
        rows: how many.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.done = 0
        # Replies that were at hand when it began, and all that came since.
        self.kept: dict[bytes, Reply] = {}
        self.work: Future[list[Concluded[Found]]] = Future()

    def wait(self, advance: Callable[[int], None]) -> list[Concluded[Found]]:
        """Return what was found of every row, telling meanwhile how many are done."""
        told = 0
        while True:
            try:
                found = self.work.result(_TELL_SECONDS)
            except Late:
                if self.work.done():  # it was raised by the work itself
                    raise
                done = self.done
                advance(done - told)
                told = done
                continue
            advance(self.rows - told)
            return found


class Asking:
    """Asks one judge.

    Args:
        judge: what replies.
        parallel: rows that are on their way at a time, at most.
    """

    def __init__(self, judge: Answering, *, parallel: int) -> None:
        self._judge = judge
        self._slots = asyncio.Semaphore(parallel)
        self._turn = asyncio.Lock()
        self._under_way: dict[bytes, asyncio.Future[Reply]] = {}
        self._batches: list[Batch[Any]] = []

    def submit(self, rows: Iterable[Questions[Found]]) -> Batch[Found]:
        """Begin to ask about some rows; called from any thread but the loop's.

        While others are under way it makes them ready a few at a time: whoever waits for an answer
        has the processor in between.
        """
        begun = []
        for questions in rows:
            row = _Row(questions)
            row.go_on(self._judge.identity)
            begun.append(row)
            if self._batches and len(begun) % _ROWS_AT_ONCE == 0:
                time.sleep(_PAUSE_SECONDS)
        batch: Batch[Found] = Batch(len(begun))
        # What comes from now on is told to it; what came before is in the store.
        self._batches.append(batch)
        batch.kept |= self._judge.kept([key for row in begun for key in row.keys])
        batch.work = self._judge.start(self._all(begun, batch))
        return batch

    async def _all(self, rows: Sequence[_Row], batch: Batch[Any]) -> list[Concluded[Any]]:
        try:
            # Somebody waits for the rows that came first: those after them take what is left, so
            # that many of them are still to come when further ones are made ready.
            async with asyncio.TaskGroup() as tasks, self._turn:
                for row in rows:
                    if row.concluded is not None:
                        batch.done += 1
                        continue
                    await self._slots.acquire()
                    tasks.create_task(self._row(row, batch))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            self._batches.remove(batch)
        return [row.concluded for row in rows if row.concluded is not None]

    async def _row(self, row: _Row, batch: Batch[Any]) -> None:
        try:
            while row.concluded is None:
                asking = [*map(self._reply, row.requests, row.wanted, repeat(batch))]
                # One alone needs no task of its own.
                replies = [await asking[0]] if len(asking) == 1 else await asyncio.gather(*asking)
                row.go_on(self._judge.identity, replies)
                if further := [key for key in row.wanted if key not in batch.kept]:
                    batch.kept |= self._judge.kept(further)
            batch.done += 1
        finally:
            self._slots.release()

    async def _reply(self, request: Request, key: bytes, batch: Batch[Any]) -> Reply:
        """Return a reply; equal requests that are under way together share one."""
        if key in batch.kept:
            return batch.kept[key]
        if key in self._under_way:
            return await asyncio.shield(self._under_way[key])
        shared = self._under_way[key] = asyncio.get_running_loop().create_future()
        try:
            reply = await self._judge.reply(request, key)
        except BaseException as error:
            shared.set_exception(error)
            shared.exception()  # whoever shares it raises it; if nobody does, it is raised here
            raise
        else:
            shared.set_result(reply)
            if reply.outcome.kind != "unfinished":
                for each in tuple(self._batches):
                    each.kept[key] = reply
            return reply
        finally:
            del self._under_way[key]
