"""Files of earlier processes become one; at no moment is a reply lost or a cost counted twice."""

from pathlib import Path

import pytest

from assay.errors import CacheError
from assay.judging import merging
from assay.judging.ledger import Ledger
from assay.judging.merging import merge
from assay.judging.reply_file import reply_files
from assay.judging.store import ReplyStore
from tests.judged import key_of, reply


def _three_files(folder: Path) -> None:
    """Write three files at once: five replies, one of them in two files, and what they cost."""
    with ReplyStore(folder) as one, ReplyStore(folder) as two, ReplyStore(folder) as three:
        for store, numbers in ((one, (1, 2)), (two, (2, 3)), (three, (4, 5))):
            ledger = Ledger(store, ["pass"], 10_000)
            for number in numbers:
                reservation = ledger.reserve(100)
                assert reservation is not None
                kept = reply(number, created=numbers[0], cost=10)
                ledger.settle(reservation, 10, kept).result()
            ledger.close()


def _content(folder: Path) -> tuple[object, object]:
    with ReplyStore(folder) as store:
        return store.find(map(key_of, range(9))), Ledger(store, ["pass"], 10_000).totals()


def test_merged_files_hold_the_same_replies_and_the_same_spending(tmp_path: Path) -> None:
    _three_files(tmp_path)
    before = _content(tmp_path)

    assert merge(tmp_path).files == 2

    assert len(reply_files(tmp_path)) == 1
    assert _content(tmp_path) == before
    assert merge(tmp_path) == (0, 0)


def test_a_file_that_is_written_to_stays_as_it_is(tmp_path: Path) -> None:
    _three_files(tmp_path)
    with ReplyStore(tmp_path) as alive:
        alive.keep(reply(6)).result()

        merge(tmp_path)
        alive.keep(reply(7)).result()

        assert alive.path in reply_files(tmp_path)
        assert len(reply_files(tmp_path)) == 2
        assert alive.known(map(key_of, range(9))) == set(map(key_of, range(1, 8)))


@pytest.mark.parametrize("moment", range(2))
def test_a_merge_that_ends_before_files_are_gone_counts_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    _three_files(tmp_path)
    before = _content(tmp_path)
    removed: list[Path] = []

    def stop(path: Path) -> None:
        if len(removed) == moment:
            raise KeyboardInterrupt
        removed.append(path)
        path.unlink()

    monkeypatch.setattr(merging, "remove", stop)
    with pytest.raises(KeyboardInterrupt):
        merge(tmp_path)

    assert _content(tmp_path) == before


def test_a_reader_goes_on_while_files_are_merged(tmp_path: Path) -> None:
    _three_files(tmp_path)
    with ReplyStore(tmp_path) as reader:
        before = reader.find(map(key_of, range(9)))
        merge(tmp_path)

        assert reader.find(map(key_of, range(9))) == before


def test_a_damaged_file_is_told_and_nothing_of_it_is_removed(tmp_path: Path) -> None:
    _three_files(tmp_path)
    path = reply_files(tmp_path)[1]
    path.write_bytes(path.read_bytes().replace(b'{"said":3}', b'{"said":9}'))

    with pytest.raises(CacheError, match="damaged"):
        merge(tmp_path)

    assert path.exists()
