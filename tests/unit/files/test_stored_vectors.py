"""Vectors on disk: every bit counts, and a block is read when it is touched and not before."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.errors import DamagedError
from assay.files import stored_vectors
from assay.files.stored_vectors import StoredVectors, append_sums, write_vectors


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_vectors, "BLOCK_BYTES", 256)


def _write(path: Path, rows: int = 100, length: int = 3) -> NDArray[np.float16]:
    array = np.arange(rows * length).reshape(rows, length).astype(np.float16)
    with path.open("wb") as file:
        write_vectors(file, array)
    append_sums(path)
    return array


def _flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def test_vectors_come_back_and_numpy_reads_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    array = _write(path)

    found = StoredVectors(path)

    assert found.shape == (100, 3)
    assert found.dtype == np.float16
    assert np.array_equal(found.whole(), array)
    assert np.array_equal(np.load(path), array)
    assert np.array_equal(np.load(path, mmap_mode="r"), array)


@pytest.mark.parametrize(
    "index",
    [slice(3, 50), slice(None, None, 7), slice(90, 10, -3), slice(5, 5), np.array([99, 0, 50]),
     np.array([-1, -100]), np.arange(100) % 2 == 0, np.array([], np.int64)],
)  # fmt: skip
def test_any_choice_of_rows_is_numpys(tmp_path: Path, index: slice | NDArray[np.int64]) -> None:
    array = _write(tmp_path / "a.npy")

    assert np.array_equal(StoredVectors(tmp_path / "a.npy")[index], array[index])


def test_no_bit_changes_unseen(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    _write(path, 60)
    sound = path.read_bytes()

    for bit in range(0, len(sound) * 8, 5):
        path.unlink(missing_ok=True)
        path.write_bytes(sound)
        _flip(path, bit)
        with pytest.raises(DamagedError):
            StoredVectors(path).whole()
        for kept in tmp_path.glob("*.damaged*"):
            kept.unlink()


@pytest.mark.parametrize(
    ("byte", "sound", "damaged"),
    [(600, [0, 21, 63], [64, 99]), (200, [22, 99], [0, 21]), (300, [0, 20, 64], [21, 63])],
)
def test_a_row_is_refused_for_damage_in_its_own_blocks_alone(
    tmp_path: Path, byte: int, sound: list[int], damaged: list[int]
) -> None:
    # 128 bytes of header, six bytes a row, blocks of 256: row 21 lies in the first two blocks,
    # row 63 ends where the second does.
    path = tmp_path / "a.npy"
    if byte == 200:
        sound = []  # the header is in the first block, and is read before any row
    for row in [*sound, *damaged]:
        _write(path)
        _flip(path, 8 * byte)
        if row in sound:
            assert StoredVectors(path)[np.array([row])].shape == (1, 3)
            assert StoredVectors(path)[slice(row, row + 1)].shape == (1, 3)
            continue
        with pytest.raises(DamagedError):
            StoredVectors(path)[np.array([row])]


def test_a_file_without_sums_is_read_and_one_with_broken_sums_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    array = _write(path)
    size = 128 + array.nbytes
    content = path.read_bytes()

    path.write_bytes(content[:size])
    assert np.array_equal(StoredVectors(path).whole(), array)

    path.write_bytes(content[:-1])
    with pytest.raises(DamagedError):
        StoredVectors(path)


@pytest.mark.parametrize("cut", [0, 1, 100, 128, 200])
def test_a_file_cut_short_is_damaged(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.npy"
    _write(path)
    path.write_bytes(path.read_bytes()[:cut])

    with pytest.raises(DamagedError):
        StoredVectors(path)


def test_what_counts_only_with_the_vectors_is_set_aside_with_them(tmp_path: Path) -> None:
    path, beside = tmp_path / "a.npy", tmp_path / "a.parquet"
    _write(path)
    beside.write_bytes(b"rows")
    _flip(path, 8 * 300)

    with pytest.raises(DamagedError, match="block 1 differs"):
        StoredVectors(path, beside).whole()

    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "a.npy.damaged", "a.parquet.damaged",
    ]  # fmt: skip
