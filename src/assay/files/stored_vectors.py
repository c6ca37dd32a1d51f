"""Vectors on disk: a plain .npy file, memory-mapped, with a checksum of every block behind them.

Other readers of .npy stop where the vectors end. Behind them lie the CRC-32 of each block of the
file, the header included, and how to find those. A block is compared when a row of it is first
touched in a process, so that a matrix larger than memory is never read for its own sake.
"""

import mmap
import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from assay.files.checksums import damaged, identity, unreadable
from assay.samples import IndexArray

BLOCK_BYTES = 1 << 18
_FOOT = struct.Struct("<IQI8s")
_MAGIC = b"assayCRC"

_checked: dict[tuple[str, int, int, int], NDArray[np.bool_]] = {}


def write_vectors(file: BinaryIO, array: NDArray[np.floating]) -> None:
    """Write an array as .npy; numpy's own does not tell why the disk refused it."""
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
    file.write(array.data)


def append_sums(path: Path) -> None:
    """Append the checksums of all blocks to a .npy file."""
    with path.open("r+b") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            size = len(content)
            with memoryview(content) as view:
                sums = [
                    zlib.crc32(view[start : start + BLOCK_BYTES])
                    for start in range(0, size, BLOCK_BYTES)
                ]
        table = np.array(sums, "<u4").tobytes()
        file.seek(0, 2)
        file.write(table + _FOOT.pack(zlib.crc32(table), size, BLOCK_BYTES, _MAGIC))


class StoredVectors:
    """Vectors of a file, of which no block is read before it is wanted.

    Args:
        path: what `append_sums` completed, or a .npy file without checksums.
        beside: files that count only together with it, and are set aside with it.

    Raises:
        DamagedError: if the file is damaged as far as was looked; it is set aside by then.
        CacheError: if the system does not give it.
    """

    def __init__(self, path: Path, *beside: Path) -> None:
        self._path, self._beside = path, beside
        try:
            self._content = np.memmap(path, np.uint8, mode="r")
            self._sums = self._table()
            seen = identity(path)
            self._done = _checked.setdefault(seen, np.zeros(len(self._sums), np.bool_))
            self._check(np.zeros(1, np.int64))  # the header, before it is believed
            self._array: NDArray[np.floating] = np.load(path, mmap_mode="r", allow_pickle=False)
        except OSError as error:
            raise unreadable(path, error) from error
        except ValueError as error:
            raise self._damaged(str(error)) from error
        self._offset = int(getattr(self._array, "offset", 0))
        whole = self._offset + self._array.nbytes == self._size
        if self._array.ndim != 2 or not self._array.flags.c_contiguous or not whole:
            raise self._damaged("it holds something else")

    @property
    def shape(self) -> tuple[int, int]:
        """Number of vectors, and their length."""
        rows, dimension = self._array.shape
        return rows, dimension

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Number format of the vectors."""
        return self._array.dtype

    def __getitem__(self, index: IndexArray | slice) -> NDArray[np.floating]:
        """Return some vectors, whose blocks are sound.

        Raises:
            DamagedError: if a block is not; the file is set aside by then.
        """
        self._check(self._blocks_of(index))
        return self._array[index]

    def whole(self) -> NDArray[np.floating]:
        """Return all vectors, memory-mapped, every block compared."""
        self._check(np.arange(len(self._sums)))
        return self._array

    def _table(self) -> NDArray[np.uint32]:
        """Return the blocks' checksums, none for a file without any."""
        content, size = self._content, len(self._content)
        foot = bytes(content[max(0, size - _FOOT.size) :])
        if len(foot) < _FOOT.size or not foot.endswith(_MAGIC):
            self._size, self._block = size, BLOCK_BYTES
            return np.empty(0, np.uint32)
        expected, self._size, self._block, _ = _FOOT.unpack(foot)
        table = bytes(content[self._size : size - _FOOT.size])
        count = -(-self._size // self._block) if self._block else -1
        if len(table) != 4 * count or zlib.crc32(table) != expected:
            raise ValueError("its checksums are")
        return np.frombuffer(table, "<u4")

    def _blocks_of(self, index: IndexArray | slice) -> NDArray[np.int64]:
        if not len(self._sums):
            return np.empty(0, np.int64)
        rows, width = len(self._array), self._array.strides[0]
        if isinstance(index, slice):
            span = range(*index.indices(rows))
            if not span:
                return np.empty(0, np.int64)
            low, high = min(span[0], span[-1]), max(span[0], span[-1])
            start, stop = self._offset + low * width, self._offset + (high + 1) * width
            return np.arange(start // self._block, -(-stop // self._block))
        places = np.flatnonzero(index) if index.dtype == np.bool_ else np.asarray(index) % rows
        begin = self._offset + places * width
        first, last = begin // self._block, (begin + max(width, 1) - 1) // self._block
        touched = np.zeros(len(self._sums) + 1, np.int64)
        np.add.at(touched, first, 1)
        np.add.at(touched, last + 1, -1)
        return np.flatnonzero(np.cumsum(touched[:-1]))

    def _check(self, blocks: NDArray[np.int64]) -> None:
        if not len(self._sums):
            return
        for block in blocks[~self._done[blocks]].tolist():
            start = block * self._block
            part = self._content[start : min(start + self._block, self._size)]
            if zlib.crc32(part.data) != self._sums[block]:
                raise self._damaged(f"block {block} differs from its checksum")
            self._done[block] = True

    def _damaged(self, reason: str) -> Exception:
        return damaged(self._path, reason, *self._beside)


def as_array(vectors: Any) -> NDArray[np.floating]:
    """Return vectors as an array, whether they lie on disk or in memory."""
    return vectors.whole() if isinstance(vectors, StoredVectors) else vectors
