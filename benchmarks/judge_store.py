"""What does it cost to reserve money for a request, to keep its reply and to settle it?

    python benchmarks/judge_store.py
    python benchmarks/judge_store.py --requests 100000 --in-flight 256

Requests are answered at once, so that the store is all there is: wall-clock and processor time of a
request, how many groups were committed, how many leases were written. Beside it, the same rows
with a commit each. Then all replies are found again by their keys, among as many that are not
there.
"""

import asyncio
import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from harness import argument_parser, in_turn, report

from assay.judging.ledger import Ledger
from assay.judging.store import ReplyStore, StoredReply

_WORST, _COST = 100_000, 70_000
_ONE_BY_ONE = 50  # of as many requests the baseline keeps one


def _reply(number: int) -> StoredReply:
    """Return a reply whose request has 2,000 characters and whose response has 500."""
    return StoredReply(
        hashlib.sha256(b"%d" % number).digest(), "a judge", "q" * 2000, "a" * 500, cost=_COST,
        scope="pass", created=number,
    )  # fmt: skip


def _together(folder: Path, count: int, in_flight: int) -> dict[str, float]:
    """Keep replies of so many requests at once; return times per request in microseconds."""

    async def work(ledger: Ledger, left: "list[int]") -> None:
        while left:
            number = left.pop()
            reservation = await ledger.reserving(_WORST)
            assert reservation is not None
            await ledger.settle(reservation, _COST, _reply(number))

    async def run(ledger: Ledger) -> None:
        left = list(range(count))
        await asyncio.gather(*(work(ledger, left) for _ in range(in_flight)))

    with ReplyStore(folder) as store:
        ledger = Ledger(store, ["pass"], 1 << 50)
        began, worked = time.perf_counter(), time.process_time()
        asyncio.run(run(ledger))
        passed, work_seconds = time.perf_counter() - began, time.process_time() - worked
        ledger.close()
        return {
            "wall_microseconds": 1e6 * passed / count,
            "processor_microseconds": 1e6 * work_seconds / count,
            "requests_per_commit": count / store.commits,
            "leases_per_second": ledger.leases / passed,
        }


def _one_by_one(folder: Path, count: int) -> None:
    with ReplyStore(folder) as store:
        for number in range(count):
            store.keep(_reply(number)).result()


def _found(folder: Path, count: int) -> dict[str, float]:
    keys = [_reply(number).key for number in range(2 * count)]
    with ReplyStore(folder) as store:
        seconds = {}
        looks: dict[str, Callable[[], int]] = {
            "find": lambda: len(store.find(keys)), "known": lambda: len(store.known(keys))
        }  # fmt: skip
        for name, look in looks.items():
            began = time.perf_counter()
            assert look() == count
            seconds[f"{name}_seconds"] = time.perf_counter() - began
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argument_parser(__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=64)
    arguments = parser.parse_args()
    count, in_flight = arguments.requests, arguments.in_flight
    with tempfile.TemporaryDirectory() as name:
        folder, turns = Path(name), iter(range(1000))
        figures = _together(folder / "first", count, in_flight)
        figures |= _found(folder / "first", count)
        comparison = in_turn(
            lambda: _together(folder / f"{next(turns)}", count, in_flight),
            lambda: _one_by_one(folder / f"{next(turns)}", count // _ONE_BY_ONE),
            scale=_ONE_BY_ONE,
        )
    report(
        "judge_store", {"requests": count, "in_flight": in_flight} | figures, comparison,
        arguments.json,
    )  # fmt: skip


if __name__ == "__main__":
    main()
