"""How a row is judged: a generator that yields requests, is sent their replies, and concludes.

The same one is answered by a server or from what is kept. So a reply is parsed anew at no cost, and
what would be asked first is known without asking.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from assay.judging.replies import Reply
from assay.judging.requests import Request
from assay.samples import Reason

Finding = TypeVar("Finding")
Questions = Generator[Sequence[Request], Sequence[Reply], Finding]
"""Yields what is to be asked next, is sent the replies in that order, returns what was found."""


@dataclass(frozen=True)
class Concluded(Generic[Finding]):
    """What was found, and the keys of all replies that it rests on, as they were asked for."""

    finding: Finding
    keys: tuple[bytes, ...]


def answered(
    questions: Questions[Finding], judge: str, find: Callable[[bytes], Reply | None]
) -> Concluded[Finding]:
    """Return what kept replies come to; what is not kept was not asked.

    Args:
        questions: of one row.
        judge: whose replies.
        find: returns the reply under a key, None if there is none.
    """
    keys: list[bytes] = []
    replies: Sequence[Reply] | None = None
    while True:
        try:
            requests = next(questions) if replies is None else questions.send(replies)
        except StopIteration as concluded:
            return Concluded(concluded.value, tuple(keys))
        asked = [request.key(judge) for request in requests]
        keys += asked
        replies = [find(key) or Reply(Reason.NOT_ASKED) for key in asked]


def next_asked(
    questions: Questions[Finding], judge: str, find: Callable[[bytes], Reply | None]
) -> Sequence[Request]:
    """Return what is to be asked next of a row, as far as its replies are at hand.

    Nothing if they are enough to conclude. Args are those of `answered`.
    """
    replies: Sequence[Reply] | None = None
    try:
        while True:
            requests = next(questions) if replies is None else questions.send(replies)
            found = [find(request.key(judge)) for request in requests]
            replies = [reply for reply in found if reply is not None]
            if len(replies) < len(found):
                pairs = zip(requests, found, strict=True)
                return [request for request, reply in pairs if reply is None]
    except StopIteration:
        return ()
    finally:
        questions.close()


def first_asked(questions: Questions[Finding]) -> Sequence[Request]:
    """Return what is asked first; nothing if all is known without asking."""
    try:
        return next(questions)
    except StopIteration:
        return ()
    finally:
        questions.close()
