"""Money is set aside before it is spent, and no cap is passed."""

import asyncio
import threading
import time
from pathlib import Path

import pytest

from assay.judging.ledger import Ledger, Reservation
from assay.judging.spending import Totals
from assay.judging.store import ReplyStore
from tests.fork_server import start
from tests.judged import key_of, reply


def _taken(reservation: Reservation | None) -> Reservation:
    assert reservation is not None
    return reservation


def test_what_the_cap_does_not_cover_is_not_reserved(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as store:
        ledger = Ledger(store, ["pass"], 100)

        assert ledger.reserve(101) is None
        assert ledger.reserve(60) is not None
        assert ledger.reserve(41) is None
        assert ledger.reserve(40) is not None
        assert ledger.reserve(1) is None
        assert (ledger.spent, ledger.open, ledger.left) == (0, 100, 0)


def test_a_request_that_costs_less_makes_room(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as store:
        ledger = Ledger(store, ["pass"], 100)
        ledger.settle(_taken(ledger.reserve(100)), 30, reply(1, cost=30)).result()
        ledger.close()

        assert (ledger.spent, ledger.open, ledger.left) == (30, 0, 70)
        assert ledger.reserve(71) is None
        assert ledger.reserve(70) is not None
        assert store.known([key_of(1)])


def test_what_was_not_sent_costs_nothing(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as store:
        ledger = Ledger(store, ["pass"], 100)
        ledger.release(_taken(ledger.reserve(100)))
        ledger.close()

        assert (ledger.spent, ledger.open) == (0, 0)


def test_a_failed_attempt_costs_what_is_known_of_it_or_its_worst_case(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as store:
        ledger = Ledger(store, ["pass"], 1000)
        ledger.failed(_taken(ledger.reserve(100)), 7).result()
        ledger.failed(_taken(ledger.reserve(100))).result()
        ledger.close()

        assert (ledger.spent, ledger.open) == (107, 0)


def test_a_reservation_ends_once(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as store:
        ledger = Ledger(store, ["pass"], 100)
        reservation = _taken(ledger.reserve(10))
        ledger.release(reservation)

        with pytest.raises(ValueError, match="ends once"):
            ledger.settle(reservation, 5)


@pytest.mark.parametrize("cap", [0, None])
def test_what_is_free_is_reserved_without_a_write(tmp_path: Path, cap: int | None) -> None:
    with ReplyStore(tmp_path) as store:
        ledger = Ledger(store, ["pass"], cap)

        assert ledger.reserve(0) is not None
        assert list(tmp_path.iterdir()) == []


def test_without_a_cap_spending_is_counted_all_the_same(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as store:
        ledger = Ledger(store, ["pass"], None)
        ledger.settle(_taken(ledger.reserve(100)), 30).result()
        assert ledger.left is None
    with ReplyStore(tmp_path) as store:
        assert Ledger(store, ["pass"], 1 << 40).spent >= 30


def test_a_scope_counts_what_earlier_processes_have_spent_in_it_and_no_other(
    tmp_path: Path,
) -> None:
    with ReplyStore(tmp_path) as store:
        earlier = Ledger(store, ["one", "other"], 1000)
        earlier.settle(_taken(earlier.reserve(100)), 80).result()
        earlier.settle(_taken(earlier.reserve(100, "other")), 70).result()
        earlier.close()
    with ReplyStore(tmp_path) as store:
        assert Ledger(store, ["one"], 100).spent == 80
        assert Ledger(store, ["other"], 100).left == 30
        assert Ledger(store, ["one", "other"], 200).spent == 150
        assert Ledger(store, ["third"], 100).reserve(100) is not None


def test_money_that_is_idle_in_one_scope_serves_another(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as store:
        ledger = Ledger(store, ["one", "other"], 1000)
        ledger.release(_taken(ledger.reserve(900)))

        assert ledger.reserve(900, "other") is not None


def test_the_lease_of_a_process_that_was_killed_counts_as_spent(tmp_path: Path) -> None:
    killed = start(
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from assay.judging.ledger import Ledger\n"
        "from assay.judging.store import ReplyStore\n"
        "assert Ledger(ReplyStore(Path(sys.argv[1])), ['pass'], 1000).reserve(600)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n",
        [tmp_path],
    )
    killed.communicate()
    assert killed.returncode == -9
    with ReplyStore(tmp_path) as store:
        ledger = Ledger(store, ["pass"], 1000)

        assert ledger.totals().lost >= 600
        assert ledger.spent == ledger.totals().lost
        assert ledger.reserve(401) is None
        assert ledger.reserve(300) is not None  # in the dead one's own file
        assert ledger.totals().lost >= 600


def test_the_lease_of_a_living_process_is_open_and_not_spent(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as mine, ReplyStore(tmp_path) as theirs:
        assert Ledger(theirs, ["pass"], 1000).reserve(600) is not None
        ledger = Ledger(mine, ["pass"], 1000)

        assert (ledger.spent, ledger.reserve(401)) == (0, None)
        assert ledger.reserve(300) is not None
        assert ledger.open >= 900


@pytest.mark.parametrize(("theirs_takes", "granted"), [(600, False), (300, True)])
def test_of_two_that_look_at_the_same_rest_the_later_one_gets_what_is_really_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theirs_takes: int, granted: bool
) -> None:
    with ReplyStore(tmp_path) as mine, ReplyStore(tmp_path) as theirs:
        ledger, other = Ledger(mine, ["pass"], 1000), Ledger(theirs, ["pass"], 1000)
        looked: list[Totals] = []
        look = ledger.totals

        def look_and_be_late() -> Totals:
            found = look()
            if not looked:
                assert other.reserve(theirs_takes) is not None
            looked.append(found)
            return found

        monkeypatch.setattr(ledger, "totals", look_and_be_late)

        assert (ledger.reserve(600) is not None) is granted
        assert look().committed <= 1000


# Costs above the worst case


def test_a_cost_above_the_worst_case_is_told_and_stops_at_the_cap(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as store:
        ledger = Ledger(store, ["pass"], 1000)
        first, second = _taken(ledger.reserve(100)), _taken(ledger.reserve(100))
        ledger.settle(first, 950).result()

        assert ledger.overrun == 850
        assert ledger.reserve(1) is None
        ledger.settle(second, 950).result()
        assert ledger.spent == 1900  # what was under way, and not more
        assert ledger.left == 0
        assert ledger.reserve(0) is None


def test_after_an_overrun_far_from_the_cap_requests_go_on_at_the_price_that_was_seen(
    tmp_path: Path,
) -> None:
    with ReplyStore(tmp_path) as store:
        ledger = Ledger(store, ["pass"], 1000)
        ledger.settle(_taken(ledger.reserve(100)), 300).result()

        assert ledger.reserve(0) is not None
        assert ledger.reserve(234) is None
        assert ledger.reserve(233) is not None  # three times that is 699


def test_what_a_killed_process_left_open_counts_at_the_price_that_was_seen(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as store:
        left = Ledger(store, ["pass"], 10_000)
        assert left.reserve(100) is not None
        left.close()
    with ReplyStore(tmp_path) as store:
        ledger = Ledger(store, ["pass"], 10_000)
        assert ledger.spent == 100
        ledger.settle(_taken(ledger.reserve(10)), 25).result()
        ledger.close()

        assert ledger.spent == 250 + 25


def test_where_a_free_judge_bills_nothing_more_is_sent_above_the_cap(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as store:
        ledger = Ledger(store, ["pass"], 0)
        ledger.settle(_taken(ledger.reserve(0)), 5).result()

        assert ledger.reserve(0) is None
        assert ledger.overrun == 5


# Many at once


@pytest.mark.parametrize("processes", [1, 3])
def test_however_many_reserve_at_once_the_cap_is_not_passed_and_almost_all_of_it_used(
    tmp_path: Path, processes: int
) -> None:
    cap, worst, sent = 20_000, 100, []

    def work(ledger: Ledger) -> None:
        while (reservation := ledger.reserve(worst)) is not None:
            sent.append(worst)
            # A lease that another is about to take back stands there for a moment; nothing is sent
            # under it.
            assert ledger.spent <= cap
            ledger.settle(reservation, worst)

    stores = [ReplyStore(tmp_path) for _ in range(processes)]
    ledgers = [Ledger(store, ["pass"], cap) for store in stores]
    threads = [threading.Thread(target=work, args=[each]) for each in ledgers for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for ledger, store in zip(ledgers, stores, strict=True):
        ledger.close()
        store.close()

    assert 0.9 * cap <= sum(sent) <= cap
    with ReplyStore(tmp_path) as store:
        assert Ledger(store, ["pass"], cap).totals().settled == sum(sent)
        assert Ledger(store, ["pass"], cap).totals().committed == sum(sent)


def test_leases_are_fewer_by_far_than_requests_however_fast_these_are(
    tmp_path: Path,
) -> None:
    async def run(ledger: Ledger) -> int:
        until, count = time.monotonic() + 2, 0
        while time.monotonic() < until:
            taken = [await ledger.reserving(100) for _ in range(50)]
            await asyncio.gather(*(ledger.settle(_taken(each), 90) for each in taken))
            count += 50
        return count

    with ReplyStore(tmp_path) as store:
        ledger = Ledger(store, ["pass"], 10**12)
        count = asyncio.run(run(ledger))

    assert count > 500
    # What is idle is bounded by what is under way, 50 here, so that a kill costs little.
    assert ledger.leases < count / 10


def test_what_is_leased_and_not_used_is_no_more_than_what_is_under_way(tmp_path: Path) -> None:
    # However fast it goes: it is lost with a process that is killed.
    with ReplyStore(tmp_path) as store:
        ledger = Ledger(store, ["pass"], 10_000_000)
        under_way = [_taken(ledger.reserve(100)) for _ in range(12)]
        for _ in range(400):
            ledger.settle(under_way.pop(0), 1).result()
            under_way.append(_taken(ledger.reserve(100)))
            assert ledger.totals().open <= 2 * 12 * 100
        assert ledger.leases < 400
