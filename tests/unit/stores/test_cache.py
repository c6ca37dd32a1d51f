import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.errors import CacheError, DamagedError
from assay.files.stored_vectors import BLOCK_BYTES
from assay.pool.pool import HashArray, hash_array
from assay.samples import Reason
from assay.stores.cache import FolderStore, PoolStore, RowStore, Shard, default_cache_folder
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


def test_columns_may_be_called_like_those_of_the_store(tmp_path: Path) -> None:
    names = ["flags", "%flags", "reason", "content_hash", "x"]
    value = Numbers.of_table(
        np.zeros(2, np.uint8), np.array([8, 0], np.uint16), names, np.arange(10.0).reshape(2, 5)
    )
    store = _store(tmp_path)
    store.write(_hashes(1, 2), value, _MADE_BY)

    found = store.read(_hashes(1, 2))

    assert isinstance(found, Numbers)
    assert list(found.columns) == names
    assert [found[name][1] for name in names] == [5, 6, 7, 8, 9]
    assert found.flags.tolist() == [8, 0]


def test_missing_rows_are_those_without_a_stored_value(tmp_path: Path) -> None:
    store = _store(tmp_path)
    assert store.missing(_hashes(1, 2)).tolist() == [True, True]

    store.write(_hashes(2, 300), _numbers(2.0, 3.0), _MADE_BY)

    assert store.missing(_hashes(1, 2, 3, 300, 301)).tolist() == [True, False, True, False, True]


@pytest.mark.parametrize("kind", [Numbers, Matrix])
def test_a_part_that_another_process_adds_while_rows_are_read_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type
) -> None:
    value = _numbers if kind is Numbers else _matrix
    ours, theirs = _store(tmp_path, kind), _store(tmp_path, kind)
    first, second, early = ([n << 120, n + 1 << 120] for n in (5, 7, 1))  # parts sort by these
    ours.write(_hashes(*first), value(5.0, 6.0), _MADE_BY)
    ours.write(_hashes(*second), value(7.0, 8.0), _MADE_BY)
    listed = ours.shards

    def shards() -> list[Shard]:
        found = listed()
        theirs.write(_hashes(*early), value(1.0, 2.0), _MADE_BY)
        return found

    monkeypatch.setattr(ours, "shards", shards)

    found = ours.read(_hashes(*first, *second))

    rows = found.rows(slice(None))[:, 0] if isinstance(found, Matrix) else found.frame()["x"]
    assert list(rows) == [5.0, 6.0, 7.0, 8.0]


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

    assert spec.pop("checksum").startswith("assay-crc32:")
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


def test_vectors_are_npy_files_with_checksums_behind_them(tmp_path: Path) -> None:
    store = _store(tmp_path, Matrix)
    store.write(_hashes(1, 2), _matrix(1, 2), _MADE_BY)
    expected = tmp_path / "expected.npy"
    np.save(expected, _matrix(1, 2).array)

    (path,) = store.folder.glob("rows-*.npy")

    assert path.read_bytes().startswith(expected.read_bytes())
    assert np.load(path).tolist() == np.load(path, mmap_mode="r").tolist() == [[1, -1], [2, -2]]


def test_no_rows_at_all_can_be_read(tmp_path: Path) -> None:
    for kind in (Numbers, Matrix):
        assert len(_store(tmp_path, kind).read(_hashes())) == 0


