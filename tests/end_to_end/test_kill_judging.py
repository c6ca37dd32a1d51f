"""Judging that is killed: no reply that was kept is asked for again, and no cap is passed."""

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from assay.judging.ledger import Ledger
from assay.judging.store import ReplyStore
from tests.end_to_end.jobs import kill_group
from tests.fork_server import Process, start
from tests.judge_jobs import IN_FLIGHT, SCOPE, WORST, see_bill
from tests.judged import key_of, reply

pytestmark = pytest.mark.slow

_KILLS = 100


class _Server(NamedTuple):
    process: Process
    port: int


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[_Server]:
    """A server in its own process that bills between two shares of the worst case, in percent."""
    low, high = request.param
    place = tmp_path / "port"
    process = start("from tests.judge_jobs import serve; serve()", [place, low, high])
    while not place.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    yield _Server(process, int(place.read_text()))
    _kill(process)


def _kill(process: Process) -> None:
    kill_group(process)
    process.communicate()


def _drive(folder: Path, server: _Server, count: int, cap: int | str) -> Process:
    words = [folder / "judge", server.port, count, cap, folder / "told"]
    return start("from tests.judge_jobs import drive; drive()", [str(word) for word in words])


def _told(folder: Path) -> list[int]:
    """Return what the processes say was kept; a kill may have cut off the last line."""
    path = folder / "told"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [int(line) for line in lines if line.endswith("\n")]


def _stored(folder: Path, count: int) -> set[int]:
    with ReplyStore(folder / "judge") as store:
        known = store.known(map(key_of, range(count)))
    return {number for number in range(count) if key_of(number) in known}


def _committed(folder: Path) -> int:
    with ReplyStore(folder / "judge") as store:
        return Ledger(store, [SCOPE], None).totals().committed


def _kill_at_random(
    folder: Path, processes: list[Process], chance: random.Random, told: int
) -> None:
    """Kill once some more replies were kept, or at once; one process and then the others."""
    goal = told + chance.choice([0, 0, 1, 2, 4, 8, 12])
    while len(_told(folder)) < goal and any(each.poll() is None for each in processes):
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.03))
    for process in processes:
        _kill(process)


def _check(
    folder: Path, count: int, asked: list[int], before: set[int], in_flight: int
) -> set[int]:
    """Check a run that was killed, and return what is stored after it."""
    after = _stored(folder, count)
    assert set(_told(folder)) <= after, "somebody was told of a reply that is not there"
    assert not set(asked) & before, "a reply that was kept was asked for again"
    assert len(asked) - len(set(asked) & after) <= in_flight, "more was lost than was in flight"
    return after


@pytest.mark.parametrize("server", [(20, 100)], indirect=True)
def test_a_hundred_kills_lose_no_reply_and_pass_no_cap(server: _Server, tmp_path: Path) -> None:
    count, cap, chance = 600, 400_000, random.Random(11)
    stored: set[int] = set()
    seen = 0
    for _ in range(_KILLS):
        process = _drive(tmp_path, server, count, cap)
        _kill_at_random(tmp_path, [process], chance, len(_told(tmp_path)))
        bill = see_bill(server.port)
        stored = _check(tmp_path, count, [number for number, _ in bill[seen:]], stored, IN_FLIGHT)
        seen = len(bill)
        committed = _committed(tmp_path)
        assert sum(cost for _, cost in bill) <= committed <= cap

    ended = _drive(tmp_path, server, count, "none")
    ended.communicate()

    assert ended.returncode == 0
    assert _stored(tmp_path, count) == set(range(count))
    assert not {number for number, _ in see_bill(server.port)[seen:]} & stored


@pytest.mark.parametrize("server", [(250, 300)], indirect=True)
def test_where_more_is_billed_than_the_worst_case_only_what_is_in_flight_passes_the_cap(
    server: _Server, tmp_path: Path
) -> None:
    count, cap, chance = 600, 60_000, random.Random(12)
    for _ in range(_KILLS // 3):
        process = _drive(tmp_path, server, count, cap)
        _kill_at_random(tmp_path, [process], chance, len(_told(tmp_path)))
        billed = sum(cost for _, cost in see_bill(server.port))
        assert billed <= cap + IN_FLIGHT * 2 * WORST
    ended = _drive(tmp_path, server, count, cap)
    ended.communicate()
    billed = sum(cost for _, cost in see_bill(server.port))

    assert ended.returncode == 0
    assert billed <= cap + IN_FLIGHT * 2 * WORST
    with ReplyStore(tmp_path / "judge") as store:
        ledger = Ledger(store, [SCOPE], cap)
        assert ledger.overrun > 0
        assert ledger.reserve(WORST) is None


@pytest.mark.parametrize("server", [(20, 100)], indirect=True)
def test_two_processes_that_share_a_cap_are_killed_together(
    server: _Server, tmp_path: Path
) -> None:
    count, cap, chance = 600, 200_000, random.Random(13)
    stored: set[int] = set()
    seen = 0
    for _ in range(_KILLS // 4):
        processes = [_drive(tmp_path, server, count, cap) for _ in range(2)]
        _kill_at_random(tmp_path, processes, chance, len(_told(tmp_path)))
        bill = see_bill(server.port)
        asked = sorted({number for number, _ in bill[seen:]})
        stored = _check(tmp_path, count, asked, stored, 2 * IN_FLIGHT)
        seen = len(bill)
        assert sum(cost for _, cost in bill) <= _committed(tmp_path) <= cap


# Between any two statements


def test_a_kill_between_any_two_statements_leaves_what_was_told_and_counts_what_was_billed(
    tmp_path: Path,
) -> None:
    last = 0
    while True:
        last += 1
        folder, told = tmp_path / f"{last}", tmp_path / f"told-{last}"
        code = "from tests.judge_jobs import stumble; stumble()"
        process = start(code, [folder, str(last), told])
        process.communicate()
        lines = [json.loads(line) for line in told.read_text().splitlines()]
        _check_accounts(folder, lines)
        if lines and lines[-1][0] == "ended":
            break
    assert process.returncode == 0
    assert last > 40


def _check_accounts(folder: Path, lines: list[tuple[str, int, int]]) -> None:
    billed = {number: cost for what, number, cost in lines if what == "billed"}
    kept = {number for what, number, _ in lines if what == "kept"}
    known = kept | {number for what, number, _ in lines if what == "failed"}
    with ReplyStore(folder) as store:
        found = {n for n in range(3) if store.known([key_of(n)])}
        totals = Ledger(store, [SCOPE], None).totals()
        assert kept <= found <= set(billed)
        # A request that nobody was told of may have been settled; then with all of its cost.
        assert totals.settled in {
            sum(billed[n] for n in known), sum(billed[n] for n in billed)
        }  # fmt: skip
        assert totals.committed >= sum(min(cost, WORST) for cost in billed.values())
        assert totals.open == 0
        # The next process goes on where it was.
        store.keep(reply(0)).result()
        assert store.known([key_of(0)])
