import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.formats.records import Block
from assay.pool import pool as pool_module
from assay.pool.building import build_pool
from assay.pool.pool import Pool, format_id, learned_answers, parse_id
from assay.samples import Conversation, Message, Origin, Sample
from tests.rows import conversation, make_pool

_PAIRS = [(f"question {n}", f"answer {n}") for n in range(40)]


def test_ids_ascend_and_are_the_first_bytes_of_the_content_hash(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, _PAIRS)

    assert (np.diff(pool.ids.astype(object)) > 0).all()
    first = pool.conversations(np.array([0]))[0]
    assert int(pool.ids[0]) == int.from_bytes(first.content_hash[:8], "big")


def test_content_hash_is_blake2b_over_length_prefixed_fields() -> None:
    def prefixed(text: str) -> bytes:
        return len(text.encode()).to_bytes(4, "little") + text.encode()

    zero, two = bytes(4), (2).to_bytes(4, "little")
    by_hand = two + zero
    for role, texts in (("user", ("q", "c", "")), ("assistant", ("ä", "", ""))):
        by_hand += role.encode() + b"".join(prefixed(text) for text in texts) + zero + zero

    expected = hashlib.blake2b(by_hand, digest_size=16).digest()
    assert conversation("q", "ä", "c").content_hash == expected


def test_moving_text_between_fields_gives_another_hash() -> None:
    assert conversation("ab", "c").content_hash != conversation("a", "bc").content_hash
    assert conversation("a", "c", "b").content_hash != conversation("ab", "c").content_hash


def test_row_order_does_not_change_ids_or_digest(tmp_path: Path) -> None:
    pairs = [*_PAIRS, _PAIRS[3], _PAIRS[3], _PAIRS[7]]

    forward = make_pool(tmp_path / "a", pairs)
    backward = make_pool(tmp_path / "b", pairs[::-1])

    assert forward.ids.tolist() == backward.ids.tolist()
    assert forward.digest == backward.digest


def test_duplicates_are_kept_with_ids_of_their_own(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, [*_PAIRS, _PAIRS[3], _PAIRS[3]])

    assert len(pool) == 42
    assert len(np.unique(pool.ids)) == 42
    assert len(pool.unique[0]) == 40


def test_an_added_row_leaves_the_others_ids_alone(tmp_path: Path) -> None:
    before = make_pool(tmp_path / "a", _PAIRS)
    after = make_pool(tmp_path / "b", [("new", "row"), *_PAIRS])

    assert set(before.ids.tolist()) < set(after.ids.tolist())


def test_rows_are_read_at_any_ascending_positions(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, _PAIRS)
    whole = pool.conversations(np.arange(len(pool)))

    some = pool.conversations(np.array([1, 7, 39]))

    assert some == [whole[1], whole[7], whole[39]]
    assert pool.conversations(np.array([], np.int64)) == []


def test_hold_out_is_about_its_share_stable_and_shared_by_duplicates(tmp_path: Path) -> None:
    pairs = [(f"q{n}", f"a{n}") for n in range(2000)]
    small = make_pool(tmp_path / "a", pairs[:1000], hold_out=0.2)
    grown = make_pool(tmp_path / "b", pairs + pairs, hold_out=0.2)

    assert 0.16 < small.held_out.mean() < 0.24
    fate = dict(zip(grown.content_hashes.tolist(), grown.held_out.tolist(), strict=True))
    assert [fate[h] for h in small.content_hashes.tolist()] == small.held_out.tolist()
    _, _, inverse = grown.unique
    counts = np.bincount(inverse, weights=grown.held_out)
    assert set(counts.tolist()) == {0.0, 2.0}


def test_a_pool_without_its_held_out_rows_is_one_that_never_had_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "READ_ROWS", 8)  # so that rows lie in several blocks
    pool = make_pool(tmp_path / "all", [*_PAIRS, *_PAIRS[:6]], hold_out=0.4)
    free = np.flatnonzero(~pool.held_out)
    origins, samples = pool.origins(free), list(pool.samples(free))
    other = build_pool([Block(samples, origins)], tmp_path / "free")
    assert pool.row.tolist() != pool.unique[2].tolist()  # both are known of the whole by now

    rest = pool.without_held_out()

    assert 10 < len(free) < 40
    assert rest.hidden == len(pool) - len(free) > 0
    assert not rest.held_out.any()
    assert (rest.ids.tolist(), rest.digest) == (other.ids.tolist(), other.digest)
    assert rest.row.tolist() == other.row.tolist()
    assert rest.column("task").to_list() == other.column("task").to_list()
    for mine, theirs in zip(rest.unique, other.unique, strict=True):
        assert mine.tolist() == theirs.tolist()
    places = np.arange(1, len(free), 2)
    assert rest.conversations(places) == other.conversations(places)
    assert list(rest.samples(places)) == list(other.samples(places))
    assert rest.origins(places) == other.origins(places)
    assert rest.without_held_out() is rest
    assert other.without_held_out() is other


def test_what_was_made_when_held_out_rows_were_seen_goes_by_another_context(tmp_path: Path) -> None:
    whole = make_pool(tmp_path / "a", _PAIRS)
    some = make_pool(tmp_path / "b", _PAIRS, hold_out=0.3)

    stored = [pl.read_parquet_metadata(pool.path)["context"] for pool in (whole, some)]

    assert whole.context == stored[0]
    assert some.context != stored[1]
    assert some.context == Pool(some.path).context


def test_a_pool_is_opened_again_from_its_file(tmp_path: Path) -> None:
    pool = make_pool(tmp_path, _PAIRS)

    again = Pool(pool.path)

    assert again.digest == pool.digest
    assert again.context == pool.context


def test_ids_are_printed_as_sixteen_digits_and_read_back() -> None:
    assert format_id(255) == "00000000000000ff"
    assert parse_id("00000000000000ff") == 255
    assert parse_id("ff") is None
    assert parse_id("zz00000000000000") is None


def test_answers_that_are_not_learned_are_told_from_the_stored_column(tmp_path: Path) -> None:
    turns = (
        Message("user", "Q", weight=1.0),
        Message("assistant", 'says "weight": 0', weight=0.0),
        Message("assistant", "A"),
        Message("assistant", "B", weight=0.5),
    )
    samples = [Sample(Conversation(turns)), Sample(Conversation(turns[:2]))]
    pool = build_pool([Block(samples, [Origin(0, 0), Origin(0, 1)])], tmp_path)

    messages = pool.column("messages")
    learned = messages.to_frame().select(
        pl.col("messages").list.eval(learned_answers(messages.dtype))
    )

    found = sorted(learned["messages"].to_list(), key=len)
    assert found == [[False, False], [False, False, True, True]]


def test_rows_that_differ_by_boxes_are_no_copies_and_keep_them(tmp_path: Path) -> None:
    answer = Message("assistant", "<bbox>")
    boxes = [
        '{"bbox": [[1, 2, 3, 4]]}',
        '{"bbox": [[5, 6, 7, 8]], "ref": ["\\"weight\\": 0,"]}',
        "",
    ]
    asked = [Message("user", "Where?", boxes=each) for each in boxes]
    samples = [Sample(Conversation((message, answer))) for message in asked]

    pool = build_pool([Block(samples, [Origin(0, row) for row in range(3)])], tmp_path)

    assert pool.duplicates == 0
    read = pool.conversations(np.arange(3))
    assert sorted(talk.messages[0].boxes for talk in read) == sorted(boxes)
    assert [talk.content_hash for talk in read] == pool.content_hashes.tolist()