def test_reading_a_row_that_is_not_there_is_refused(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.write(_hashes(1), _numbers(1.0), _MADE_BY)

    with pytest.raises(CacheError, match="lacks 1 rows"):
        store.read(_hashes(1, 2))


def _flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 16
    path.write_bytes(content)


def _names(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.glob("rows-*"))


@pytest.mark.parametrize("ending", ["parquet", "npy"])
def test_a_shard_cut_short_is_set_aside_and_its_rows_count_as_missing(
    tmp_path: Path, ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = _store(tmp_path, Matrix)
    store.write(_hashes(1, 2), _matrix(1, 2), _MADE_BY)
    store.write(_hashes(3), _matrix(3), _MADE_BY)
    path = max(store.folder.glob(f"*.{ending}"), key=lambda path: path.stat().st_size)
    path.write_bytes(path.read_bytes()[:20])

    again = _store(tmp_path, Matrix)

    assert again.missing(_hashes(1, 2, 3)).tolist() == [True, True, False]
    assert again.read(_hashes(3)).array.tolist() == [[3, -3]]  # type: ignore[attr-defined]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert path.name in caplog.text
    assert path.with_name(f"{path.name}.damaged").exists()


def test_a_changed_bit_of_a_value_is_found_before_it_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = _store(tmp_path)
    store.write(_hashes(1, 2), _numbers(1.0, 2.0), _MADE_BY)
    (path,) = store.folder.glob("rows-*.parquet")
    _flip(path, 60)

    assert _store(tmp_path).missing(_hashes(1, 2)).all()
    assert caplog.text.count(" is damaged (its checksum differs); kept as ") == 1
    assert _names(store.folder) == [".damaged"]


def test_a_changed_bit_of_a_vector_is_found_when_it_is_touched_and_not_before(
    tmp_path: Path,
) -> None:
    store = _store(tmp_path, Matrix)
    store.write(_hashes(1, 2), _matrix(1, 2), _MADE_BY)
    (path,) = store.folder.glob("rows-*.npy")
    rows = np.arange(BLOCK_BYTES // 2, dtype=np.uint32)
    wide = np.zeros((len(rows), 2), np.float16)
    many = hash_array([b"\1" + int(row).to_bytes(15, "big") for row in rows])
    value = Matrix(np.zeros(len(rows), np.uint8), np.zeros(len(rows), np.uint16), wide)
    store.write(many, value, _MADE_BY)
    (large,) = set(store.folder.glob("rows-*.npy")) - {path}
    _flip(large, BLOCK_BYTES + 200)  # in the second block

    found = _store(tmp_path, Matrix).read(many)

    assert isinstance(found, Matrix)
    assert not found.rows(slice(0, 1000)).any()
    with pytest.raises(DamagedError, match="block 1 differs"):
        found.rows(np.array([5, len(rows) - 30_000]))
    assert _store(tmp_path, Matrix).missing(many).all()
    assert not _store(tmp_path, Matrix).missing(_hashes(1, 2)).any()


def test_values_a_service_gave_are_not_asked_for_again_without_a_word(tmp_path: Path) -> None:
    store = _store(tmp_path)
    store.write(_hashes(1), _numbers(1.0), _MADE_BY)
    (path,) = store.folder.glob("rows-*.parquet")
    _flip(path, 60)

    with pytest.raises(CacheError, match="a service gave what it held") as error:
        RowStore(store.folder, Numbers, {}, bought=True).missing(_hashes(1))

    assert "run the same line again" in str(error.value.hint)
    assert RowStore(store.folder, Numbers, {}, bought=True).missing(_hashes(1)).all()


def test_files_of_a_version_without_checksums_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    frame = pl.DataFrame(
        {
            "content_hash": pl.Series([bytes(15) + b"\1", bytes(15) + b"\2"], dtype=pl.Binary),
            "reason": pl.Series([0, 0], dtype=pl.UInt8),
            "flags": pl.Series([0, 0], dtype=pl.UInt16),
        }
    )
    frame.write_parquet(folder / "rows-a.parquet", metadata={"producer": "{}"})
    np.save(folder / "rows-a.npy", np.array([[1, 2], [3, 4]], np.float16))

    found = _store(tmp_path, Matrix).read(_hashes(1, 2))

    assert isinstance(found, Matrix)
    assert found.array.tolist() == [[1, 2], [3, 4]]


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


@pytest.mark.parametrize("content", [b"\xff" * 30, b""])
def test_a_pool_value_that_cannot_be_read_is_set_aside(tmp_path: Path, content: bytes) -> None:
    store = PoolStore(tmp_path, "abc")
    store.path.write_bytes(content)

    assert store.read() is None
    assert [path.name for path in tmp_path.iterdir()] == ["abc.safetensors.damaged"]


def test_a_changed_bit_of_a_pool_value_is_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = PoolStore(tmp_path, "abc")
    store.write({"pairs": np.arange(6)})
    _flip(store.path, store.path.stat().st_size - 3)

    assert not PoolStore(tmp_path, "abc").holds()
    assert "abc.safetensors is damaged" in caplog.text


def test_a_folder_is_stored_with_the_checksums_of_its_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = FolderStore(tmp_path, "abc")
    with store.filling() as work:
        (work / "epoch-1").mkdir()
        (work / "epoch-1" / "weights").write_bytes(bytes(100))
    assert store.read() == tmp_path / "abc"
    _flip(tmp_path / "abc" / "epoch-1" / "weights", 50)

    assert FolderStore(tmp_path, "abc").read() is None
    assert "epoch-1/weights differs" in caplog.text
    assert (tmp_path / "abc.damaged" / "epoch-1" / "weights").exists()


def test_the_cache_is_where_it_is_named_or_in_the_users_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("ASSAY_CACHE", raising=False)
    assert default_cache_folder() == tmp_path / "assay"

    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "own"))
    assert default_cache_folder() == tmp_path / "own"
