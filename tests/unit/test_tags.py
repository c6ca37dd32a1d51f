from pathlib import Path

import numpy as np

from assay.pool.pool import hash_array
from assay.samples import Reason
from assay.stores.cache import PoolStore, RowStore
from assay.tags import Tags

_LISTS = [["b", "a"], [], ["标签", "a"], []]
_REASON = np.array([0, 0, 0, Reason.PARSE_FAILED], np.uint8)
_FLAGS = np.array([512, 0, 0, 0], np.uint16)


def _tags() -> Tags:
    return Tags.of(_LISTS, _REASON, _FLAGS)


def _is_equal(one: Tags, other: Tags) -> bool:
    same = one.difference(other) == 0 and (one.flags == other.flags).all()
    return bool(same) and one.values.dtype == other.values.dtype


def test_tags_are_numbered_in_the_order_of_their_names() -> None:
    sets = _tags().sets

    assert _tags().names == ("a", "b", "标签")
    assert sets.indptr.tolist() == [0, 2, 2, 4, 4]
    assert sets.indices.tolist() == [1, 0, 2, 0]
    assert sets.frequencies.tolist() == [2, 1, 1]


def test_rows_without_any_tag_have_no_names() -> None:
    bare = Tags.of([[], []])

    assert bare.names == ()
    assert bare.sets.sizes.tolist() == [0, 0]
    assert _is_equal(Tags.unpack(bare.pack()), bare)


def test_they_survive_being_kept_by_row(tmp_path: Path) -> None:
    hashes = hash_array([bytes([place]) * 16 for place in range(4)])
    store = RowStore(tmp_path, Tags, {})

    store.write(hashes[:2], _tags().take(np.array([0, 1])), {})
    store.write(hashes[2:], _tags().take(np.array([2, 3])), {})

    read = store.read(hashes)
    assert isinstance(read, Tags)
    assert _is_equal(read, _tags())


def test_a_shard_without_any_tag_reads_like_the_others(tmp_path: Path) -> None:
    hashes = hash_array([bytes([place]) * 16 for place in range(2)])
    store = RowStore(tmp_path, Tags, {})
    store.write(hashes[:1], Tags.of([[]]), {})
    store.write(hashes[1:], Tags.of([["a"]]), {})

    assert store.read(hashes).frame()["tags"].to_list() == [[], ["a"]]


def test_they_survive_being_kept_as_arrays(tmp_path: Path) -> None:
    store = PoolStore(tmp_path, "all")
    store.write(_tags().pack())
    kept = store.read()

    assert kept is not None
    assert _is_equal(Tags.unpack(kept), _tags())


def test_rows_elsewhere_have_no_tags_and_the_reason() -> None:
    spread = _tags().spread(np.array([1, 2, 4, 5]), 6, Reason.NOT_ASKED)

    assert spread.values.to_list() == [[], ["b", "a"], [], [], ["标签", "a"], []]
    assert spread.reason.tolist() == [40, 0, 0, 40, 0, 20]


def test_other_tags_differ() -> None:
    assert _tags().difference(Tags.of([["a", "b"], [], ["标签", "a"], []], _REASON)) == 0.25
    assert _tags().difference(Tags.of(_LISTS)) == 0.25
