"""A judge in a process of its own that counts what it is asked and what it bills for that.

It says of a row what the row's number comes to, after a time, and bills by the tokens that it
counts itself, as much more of them as it is told to. It knows nothing of Assay.
"""

import asyncio
import contextlib
import dataclasses
import json
import math
import os
import random
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

MARK = "case-"
"""Begins the number of a row, which stands in what the judge is shown."""
NAME = "stub"
_CASE = re.compile(rf"{MARK}(\d+)\.")
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_MILLION = 1_000_000


@dataclass(frozen=True)
class Manners:
    """How it answers and bills.

    Attributes:
        mean_seconds: of the time before an answer, which is log-normal.
        sigma: of its logarithm; 0 takes the mean every time.
        prompt_price: in billionths of a currency, for a million tokens.
        completion_price: the same, of what is written.
        letters_per_token: of what it reads; below 1 it counts more tokens than there are bytes.
        written: tokens of an answer; None for a few, within the limit that it is given.
        thought: tokens of hidden reasoning, which are billed like those of the answer.
        told_apart: whether hidden reasoning is left out of `completion_tokens`, and only in
            `total_tokens`.
    """

    mean_seconds: float = 0.0
    sigma: float = 0.5
    prompt_price: int = 1_000_000_000
    completion_price: int = 2_000_000_000
    letters_per_token: float = 4.0
    written: int | None = None
    thought: int = 0
    told_apart: bool = False


@dataclass
class Books:
    """What a server has been asked.

    Attributes:
        asked: numbers of the rows, in the order in which questions came; -1 for those of a probe.
        billed: in billionths of the currency.
        most_billed: for one question about a row.
        under_way: questions that were not answered yet.
        most_under_way: at a time.
        answered_at: seconds since some moment, of each answer about a row.
    """

    asked: list[int] = field(default_factory=list)
    billed: int = 0
    most_billed: int = 0
    under_way: int = 0
    most_under_way: int = 0
    answered_at: list[float] = field(default_factory=list)


def worth(case: int) -> float:
    """Return what the judge says of a row."""
    return (zlib.crc32(b"%d" % case) % 11) / 2


class _Server:
    def __init__(self, manners: Manners) -> None:
        self._manners = manners
        self._books = Books()
        self._chance = random.Random(7)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(b"content-length:")[2].split(b"\r")[0]
                content = await reader.readexactly(int(length or 0))
                if head.startswith(b"get /bill"):
                    said = json.dumps(dataclasses.asdict(self._books)).encode()
                elif head.startswith(b"get"):
                    said = json.dumps({"data": [{"id": NAME}]}).encode()
                else:
                    said = await self._answer(content)
                writer.write(_HEAD % len(said) + said)
                await writer.drain()
        writer.close()

    async def _answer(self, content: bytes) -> bytes:
        manners, books = self._manners, self._books
        text = content.decode("utf-8", "replace")
        found = _CASE.search(text)
        case = int(found[1]) if found else -1
        usage = self._usage(content)
        cost = -(
            -(
                usage["prompt_tokens"] * manners.prompt_price
                + (usage["total_tokens"] - usage["prompt_tokens"]) * manners.completion_price
            )
            // _MILLION
        )
        # It is billed once it is taken up: who leaves before the answer pays all the same.
        books.asked.append(case)
        books.billed += cost
        if case >= 0:
            books.most_billed = max(books.most_billed, cost)
        books.under_way += 1
        books.most_under_way = max(books.most_under_way, books.under_way)
        if manners.mean_seconds:
            mu = math.log(manners.mean_seconds) - manners.sigma**2 / 2
            await asyncio.sleep(self._chance.lognormvariate(mu, manners.sigma))
        books.under_way -= 1
        if case >= 0:
            books.answered_at.append(round(time.monotonic(), 4))
        said = f"{worth(case):g}\nSo it is." if case >= 0 else "word"
        choice = {"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        return json.dumps({"choices": [choice], "usage": usage}).encode()

    def _usage(self, content: bytes) -> dict[str, Any]:
        manners = self._manners
        read = math.ceil(len(content) / manners.letters_per_token)
        written = 6 if manners.written is None else manners.written
        told = written if manners.told_apart else written + manners.thought
        return {
            "prompt_tokens": read,
            "completion_tokens": told,
            "total_tokens": read + written + manners.thought,
        }


def serve() -> None:
    """Answer until it is killed; words: file for the port, manners as JSON."""
    asyncio.run(_serve(Path(sys.argv[1]), Manners(**json.loads(sys.argv[2]))))


async def _serve(place: Path, manners: Manners) -> None:
    server = await asyncio.start_server(_Server(manners).converse, "127.0.0.1", 0, backlog=1024)
    place.with_suffix(".tmp").write_text(str(server.sockets[0].getsockname()[1]))
    place.with_suffix(".tmp").rename(place)
    await server.serve_forever()


def books_of(port: int) -> Books:
    """Return what a server has been asked, once nothing is under way there."""
    while True:
        with urlopen(f"http://127.0.0.1:{port}/bill") as answer:
            found = Books(**json.load(answer))
        if not found.under_way:
            return found


def seen_so_far(port: int) -> int:
    """Return how many questions about rows came, whatever is under way."""
    with urlopen(f"http://127.0.0.1:{port}/bill") as answer:
        return sum(case >= 0 for case in json.load(answer)["asked"])


@contextlib.contextmanager
def billing_judge(folder: Path, manners: Manners | None = None) -> Iterator[int]:
    """Serve in a process of its own, and yield the port."""
    place = folder / "port"
    words = [str(place), json.dumps(dataclasses.asdict(manners or Manners()))]
    code = "from tests.billing_judge import serve; serve()"
    root = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])},
    )
    try:
        while not place.exists():
            if process.poll() is not None:
                raise AssertionError("the server ended early")
            time.sleep(0.01)
        yield int(place.read_text())
    finally:
        process.kill()
        process.wait()
        place.unlink(missing_ok=True)
