"""Replies are found by whoever looks, and damage is told."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from assay.errors import CacheError, DataError
from assay.judging.group_commit import Kept
from assay.judging.reply_file import FORMAT_VERSION, reply_files
from assay.judging.store import ReplyStore
from assay.samples import Reason
from tests.fork_server import start
from tests.judged import key_of, reply


def _keep(folder: Path, *numbers: int, **fields: object) -> Path:
    """Keep replies as a process of its own would, and return its file."""
    with ReplyStore(folder) as store:
        for number in numbers:
            store.keep(reply(number, **fields)).result()
        return store.path


def test_looking_into_a_folder_that_is_not_there_finds_nothing_and_makes_nothing(
    tmp_path: Path,
) -> None:
    with ReplyStore(tmp_path / "judge") as store:
        assert store.find([key_of(1)]) == {}
        assert store.keys() == []

    assert list(tmp_path.iterdir()) == []


def test_a_reply_that_was_kept_is_found_with_all_that_was_kept_of_it(tmp_path: Path) -> None:
    whole = reply(
        1, outcome=Reason.REFUSED, prompt_tokens=3, completion_tokens=None, cached_tokens=2,
        reasoning_tokens=1, cost=70, latency_ms=200, attempts=2, scope="a pass", created=9,
    )  # fmt: skip
    with ReplyStore(tmp_path) as store:
        store.keep(whole).result()

        assert store.find([key_of(0), key_of(1)]) == {key_of(1): whole}
        assert store.known([key_of(0), key_of(1)]) == {key_of(1)}


def test_texts_that_no_encoding_takes_come_back_as_they_were(tmp_path: Path) -> None:
    odd = "half a letter \ud83d, nothing \x00, a line \u2028"
    with ReplyStore(tmp_path) as store:
        store.keep(reply(1, request=odd, response=odd, judge=odd, scope=odd)).result()

        found = store.find([key_of(1)])[key_of(1)]

    assert (found.request, found.response, found.judge, found.scope) == (odd,) * 4


def test_replies_can_be_awaited(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as store:

        async def keep_two() -> None:
            await asyncio.gather(store.keep(reply(1)), store.keep(reply(2)))

        asyncio.run(keep_two())

        assert len(store.find([key_of(1), key_of(2)])) == 2


@pytest.mark.parametrize("asked", [3, 700, 3000])
def test_many_keys_are_found_whichever_of_both_is_longer(tmp_path: Path, asked: int) -> None:
    with ReplyStore(tmp_path) as store:
        for each in [store.keep(reply(number)) for number in range(1200)]:
            each.result()

        found = store.find(map(key_of, range(asked)))

    assert found == {key_of(number): reply(number) for number in range(min(asked, 1200))}


def test_what_another_process_keeps_is_seen_on_the_next_look(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as reader, ReplyStore(tmp_path) as writer:
        assert reader.find([key_of(1)]) == {}
        writer.keep(reply(1)).result()
        assert len(reader.find([key_of(1)])) == 1
        writer.keep(reply(2)).result()
        assert len(reader.find([key_of(1), key_of(2)])) == 2


def test_two_that_write_have_two_files_and_the_next_one_takes_over_what_is_left(
    tmp_path: Path,
) -> None:
    with ReplyStore(tmp_path) as first, ReplyStore(tmp_path) as second:
        first.keep(reply(1)).result()
        second.keep(reply(2)).result()
        assert first.path != second.path
        assert second.find([key_of(1), key_of(2)]).keys() == {key_of(1), key_of(2)}

    assert _keep(tmp_path, 3) == first.path
    assert len(reply_files(tmp_path)) == 2


def test_a_file_that_is_named_and_written_to_is_refused(tmp_path: Path) -> None:
    with ReplyStore(tmp_path, writer="mine") as first, ReplyStore(tmp_path, writer="mine") as again:
        first.keep(reply(1)).result()

        with pytest.raises(DataError, match=f"another process writes to {first.path}"):
            again.keep(reply(2)).result()


@pytest.mark.parametrize("first_is_later", [True, False])
def test_of_two_replies_the_later_stands_in_whichever_file(
    tmp_path: Path, first_is_later: bool
) -> None:
    moments = (2, 1) if first_is_later else (1, 2)
    with ReplyStore(tmp_path) as first, ReplyStore(tmp_path) as second:
        first.keep(reply(1, created=moments[0], response="a")).result()
        second.keep(reply(1, created=moments[1], response="b")).result()

        found = second.find([key_of(1)])[key_of(1)]

    assert found.response == ("a" if first_is_later else "b")


def test_an_earlier_reply_takes_no_later_ones_place_in_a_file(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as store:
        store.keep(reply(1, created=2, response="a")).result()
        store.keep(reply(1, created=1, response="z")).result()

        assert store.find([key_of(1)])[key_of(1)].response == "a"


@pytest.mark.parametrize("outcome", [Reason.TRANSIENT, Reason.BUDGET_SKIPPED, Reason.NOT_ASKED])
def test_what_is_to_be_asked_again_is_no_reply(outcome: Reason) -> None:
    with pytest.raises(ValueError, match="to be asked again"):
        reply(1, outcome=outcome)


def test_keys_are_told_apart_by_judge_and_scope(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as store:
        store.keep(reply(1, judge="a", scope="x")).result()
        store.keep(reply(2, judge="b", scope="x")).result()
        store.keep(reply(3, judge="b", scope="y")).result()

        assert store.keys() == sorted(map(key_of, [1, 2, 3]))
        assert store.keys(judge="b", scope="x") == [key_of(2)]


def test_a_commit_waits_for_the_disk_and_outlives_it(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as store:
        settings = store.alone(
            lambda connection: [
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("synchronous", "journal_mode")
            ]
        ).result()

    # 3 is EXTRA: as FULL, and the folder's entries, too. A write-ahead log needs shared memory.
    assert settings == [3, b"truncate"]


def test_what_waits_together_is_committed_together(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as store:
        for each in [store.keep(reply(number)) for number in range(500)]:
            each.result()

        assert store.commits < 100


def test_a_change_that_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO claim VALUES ('half of it')")
        raise ZeroDivisionError

    with ReplyStore(tmp_path) as store:
        store.keep(reply(0)).result()
        kept = [store.keep(reply(1)), store.change(fail), store.keep(reply(2))]

        with pytest.raises(ZeroDivisionError):
            kept[1].result()
        kept[0].result()
        kept[2].result()
        claims = store.alone(lambda each: each.execute("SELECT id FROM claim").fetchall()).result()

        assert len(store.find(map(key_of, range(3)))) == 3
        assert len(claims) == 1


def test_whoever_waits_for_a_reply_may_leave_and_it_is_kept(tmp_path: Path) -> None:
    async def leave(store: ReplyStore) -> None:
        begun, go_on = threading.Event(), threading.Event()

        def hold(_: sqlite3.Connection) -> None:
            begun.set()
            go_on.wait()

        store.change(hold)
        begun.wait()
        waiting = asyncio.ensure_future(_kept(store.keep(reply(1))))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go_on.set()
        await store.keep(reply(2))

    with ReplyStore(tmp_path) as store:
        asyncio.run(leave(store))
        store.keep(reply(3)).result()

        assert store.known(map(key_of, (1, 2, 3))) == set(map(key_of, (1, 2, 3)))


async def _kept(kept: Kept[None]) -> None:
    await kept


def test_a_look_elsewhere_leaves_the_own_file_alone(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as own, ReplyStore(tmp_path) as other:
        assert own.find_elsewhere([key_of(1)]) == {}
        own.keep(reply(1)).result()
        other.keep(reply(2)).result()

        assert own.find_elsewhere([key_of(1), key_of(2)]).keys() == {key_of(2)}
        assert other.find_elsewhere([key_of(1), key_of(2)]).keys() == {key_of(1)}


def test_a_full_disk_is_told_and_what_was_kept_stays(tmp_path: Path) -> None:
    with ReplyStore(tmp_path) as store:
        store.keep(reply(1)).result()
        store.alone(lambda connection: connection.execute("PRAGMA max_page_count = 8")).result()

        with pytest.raises(DataError, match="the disk is full while writing"):
            store.keep(reply(2, response="x" * 100_000)).result()

        assert store.known([key_of(1), key_of(2)]) == {key_of(1)}


def test_a_folder_that_may_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with ReplyStore(tmp_path / "file" / "judge") as store, pytest.raises(DataError):
        store.keep(reply(1)).result()


_CUT_OFF = """
import os, signal, sys
from pathlib import Path
from assay.judging.store import ReplyStore, insert
from tests.judged import reply

