"""Many rows at a time: none waits for another, and nobody is asked twice what was said once."""

import asyncio
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from assay.judging.asking import Asking, Batch
from assay.judging.messages import Message
from assay.judging.questioning import Questions
from assay.judging.replies import Reply
from assay.judging.requests import Request
from assay.samples import Reason


def request(text: str) -> Request:
    return Request((Message("user", (text,)),))


def one_after_another(*texts: str) -> Questions[list[str]]:
    """Ask for each text once the one before it is answered."""
    said = []
    for text in texts:
        [reply] = yield [request(text)]
        said.append(reply.text)
    return said


class Echoing:
    """A judge that says what it is asked, in turns of the loop; it keeps what it says."""

    identity = "echo"

    def __init__(self, *, outcomes: Sequence[Reason] = ()) -> None:
        self.asked: list[str] = []
        self.store: dict[bytes, Reply] = {}
        self._outcomes = list(outcomes)
        self._pool = ThreadPoolExecutor(2)
        self._loop = asyncio.new_event_loop()
        self._pool.submit(self._loop.run_forever)

    def kept(self, keys: Sequence[bytes]) -> dict[bytes, Reply]:
        return {key: self.store[key] for key in keys if key in self.store}

    async def reply(self, request: Request, key: bytes) -> Reply:
        text = request.messages[0].text("")
        self.asked.append(text)
        await asyncio.sleep(0.01)
        outcome = self._outcomes.pop(0) if self._outcomes else Reason.OK
        if outcome != Reason.OK:
            return Reply(outcome)
        self.store[key] = Reply(Reason.OK, text)
        return self.store[key]

    def start(self, work: Coroutine[Any, Any, Any]) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)


def found(batch: Batch[list[str]]) -> list[list[str]]:
    return [row.finding for row in batch.wait(lambda _: None)]


def test_rows_come_back_in_their_order_whoever_is_done_first() -> None:
    asking = Asking(Echoing(), parallel=3)

    assert found(asking.submit(map(one_after_another, "abcdefgh"))) == [
        [each] for each in "abcdefgh"
    ]


def test_what_was_said_to_a_row_of_another_batch_is_not_asked_again() -> None:
    judge = Echoing()
    asking = Asking(judge, parallel=2)
    first = asking.submit([one_after_another("a"), one_after_another("b", "c")])
    second = asking.submit([one_after_another("a"), one_after_another("c"), one_after_another("d")])

    assert found(first) == [["a"], ["b", "c"]]
    assert found(second) == [["a"], ["c"], ["d"]]
    assert sorted(judge.asked) == ["a", "b", "c", "d"]


def test_what_is_kept_of_a_later_question_is_found_as_well() -> None:
    judge = Echoing()
    found(Asking(judge, parallel=2).submit([one_after_another("a", "b", "c")]))
    again = Asking(judge, parallel=2)

    assert found(again.submit([one_after_another("a", "b", "c", "d")])) == [["a", "b", "c", "d"]]
    assert judge.asked == ["a", "b", "c", "d"]


def test_what_may_pass_is_asked_again_for_another_row() -> None:
    judge = Echoing(outcomes=[Reason.TRANSIENT])
    asking = Asking(judge, parallel=1)

    assert found(asking.submit([one_after_another("a"), one_after_another("a")])) == [[""], ["a"]]
    assert judge.asked == ["a", "a"]
