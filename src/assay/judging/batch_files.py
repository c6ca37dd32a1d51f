"""Requests as files for a service that answers them within a day, and its answers as files.

A line names its request by the key under which its reply is kept, so that a batch may be finished
by requests of any other kind.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from assay.errors import DataError
from assay.judging.stored_reply import KEY_BYTES
from assay.wording import one_line, size_text

_MESSAGE_LENGTH = 200
_ANSWERED = 200


class BatchItem(NamedTuple):
    """A request of a batch.

    Attributes:
        key: of its reply.
        body: JSON that is sent, nonce and model filled in.
        worst: the most that it should cost, in billionths of the currency.
    """

    key: bytes
    body: bytes
    worst: int = 0


class BatchLimits(NamedTuple):
    """What a service takes in one file; a service's own limits are set by its user."""

    requests: int = 10_000
    size_bytes: int = 50_000_000


class Shard(NamedTuple):
    """A file to hand in, and the requests in it."""

    items: Sequence[BatchItem]
    content: bytes


class BatchAnswer(NamedTuple):
    """What came back for one request.

    Attributes:
        key: of the request.
        status: as HTTP has it; 0 where the request was not answered, such as after the time was up.
        body: what the service answered; None where it did not.
        error: its words of what went wrong; empty where nothing did.
    """

    key: bytes
    status: int
    body: Any
    error: str = ""


def shards(items: Iterable[BatchItem], url: str, limits: BatchLimits) -> Iterator[Shard]:
    """Yield files within the limits, requests in the order they came.

    Args:
        items: what to ask.
        url: path of the route, such as ``/v1/chat/completions``.
        limits: of the service.

    Raises:
        DataError: if one request alone is larger than a file may be.
    """
    part: list[BatchItem] = []
    lines: list[bytes] = []
    size = 0
    for item in items:
        line = _line(item, url)
        if len(line) > limits.size_bytes:
            raise DataError(
                f"a request of {size_text(len(line))} is larger than a file of the service may be",
                hint="leave out long rows, or ask without a batch",
            )
        if part and (len(part) == limits.requests or size + len(line) > limits.size_bytes):
            yield Shard(part, b"".join(lines))
            part, lines, size = [], [], 0
        part.append(item)
        lines.append(line)
        size += len(line)
    if part:
        yield Shard(part, b"".join(lines))


def _line(item: BatchItem, url: str) -> bytes:
    # The body goes as it is: the same bytes as without a batch.
    head = json.dumps({"custom_id": item.key.hex(), "method": "POST", "url": url})
    return head[:-1].encode() + b', "body": ' + item.body.replace(b"\n", b" ") + b"}\n"


def read_answers(*contents: bytes) -> dict[bytes, BatchAnswer]:
    """Return the answers of files of answers and errors, by key; the good one of several.

    A line that is no answer, such as the last of a file that was cut off, is left out: its request
    counts as not answered.
    """
    found: dict[bytes, BatchAnswer] = {}
    for content in contents:
        for line in content.splitlines():
            answer = _answer(line)
            if answer is not None:
                before = found.get(answer.key)
                if before is None or before.status != _ANSWERED:
                    found[answer.key] = answer
    return found


def _answer(line: bytes) -> BatchAnswer | None:
    try:
        content = json.loads(line)
        key = bytes.fromhex(content["custom_id"])
        response = content.get("response") or {}
        error = content.get("error")
        status, body = response.get("status_code", 0), response.get("body")
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    if len(key) != KEY_BYTES or type(status) is not int:
        return None
    if error is None and isinstance(body, dict):
        error = body.get("error")
    words = error.get("message") or error.get("code") if isinstance(error, dict) else error
    return BatchAnswer(key, status, body, one_line(str(words), _MESSAGE_LENGTH) if words else "")
