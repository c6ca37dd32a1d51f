"""Processes around a store of replies: a server that bills what it answers, and who asks it."""

import asyncio
import json
import os
import random
import sqlite3
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from assay.judging.ledger import Ledger
from assay.judging.store import ReplyStore
from tests.judged import key_of, reply

IN_FLIGHT = 16
WORST = 100
SCOPE = "pass"


# The server


def serve() -> None:
    """Answer and bill; words: file for the port, least and most of the worst case, in percent."""
    place, low, high = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    asyncio.run(_serve(place, low, high))


async def _serve(place: Path, low: int, high: int) -> None:
    chance = random.Random(7)
    bill: list[tuple[int, int]] = []
    pending = 0

    async def answer(asked: Any) -> Any:
        nonlocal pending
        if asked is None:
            return {"bill": bill, "pending": pending}
        pending += 1
        await asyncio.sleep(chance.uniform(0.001, 0.006))
        cost = WORST * chance.randint(low, high) // 100
        bill.append((asked, cost))
        pending -= 1
        return {"cost": cost}

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r")[0])
                body = json.dumps(await answer(json.loads(await reader.readexactly(length))))
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body.encode()
                )
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    place.with_suffix(".tmp").write_text(str(server.sockets[0].getsockname()[1]))
    place.with_suffix(".tmp").rename(place)
    await server.serve_forever()


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: int | None
) -> Any:
    """Post a number, or nothing to see the bill, and return what comes back."""
    body = json.dumps(question).encode()
    writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r")[0])
    return json.loads(await reader.readexactly(length))


def see_bill(port: int) -> list[tuple[int, int]]:
    """Return what was asked and what it cost, once nothing is under way at the server."""

    async def see() -> list[tuple[int, int]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (seen := await ask(reader, writer, None))["pending"]:
            await asyncio.sleep(0.001)
        writer.close()
        await writer.wait_closed()
        return [(number, cost) for number, cost in seen["bill"]]

    return asyncio.run(see())


# Who asks


def drive() -> None:
    """Ask what has no reply; words: folder, port, how many, cap or "none", file of what is told."""
    folder, port, count, cap, told = sys.argv[1:]
    asyncio.run(_drive(Path(folder), int(port), int(count), cap, Path(told)))


async def _drive(folder: Path, port: int, count: int, cap: str, told: Path) -> None:
    output = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with ReplyStore(folder) as store:
        ledger = Ledger(store, [SCOPE], None if cap == "none" else int(cap))
        known = store.known(map(key_of, range(count)))
        left = iter([number for number in range(count) if key_of(number) not in known])
        await asyncio.gather(*(_work(store, ledger, port, left, output) for _ in range(IN_FLIGHT)))
        ledger.close()


async def _work(
    store: ReplyStore, ledger: Ledger, port: int, left: Iterator[int], output: int
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in left:
        # Another process may have asked meanwhile.
        if key_of(number) in store.known([key_of(number)]):
            continue
        reservation = await ledger.reserving(WORST)
        if reservation is None:
            break
        cost = (await ask(reader, writer, number))["cost"]
        await ledger.settle(reservation, cost, reply(number, cost=cost, scope=SCOPE))
        os.write(output, f"{number}\n".encode())
    writer.close()


# Ends at a statement


class _Mortal(sqlite3.Connection):
    """A connection whose process ends before one of all calls; commits have two moments."""

    calls = 0
    last = sys.maxsize

    def execute(self, *words: Any) -> sqlite3.Cursor:
        _Mortal.calls += 1
        if _Mortal.calls == _Mortal.last:
            os.kill(os.getpid(), 9)
        return super().execute(*words)


def stumble() -> None:
    """Reserve, pay and keep, and be killed before a call; words: folder, number, told file."""
    folder, last, told = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    vars(sqlite3)["connect"] = partial(sqlite3.connect, factory=_Mortal)
    _Mortal.last = last
    output = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def tell(*words: object) -> None:
        os.write(output, (json.dumps(words) + "\n").encode())

    with ReplyStore(folder) as store:
        ledger = Ledger(store, [SCOPE], 20 * WORST)
        for number, cost in enumerate((70, 100, 250)):
            reservation = ledger.reserve(WORST)
            if reservation is None:
                tell("refused", number, 0)
                continue
            tell("billed", number, cost)
            if number == 1:
                ledger.failed(reservation, cost).result()
                tell("failed", number, cost)
            else:
                ledger.settle(reservation, cost, reply(number, cost=cost, scope=SCOPE)).result()
                tell("kept", number, cost)
        ledger.close()
    tell("ended", _Mortal.calls, 0)
