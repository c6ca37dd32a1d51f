import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.cache import PoolStore, RowStore, default_cache_folder
from assay.errors import CacheError
from assay.pool import HashArray, hash_array
from assay.samples import Reason
from assay.values import Labels, Matrix, Numbers

_MADE_BY = {"made_by": "a test"}


def _hashes(*numbers: int) -> HashArray:
    return hash_array([number.to_bytes(16, "big") for number in numbers])


def _numbers(*values: float, reason: int = 0) -> Numbers:
    count = len(values)
    flags = np.arange(count, dtype=np.uint16)
    return Numbers(np.full(count, reason, np.uint8), flags, {"x": np.array(values)})


def _matrix(*rows: float) -> Matrix:
    array = np.array([[row, -row] for row in rows], np.float16)
    return Matrix(np.zeros(len(rows), np.uint8), np.zeros(len(rows), np.uint16), array)


def _store(folder: Path, kind: type = Numbers) -> RowStore:
    return RowStore(folder / "store", kind, {"feature": "x"})


def test_what_was_written_in_parts_is_read_in_any_choice_of_rows(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.write(_hashes(1, 4, 9), _numbers(1.0, 4.0, 9.0), _MADE_BY)
    store.write(_hashes(2, 3), _numbers(2.0, 3.0), _MADE_BY)

    found = store.read(_hashes(1, 2, 3, 9))

    assert isinstance(found, Numbers)
    assert found["x"].tolist() == [1.0, 2.0, 3.0, 9.0]
    assert found.flags.tolist() == [0, 0, 1, 2]


def test_missing_rows_are_those_without_a_stored_value(tmp_path: Path) -> None:
    store = _store(tmp_path)
    assert store.missing(_hashes(1, 2)).tolist() == [True, True]

    store.write(_hashes(2, 300), _numbers(2.0, 3.0), _MADE_BY)

    assert store.missing(_hashes(1, 2, 3, 300, 301)).tolist() == [True, False, True, False, True]


def test_another_store_object_sees_what_this_one_writes(tmp_path: Path) -> None:
    first, second = _store(tmp_path), _store(tmp_path)
    assert second.missing(_hashes(5)).all()

    first.write(_hashes(5), _numbers(0.5), _MADE_BY)

    assert not second.missing(_hashes(5)).any()


def test_unfinished_rows_are_never_stored_as_done(tmp_path: Path) -> None:
    store = _store(tmp_path)
    value = _numbers(1.0, np.nan, 3.0)
    value.reason[:] = [Reason.OK, Reason.TRANSIENT, Reason.PARSE_FAILED]

    store.write(_hashes(1, 2, 3), value, _MADE_BY)

    assert store.missing(_hashes(1, 2, 3)).tolist() == [False, True, False]
    assert store.read(_hashes(1, 3)).reason.tolist() == [Reason.OK, Reason.PARSE_FAILED]


def test_a_shard_without_a_finished_row_is_not_written(tmp_path: Path) -> None:
    store = _store(tmp_path)

    store.write(_hashes(1), _numbers(np.nan, reason=Reason.NOT_ASKED), _MADE_BY)

    assert store.shards() == []


def test_equal_work_writes_equal_bytes_under_one_name(tmp_path: Path) -> None:
    for name in ("a", "b"):
        _store(tmp_path / name).write(_hashes(1, 2), _numbers(1.0, 2.0), _MADE_BY)

    first, second = (sorted((tmp_path / name / "store").iterdir()) for name in ("a", "b"))
    assert [path.name for path in first] == [path.name for path in second]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_the_spec_and_the_producer_are_written_for_people(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.write(_hashes(1), _numbers(1.0), _MADE_BY)

    spec = json.loads((store.folder / "spec.json").read_text())

    assert spec == {"feature": "x", "format": 1}
    assert [json.loads(shard.producer) for shard in store.shards()] == [_MADE_BY]


def test_words_come_back_as_words(tmp_path: Path) -> None:
    store = _store(tmp_path, Labels)
    words = pl.Series("value", ["zh", ""])
    value = Labels(np.array([0, 4], np.uint8), np.zeros(2, np.uint16), words)

    store.write(_hashes(1, 2), value, _MADE_BY)

    found = store.read(_hashes(1, 2))
    assert isinstance(found, Labels)
    assert found.values.to_list() == ["zh", ""]
    assert found.reason.tolist() == [0, 4]


def test_vectors_of_one_shard_are_mapped_from_it(tmp_path: Path) -> None:
    store = _store(tmp_path, Matrix)
    store.write(_hashes(1, 2), _matrix(1, 2), _MADE_BY)

    found = store.read(_hashes(1, 2))

    assert isinstance(found, Matrix)
    assert isinstance(found.array, np.memmap)
    assert found.array.tolist() == [[1, -1], [2, -2]]
    assert list(store.folder.glob("canonical-*")) == []


def test_vectors_of_several_shards_are_written_once_in_order(tmp_path: Path) -> None:
    store = _store(tmp_path, Matrix)
    store.write(_hashes(2, 4), _matrix(2, 4), _MADE_BY)
    store.write(_hashes(1, 3), _matrix(1, 3), _MADE_BY)

    first = store.read(_hashes(1, 2, 3, 4))
    (canonical,) = store.folder.glob("canonical-*.npy")
    moment = canonical.stat().st_mtime_ns
    second = store.read(_hashes(1, 2, 3, 4))

    assert isinstance(first, Matrix)
    assert isinstance(second, Matrix)
    assert first.array[:, 0].tolist() == second.array[:, 0].tolist() == [1, 2, 3, 4]
    assert isinstance(second.array, np.memmap)
    assert canonical.stat().st_mtime_ns == moment


def test_a_few_rows_looked_at_once_leave_no_file(tmp_path: Path) -> None:
    store = _store(tmp_path, Matrix)
    store.write(_hashes(2, 4), _matrix(2, 4), _MADE_BY)
    store.write(_hashes(1, 3), _matrix(1, 3), _MADE_BY)

    found = store.read(_hashes(1, 4), keep=False)

    assert isinstance(found, Matrix)
    assert found.array[:, 0].tolist() == [1, 4]
    assert list(store.folder.glob("canonical-*")) == []


def test_vectors_are_plain_npy_files(tmp_path: Path) -> None:
    store = _store(tmp_path, Matrix)
    store.write(_hashes(1, 2), _matrix(1, 2), _MADE_BY)
    expected = tmp_path / "expected.npy"
    np.save(expected, _matrix(1, 2).array)

    (path,) = store.folder.glob("rows-*.npy")

    assert path.read_bytes() == expected.read_bytes()


def test_no_rows_at_all_can_be_read(tmp_path: Path) -> None:
    for kind in (Numbers, Matrix):
        assert len(_store(tmp_path, kind).read(_hashes())) == 0


def test_reading_a_row_that_is_not_there_is_refused(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.write(_hashes(1), _numbers(1.0), _MADE_BY)

    with pytest.raises(CacheError, match="lacks 1 rows"):
        store.read(_hashes(1, 2))


@pytest.mark.parametrize("ending", ["parquet", "npy"])
def test_a_damaged_shard_is_named_with_the_folder_to_delete(tmp_path: Path, ending: str) -> None:
    store = _store(tmp_path, Matrix)
    store.write(_hashes(1, 2), _matrix(1, 2), _MADE_BY)
    (path,) = store.folder.glob(f"*.{ending}")
    path.write_bytes(path.read_bytes()[:20])

    with pytest.raises(CacheError) as error:
        _store(tmp_path, Matrix).read(_hashes(1, 2))

    assert path.name in error.value.message
    assert f"delete {store.folder}" in str(error.value.hint)


def test_arrays_of_a_pool_value_come_back_or_are_not_there(tmp_path: Path) -> None:
    store = PoolStore(tmp_path / "feature", "abc")
    assert store.read() is None

    store.write({"pairs": np.arange(6).reshape(3, 2).T, "empty": np.empty(0, np.float32)})

    found = PoolStore(tmp_path / "feature", "abc").read()
    assert found is not None
    assert found["pairs"].tolist() == [[0, 2, 4], [1, 3, 5]]
    assert found["empty"].shape == (0,)
    assert found["empty"].dtype == np.dtype(np.float32)
    assert PoolStore(tmp_path / "feature", "other").read() is None


def test_a_damaged_pool_value_says_what_to_delete(tmp_path: Path) -> None:
    store = PoolStore(tmp_path, "abc")
    store.path.write_bytes(b"\xff" * 30)

    with pytest.raises(CacheError, match=r"abc\.safetensors is damaged"):
        store.read()


def test_the_cache_is_where_it_is_named_or_in_the_users_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("ASSAY_CACHE", raising=False)
    assert default_cache_folder() == tmp_path / "assay"

    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "own"))
    assert default_cache_folder() == tmp_path / "own"