def write_and_die(connection):
    connection.execute("PRAGMA cache_size = 1")  # so that it is in the file before the commit
    connection.execute("BEGIN IMMEDIATE")
    for number in range(200):
        insert(connection, reply(number, response="later" * 1000, created=9))
    os.kill(os.getpid(), signal.SIGKILL)

ReplyStore(Path(sys.argv[1])).alone(write_and_die).result()
"""


def test_a_transaction_that_a_kill_cut_off_is_undone_by_whoever_reads_first(tmp_path: Path) -> None:
    path = _keep(tmp_path, *range(3))
    size = path.stat().st_size
    start(_CUT_OFF, [tmp_path]).communicate()
    assert path.with_name(f"{path.name}-journal").stat().st_size > 0
    assert path.stat().st_size > size

    with ReplyStore(tmp_path) as store:
        assert store.find(map(key_of, range(200))) == {key_of(n): reply(n) for n in range(3)}


# Damage


def test_a_changed_bit_of_a_text_is_told_with_the_file_and_what_to_do(tmp_path: Path) -> None:
    path = _keep(tmp_path, 1)
    content = path.read_bytes()
    assert content.count(b'{"said":1}') == 1
    path.write_bytes(content.replace(b'{"said":1}', b'{"said":9}'))

    with ReplyStore(tmp_path) as store, pytest.raises(CacheError) as told:
        store.find([key_of(1)])

    assert str(path) in told.value.message
    assert ".recover" in (told.value.hint or "")


@pytest.mark.parametrize("content", [b"", b"not a database" * 1000])
def test_a_file_that_was_overwritten_is_told_to_readers_and_to_the_next_writer(
    tmp_path: Path, content: bytes
) -> None:
    path = _keep(tmp_path, 1)
    path.write_bytes(content)

    with ReplyStore(tmp_path) as store:
        with pytest.raises(CacheError, match="damaged"):
            store.find([key_of(1)])
        with pytest.raises(CacheError, match="damaged"):
            store.keep(reply(2)).result()


def test_once_a_damaged_file_is_moved_away_all_goes_on(tmp_path: Path) -> None:
    path = _keep(tmp_path, 1)
    path.write_bytes(b"")
    path.rename(tmp_path / "moved away")

    assert _keep(tmp_path, 2) == path

    with ReplyStore(tmp_path) as store:
        assert store.known(map(key_of, [1, 2])) == {key_of(2)}


def test_a_file_of_a_newer_version_is_told(tmp_path: Path) -> None:
    path = _keep(tmp_path, 1)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION + 1}")
    connection.close()

    with ReplyStore(tmp_path) as store, pytest.raises(CacheError, match="newer version"):
        store.find([key_of(1)])


def test_another_database_is_told(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.sqlite") as connection:
        connection.execute("CREATE TABLE notes (text)")
    connection.close()

    with ReplyStore(tmp_path) as store, pytest.raises(CacheError, match="another database"):
        store.find([key_of(1)])
